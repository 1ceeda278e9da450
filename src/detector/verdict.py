"""The one place where a probability becomes a verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Word = Literal["fake", "real", "inconclusive"]


@dataclass(frozen=True)
class Verdict:
    """What we say about a face, and why.

    Attributes:
        word: `fake`, `real` or `inconclusive`.
        reasons: short codes; empty where the probability alone decided.
    """

    word: Word
    reasons: tuple[str, ...] = ()


def decide(p_fake: float) -> Verdict:
    """Judge one face by its probability of *fake*: fake from 0.5 on, real below.

    An uncalibrated detector has no better threshold, and promises no error rate.
    """
    return Verdict("fake" if p_fake >= 0.5 else "real")
