"""How good a detector is, each number with its interval."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from src.intervals import Estimate, estimates

BINS = 15
# A probability of exactly 0 or 1 that is wrong would make the log-likelihood infinite.
SMALLEST_P = 1e-12


@dataclass(frozen=True)
class Metrics:
    """A detector on one labelled set. What needs a threshold is at p_fake = 0.5."""

    images: int
    real: int
    fake: int
    auc: Estimate
    # Area under the precision-recall curve for fake, as a step function.
    average_precision: Estimate
    accuracy: Estimate
    balanced_accuracy: Estimate
    precision_fake: Estimate  # share of fakes among what is called fake; 0 where nothing is
    recall_fake: Estimate  # share of fakes that are called fake
    f1_fake: Estimate  # harmonic mean of the two
    precision_real: Estimate  # the same for real
    recall_real: Estimate
    f1_real: Estimate
    equal_error_rate: Estimate  # where as many fakes are missed as real images are called fake
    youden_index: Estimate  # the largest recall_fake + recall_real - 1 at any threshold
    youden_threshold: Estimate  # the `p_fake` from which on *fake* gives that
    brier: Estimate  # mean squared error of `p_fake`
    log_loss: Estimate  # mean negative log-likelihood, in nats
    ece_width: Estimate  # expected calibration error over bins of equal width
    ece_mass: Estimate  # the same over bins of equally many images
    # `[[real as real, real as fake], [fake as real, fake as fake]]`, in images.
    confusion: list[list[int]]


def measure(
    labels: np.ndarray,
    p_fake: np.ndarray,
    *,
    groups: Sequence[str] | None = None,
    seed: int = 0,
) -> Metrics:
    """Measure scores against the truth, each number with its 95 % bootstrap interval.

    Args:
        labels: `(N,)` int, 1 for fake, 0 for real, both present.
        p_fake: `(N,)` in [0, 1].
        groups: `(N,)` what belongs together and is drawn together; None where nothing does.
    """
    fake = int(labels.sum())
    answers = (p_fake >= 0.5).astype(int)
    return Metrics(
        images=len(labels),
        real=len(labels) - fake,
        fake=fake,
        confusion=np.bincount(2 * labels + answers, minlength=4).reshape(2, 2).tolist(),
        **estimates(_Scored(labels, p_fake).statistics, labels, groups, seed=seed),
    )


class _Scored:
    """Labels and scores, sorted once so that a thousand resamples are quick to measure."""

    def __init__(self, labels: np.ndarray, p_fake: np.ndarray) -> None:
        self.order = np.argsort(p_fake, kind="stable")
        self.p_fake = p_fake[self.order]
        self.fake = labels[self.order] == 1
        self.starts = np.flatnonzero(np.append(True, np.diff(self.p_fake) != 0))
        clipped = np.clip(self.p_fake, SMALLEST_P, 1 - SMALLEST_P)
        self.losses = -np.log(np.where(self.fake, clipped, 1 - clipped))
        self.errors = (self.p_fake - self.fake) ** 2
        width = np.minimum((self.p_fake * BINS).astype(int), BINS - 1)
        self.bins = {"ece_width": width, "ece_mass": equal_mass_bins(self.p_fake)}

    def statistics(self, weights: np.ndarray) -> dict[str, float]:
        """Return every statistic of images that count `weights` times, `(N,)`."""
        weights = weights[self.order]
        return {
            **self._at_one_half(weights),
            **self._over_thresholds(weights),
            "brier": float(np.average(self.errors, weights=weights)),
            "log_loss": float(np.average(self.losses, weights=weights)),
            **{name: self._calibration_error(bins, weights) for name, bins in self.bins.items()},
        }

    def _at_one_half(self, weights: np.ndarray) -> dict[str, float]:
        called = self.p_fake >= 0.5
        hits = float(weights[called & self.fake].sum())
        alarms = float(weights[called & ~self.fake].sum())
        fakes, total = float(weights[self.fake].sum()), float(weights.sum())
        cleared, missed = total - fakes - alarms, fakes - hits
        recall_fake, recall_real = hits / fakes, cleared / (total - fakes)
        return {
            "accuracy": (hits + cleared) / total,
            "balanced_accuracy": (recall_fake + recall_real) / 2,
            "precision_fake": hits / (hits + alarms) if hits + alarms else 0.0,
            "recall_fake": recall_fake,
            "f1_fake": 2 * hits / (2 * hits + alarms + missed),
            "precision_real": cleared / (cleared + missed) if cleared + missed else 0.0,
            "recall_real": recall_real,
            "f1_real": 2 * cleared / (2 * cleared + alarms + missed),
        }

    def _over_thresholds(self, weights: np.ndarray) -> dict[str, float]:
        per_run = [np.add.reduceat(weights * kind, self.starts) for kind in (self.fake, ~self.fake)]
        hits, alarms = (np.append(0.0, np.cumsum(run[::-1])) for run in per_run)
        recall, fall_out = hits / hits[-1], alarms / alarms[-1]
        called = hits + alarms
        precision = np.divide(hits, called, out=np.ones_like(hits), where=called > 0)
        index = recall - fall_out
        best = int(np.argmax(index))
        thresholds = np.append(np.inf, self.p_fake[self.starts][::-1])
        # Misses fall and false alarms rise; the rate is where the straight line between the two
        # thresholds around the crossing crosses.
        gap = fall_out - (1 - recall)
        after = int(np.argmax(gap >= 0))
        share = gap[after] / (gap[after] - gap[after - 1])
        return {
            "auc": float(np.trapezoid(recall, fall_out)),
            "average_precision": float(np.sum(np.diff(recall) * precision[1:])),
            "equal_error_rate": float(share * fall_out[after - 1] + (1 - share) * fall_out[after]),
            "youden_index": float(index[best]),
            "youden_threshold": float(min(thresholds[best], 1.0)),
        }

    def _calibration_error(self, bins: np.ndarray, weights: np.ndarray) -> float:
        """Return the mean distance of a bin's mean `p_fake` to its share of fakes.

        Naeini, Cooper & Hauskrecht, AAAI 2015, for the probability of one class.
        """
        gaps = np.bincount(bins, weights * (self.p_fake - self.fake))
        return float(np.abs(gaps).sum() / weights.sum())


def equal_mass_bins(p_fake: np.ndarray) -> np.ndarray:
    """Return the bin of each image, `(N,)` int below `BINS`: equally many in each.

    Equal scores share a bin, so that some may stay empty.
    """
    return np.searchsorted(np.sort(p_fake), p_fake, "left") * BINS // len(p_fake)
