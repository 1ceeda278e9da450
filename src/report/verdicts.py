"""What was said of real and fake images: fake, real or inconclusive."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from src.intervals import Share, share

CLASSES, WORDS = ("real", "fake"), ("fake", "inconclusive", "real")
# Shares of fakes among what a person checks, for the predictive value.
PREVALENCES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5)


@dataclass(frozen=True)
class Verdicts:
    """Verdicts by class. Where images come in groups, one image of each class of a group counts."""

    table: dict[str, dict[str, int]]  # images by class and verdict; all of them
    false_fake: Share | None  # real faces that were called fake; None without real images
    false_real: Share | None  # fakes that were called real; None without fakes
    true_fake: Share | None  # fakes that were called fake; None without fakes
    inconclusive: Share | None  # images without a verdict
    accuracy_decided: Share | None  # right verdicts among those with one; None where there is none


def count(labels: np.ndarray, words: Sequence[str], counted: np.ndarray | None = None) -> Verdicts:
    """Count verdicts.

    Args:
        labels: `(N,)` 1 for fake, 0 for real.
        words: `(N,)` out of `WORDS`.
        counted: indices of the images behind the shares; None for all.
    """
    table = _table(labels, words)
    of = table if counted is None else _table(labels[counted], [words[i] for i in counted])
    real, fake = of["real"], of["fake"]
    silent = real["inconclusive"] + fake["inconclusive"]
    total = sum(real.values()) + sum(fake.values())
    return Verdicts(
        table=table,
        false_fake=share(real["fake"], sum(real.values())),
        false_real=share(fake["real"], sum(fake.values())),
        true_fake=share(fake["fake"], sum(fake.values())),
        inconclusive=share(silent, total),
        accuracy_decided=share(real["real"] + fake["fake"], total - silent),
    )


def _table(labels: np.ndarray, words: Sequence[str]) -> dict[str, dict[str, int]]:
    counts = Counter(zip(labels.tolist(), words, strict=True))
    return {
        name: {word: counts[label, word] for word in WORDS} for label, name in enumerate(CLASSES)
    }


class Predictive(NamedTuple):
    """How often the verdict *fake* is right, where a share of what is checked is fake."""

    prevalence: float  # share of fakes among what is checked
    # Share of fakes among what is called fake; `low` and `high` come from the ends of the intervals
    # of both rates together.
    value: float
    low: float
    high: float


def predictive_values(verdicts: Verdicts) -> list[Predictive]:
    """Return the predictive value of *fake* for each of `PREVALENCES`, by Bayes' rule.

    Empty where a class is missing or nothing was ever called fake.
    """
    found, alarms = verdicts.true_fake, verdicts.false_fake
    if found is None or alarms is None or not found.hits + alarms.hits:
        return []

    def value(prevalence: float, hit: float, alarm: float) -> float:
        return prevalence * hit / (prevalence * hit + (1 - prevalence) * alarm)

    return [
        Predictive(
            at,
            value(at, found.value, alarms.value),
            value(at, found.low, alarms.high),
            value(at, found.high, alarms.low),
        )
        for at in PREVALENCES
    ]
