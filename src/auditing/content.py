"""Six statistics that need no understanding of what a picture shows, and a detector that sees them.

It sees nothing else, so it is what a real one has to beat.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

# Flat to the eye, and after compression: levels of 255 between the darkest and brightest pixel.
FLAT = 12
STATISTICS = ("bytes per pixel", "border", "brightness", "contrast", "blur", "noise")
KNOTS = 5


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


@dataclass(frozen=True)
class Baseline:
    """Logistic regression on piecewise linear functions of each statistic.

    Between neighbouring knots a ramp rises from 0 to 1; outside it stays at 0 or 1, so nothing is
    extrapolated. Everything is plain numbers: it is kept as JSON and applied in NumPy.
    """

    knots: list[list[float]]  # for each column the values where its curve bends, rising
    weights: list[list[float]]  # for each column the weight of each ramp
    bias: float
    columns: list[str] = field(default_factory=lambda: list(STATISTICS))

    def logit(self, values: np.ndarray) -> np.ndarray:
        """Return the logit of *fake*, `(N,)` float64, of `(N, columns)` values."""
        weights = [weight for column in self.weights for weight in column]
        return _ramps(values, self.knots) @ np.array(weights, float) + self.bias


def fit(values: np.ndarray, labels: np.ndarray, columns: Sequence[str] = STATISTICS) -> Baseline:
    """Fit the model; both classes count alike, whatever their sizes.

    Args:
        values: `(N, columns)`.
        labels: `(N,)` 1 fake, 0 real, both present.
    """
    from sklearn.linear_model import LogisticRegression

    shares = np.linspace(0, 1, KNOTS)
    knots = [np.unique(np.quantile(column, shares)).tolist() for column in values.T.astype(float)]
    ramps = _ramps(values, knots)
    if not ramps.shape[1]:
        return Baseline(knots, [[] for _ in knots], 0.0, list(columns))
    # Two dozen ramps: Newton's method needs a few steps where the default needs hundreds.
    model = LogisticRegression(class_weight="balanced", solver="newton-cholesky")
    model.fit(ramps, labels)
    cuts = np.cumsum([len(column) - 1 for column in knots])[:-1]
    weights = [part.tolist() for part in np.split(model.coef_[0], cuts)]
    return Baseline(knots, weights, float(model.intercept_[0]), list(columns))


def _ramps(values: np.ndarray, knots: list[list[float]]) -> np.ndarray:
    """Return `(N, ramps)` float64 in [0, 1]; a column with one knot, a constant, has no ramp."""
    ramps = [
        np.clip((column - low) / (high - low), 0, 1)
        for column, bends in zip(values.T.astype(float), knots, strict=True)
        for low, high in pairwise(bends)
    ]
    return np.stack(ramps, axis=1) if ramps else np.empty((len(values), 0))
