"""Where on a face the evidence lies.

The regions are drawn from five landmarks in the face's own coordinates (`face_mask.frame`: origin
between the eyes, the eyes one unit apart, y down), in the proportions of an adult face. A cell of
the evidence map gives its evidence to the regions that it covers, by area. Where the map has too
few cells to tell eyes from mouth, only the face as a whole is told from what lies around it.
"""

from dataclasses import dataclass

import numpy as np

from src.data import face_mask

EYES, NOSE, MOUTH = "eyes", "nose", "mouth"
FOREHEAD, CHEEKS, OUTSIDE = "forehead", "cheeks and jaw", "hair and background"
REGIONS = (EYES, NOSE, MOUTH, FOREHEAD, CHEEKS, OUTSIDE)
FACE = "face"  # all regions but what lies outside
# Cells that a map needs a side to tell the regions of a face from each other.
FINE = 7
# A region is named where it holds this many times the evidence that its area would hold of evidence
# spread evenly, and this share of all of it.
STANDS_OUT, LEAST = 1.3, 0.1
# Points a side at which a cell is asked what it covers.
POINTS = 12
# Centre and half axes of ellipses, in distances of the eyes; both eyes with their brows.
_EYE, _EYE_AXES = (0.5, -0.07), (0.42, 0.33)
_MOUTH, _MOUTH_AXES = (0.0, face_mask.MOUTH_DROP), (0.58, 0.30)
# The nose: from and to which height, and half its width there.
_NOSE_Y, _NOSE_WIDTH = (0.05, 0.88), (0.14, 0.36)
_BROWS = -0.35


Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Lies:
    """Where the evidence for one class lies."""

    # Of each region in the evidence for that class; they sum to 1. Empty where there is none.
    # `REGIONS`, or of a coarse map `FACE` and `OUTSIDE`.
    shares: dict[str, float]
    areas: dict[str, float]  # of each region in the view
    # Left, top, width and height around each region that the view shows, in pixels of the image.
    boxes: dict[str, Box]
    cells: tuple[int, int]  # rows and columns of the map

    @property
    def coarse(self) -> bool:
        """Whether the map has too few cells to tell the regions of a face from each other."""
        return min(self.cells) < FINE

    @property
    def strongest(self) -> str | None:
        """The region with the most evidence for its area; None where none stands out."""
        dense = {
            name: share / self.areas[name]
            for name, share in self.shares.items()
            if share >= LEAST and share >= STANDS_OUT * self.areas[name]
        }
        return max(dense, key=dense.__getitem__) if dense else None


def locate(
    evidence: np.ndarray,
    box: Box,
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
    rows, columns = evidence.shape
    names = REGIONS if min(rows, columns) >= FINE else (FACE, OUTSIDE)
    inside = _inside((rows, columns), box, landmarks, names)
    covered = inside.reshape(rows, POINTS, columns, POINTS, -1).mean((1, 3))
    towards = _towards(evidence, fake=fake)
    total = towards.sum()
    shares = (towards[..., None] * covered).sum((0, 1)) / total if total > 0 else []
    return Lies(
        dict(zip(names, map(float, shares), strict=False)),
        dict(zip(names, covered.mean((0, 1)).tolist(), strict=True)),
        {
            name: _around(part, box)
            for name, part in zip(names, inside.T, strict=True)
            if part.any()
        },
        (rows, columns),
    )


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


def _inside(
    cells: tuple[int, int], box: Box, landmarks: np.ndarray, names: tuple[str, ...]
) -> np.ndarray:
    """Return which points of the view lie in which region, `(rows, columns, regions)` bool."""
    left, top, width, height = box
    rows, columns = cells[0] * POINTS, cells[1] * POINTS
    x = left + (np.arange(columns) + 0.5) * width / columns
    y = top + (np.arange(rows) + 0.5) * height / rows
    points = np.stack(np.meshgrid(x, y), -1)
    frame = face_mask.frame(landmarks)
    own = (points - frame[:, 2]) @ np.linalg.inv(frame[:, :2]).T
    labels = _label(own[..., 0], own[..., 1])
    outside = labels == REGIONS.index(OUTSIDE)
    if FACE in names:
        return np.stack([~outside, outside], -1)
    return labels[..., None] == np.arange(len(REGIONS))


def _around(part: np.ndarray, box: Box) -> Box:
    """Return the box around the points of a region, `(columns, rows)` bool."""
    sides = []
    for axis, (start, length) in enumerate(zip(box[:2], box[2:], strict=True)):
        hit = np.flatnonzero(part.any(1 - axis))
        first, last = hit[0] / part.shape[axis], (hit[-1] + 1) / part.shape[axis]
        sides.append((start + round(first * length), max(1, round((last - first) * length))))
    (left, width), (top, height) = sides
    return left, top, width, height


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
