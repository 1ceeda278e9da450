"""The one place where a probability becomes a verdict."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from src.detector.calibration import Calibration

Word = Literal["fake", "real", "inconclusive"]

NO_FACE = "no_face"
FACE_TOO_SMALL = "face_too_small"
BETWEEN_THRESHOLDS = "between_thresholds"
UNSTABLE = "unstable"
AMONG_MANY_FACES = "among_many_faces"
TOO_MANY_FACES = "too_many_faces"
UNFAMILIAR = "unfamiliar"
TOO_FEW_FOR_VIDEO = "too_few_for_video"
SEEN_ONCE = "seen_once"
# What the codes in `reasons` mean.
REASONS = {
    NO_FACE: "No face was found, and the detector judges faces: this is its score for the whole "
    "image.",
    FACE_TOO_SMALL: "The face has so few pixels that the detector's error rates do not hold: "
    "calibration images that were brought down to that size have shown it.",
    BETWEEN_THRESHOLDS: "The score lies where real faces and fakes both occur too often to keep "
    "the promised error rates.",
    UNSTABLE: "The verdict changes when the image is re-encoded too mildly to be seen.",
    AMONG_MANY_FACES: "One face looks fake, but among so many faces one looks like that by chance "
    "too often.",
    TOO_MANY_FACES: "There are more faces than the calibration images suffice for, if the error "
    "rate is to hold for the image as a whole.",
    UNFAMILIAR: "What the detector sees in it is unlike nearly all faces that it was calibrated "
    "on: its error rates need not hold for such an image.",
    TOO_FEW_FOR_VIDEO: "The detector is calibrated on stills, and to judge a person by many frames "
    "takes at least twice as many calibration images as to judge one still.",
    SEEN_ONCE: "The person was seen in a single frame of those that were looked at, and another in "
    "many: that may be no face, and the verdict on the video does not rest on it.",
}


@dataclass(frozen=True)
class Verdict:
    """What we say about a face or an image, and why."""

    word: Word  # `fake`, `real` or `inconclusive`
    reasons: tuple[str, ...] = ()  # codes out of `REASONS`; why it is inconclusive


def shown(p_fake: float) -> str:
    """Return a probability in three places, for people: never that something is certain."""
    return "<0.001" if p_fake < 0.0005 else ">0.999" if p_fake >= 0.9995 else f"{p_fake:.3f}"


def decide(
    logit: float, calibration: Calibration | None = None, reasons: Sequence[str] = ()
) -> Verdict:
    """Judge one face by its logit.

    Args:
        calibration: holds the thresholds. Without it a face is fake from a logit of 0 on (a
            `p_fake` of 0.5) and no error rate is promised.
        reasons: why it cannot be judged, codes out of `REASONS`; any makes it inconclusive.
    """
    if reasons:
        return Verdict("inconclusive", tuple(reasons))
    if calibration is None:
        return Verdict("fake" if logit >= 0 else "real")
    score = logit / calibration.temperature
    if score > calibration.t_fake:
        return Verdict("fake")
    if score < calibration.t_real:
        return Verdict("real")
    return Verdict("inconclusive", (BETWEEN_THRESHOLDS,))


def decide_by_frames(
    logit: float,
    among_real: float | None,
    among_fake: float | None,
    calibration: Calibration | None = None,
    reasons: Sequence[str] = (),
) -> Verdict:
    """Judge one person by several frames.

    Args:
        logit: the mean over the frames; it decides alone where there is no calibration.
        among_real: how unusual the frames are for a real person, a p-value; small means fake.
            None where there are too few calibration images for one.
    """
    if reasons or calibration is None:
        return decide(logit, None, reasons)
    fake = among_real is not None and calibration.passes(among_real, "real")
    real = among_fake is not None and calibration.passes(among_fake, "fake")
    if fake and real:
        # Beyond all fakes on one side and all real faces on the other: between them is one
        # threshold, and either answer keeps its promise.
        return decide(logit, calibration)
    if fake or real:
        return Verdict("fake" if fake else "real")
    if None in (among_real, among_fake):
        return Verdict("inconclusive", (TOO_FEW_FOR_VIDEO,))
    return Verdict("inconclusive", (BETWEEN_THRESHOLDS,))


def combine(
    faces: Sequence[Verdict], logits: Sequence[float], calibration: Calibration | None = None
) -> Verdict:
    """Judge an image by its faces, see `together`.

    Args:
        calibration: holds the scores to compare with; without it any fake face is enough.
    """
    if calibration is None or len(faces) == 1:
        return together(faces, [True] * len(faces))
    return together(faces, calibration.rejected(logits))


def together(faces: Sequence[Verdict], stands_out: Sequence[bool] | None) -> Verdict:
    """Judge an image by its faces, or a video by its persons.

    It is fake if a face is that stands out among all of them, real only if every one is, else
    inconclusive: so the rate of false alarms is that of an image and does not grow with the number
    of faces.

    Args:
        stands_out: which of them do, see `Calibration.stand_out`; None where they are too many.
    """
    words = [face.word for face in faces]
    if set(words) == {"real"}:
        return Verdict("real")
    reasons = tuple(dict.fromkeys(reason for face in faces for reason in face.reasons))
    if "fake" not in words:
        return Verdict("inconclusive", reasons)
    if stands_out is None:
        return Verdict("inconclusive", (*reasons, TOO_MANY_FACES))
    if any(out and word == "fake" for out, word in zip(stands_out, words, strict=True)):
        return Verdict("fake")
    return Verdict("inconclusive", (*reasons, AMONG_MANY_FACES))
