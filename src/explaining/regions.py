"""Where on a face the evidence lies.

The regions are drawn from five landmarks in the face's own coordinates (`face_mask.frame`: origin
between the eyes, the eyes one unit apart, y down), in the proportions of an adult face. A cell of
the evidence map gives its evidence to the regions that it covers, by area.
"""

from dataclasses import dataclass

import numpy as np

from src.data import face_mask

EYES, NOSE, MOUTH = "eyes", "nose", "mouth"
FOREHEAD, CHEEKS, OUTSIDE = "forehead", "cheeks and jaw", "hair and background"
REGIONS = (EYES, NOSE, MOUTH, FOREHEAD, CHEEKS, OUTSIDE)
PLURAL = (EYES, CHEEKS, OUTSIDE)
# Points a side at which a cell is asked what it covers.
POINTS = 12
# Centre and half axes of ellipses, in distances of the eyes; both eyes with their brows.
_EYE, _EYE_AXES = (0.5, -0.07), (0.42, 0.33)
_MOUTH, _MOUTH_AXES = (0.0, face_mask.MOUTH_DROP), (0.58, 0.30)
# The nose: from and to which height, and half its width there.
_NOSE_Y, _NOSE_WIDTH = (0.05, 0.88), (0.14, 0.36)
_BROWS = -0.35


@dataclass(frozen=True)
class Lies:
    """Where the evidence for one class lies."""

    # Of each region in the evidence for that class; they sum to 1. Empty where there is none.
    shares: dict[str, float]
    areas: dict[str, float]  # of each region in the view


def locate(
    evidence: np.ndarray,
    box: tuple[int, int, int, int],
    landmarks: np.ndarray,
    *,
    fake: bool,
) -> Lies:
    """Tell in which regions the evidence for a class lies.

    Args:
        evidence: `(h, w)` float32, positive towards fake.
        box: left, top, width, height of the view in pixels of the image.
        landmarks: `(5, 2)` float, x and y in pixels of the image, as in `face_mask.draw`.
        fake: the evidence for fake, else for real.
    """
    covered = _cover(evidence.shape, box, landmarks)
    towards = _towards(evidence, fake=fake)
    total = towards.sum()
    areas = covered.mean((0, 1))
    if total <= 0:
        return Lies({}, _named(areas))
    shares = (towards[..., None] * covered).sum((0, 1)) / total
    return Lies(_named(shares), _named(areas))


def concentration(evidence: np.ndarray, *, fake: bool) -> float | None:
    """Return the smallest share of the view that holds half of the evidence for a class.

    Returns:
        In (0, 1]; None where there is no such evidence.
    """
    towards = _towards(evidence, fake=fake)
    if towards.sum() <= 0:
        return None
    ordered = np.cumsum(np.sort(towards.ravel())[::-1]) / towards.sum()
    return (int(np.searchsorted(ordered, 0.5)) + 1) / towards.size


def _towards(evidence: np.ndarray, *, fake: bool) -> np.ndarray:
    return np.maximum(evidence if fake else -evidence, 0.0).astype(np.float64)


def _named(values: np.ndarray) -> dict[str, float]:
    return dict(zip(REGIONS, values.tolist(), strict=True))


def _cover(
    shape: tuple[int, ...], box: tuple[int, int, int, int], landmarks: np.ndarray
) -> np.ndarray:
    """Return which share of each cell each region covers, `(h, w, len(REGIONS))`."""
    left, top, width, height = box
    rows, columns = shape[0] * POINTS, shape[1] * POINTS
    x = left + (np.arange(columns) + 0.5) * width / columns
    y = top + (np.arange(rows) + 0.5) * height / rows
    points = np.stack(np.meshgrid(x, y), -1)
    frame = face_mask.frame(landmarks)
    inside = (points - frame[:, 2]) @ np.linalg.inv(frame[:, :2]).T
    labels = _label(inside[..., 0], inside[..., 1])
    one_hot = labels[..., None] == np.arange(len(REGIONS))
    return one_hot.reshape(shape[0], POINTS, shape[1], POINTS, -1).mean((1, 3))


def _label(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the number of the region at points of the face's own coordinates."""
    top, bottom = _NOSE_Y
    width = np.interp(y, _NOSE_Y, _NOSE_WIDTH)
    parts = {
        EYES: _ellipse(np.abs(x), y, _EYE, _EYE_AXES),
        MOUTH: _ellipse(x, y, _MOUTH, _MOUTH_AXES),
        NOSE: (np.abs(x) < width) & (y > top) & (y < bottom),
        FOREHEAD: _in_face(x, y) & (y < _BROWS),
        CHEEKS: _in_face(x, y),
    }
    numbers = [REGIONS.index(name) for name in parts]
    return np.select(list(parts.values()), numbers, REGIONS.index(OUTSIDE))


def _ellipse(
    x: np.ndarray, y: np.ndarray, centre: tuple[float, float], axes: tuple[float, float]
) -> np.ndarray:
    return ((x - centre[0]) / axes[0]) ** 2 + ((y - centre[1]) / axes[1]) ** 2 < 1


def _in_face(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Tell which points lie inside the outline of a whole face."""
    outline = np.array(face_mask.OUTLINES["whole"])
    heights = outline[:, 1]
    width = np.interp(y, heights, outline[:, 0])
    return (np.abs(x) < width) & (y > heights[0]) & (y < heights[-1])
