"""Turn scores into probabilities and promises: temperature, thresholds, many faces at once.

The thresholds are order statistics of calibration scores (conformal prediction: Vovk, Gammerman &
Shafer 2005, ch. 2), so their promise needs no model of the scores: on average over calibration
sets at most the promised share of faces *like the calibration faces* is called wrongly.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from src.detector.card import part

MAX_FALSE_FAKE, MAX_FALSE_REAL = 0.01, 0.05
BOUND_LEVEL = 0.95
TEMPERATURES = (0.05, 20.0)
# Products such as 100 * 0.99 must not fall on the wrong side of an integer.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Promise:
    """An error rate that is kept on average over calibration sets, and what stands behind it."""

    asked: float  # the rate that was asked for, in (0, 1)
    rate: float  # the rate that is promised; larger than `asked` where the images are too few
    bound: float  # the rate for this very calibration set lies below this with 95 % confidence
    count: int  # how many images of the deciding source, one a group, stand behind it
    source: str  # the strictest source, which decides
    # Sources with too few images to promise `rate`, and how many they have.
    too_small: dict[str, int]

    @property
    def needed(self) -> int:
        """How many images of one source the promise that was asked for takes."""
        return needed(self.asked)

    def sentence(self, who: str, called: str) -> str:
        """Say what is promised, for people."""
        less = ""
        if self.rate > self.asked:
            less = (
                f" (asked was {self.asked:.1%}, for which {self.needed} {who} of one source are "
                f"needed; the largest has {self.count})"
            )
        return (
            f"On average over calibration sets at most {self.rate:.1%} of {who} are called "
            f"{called}{less}; with this one less than {self.bound:.1%}, with 95 % confidence. It "
            f"rests on {self.count} {who} of {self.source} and holds for faces like them."
        )


@dataclass(frozen=True)
class Resolution:
    """What comes of the promise where the calibration images have fewer pixels."""

    side: int  # of what the network judges, in pixels
    false_fake: float  # share of real faces that are called fake
    false_real: float  # share of fakes that are called real
    kept: bool  # neither share is, by more than chance, larger than this set's bounds allow


@dataclass(frozen=True)
class Unfamiliar:
    """From where on a face counts as unlike those that the detector learnt from."""

    threshold: float  # the `familiarity` distance above which it does
    quantile: float  # the share of the calibration faces that lies at or below it
    images: int  # how many calibration faces (one a group and class) stand behind it


@dataclass(frozen=True)
class Calibration:
    """How a detector's logits become verdicts."""

    temperature: float  # divides the logit before the sigmoid
    t_fake: float  # a calibrated logit (logit / temperature) above it is *fake*
    t_real: float  # a calibrated logit below it is *real*; never above `t_fake`
    false_fake: Promise  # for real faces
    false_real: Promise  # for fakes
    # Sorted calibration logits (not divided) by class and source.
    scores: dict[str, dict[str, list[float]]]
    smallest_side: int = 0  # what the network judges must have so many pixels on its shorter side
    resolutions: tuple[Resolution, ...] = ()  # what that rests on, the largest first
    # From where on a face is unfamiliar; None where that is not known.
    unfamiliar: Unfamiliar | None = None

    def promises(self) -> list[str]:
        """Say what is promised, and what it rests on, for people."""
        return [
            self.false_fake.sentence("real faces", "fake"),
            self.false_real.sentence("fakes", "real"),
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain types for the card."""
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Calibration:
        """Take up what `to_dict` wrote down.

        Raises:
            InputError: it is something else.
        """
        with part("a calibration"):
            numbers = {name: float(fields[name]) for name in ("temperature", "t_fake", "t_real")}
            promises = {name: Promise(**fields[name]) for name in ("false_fake", "false_real")}
            resolutions = tuple(Resolution(**row) for row in fields["resolutions"])
            known = fields.get("unfamiliar")
            unfamiliar = Unfamiliar(**known) if known else None
            own = {"resolutions": resolutions, "unfamiliar": unfamiliar}
            return cls(**(fields | numbers | promises | own))

    def is_unfamiliar(self, distance: float | None) -> bool:
        """Tell whether a face is unlike the training faces; not where that is not known.

        Args:
            distance: of the face, see `familiarity`; None where the bundle has none.
        """
        if self.unfamiliar is None or distance is None:
            return False
        # What is no number is not familiar.
        return not distance <= self.unfamiliar.threshold

    def p_value(self, logit: float, faces: int, among: str = "real") -> float | None:
        """Return how unusual a logit is among real faces, or among fakes.

        The largest of the conformal p-values over the sources that are large enough for so many
        faces; None where none is.

        Args:
            logit: of one face, not divided by the temperature.
            among: `real`, where small means *fake*; or `fake`, where small means *real*.
        """
        promise = self.false_fake if among == "real" else self.false_real

        def as_extreme(scores: Sequence[float]) -> int:
            if among == "real":
                return len(scores) - int(np.searchsorted(scores, logit, "left"))
            return int(np.searchsorted(scores, logit, "right"))

        values = [
            (1 + as_extreme(scores)) / (len(scores) + 1)
            for scores in self.scores[among].values()
            if len(scores) >= faces / promise.rate - 1 - _ROUNDING
        ]
        return max(values) if values else None

    def passes(self, p_value: float, among: str = "real") -> bool:
        """Tell whether a p-value is so small that its promise allows to speak."""
        promise = self.false_fake if among == "real" else self.false_real
        return p_value <= promise.rate + _ROUNDING

    def rejected(self, logits: Sequence[float]) -> list[bool] | None:
        """Tell which faces of one image cannot pass for real, with one error rate for the image.

        Args:
            logits: of the faces, not divided by the temperature.

        Returns:
            What `stand_out` says of their p-values.
        """
        return self.stand_out([self.p_value(logit, len(logits)) for logit in logits])

    def stand_out(self, found: Sequence[float | None]) -> list[bool] | None:
        """Tell which of several p-values among real faces are too small, with one error rate.

        Holm's step-down procedure (1979): the chance that any real face is among them is at most
        `false_fake.rate`, however many there are.

        Args:
            found: one p-value a face; None where there are too few calibration images for one.

        Returns:
            One answer a face, or None where there are too many faces for the calibration set.
        """
        p_values = np.array([p for p in found if p is not None])
        if len(p_values) < len(found):
            return None
        order = np.argsort(p_values, kind="stable")
        limits = self.false_fake.rate / np.arange(len(found), 0, -1)
        passed = np.cumprod(p_values[order] <= limits + _ROUNDING).astype(bool)
        answers = np.zeros(len(found), bool)
        answers[order] = passed
        return answers.tolist()


def probability(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Return the probability of *fake*, without overflow for large logits.

    Args:
        logits: of any shape.

    Returns:
        float64 in [0, 1], of the same shape.
    """
    return 0.5 * (1.0 + np.tanh(0.5 * np.asarray(logits, np.float64) / temperature))


def needed(rate: float) -> int:
    """Return how many images of one class and source it takes to promise an error rate."""
    return math.ceil(1 / rate - 1 - _ROUNDING)


def rank(count: int, rate: float) -> int:
    """Return which of so many scores a new one exceeds with a chance of at most `rate`.

    It counts from 1 for the smallest; with fewer than `needed(rate)` there is none: `count` + 1.
    """
    return math.ceil((count + 1) * (1 - rate) - _ROUNDING)


def calibrate(
    logits: np.ndarray,
    labels: np.ndarray,
    sources: Sequence[str],
    groups: Sequence[str],
    *,
    max_false_fake: float = MAX_FALSE_FAKE,
    max_false_real: float = MAX_FALSE_REAL,
    seed: int = 0,
) -> Calibration:
    """Find temperature and thresholds.

    Args:
        logits: `(N,)` of images that no weight and no setting was chosen on.
        labels: `(N,)` 1 fake, 0 real, both present.
        sources: `(N,)` where each comes from.
        groups: `(N,)` what belongs together; of each group one image of each class and source
            counts, drawn with the seed, because frames of one video are no independent images.
        max_false_fake: share of real faces that may be called fake, in (0, 1).
        max_false_real: share of fakes that may be called real, in (0, 1).
        seed: of that draw.
    """
    # What is found is found within a source, so only there must images be independent.
    kept = one_of_each_group(labels, list(zip(groups, sources, strict=True)), seed)
    logits, labels = np.asarray(logits, np.float64)[kept], np.asarray(labels)[kept]
    names = np.asarray(sources)[kept]
    temperature = fit_temperature(logits, labels)
    scores = {
        name: {
            str(source): np.sort(logits[(labels == label) & (names == source)]).tolist()
            for source in np.unique(names[labels == label])
        }
        for label, name in enumerate(("real", "fake"))
    }
    t_fake, false_fake = _upper(scores["real"], max_false_fake)
    # The k-th smallest fake is the k-th largest of the negated ones.
    mirrored = {name: [-x for x in reversed(values)] for name, values in scores["fake"].items()}
    mirror, false_real = _upper(mirrored, max_false_real)
    t_real = -mirror
    if t_fake < t_real:
        # A good detector: no score need be inconclusive but the midpoint itself.
        t_fake = t_real = (t_fake + t_real) / 2
    return Calibration(
        temperature, t_fake / temperature, t_real / temperature, false_fake, false_real, scores
    )


def one_of_each_group(labels: np.ndarray, groups: Sequence[Hashable], seed: int) -> np.ndarray:
    """Return the indices of one image for each group and class, drawn with the seed, in order.

    Args:
        labels: `(N,)` 1 fake, 0 real.
        groups: `(N,)` what belongs together.

    Returns:
        `(n,)` int, ascending.
    """
    order = np.random.default_rng(seed).permutation(len(groups))
    chosen: dict[tuple[Hashable, int], int] = {}
    for index in order.tolist():
        chosen.setdefault((groups[index], int(labels[index])), index)
    return np.array(sorted(chosen.values()), int)


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """Return the number that logits are best divided by (Guo et al. 2017, arXiv 1706.04599).

    It minimises the negative log-likelihood with both classes weighing alike, within
    `TEMPERATURES`: where the classes are perfectly apart, there is no smallest one.

    Args:
        logits: `(N,)` float.
        labels: `(N,)` 1 fake, 0 real, both present.
    """
    from scipy.optimize import minimize_scalar

    signs = np.where(labels == 1, 1.0, -1.0)
    weights = 0.5 / np.where(labels == 1, np.mean(labels == 1), np.mean(labels == 0))

    def loss(log_temperature: float) -> float:
        return float(np.mean(weights * np.logaddexp(0, -signs * logits / np.exp(log_temperature))))

    found = minimize_scalar(loss, bounds=np.log(TEMPERATURES), method="bounded")
    return float(np.exp(found.x))


def _upper(scores: Mapping[str, Sequence[float]], asked: float) -> tuple[float, Promise]:
    """Find the score that at most a share `asked` of new ones exceeds, whichever their source.

    Returns:
        The ⌈(n+1)(1-rate)⌉-th smallest score of the source where that is largest, and the promise.
    """
    from scipy.stats import beta

    largest = max(len(values) for values in scores.values())
    rate = max(asked, 1 / (largest + 1))
    enough = {name: values for name, values in scores.items() if len(values) >= needed(rate)}

    thresholds = {name: values[rank(len(values), rate) - 1] for name, values in enough.items()}
    source = max(thresholds, key=lambda name: thresholds[name])
    count = len(enough[source])
    below = rank(count, rate)
    return thresholds[source], Promise(
        asked=asked,
        rate=rate,
        bound=float(beta.ppf(BOUND_LEVEL, count + 1 - below, below)),
        count=count,
        source=source,
        too_small={name: len(values) for name, values in scores.items() if name not in enough},
    )
