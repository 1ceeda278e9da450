"""A detector that sees six content statistics and nothing else: what a real one has to beat."""

from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Self

import numpy as np

from src.auditing import content

KNOTS = 5


@dataclass(frozen=True)
class Baseline:
    """Logistic regression on piecewise linear functions of each statistic.

    Between neighbouring knots a ramp rises from 0 to 1; outside it stays at 0 or 1, so nothing is
    extrapolated. Everything is plain numbers: it is kept as JSON and applied in NumPy.
    """

    knots: list[list[float]]  # for each column the values where its curve bends, rising
    weights: list[list[float]]  # for each column the weight of each ramp
    bias: float
    columns: tuple[str, ...] = content.STATISTICS

    def logit(self, values: np.ndarray) -> np.ndarray:
        """Return the logit of *fake*, `(N,)` float64, of `(N, columns)` values."""
        weights = [weight for column in self.weights for weight in column]
        return _ramps(values, self.knots) @ np.array(weights, float) + self.bias

    def to_dict(self) -> dict[str, Any]:
        """Return the model as plain types for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Self:
        """Take up a model that `to_dict` wrote down."""
        return cls(**(fields | {"columns": tuple(fields["columns"])}))


def fit(
    values: np.ndarray, labels: np.ndarray, columns: tuple[str, ...] = content.STATISTICS
) -> Baseline:
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
        return Baseline(knots, [[] for _ in knots], 0.0, columns)
    # Two dozen ramps: Newton's method needs a few steps where the default needs hundreds.
    model = LogisticRegression(class_weight="balanced", solver="newton-cholesky")
    model.fit(ramps, labels)
    cuts = np.cumsum([len(column) - 1 for column in knots])[:-1]
    weights = [part.tolist() for part in np.split(model.coef_[0], cuts)]
    return Baseline(knots, weights, float(model.intercept_[0]), columns)


def _ramps(values: np.ndarray, knots: list[list[float]]) -> np.ndarray:
    """Return `(N, ramps)` float64 in [0, 1]; a column with one knot, a constant, has no ramp."""
    ramps = [
        np.clip((column - low) / (high - low), 0, 1)
        for column, bends in zip(values.T.astype(float), knots, strict=True)
        for low, high in pairwise(bends)
    ]
    return np.stack(ramps, axis=1) if ramps else np.empty((len(values), 0))
