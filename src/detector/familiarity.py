"""Familiarity: how far an image is from the faces that the detector learnt from.

An image is described by the hidden units before the logit, which the network computes anyway: by
their activations, or by the sums before the relu, which also tell of units that it silences.
Whitened by the covariance of the training faces (shrunk: Ledoit & Wolf 2004), its distance to
their mean is the Mahalanobis distance (Lee et al. 2018, arXiv 1807.03888, with one mean, because
a face need not be of either class to be familiar); its distance to the k-th nearest of some of
them is that of Sun et al. (2022, arXiv 2204.06507). So both are one computation, small enough to
ride along in every exported graph, as the evidence map does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from src.detector import network
from src.detector.calibration import Unfamiliar, rank
from src.files import require_whole, sha256
from src.intervals import auc

if TYPE_CHECKING:
    import keras

FILE = "familiarity.npz"
MAHALANOBIS, NEAREST = "mahalanobis", "nearest"
BEFORE_RELU = "_before_relu"
# The first is taken where they cannot be compared. In a detector of real faces the relu left 15 of
# the 256 units; before it, the Mahalanobis distance told a source that was left out with an AUC of
# 0.89 (mean over two), after it with 0.76.
METHODS = (MAHALANOBIS + BEFORE_RELU, NEAREST + BEFORE_RELU, MAHALANOBIS, NEAREST)
# So many training faces are kept to compare with, and the distance is that to the k-th nearest.
POINTS, NEIGHBOURS = 512, 5
# Share of the faces like the calibration faces that is familiar.
QUANTILE = 0.99
# Share of the groups of the other sources that is held back when one source is left out.
HELD_BACK = 0.25
# Hidden units may be silent on every training face: directions with less than this share of the
# mean variance count as if they had that.
LEAST_VARIANCE = 1e-6


@dataclass(frozen=True)
class Familiarity:
    """What a distance to the training faces is computed with; U hidden units."""

    center: np.ndarray  # `(U,)` float32, the mean of the training faces
    # `(U, U)` float32; times it, U units of which each varies on its own and as much as the others
    # are 1 from their mean. Those of a network do neither, and are nearer.
    whitening: np.ndarray
    points: np.ndarray  # `(P, U)` float32, whitened: what the distance is measured to
    neighbours: int  # it is the distance to the nearest (1), the second nearest (2), ... of these
    rectified: bool  # it is that of the activations, not of the sums before the relu

    def distance(self, sums: np.ndarray) -> np.ndarray:
        """Return how unfamiliar images are, `(N,)` float32, 0 or more.

        Args:
            sums: `(N, U)` of the hidden units before their relu, see `sums`.
        """
        from scipy.spatial.distance import cdist

        units = np.maximum(sums, 0.0) if self.rectified else sums
        found = cdist((units - self.center) @ self.whitening, self.points)
        found = np.partition(found, self.neighbours - 1, axis=1)
        return found[:, self.neighbours - 1].astype(np.float32)

    def in_graph(self, sums: Any) -> Any:
        """Return the same distances as a tensor, computed by any Keras backend."""
        from keras import ops

        arrays = self.center, self.whitening, self.points
        center, whitening, points = map(ops.convert_to_tensor, arrays)
        units = ops.relu(sums) if self.rectified else sums
        # Products and sums, because OpenVINO may compute a matrix product in bfloat16, and only
        # what follows the last one in float32: with one, distances were off by 1.6 % and not by
        # 1.0 %.
        white = ops.sum((units - center)[:, :, None] * whitening, axis=1)
        # Differences first: squares and products apart would cancel out. And sums, not means: the
        # last mean of a graph is where its backbone ends, see `exporting`.
        squared = ops.sum(ops.square(white[:, None] - points), axis=-1)
        if self.neighbours == 1:
            return ops.sqrt(ops.min(squared, axis=-1))
        return ops.sqrt(-ops.top_k(-squared, self.neighbours)[0][:, -1])

    def write(self, folder: Path) -> str:
        """Write it into a bundle and return the SHA-256 of the file, for the card."""
        np.savez(folder / FILE, **vars(self))
        return sha256(folder / FILE)


def read(folder: Path, facts: dict[str, Any] | None) -> Familiarity | None:
    """Read what `write` wrote; None where the card says nothing of it.

    Raises:
        InputError: the file is missing or another one.
    """
    if facts is None:
        return None
    require_whole(folder, {FILE: facts["sha256"]})
    with np.load(folder / FILE) as arrays:
        return Familiarity(
            center=arrays["center"],
            whitening=arrays["whitening"],
            points=arrays["points"],
            neighbours=int(arrays["neighbours"]),
            rectified=bool(arrays["rectified"]),
        )


def sums(pooled: np.ndarray, model: keras.Model) -> np.ndarray:
    """Return what the hidden units add up to, before their relu: `(N, U)` float32.

    Args:
        pooled: `(N, C)` float32 averaged features, see `network.extractor`.
    """
    kernel, bias = model.get_layer(network.HIDDEN).get_weights()
    return pooled @ kernel + bias


def fit(sums: np.ndarray, method: str, seed: int = 0) -> Familiarity:
    """Find out what is familiar.

    Args:
        sums: `(N, U)` of training faces as they are in inference; N at least 2.
        method: out of `METHODS`.
    """
    from sklearn.covariance import LedoitWolf

    rectified = not method.endswith(BEFORE_RELU)
    units = np.maximum(sums, 0.0) if rectified else np.asarray(sums)
    units = units.astype(np.float64)
    shrunk = LedoitWolf().fit(units)
    variances, directions = np.linalg.eigh(shrunk.covariance_)
    least = max(LEAST_VARIANCE * float(variances.mean()), float(np.finfo(np.float32).tiny))
    deviations = np.sqrt(np.maximum(variances, least) * len(variances))
    whitening = directions / deviations
    center = units.mean(axis=0)
    points, neighbours = np.zeros((1, len(center))), 1
    if method.startswith(NEAREST):
        chosen = np.random.default_rng(seed).permutation(len(units))[:POINTS]
        points = (units[chosen] - center) @ whitening
        neighbours = min(NEIGHBOURS, len(points))
    return Familiarity(
        center=center.astype(np.float32),
        whitening=whitening.astype(np.float32),
        points=points.astype(np.float32),
        neighbours=neighbours,
        rectified=rectified,
    )


@dataclass(frozen=True)
class Choice:
    """Which distance is taken, and why."""

    method: str  # out of `METHODS`
    # By method and source: fitted on the other sources, how well it tells that source from images
    # of the others that were held back. Empty with fewer than two sources.
    aucs: dict[str, dict[str, float]]


def choose(
    sums: np.ndarray, sources: Sequence[str], groups: Sequence[str], seed: int = 0
) -> Choice:
    """Choose the distance that tells a source that it was not fitted on best, on average.

    Args:
        sums: `(N, U)` float32, what `sums` returns for N training images.
        sources: `(N,)` where each comes from; with fewer than two, the first method is taken.
        groups: `(N,)` what belongs together and is held back together.
    """
    names, belongs = np.asarray(sources), np.asarray(groups)
    drawn = np.random.default_rng(seed).permutation(np.unique(belongs))
    held = np.isin(belongs, drawn[: math.ceil(HELD_BACK * len(drawn))])
    aucs: dict[str, dict[str, float]] = {method: {} for method in METHODS}
    for source in np.unique(names):
        out = names == source
        fitted, familiar = ~out & ~held, ~out & held
        if fitted.sum() < 2 or not familiar.any():
            continue
        asked = out | familiar
        for method in METHODS:
            distances = fit(sums[fitted], method, seed).distance(sums[asked])
            aucs[method][str(source)] = auc(out[asked].astype(int), distances)
    if not aucs[METHODS[0]]:
        return Choice(METHODS[0], {})
    means = {method: np.mean(list(found.values())) for method, found in aucs.items()}
    return Choice(max(METHODS, key=lambda method: means[method]), aucs)


def limit(distances: Sequence[float | None] | np.ndarray) -> Unfamiliar | None:
    """Find the distance above which a face is unfamiliar.

    Args:
        distances: of independent calibration faces; None (no familiarity, no face) counts not.

    Returns:
        The ⌈(n+1)·`QUANTILE`⌉-th smallest, for fewer than 99 faces the largest; so on average over
        calibration sets at most 1 %, or 1 in n+1, of the faces like them lie above it. None
        without faces.
    """
    known = sorted(float(value) for value in distances if value is not None)
    if not known:
        return None
    position = min(len(known), rank(len(known), 1 - QUANTILE))
    return Unfamiliar(known[position - 1], QUANTILE, len(known))
