"""How good a detector is, each number with its interval."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from src import InputError
from src.intervals import Estimate, auc, bootstrap


@dataclass(frozen=True)
class Metrics:
    """A detector on one labelled set, at the threshold 0.5.

    Attributes:
        images: number of images.
        real: how many are real.
        fake: how many are fake.
        auc: area under the ROC curve.
        accuracy: share of right answers.
        confusion: `[[real as real, real as fake], [fake as real, fake as fake]]`, in images.
    """

    images: int
    real: int
    fake: int
    auc: Estimate
    accuracy: Estimate
    confusion: list[list[int]]

    def to_dict(self) -> dict[str, Any]:
        """Return the metrics as plain types for JSON."""
        return asdict(self)


def measure(labels: np.ndarray, p_fake: np.ndarray, *, seed: int = 0) -> Metrics:
    """Measure scores against the truth.

    Args:
        labels: `(N,)` 1 for fake, 0 for real.
        p_fake: `(N,)` in [0, 1].
        seed: of the bootstrap.

    Raises:
        InputError: one of the classes is missing.
    """
    labels, p_fake = np.asarray(labels, int), np.asarray(p_fake, float)
    fake = int(labels.sum())
    if fake in (0, len(labels)):
        raise InputError(
            f"measuring needs both classes: got {len(labels) - fake} real and {fake} fake images"
        )
    answers = (p_fake >= 0.5).astype(int)
    return Metrics(
        images=len(labels),
        real=len(labels) - fake,
        fake=fake,
        auc=bootstrap(auc, labels, p_fake, seed=seed),
        accuracy=bootstrap(lambda y, a: float(np.mean(y == a)), labels, answers, seed=seed),
        confusion=np.bincount(2 * labels + answers, minlength=4).reshape(2, 2).tolist(),
    )


def share_inside(mask: np.ndarray, heat: np.ndarray) -> float:
    """Return the share of a heatmap that lies inside a mask.

    Args:
        mask: `(H, W)` bool.
        heat: `(h, w)`, not negative; brought to the mask's size by linear interpolation.

    Returns:
        A share in [0, 1]; 0 for a heatmap that is zero everywhere.
    """
    import cv2

    height, width = mask.shape
    large = cv2.resize(heat.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    total = float(large.sum())
    return float(large[mask].sum()) / total if total > 0 else 0.0


def centred_blob(shape: tuple[int, ...]) -> np.ndarray:
    """Return what a heatmap must beat: a Gaussian in the centre, a quarter of the frame wide.

    Args:
        shape: `(H, W)` in pixels.

    Returns:
        `(H, W)` float64 with maximum near 1.
    """
    rows, columns = (np.linspace(-0.5, 0.5, side) / 0.25 for side in shape)
    return np.exp(-0.5 * (rows[:, None] ** 2 + columns[None, :] ** 2))
