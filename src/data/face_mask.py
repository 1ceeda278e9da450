"""The area of a face, guessed from five landmarks, deformed at random and softened.

Everything is drawn in a frame of the face's own (origin between the eyes, the eyes one unit
apart, the mouth below), so that a mask has the same shape and softness at every size and turn of
the face, and is then laid over the image.
"""

from dataclasses import dataclass

import numpy as np

from src import InputError

CANVAS = 256  # pixels a side
SCALE = 54.0  # pixels of the canvas that the eyes are apart
ORIGIN = (128.0, 108.0)  # where on the canvas the middle between the eyes is
MOUTH_DROP = 1.15  # from the eyes to the mouth, in distances of the eyes
MOUTH_WIDTH = 0.8
# A face seen from the side shows its eyes close together, but its width shrinks less.
MIN_WIDTH = 0.7
MIN_PIXELS = 2.0  # between the eyes, and from them down

# Half outlines in units of the eyes' distance, from the top to the chin; proportions of an adult
# face. What swaps replace differs: all up to the hair line, brows to chin, or the features alone.
OUTLINES = {
    "whole": (
        (0.35, -0.98),
        (0.80, -0.70),
        (1.00, -0.10),
        (0.98, 0.60),
        (0.78, 1.30),
        (0.38, 1.78),
    ),
    "brows": ((0.30, -0.52), (0.80, -0.48), (0.98, 0.00), (0.95, 0.60), (0.75, 1.28), (0.35, 1.75)),
    "features": (
        (0.25, -0.45),
        (0.80, -0.40),
        (0.88, 0.10),
        (0.72, 0.90),
        (0.55, 1.35),
        (0.2, 1.55),
    ),
}
JITTER = 0.07  # of each corner of an outline, as a share of its distance from the centre
CENTRE = np.array((0.0, 0.5))  # of a face, in its own coordinates
FIELD = (3, 7)  # knots a side of the elastic field: how fine the deformation is
ROUND = 5.0  # pixels of the canvas: how far the corners of an outline are rounded
BEND = 7.0  # pixels of the canvas, standard deviation of the elastic field at its knots
KERNELS = (7, 25)  # pixels of the canvas, sides of the two Gaussian kernels, odd
FULL = 0.999  # what counts as inside after the first blur

_HALVES = (KERNELS[0] // 2, KERNELS[1] // 2)


@dataclass(frozen=True)
class FaceMask:
    """A soft mask and what it was drawn with."""

    weights: np.ndarray  # (H, W) float32 in [0, 1]
    outline: str  # key of `OUTLINES`
    # Sides of the two Gaussian kernels in pixels of the canvas. A larger first one makes the area
    # smaller, a larger second one makes it larger.
    kernels: tuple[int, int]


def draw(landmarks: np.ndarray, shape: tuple[int, int], rng: np.random.Generator) -> FaceMask:
    """Draw a random mask over a face.

    The steps are those of Shiohara & Yamasaki, "Detecting Deepfakes with Self-Blended Images",
    CVPR 2022, section 3.2: a hull around landmarks, an elastic deformation, and two blurs
    between which everything that is not wholly inside is cut off. The hull of their 81 landmarks
    is guessed from five here.

    Args:
        landmarks: (5, 2) float, x and y in pixels: the eye on the viewer's left, the other eye,
            the nose, the mouth's left and right corner.
        shape: height and width of the image in pixels.
    """
    import cv2

    to_image = frame(landmarks)
    outline = str(rng.choice(list(OUTLINES)))
    canvas = _deform(_hull(outline, rng), rng)
    first, second = (int(size) for size in 2 * rng.integers(*_HALVES, 2, endpoint=True) + 1)
    canvas = cv2.GaussianBlur(canvas, (first, first), 0)
    canvas[canvas < FULL] = 0
    canvas = cv2.GaussianBlur(canvas, (second, second), 0)
    weights = cv2.warpAffine(canvas, to_image @ _TO_FRAME, shape[::-1])
    return FaceMask(weights.clip(0, 1), outline, (first, second))


def is_face(landmarks: np.ndarray) -> bool:
    """Tell whether five landmarks span an area, so that a mask can be drawn over it."""
    _, down, across = _axes(np.asarray(landmarks, float))
    return bool(min(np.hypot(*down), np.hypot(*across)) >= MIN_PIXELS)


def frame(landmarks: np.ndarray) -> np.ndarray:
    """Return the matrix that takes a face's own coordinates to pixels of the image.

    Args:
        landmarks: as in `draw`.

    Returns:
        (2, 3) float64; its columns are the step to the right by the distance of the eyes, the
        step down by as much, and the middle between the eyes.

    Raises:
        InputError: the landmarks are not five points of a face.
    """
    points = np.asarray(landmarks, float)
    if points.shape != (5, 2) or not np.isfinite(points).all() or not is_face(points):
        raise InputError(f"expected five landmarks of a face, x and y in pixels, got {points}")
    eyes, down, across = _axes(points)
    across = across * max(1.0, MIN_WIDTH * np.hypot(*down) / np.hypot(*across))
    return np.column_stack([across, down, eyes])


def _axes(points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the middle between the eyes and the steps down and to the right from there."""
    left, right, _, mouth_left, mouth_right = points
    eyes, mouth = (left + right) / 2, (mouth_left + mouth_right) / 2
    across = (right - left + (mouth_right - mouth_left) / MOUTH_WIDTH) / 2
    return eyes, (mouth - eyes) / MOUTH_DROP, across


# From pixels of the canvas to the face's own coordinates, as a (3, 3) matrix.
_TO_FRAME = np.array(
    [[1 / SCALE, 0, -ORIGIN[0] / SCALE], [0, 1 / SCALE, -ORIGIN[1] / SCALE], [0, 0, 1]]
)


def _hull(outline: str, rng: np.random.Generator) -> np.ndarray:
    """Draw an outline with its corners moved a little: (CANVAS, CANVAS) float32 in [0, 1]."""
    import cv2

    half = np.array(OUTLINES[outline])
    corners = np.concatenate([half, half[::-1] * (-1, 1)]) - CENTRE
    corners *= 1 + rng.uniform(-JITTER, JITTER, (len(corners), 1))
    places = (corners + CENTRE) * SCALE + ORIGIN
    canvas = np.zeros((CANVAS, CANVAS), np.float32)
    cv2.fillConvexPoly(canvas, cv2.convexHull(np.rint(places).astype(np.int32)), 1.0)
    rounded = cv2.GaussianBlur(canvas, (0, 0), ROUND)
    return (ROUND * (rounded - 0.5) + 0.5).clip(0, 1)


def _deform(canvas: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Bend the canvas by a smooth random field."""
    import cv2

    knots = int(rng.integers(*FIELD, endpoint=True))
    field = BEND * rng.standard_normal((knots, knots, 2), np.float32)
    smooth = cv2.resize(field, (CANVAS, CANVAS), interpolation=cv2.INTER_CUBIC)
    y, x = np.mgrid[:CANVAS, :CANVAS].astype(np.float32)
    return cv2.remap(canvas, x + smooth[..., 0], y + smooth[..., 1], cv2.INTER_LINEAR)
