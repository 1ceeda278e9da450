"""Deletion and insertion: does the score follow when what a heatmap marks is blurred or shown?

Petsiuk, Das & Saenko, RISE, BMVC 2018, arXiv 1806.07421.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from src.evaluation.heatmaps import controls
from src.evaluation.heatmaps.controls import Compared
from src.progress import bar

if TYPE_CHECKING:
    from src.detector.detector import Detector

STEPS = 10
# Standard deviation of the blur as a share of the image's side: of a face are left its colour and
# outline.
BLUR = 0.08


@dataclass(frozen=True)
class Curves:
    """Mean probability of the class that the detector leans to, along the way."""

    shares: list[float]  # of the pixels that have been blurred or shown, from 0 to 1
    evidence: list[float]  # in the order of the evidence map
    random: list[float]  # in the order of the random map
    blob: list[float]  # from the centre outwards


@dataclass(frozen=True)
class Removal:
    """The two tests; the numbers compared are areas under the curve of an image, in [0, 1]."""

    deletion: Compared  # sharp pixels are blurred, the most marked first: a low area is good
    insertion: Compared  # blurred pixels become sharp, the most marked first: a high area is good
    deletion_curves: Curves
    insertion_curves: Curves


def measure(
    detector: Detector, images: np.ndarray, heats: np.ndarray, leans_fake: np.ndarray, seed: int
) -> Removal:
    """Blur and show every image step by step.

    Args:
        images: `(N, S, S, 3)` uint8 RGB.
        heats: `(N, h, w)` for the class that the detector leans to, not negative.
        leans_fake: `(N,)` bool: that class is *fake*.
    """
    rng = np.random.default_rng(seed)
    curves = np.empty((len(images), 2, 3, STEPS + 1))
    with bar("Blurring what heatmaps mark", len(images)) as advance:
        for number, (image, heat) in enumerate(zip(images, heats, strict=True)):
            maps = controls.beside(heat, image.shape[:2], rng)
            curves[number] = _curves(detector, image, maps, bool(leans_fake[number]))
            advance()
    areas = np.asarray(np.trapezoid(curves, dx=1 / STEPS))
    shares = (np.arange(STEPS + 1) / STEPS).tolist()
    return Removal(
        controls.compare(areas[:, 0], lower_is_better=True, seed=seed),
        controls.compare(areas[:, 1], seed=seed),
        *(Curves(shares, *test) for test in curves.mean(axis=0).tolist()),
    )


def _curves(detector: Detector, image: np.ndarray, maps: np.ndarray, fake: bool) -> np.ndarray:
    """Return the probabilities `(2, 3, STEPS + 1)`: deletion and insertion by each of the maps.

    All pictures of an image are one batch, and the two ends, which all six ways share, are
    in it once.
    """
    import cv2

    blurred = cv2.GaussianBlur(image, (0, 0), BLUR * image.shape[0])
    # (3, STEPS - 1, S, S, 1): which pixels come first, for each map and step.
    shares = np.arange(1, STEPS) / STEPS
    first = (_ranks(maps)[:, None] < shares[:, None, None])[..., None]
    ways = np.stack([np.where(first, blurred, image), np.where(first, image, blurred)])
    batch = np.concatenate([image[None], ways.reshape(-1, *image.shape), blurred[None]])
    p_fake = detector.score(batch).p_fake
    score = p_fake if fake else 1 - p_fake
    sharp, between, soft = score[0], score[1:-1].reshape(2, 3, -1), score[-1]
    curves = np.empty((2, 3, STEPS + 1))
    curves[..., 1:-1] = between
    curves[0, :, 0] = curves[1, :, -1] = sharp
    curves[0, :, -1] = curves[1, :, 0] = soft
    return curves


def _ranks(maps: np.ndarray) -> np.ndarray:
    """Return each pixel's place in the order of each map, in [0, 1), the highest first.

    Where a map is level, the random map decides. Drawing single pixels would sprinkle the image
    with a grain that is a trace of its own; and a map that says nothing gets the random map's
    score, never a better one.
    """
    flat = maps.reshape(len(maps), -1)
    ties = -flat[1]
    ranks = np.empty(flat.shape)
    for rank, heat in zip(ranks, flat, strict=True):
        rank[np.lexsort((ties, -heat))] = np.arange(heat.size) / heat.size
    return ranks.reshape(maps.shape)
