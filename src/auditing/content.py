"""A few statistics of a picture that need no understanding of what it shows."""

import numpy as np

# Flat to the eye, and after compression: levels of 255 between the darkest and brightest pixel.
FLAT = 12
STATISTICS = ("bytes per pixel", "border", "brightness", "contrast", "blur", "noise")


def measure(grey: np.ndarray, stored_bytes: int) -> np.ndarray:
    """Return the content statistics of a picture.

    Args:
        grey: `(H, W)` uint8 in [0, 255].

    Returns:
        `(6,)` float32, in the order of `STATISTICS`: bytes a pixel; share of the area that lies in
        a flat frame; mean and standard deviation of the grey level; logarithm of the variance of
        the Laplacian (small: blurred; Pech-Pacheco et al. 2000); standard deviation of the noise
        in grey levels (Immerkaer 1996).
    """
    import cv2

    mean, deviation = (float(value[0, 0]) for value in cv2.meanStdDev(grey))
    edges = cv2.meanStdDev(cv2.Laplacian(grey, cv2.CV_16S))[1]
    return np.array(
        (
            stored_bytes / grey.size,
            _border(grey),
            mean,
            deviation,
            np.log1p(float(edges[0, 0]) ** 2),
            _noise(grey),
        ),
        np.float32,
    )


def _border(grey: np.ndarray) -> float:
    """Return the share of the area outside the rows and columns that are not flat."""
    inner = []
    for axis in (0, 1):
        spread = grey.max(axis=axis).astype(int) - grey.min(axis=axis)
        busy = np.flatnonzero(spread > FLAT)
        inner.append((busy[-1] - busy[0] + 1) / len(spread) if len(busy) else 0.0)
    return float(1 - inner[0] * inner[1])


def _noise(grey: np.ndarray) -> float:
    """Estimate the noise by a filter that edges and slopes pass by (Immerkaer 1996, eq. 6)."""
    import cv2

    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    answer = cv2.filter2D(grey, cv2.CV_16S, kernel)
    return float(np.sqrt(np.pi / 2) / 6 * cv2.norm(answer, cv2.NORM_L1) / grey.size)
