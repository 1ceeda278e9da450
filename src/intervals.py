"""Numbers with their intervals: the area under the ROC curve, and the bootstrap."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES = 1000
LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """A number and its 95 % bootstrap interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def auc(labels: np.ndarray, values: np.ndarray) -> float:
    """Return the area under the ROC curve, as the share of pairs in the right order.

    A tie counts half (Hanley & McNeil 1982). It agrees with scikit-learn's.

    Args:
        labels: `(N,)` 0 or 1, both present.
        values: `(N,)`, larger for 1.
    """
    return _weighted_auc(labels, values)(np.ones(len(labels)))


def resamples(
    labels: np.ndarray, groups: Sequence[str] | np.ndarray | None = None, *, seed: int = 0
) -> Iterator[np.ndarray]:
    """Yield how often each image counts in each of `RESAMPLES` bootstrap resamples.

    Whole groups are drawn with replacement, because images of one group are not independent, and
    among groups of one kind (real, fake or both), so that every resample has both classes
    (Davison & Hinkley 1997, ch. 3.8).

    Args:
        labels: `(N,)` 0 or 1, both present.
        groups: `(N,)` what belongs together; None where nothing does.

    Yields:
        `(N,)` float64, whole numbers.
    """
    rng = np.random.default_rng(seed)
    names = np.arange(len(labels)) if groups is None else np.asarray(groups)
    number = np.unique(names, return_inverse=True)[1]
    kinds = group_kinds(labels, number)
    alike = [np.flatnonzero(kinds == kind) for kind in np.unique(kinds)]
    for _ in range(RESAMPLES):
        times = np.zeros(len(kinds))
        for members in alike:
            times[members] = rng.multinomial(len(members), np.full(len(members), 1 / len(members)))
        yield times[number]


def estimates(
    statistics: Callable[[np.ndarray], Mapping[str, float]],
    labels: np.ndarray,
    groups: Sequence[str] | np.ndarray | None = None,
    *,
    seed: int = 0,
) -> dict[str, Estimate]:
    """Estimate numbers that depend on how often each image counts; see `resamples`.

    Args:
        statistics: takes `(N,)` float64 weights and returns the numbers by name.
        labels: `(N,)` 0 or 1.
        groups: `(N,)` what belongs together; None where nothing does.
        seed: of the bootstrap.
    """
    draws = [statistics(weights) for weights in resamples(labels, groups, seed=seed)]
    return {
        name: Estimate(value, *interval([draw[name] for draw in draws]))
        for name, value in statistics(np.ones(len(labels))).items()
    }


def interval(values: Sequence[float] | np.ndarray) -> tuple[float, float]:
    """Return the 95 % percentile interval of a statistic's values on resamples.

    Efron & Tibshirani 1993, ch. 13.
    """
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)


def estimate(
    statistic: Callable[[np.ndarray], float],
    labels: np.ndarray,
    groups: Sequence[str] | np.ndarray | None = None,
    *,
    seed: int = 0,
) -> Estimate:
    """Estimate a single number; see `estimates`."""
    return estimates(lambda times: {"": statistic(times)}, labels, groups, seed=seed)[""]


def auc_over_groups(
    labels: np.ndarray, values: np.ndarray, groups: Sequence[str] | np.ndarray, *, seed: int = 0
) -> Estimate:
    """Estimate the area under the ROC curve where images come in groups; see `resamples`."""
    return estimate(_weighted_auc(labels, values), labels, groups, seed=seed)


def auc_loss(
    labels: np.ndarray,
    before: np.ndarray,
    after: np.ndarray,
    groups: Sequence[str] | np.ndarray,
    *,
    seed: int = 0,
) -> Estimate:
    """Estimate how much smaller the AUC of other values for the same images is; see `resamples`.

    Both are taken on the same resamples, so what the images have in common cancels out.
    """
    one, other = _weighted_auc(labels, before), _weighted_auc(labels, after)
    return estimate(lambda times: one(times) - other(times), labels, groups, seed=seed)


def _weighted_auc(labels: np.ndarray, values: np.ndarray) -> Callable[[np.ndarray], float]:
    """Return the AUC as a function of `(N,)` weights; the values are sorted once."""
    order = np.argsort(values, kind="stable")
    ranked = values[order]
    starts = np.flatnonzero(np.append(True, ranked[1:] != ranked[:-1]))
    fake = labels[order] == 1

    def weighted(weights: np.ndarray) -> float:
        below = np.add.reduceat(weights[order] * ~fake, starts)
        here = np.add.reduceat(weights[order] * fake, starts)
        pairs = here @ (np.cumsum(below) - below / 2)
        return float(pairs / (below.sum() * here.sum()))

    return weighted


def group_kinds(labels: np.ndarray, number: np.ndarray) -> np.ndarray:
    """Return for each group 1 where all are real, 2 where all are fake, 3 where it has both.

    Args:
        labels: `(N,)` 0 or 1.
        number: `(N,)` int: the group of each, counted from 0 without a gap.
    """
    real = np.bincount(number, labels == 0) > 0
    return real + 2 * (np.bincount(number, labels == 1) > 0)


@dataclass(frozen=True)
class Share:
    """How many of a number of independent things, with the 95 % Clopper-Pearson interval."""

    hits: int
    total: int
    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.hits} of {self.total}: {self.value:.1%} [{self.low:.1%}, {self.high:.1%}]"


def share(hits: int, total: int) -> Share | None:
    """Return the share of `hits` in `total`; None of nothing.

    The interval holds whatever the true share is (Clopper & Pearson, Biometrika 26, 1934).
    """
    from scipy.stats import binomtest

    if not total:
        return None
    low, high = binomtest(hits, total).proportion_ci(LEVEL, "exact")
    return Share(hits, total, hits / total, float(low), float(high))
