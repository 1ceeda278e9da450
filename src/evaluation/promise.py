"""Is the promise kept? On the test images, and over many divisions of them."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from src.detector import calibration, verdict
from src.detector.calibration import Calibration
from src.evaluation.judged import Judged
from src.intervals import Share
from src.report import verdicts

# What is checked for a detector that promises nothing itself.
ASKED = (calibration.MAX_FALSE_FAKE, calibration.MAX_FALSE_REAL)
DIVISIONS = 200
# The mean over the divisions may exceed the promise by so many of its standard errors.
STANDARD_ERRORS = 2


@dataclass(frozen=True)
class Divided:
    """One error rate over many divisions of the images into calibration and test."""

    promised: float  # mean of the promised rates; above what was asked where images are few
    mean: float  # mean of the realised rates
    standard_error: float
    low: float  # the 5th percentile of the realised rates
    high: float  # the 95th
    kept: bool  # the mean is at most the promise plus two standard errors


@dataclass(frozen=True)
class Kept:
    """One promise of this bundle's thresholds on the test images."""

    promised: float
    bound: float  # the 95 % bound of the calibration set
    realised: Share  # the rate on the test images with a face, one of each group
    broken: bool  # the interval of the realised rate lies above the promise

    def sentence(self, who: str, called: str) -> str:
        """Say how it went, for people."""
        if self.broken:
            said = "It is broken: these images are unlike the calibration faces"
            if self.realised.low <= self.bound:
                said += (
                    f", or those were an unlucky draw (by them it is less than {self.bound:.1%})"
                )
            said += "."
        elif self.realised.value <= self.promised:
            said = "It is kept."
        else:
            said = "They are more, but no more than chance may do."
        return (
            f"Of {self.realised.total} {who} {self.realised.hits} are called {called}: "
            f"{self.realised.value:.1%} [{self.realised.low:.1%}, {self.realised.high:.1%}]. The "
            f"promise is at most {self.promised:.1%} on average. {said}"
        )


def realised(judged: Judged) -> tuple[Share | None, Share | None]:
    """Return the rates of *false fake* and *false real*, of images with a face as in calibrating.

    One without a face is inconclusive whatever its score.
    """
    faces = judged.with_face()
    said = verdicts.count(faces.labels, faces.words, faces.independent)
    return said.false_fake, said.false_real


def asked(found: Calibration | None) -> tuple[float, float]:
    """Return the rates of *false fake* and *false real* that were asked for in calibrating."""
    return ASKED if found is None else (found.false_fake.asked, found.false_real.asked)


def kept(
    found: Calibration | None, realised: tuple[Share | None, Share | None]
) -> dict[str, Kept | None]:
    """Compare realised rates of *false fake* and *false real* with the promises, if there are."""
    if found is None:
        return {}
    promises = {"false_fake": found.false_fake, "false_real": found.false_real}
    return {
        name: None
        if rate is None
        else Kept(promise.rate, promise.bound, rate, rate.low > promise.rate)
        for (name, promise), rate in zip(promises.items(), realised, strict=True)
    }


def divide(judged: Judged, max_false_fake: float, max_false_real: float) -> dict[str, Divided]:
    """Calibrate on one half of the images and judge the other, `DIVISIONS` times, by group.

    One image with a face of each class of each group counts; and of these, in each division, the
    images of sources that are large enough for the promise.

    Returns:
        Both rates; empty where the images are too few to be divided so often.
    """
    judged = judged.with_face()
    rows = []
    for number in range(DIVISIONS):
        row = _one_division(judged, max_false_fake, max_false_real, judged.seed + number)
        if row is None:
            return {}
        rows.append(row)
    promised, realised = np.array(rows).transpose(1, 2, 0)
    return {
        "false_fake": _divided(promised[0], realised[0]),
        "false_real": _divided(promised[1], realised[1]),
    }


def _divided(promised: np.ndarray, realised: np.ndarray) -> Divided:
    error = float(realised.std(ddof=1) / np.sqrt(len(realised)))
    mean, promise = float(realised.mean()), float(promised.mean())
    low, high = np.quantile(realised, [0.05, 0.95])
    limit = promise + STANDARD_ERRORS * error
    return Divided(promise, mean, error, float(low), float(high), mean <= limit)


def _one_division(
    judged: Judged, max_false_fake: float, max_false_real: float, seed: int
) -> tuple[list[float], list[float]] | None:
    """Return promised and realised rates of one division; None where a half has too little."""
    names = sorted(set(judged.groups))
    drawn = np.random.default_rng(seed).random(len(names)) < 0.5
    half = {name for name, first in zip(names, drawn, strict=True) if first}
    first = np.array([group in half for group in judged.groups], bool)
    one, other = judged.where(first), judged.where(~first)
    if not one.has_both_classes():
        return None
    found = one.calibrate(max_false_fake, max_false_real, seed)
    realised = _realised(found, other)
    return None if realised is None else ([found.false_fake.rate, found.false_real.rate], realised)


def _realised(found: Calibration, judged: Judged) -> list[float] | None:
    """Return both error rates; None where a class has no image that something is promised for."""
    rates = []
    promises = (("real", found.false_fake, "fake"), ("fake", found.false_real, "real"))
    for label, (name, promise, wrong) in enumerate(promises):
        sources = set(found.scores[name]) - set(promise.too_small)
        errors = [
            verdict.decide(judged.logits[index], found).word == wrong
            for index in judged.independent
            if judged.labels[index] == label and judged.samples[index].source in sources
        ]
        if not errors:
            return None
        rates.append(float(np.mean(errors)))
    return rates


def to_dict(checks: dict[str, Any]) -> dict[str, Any]:
    """Return checks as plain types for JSON."""
    return {name: check and asdict(check) for name, check in checks.items()}
