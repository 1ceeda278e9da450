"""Numbers with their intervals: the area under the ROC curve, and the bootstrap."""

from collections.abc import Iterator, Sequence
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

    A tie counts half (Hanley & McNeil 1982). It agrees with scikit-learn's, and is fast enough to
    be taken a thousand times.

    Args:
        labels: `(N,)` 0 or 1, both present.
        values: `(N,)`, larger for 1.
    """
    real, fake = np.sort(values[labels == 0]), values[labels == 1]
    below = np.searchsorted(real, fake, "left") + np.searchsorted(real, fake, "right")
    return float(below.sum() / (2 * len(real) * len(fake)))


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
    for _ in range(RESAMPLES):
        times = np.zeros(len(kinds))
        for kind in np.unique(kinds):
            members = np.flatnonzero(kinds == kind)
            times[members] = rng.multinomial(len(members), np.full(len(members), 1 / len(members)))
        yield times[number]


def interval(values: Sequence[float] | np.ndarray) -> tuple[float, float]:
    """Return the 95 % percentile interval of a statistic's values on resamples.

    Efron & Tibshirani 1993, ch. 13.
    """
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)


def auc_over_groups(
    labels: np.ndarray, values: np.ndarray, groups: Sequence[str] | np.ndarray, *, seed: int = 0
) -> Estimate:
    """Estimate the area under the ROC curve where images come in groups; see `resamples`."""
    return Estimate(auc(labels, values), *interval(_auc_draws(labels, values, groups, seed)))


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
    draws = [_auc_draws(labels, values, groups, seed) for values in (before, after)]
    return Estimate(auc(labels, before) - auc(labels, after), *interval(draws[0] - draws[1]))


def _auc_draws(
    labels: np.ndarray, values: np.ndarray, groups: Sequence[str] | np.ndarray, seed: int
) -> np.ndarray:
    """Return the AUC on each resample, `(RESAMPLES,)`."""
    order = np.argsort(values, kind="stable")
    starts = np.flatnonzero(np.append(True, np.diff(values[order]) != 0))
    fake = labels[order] == 1
    draws = [
        weighted_auc(fake, weights[order], starts)
        for weights in resamples(labels, groups, seed=seed)
    ]
    return np.array(draws)


def group_kinds(labels: np.ndarray, number: np.ndarray) -> np.ndarray:
    """Return for each group 1 where all are real, 2 where all are fake, 3 where it has both.

    Args:
        labels: `(N,)` 0 or 1.
        number: `(N,)` int: the group of each, counted from 0 without a gap.
    """
    real = np.bincount(number, labels == 0) > 0
    return real + 2 * (np.bincount(number, labels == 1) > 0)


def weighted_auc(fake: np.ndarray, weights: np.ndarray, starts: np.ndarray) -> float:
    """Return the AUC of sorted values.

    Args:
        fake: `(N,)` bool, in the order of the values.
        weights: `(N,)` how much each counts.
        starts: where each run of equal values starts.
    """
    below = np.add.reduceat(weights * ~fake, starts)
    here = np.add.reduceat(weights * fake, starts)
    pairs = here @ (np.cumsum(below) - below / 2)
    return float(pairs / (below.sum() * here.sum()))


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
    from scipy.stats import beta

    if not total:
        return None
    tail = (1 - LEVEL) / 2
    low = float(beta.ppf(tail, hits, total - hits + 1)) if hits else 0.0
    high = float(beta.ppf(1 - tail, hits + 1, total - hits)) if hits < total else 1.0
    return Share(hits, total, hits / total, low, high)
