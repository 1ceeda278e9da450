"""What a detector learns of the faces that are familiar to it, when its training ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from src.data import pixels
from src.data.folders import Sample
from src.detector import familiarity, network
from src.detector.engines import BATCH
from src.detector.familiarity import Choice, Familiarity
from src.detector.framing import Framing
from src.progress import bar

if TYPE_CHECKING:
    import keras

    from src.training.phases import Run

# Some ten for each hidden unit tell their covariance; more only take time.
IMAGES = 3000


@dataclass(frozen=True)
class Learnt:
    """What is familiar to a detector."""

    familiarity: Familiarity
    choice: Choice  # which distance it is, and why
    images: int  # number of training images that it was learnt from

    def write(self, folder: Path) -> dict[str, Any]:
        """Write it into a bundle, and return what the card says of it."""
        return {
            "method": self.choice.method,
            "sha256": self.familiarity.write(folder),
            "images": self.images,
            "aucs": self.choice.aucs,
        }


def learn(
    samples: Sequence[Sample],
    image: Callable[[int], np.ndarray],
    model: keras.Model,
    seed: int = 0,
) -> Learnt:
    """Learn what is familiar from training images, as many of each source.

    Args:
        image: returns image number i as inference sees it, `(S, S, 3)` uint8 RGB.
        seed: of the choice of at most `IMAGES` of them, and of what `familiarity` chooses.
    """
    chosen = _choose([sample.source for sample in samples], seed)
    sums = familiarity.sums(pooled(chosen, image, model, "Learning what is familiar"), model)
    some = [samples[i] for i in chosen]
    choice = familiarity.choose(sums, [s.source for s in some], [s.group for s in some], seed)
    return Learnt(familiarity.fit(sums, choice.method, seed), choice, len(some))


def of_run(run: Run, model: keras.Model, framing: Framing) -> Learnt:
    """Learn from the training images of a run, as they are in inference."""
    data, settings = run.dataset, run.settings
    there = data.readable("train")
    indices, samples = list(there), list(there.values())

    def image(number: int) -> np.ndarray:
        if not settings.equalize:
            return data.cache[indices[number]]
        path = samples[number].path
        return framing.load(pixels.content(path), settings.image_size, str(path))

    return learn(samples, image, model, settings.seed)


def pooled(
    chosen: Sequence[int], image: Callable[[int], np.ndarray], model: keras.Model, why: str
) -> np.ndarray:
    """Return the averaged features of images, `(N, C)` float32.

    Args:
        image: returns image number i, `(S, S, 3)` uint8 RGB.
        why: what the progress bar says.
    """
    import keras

    extractor = network.extractor(model)
    parts = []
    with bar(why, len(chosen)) as advance:
        for start in range(0, len(chosen), BATCH):
            batch = chosen[start : start + BATCH]
            found = extractor.predict_on_batch(np.stack([image(i) for i in batch]))
            parts.append(keras.ops.convert_to_numpy(found))
            advance(len(batch))
    return np.concatenate(parts)


def _choose(sources: Sequence[str], seed: int) -> list[int]:
    """Return which images are looked at, so that no source counts more than another by its size."""
    names = np.asarray(sources)
    order = np.random.default_rng(seed).permutation(len(names))
    each = max(1, IMAGES // len(np.unique(names)))
    kept = [order[names[order] == name][:each] for name in np.unique(names)]
    return np.sort(np.concatenate(kept)).tolist()
