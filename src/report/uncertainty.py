"""Does the detector know when it may be wrong? Confidence, entropy, risk against coverage."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from src.intervals import Estimate, estimates

# Differences below this between confidence and accuracy are not worth a word.
WORTH_SAYING = 0.01


@dataclass(frozen=True)
class Uncertainty:
    """How sure the answers at p_fake = 0.5 are, and whether the sure ones are right."""

    confidence: float  # mean probability of the answer
    overconfidence: Estimate  # that minus the share of right answers
    entropy_right: float | None  # mean entropy of right answers in bits; None where there is none
    entropy_wrong: float | None  # mean entropy of wrong answers in bits; None where there is none
    # Area under the risk-coverage curve: the mean error over all shares of images that are
    # answered, the surest first (Geifman & El-Yaniv 2017, arXiv 1705.08500).
    aurc: Estimate
    aurc_best: float  # the same if all right answers were surer than all wrong ones

    @property
    def sentence(self) -> str:
        """Say whether the detector is as sure as it may be."""
        gap = self.overconfidence
        right = self.confidence - gap.value
        said = (
            f"It is {self.confidence:.1%} sure of its answers on average, and right in {right:.1%}"
        )
        if gap.low > WORTH_SAYING:
            return f"{said}: it is over-confident."
        if gap.high < -WORTH_SAYING:
            return f"{said}: it is under-confident."
        return f"{said}: neither over- nor under-confident beyond doubt."

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain types for JSON."""
        return asdict(self) | {"sentence": self.sentence}


def measure(
    labels: np.ndarray,
    p_fake: np.ndarray,
    groups: Sequence[str] | None = None,
    seed: int = 0,
) -> Uncertainty:
    """Measure how sure the answers are.

    Args:
        labels: `(N,)` 1 for fake, 0 for real, both present.
        p_fake: `(N,)` in [0, 1].
        groups: `(N,)` what belongs together; None where nothing does.
    """
    confidence = np.maximum(p_fake, 1 - p_fake)
    wrong = (p_fake >= 0.5) != (labels == 1)
    bits = entropy(p_fake)

    def drawn(times: np.ndarray) -> dict[str, float]:
        some = np.repeat(np.arange(len(labels)), times.astype(int))
        return {
            "overconfidence": float(np.mean(confidence[some] - ~wrong[some])),
            "aurc": _aurc(confidence[some], wrong[some]),
        }

    return Uncertainty(
        confidence=float(confidence.mean()),
        entropy_right=float(bits[~wrong].mean()) if not wrong.all() else None,
        entropy_wrong=float(bits[wrong].mean()) if wrong.any() else None,
        aurc_best=_aurc(~wrong, wrong),
        **estimates(drawn, labels, groups, seed=seed),
    )


def entropy(p_fake: np.ndarray) -> np.ndarray:
    """Return the entropy of each answer in bits, `(N,)`: 0 for a sure one, 1 for a coin."""
    from scipy.special import entr

    return (entr(p_fake) + entr(1 - p_fake)) / np.log(2)


def risk_coverage(confidence: np.ndarray, wrong: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the error among the surest images, for every number of them.

    Images that are equally sure come in with the error that they have together.

    Args:
        confidence: `(N,)`.
        wrong: `(N,)` bool.

    Returns:
        Coverage in (0, 1] and risk in [0, 1], `(N,)` each.
    """
    _, run, sizes = np.unique(-1.0 * confidence, return_inverse=True, return_counts=True)
    rates = np.bincount(run, wrong) / sizes
    answered = np.arange(1, len(wrong) + 1)
    return answered / len(wrong), np.cumsum(np.repeat(rates, sizes)) / answered


def _aurc(confidence: np.ndarray, wrong: np.ndarray) -> float:
    return float(risk_coverage(confidence, wrong)[1].mean())
