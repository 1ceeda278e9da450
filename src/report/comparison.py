"""Do two detectors differ on the same images by more than chance?"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from src import InputError


@dataclass(frozen=True)
class Difference:
    """A difference between two detectors, the second minus the first."""

    first: float
    second: float
    low: float  # lower end of the 95 % interval of the difference
    high: float
    p_value: float  # chance of a difference this large between equally good detectors

    @property
    def difference(self) -> float:
        """The second minus the first."""
        return self.second - self.first


@dataclass(frozen=True)
class Disagreement:
    """On which images only one of two detectors is right."""

    only_first: int
    only_second: int
    p_value: float  # of McNemar's exact test that neither is right more often


def delong(labels: np.ndarray, first: np.ndarray, second: np.ndarray) -> Difference:
    """Compare two areas under the ROC curve on the same images.

    DeLong, DeLong & Clarke-Pearson, Biometrics 44 (1988), with the ranks of Sun & Xu, IEEE SPL
    21 (2014). It takes images to be independent.

    Args:
        labels: `(N,)` 0 or 1, at least two of each.
        first: `(N,)` scores of one detector, larger for 1.
        second: `(N,)` of the other.
    """
    from scipy.stats import rankdata

    real, fake = labels == 0, labels == 1
    counts = int(real.sum()), int(fake.sum())
    if min(counts) < 2:
        raise InputError(
            f"comparing needs two groups of each class: got {counts[0]} real and {counts[1]} fake"
        )
    scores = np.stack([first, second])
    among_all = rankdata(scores, axis=1)
    # For each fake the share of real images below it, and for each real of fakes above it.
    above = (among_all[:, fake] - rankdata(scores[:, fake], axis=1)) / counts[0]
    below = 1 - (among_all[:, real] - rankdata(scores[:, real], axis=1)) / counts[1]
    one, two = above.mean(axis=1)
    covariance = np.cov(above) / counts[1] + np.cov(below) / counts[0]
    spread = float(np.sqrt(max(0.0, np.array([-1, 1]) @ covariance @ np.array([-1, 1]))))
    reach = NormalDist().inv_cdf(0.975) * spread
    gap = float(two - one)
    p_value = 2 * NormalDist().cdf(-abs(gap) / spread) if spread > 0 else float(gap == 0)
    return Difference(float(one), float(two), gap - reach, gap + reach, p_value)


def mcnemar(first_right: np.ndarray, second_right: np.ndarray) -> Disagreement:
    """Compare how often two detectors are right on the same images.

    McNemar, Psychometrika 12 (1947), as an exact binomial test. It takes images to be independent.

    Args:
        first_right: `(N,)` bool.
        second_right: `(N,)` bool.
    """
    from scipy.stats import binomtest

    only_first = int(np.sum(first_right & ~second_right))
    only_second = int(np.sum(second_right & ~first_right))
    total = only_first + only_second
    p_value = float(binomtest(only_first, total).pvalue) if total else 1.0
    return Disagreement(only_first, only_second, p_value)
