"""How a person looks in a frame, in numbers that are compared to tell who comes back.

Two things that stay when a head turns or the camera moves: the colours of skin and hair
(histograms, compared as Comaniciu, Ramesh & Meer 2003 do), and the features of the face brought
upright by its landmarks (histograms of gradients, Dalal & Triggs 2005). That is enough to tell a
few persons of one film apart. It is no face recognition, and says nothing across films.
"""

import numpy as np

from src.data.faces import Face

# How far beside, above and below a face its colours count, in widths and heights of the face: hair
# and skin, and none of the place, which need not be the same when somebody comes back.
ASIDE, ABOVE, BELOW = -0.1, 0.1, 0.1
# Bins of lightness and of the two colour axes, and horizontal bands: hair, eyes, mouth.
LIGHTNESS, COLOUR, BANDS = 4, 12, 3
# Where eyes, nose and corners of the mouth come to lie, in shares of the upright square.
UPRIGHT = ((0.34, 0.38), (0.66, 0.38), (0.5, 0.56), (0.37, 0.73), (0.63, 0.73))
SIDE = 64
# Cells a side, and directions of a gradient without its sign.
CELLS, DIRECTIONS = 8, 9
# How much the colours count against the features.
COLOUR_WEIGHT = 0.5


def describe(image: np.ndarray, face: Face) -> np.ndarray:
    """Describe how a person looks, to be compared with `alike`.

    Args:
        image: (H, W, 3) uint8 RGB in [0, 255], upright.

    Returns:
        (D,) float32 of length 1.
    """
    colours, features = _colours(image, face), _features(image, face)
    return np.concatenate(
        [np.sqrt(COLOUR_WEIGHT) * colours, np.sqrt(1 - COLOUR_WEIGHT) * features]
    ).astype(np.float32)


def alike(one: np.ndarray, other: np.ndarray) -> float:
    """Return how alike two descriptions are: 1 for the same, about 0 for nothing in common.

    Args:
        one, other: `(D,)` float of length 1, see `describe`.
    """
    return float(one @ other)


def _colours(image: np.ndarray, face: Face) -> np.ndarray:
    """Return roots of colour histograms, one a band: their product is Bhattacharyya's."""
    import cv2
    from scipy.ndimage import convolve1d

    left, top, width, height = face.box
    rows, columns = image.shape[:2]
    across = _stretch(left - ASIDE * width, left + (1 + ASIDE) * width, columns)
    down = _stretch(top - ABOVE * height, top + (1 + BELOW) * height, rows)
    part = cv2.resize(image[down, across], (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(part, cv2.COLOR_RGB2LAB)
    # Skin and hair lie in the middle of the colour axes, which are stretched there.
    spread = np.clip((lab[..., 1:].astype(np.float32) - 128) * 3 + 128, 0, 255)
    lab = np.dstack([lab[..., :1].astype(np.float32), spread])
    bins = [LIGHTNESS, COLOUR, COLOUR]
    found = []
    for band in np.array_split(lab, BANDS):
        histogram = cv2.calcHist([band], [0, 1, 2], None, bins, [0, 256] * 3)
        # A little blur, since light that changes a little must not change everything.
        for axis in range(3):
            histogram = convolve1d(histogram, (0.25, 0.5, 0.25), axis, mode="nearest")
        found.append(np.sqrt(histogram.ravel() / histogram.sum() / BANDS))
    return np.concatenate(found)


def _stretch(start: float, stop: float, length: int) -> slice:
    """Return the pixels from start to stop that there are, at least one."""
    first = min(max(0, round(start)), length - 1)
    return slice(first, max(first + 1, min(length, round(stop))))


def _features(image: np.ndarray, face: Face) -> np.ndarray:
    """Return histograms of gradients of the face brought upright, of length 1."""
    import cv2

    matrix = _similarity(face.landmarks.astype(np.float64), SIDE * np.array(UPRIGHT))
    upright = cv2.warpAffine(image, matrix, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE)
    grey = cv2.cvtColor(upright, cv2.COLOR_RGB2GRAY).astype(np.float32)
    across, down = cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    size, angle = np.hypot(across, down), np.arctan2(down, across) % np.pi
    turn = np.minimum((angle / np.pi * DIRECTIONS).astype(int), DIRECTIONS - 1)
    row, column = np.indices(grey.shape) * CELLS // SIDE
    found = np.bincount(
        ((row * CELLS + column) * DIRECTIONS + turn).ravel(), size.ravel(), CELLS**2 * DIRECTIONS
    ).reshape(CELLS**2, DIRECTIONS)
    # Each cell by itself, so that light from one side changes nothing, and less its mean, so that
    # faces without anything in common come out at about 0.
    found = np.sqrt(found / np.maximum(found.sum(1, keepdims=True), 1e-9))
    found -= found.mean(1, keepdims=True)
    return found.ravel() / max(float(np.linalg.norm(found)), 1e-9)


def _similarity(points: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return the (2, 3) rotation, scale and shift that brings points closest to targets.

    Least squares over complex numbers: a similarity of the plane multiplies and adds one.
    """
    z, w = (p @ np.array([1, 1j]) for p in (points, targets))
    centred = z - z.mean()
    factor = np.vdot(centred, w) / max(float(np.vdot(centred, centred).real), 1e-9)
    shift = w.mean() - factor * z.mean()
    a, b = factor.real, factor.imag
    return np.array([[a, -b, shift.real], [b, a, shift.imag]])
