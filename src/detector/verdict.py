"""The one place where a probability becomes a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Word = Literal["fake", "real", "inconclusive"]

NO_FACE = "no_face"
# What the codes in `reasons` mean.
REASONS = {
    NO_FACE: "No face was found, and the detector judges faces: this is its score for the whole "
    "image.",
}


@dataclass(frozen=True)
class Verdict:
    """What we say about a face or an image, and why.

    Attributes:
        word: `fake`, `real` or `inconclusive`.
        reasons: codes out of `REASONS`; empty where the probability alone decided.
    """

    word: Word
    reasons: tuple[str, ...] = ()


def decide(p_fake: float, reasons: Sequence[str] = ()) -> Verdict:
    """Judge one face by its probability of *fake*: fake from 0.5 on, real below.

    An uncalibrated detector has no better threshold, and promises no error rate.

    Args:
        p_fake: in [0, 1].
        reasons: why it cannot be judged, codes out of `REASONS`; any makes it inconclusive.
    """
    if reasons:
        return Verdict("inconclusive", tuple(reasons))
    return Verdict("fake" if p_fake >= 0.5 else "real")


def combine(faces: Sequence[Verdict]) -> Verdict:
    """Judge an image by its faces: fake if one is, real only if every one is.

    Args:
        faces: at least one.
    """
    words = {face.word for face in faces}
    reasons = tuple(dict.fromkeys(reason for face in faces for reason in face.reasons))
    if "fake" in words:
        return Verdict("fake", reasons)
    return Verdict("real" if words == {"real"} else "inconclusive", reasons)
