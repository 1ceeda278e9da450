"""Model randomisation: does the heatmap depend on what the network has learned?

Its weights are shuffled layer by layer, from the logit down to the image. A map that stays the
same shows edges or brightness of the image, whatever the network knows (Adebayo et al., Sanity
Checks for Saliency Maps, NeurIPS 2018, arXiv 1810.03292).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from src.detector import evidence
from src.evaluation.heatmaps import controls
from src.intervals import Estimate
from src.progress import bar

if TYPE_CHECKING:
    import keras

MOST_IMAGES = 50
STAGES = 10
# Each shuffle is one draw that all images share; the mean of a few is steadier.
SHUFFLES = 3
# Shuffled maps count as other maps below this likeness, and if they exceed the control by less than
# this: with one and the same map for every image, the control would let it pass. Maps of random
# networks reach 0.3, and 0.05 above their control; a map of the image's brightness has 1.
MOST_ALIKE, MOST_OVER_CONTROL = 0.5, 0.2


@dataclass(frozen=True)
class Randomisation:
    """How like the maps of the shuffled network are to those of the untouched one.

    Likeness is the absolute value of Spearman's rank correlation over the cells of two maps, in
    [0, 1]: a map with its sign turned shows the same places. Two unrelated maps of a few cells are
    a little alike by chance; `control` is, too.
    """

    images: int
    layers: list[str]  # the lowest layer that is shuffled at each stage, from the logit down
    likeness: list[float]  # at each stage, mean over the images
    control: Estimate  # between maps of different images under the untouched network
    final: Estimate  # with all weights shuffled
    over_control: Estimate  # final minus control, image by image

    @property
    def depends_on_weights(self) -> bool:
        """Whether shuffling gives other maps, by the upper ends of both intervals."""
        return self.final.high < MOST_ALIKE and self.over_control.high < MOST_OVER_CONTROL


def measure(model: keras.Model, images: np.ndarray, seed: int) -> Randomisation | None:
    """Shuffle the weights of a copy of the network, stage by stage.

    Args:
        images: `(N, S, S, 3)` RGB in [0, 255]; at most `MOST_IMAGES` are used.

    Returns:
        None for a single image, which leaves nothing to compare with.
    """
    rng = np.random.default_rng(seed)
    images = images[np.sort(rng.permutation(len(images))[:MOST_IMAGES])]
    if len(images) < 2:
        return None
    copy, explained = _copy(model)
    stages = _stages(copy)
    untouched = _standard_ranks(explained, images)
    likeness = np.empty((SHUFFLES, len(stages), len(images)))
    with bar("Shuffling weights", SHUFFLES * len(stages)) as advance:
        for shuffle in likeness:
            copy.set_weights(model.get_weights())
            for row, layers in zip(shuffle, stages, strict=True):
                _shuffle(layers, rng)
                row[:] = np.abs((untouched * _standard_ranks(explained, images)).sum(axis=1))
                advance()
    by_stage = likeness.mean(axis=0)
    others = np.abs(untouched @ untouched.T)[~np.eye(len(images), dtype=bool)]
    control = others.reshape(len(images), -1).mean(axis=1)
    return Randomisation(
        images=len(images),
        layers=[layers[-1].name for layers in stages],
        likeness=by_stage.mean(axis=1).tolist(),
        control=controls.mean(control, seed=seed),
        final=controls.mean(by_stage[-1], seed=seed),
        over_control=controls.mean(by_stage[-1] - control, seed=seed),
    )


def _copy(model: keras.Model) -> tuple[keras.Model, keras.Model]:
    """Return a copy of a network, and the same with its evidence map as `with_evidence` gives."""
    import keras

    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    return copy, evidence.with_evidence(copy)


def _stages(model: keras.Model) -> list[list[Any]]:
    """Divide the layers with weights, from the logit down, into stages that end at a kernel."""
    layers = [layer for layer in reversed(model.layers) if layer.weights]
    kernels = [
        place
        for place, layer in enumerate(layers)
        if any("kernel" in weight.name for weight in layer.weights)
    ]
    count = min(STAGES, len(kernels))
    ends = [kernels[place] + 1 for place in np.linspace(0, len(kernels) - 1, count).astype(int)]
    return [layers[start:end] for start, end in pairwise([0, *ends])]


def _shuffle(layers: list[Any], rng: np.random.Generator) -> None:
    """Permute the numbers within each weight, so that their size and spread stay."""
    for layer in layers:
        weights = [np.asarray(weight) for weight in layer.get_weights()]
        layer.set_weights([rng.permutation(w.ravel()).reshape(w.shape) for w in weights])


def _standard_ranks(explained: keras.Model, images: np.ndarray) -> np.ndarray:
    """Return the ranks of each map's cells, centred and of length 1, `(N, h·w)`.

    The product of two is Spearman's correlation. A map that is level, or that overflowed in a
    shuffled network, has no order: it is like no other.
    """
    from keras import ops
    from scipy.stats import rankdata

    maps = ops.convert_to_numpy(explained.predict_on_batch(images)["evidence"])
    ranks = rankdata(maps.reshape(len(maps), -1), axis=1)
    ranks = np.nan_to_num(ranks - ranks.mean(axis=1, keepdims=True))
    length = np.linalg.norm(ranks, axis=1, keepdims=True)
    return np.divide(ranks, length, out=np.zeros_like(ranks), where=length > 0)
