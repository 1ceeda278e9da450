"""What is said of the persons in a video, each seen in several frames.

Frames of one person are no independent images, so nothing here counts them as such. Where persons
in videos calibrated the detector, a person is judged by one score as a face in a still is. Where
only stills did, the p-values of the frames are merged by twice their mean, which is a p-value
whatever they have to do with each other (Vovk & Wang, "Combining p-values via averaging",
Biometrika 107(4), 2020).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from src.data.tracks import Box
from src.detector import verdict
from src.detector.calibration import Calibration, probability
from src.detector.verdict import Verdict

if TYPE_CHECKING:
    from src.detector.temporal import Head

# The least share of what speaks for the likelier answer that the moments hold together.
CARRIED = 0.5
# Whoever was seen in one frame is not judged where another was seen in so many: finders of faces
# see one where there is none in a frame now and then.
MANY = 5


@dataclass(frozen=True)
class Sighting:
    """One person in one frame."""

    time: float  # when the frame is shown, in seconds from the start of the video
    # The face: left, top, width, height in pixels of the upright frame.
    box: Box
    region: Box  # the part of the frame that was judged, in the same terms
    p_fake: float  # probability of *fake* in [0, 1], of this frame
    logit: float  # the network's raw output
    evidence: np.ndarray  # `(h, w)` float32 over the region, signed; positive pushes towards fake
    # Why this frame alone could not be judged, codes out of `verdict.REASONS`.
    reasons: tuple[str, ...] = ()
    # `(C,)` float32, what a temporal head takes; None where the bundle has none.
    features: np.ndarray | None = None


@dataclass(frozen=True)
class Moment:
    """A stretch of time that speaks strongly for the likelier answer."""

    start: float  # of the first frame in it, in seconds
    end: float  # of the last frame in it
    share: float  # of all that speaks for that answer, in (0, 1]


@dataclass(frozen=True)
class Track:
    """One person, from the first frame to the last."""

    id: int  # from 1 on, in order of appearance
    verdict: verdict.Word  # `fake`, `real` or `inconclusive`
    p_fake: float  # probability of *fake* in [0, 1], by the logit
    logit: float  # of the temporal head, else the mean over the frames that count; see `score`
    reasons: tuple[str, ...]
    moments: tuple[Moment, ...]  # what carries it, see `moments`
    sightings: tuple[Sighting, ...]  # the frames in which the person was seen

    def at(self, time: float, gap: float) -> Sighting | None:
        """Return where the person is at any time, also between the frames that were looked at.

        Args:
            time: in seconds.
            gap: seconds; who was not seen for longer was away, and is shown for half of that at
                most after the last sighting and before the next.

        Returns:
            The nearest sighting, its box and region moved steadily from one to the next; None
            where nobody is.
        """
        seen = self.sightings
        after = bisect_right(seen, time, key=lambda one: one.time)
        one, other = seen[max(0, after - 1)], seen[min(after, len(seen) - 1)]
        nearer = min((one, other), key=lambda sighting: abs(sighting.time - time))
        if abs(nearer.time - time) > gap / 2:
            return None
        if other.time - one.time > gap:
            one = other = nearer
        span = other.time - one.time
        share = (time - one.time) / span if span > 0 else 0.0
        return replace(
            nearer,
            time=time,
            box=_between(one.box, other.box, share),
            region=_between(one.region, other.region, share),
        )

    def heat(self, sighting: Sighting) -> np.ndarray:
        """Return the evidence for the person's likelier answer, `(h, w)`, not below 0."""
        return np.maximum(sighting.evidence if self.p_fake >= 0.5 else -sighting.evidence, 0.0)


def _between(one: Box, other: Box, share: float) -> Box:
    left, top, width, height = (a + share * (b - a) for a, b in zip(one, other, strict=True))
    return left, top, width, height


def judge(
    persons: Sequence[Sequence[Sighting]],
    calibration: Calibration | None = None,
    temperature: float = 1.0,
    tracks: Calibration | None = None,
    head: Head | None = None,
) -> tuple[list[Track], Verdict]:
    """Judge the persons of a video, and the video by them.

    Args:
        persons: where each was seen, in order of time; the persons in order of appearance.
        calibration: of stills; without it and `tracks` no error rate is promised.
        temperature: of stills; divides the logit before the sigmoid where there is no `tracks`.
        tracks: of persons by `score`, with the same head.
        head: the temporal head. It has no say where stills alone are calibrated: its score has
            nothing to be held against.

    Returns:
        A track a person, and the verdict on the video: inconclusive without a person, and over
        several persons as over several faces in one image. Whoever was seen in a single frame,
        where another was seen in many, has no say in it: that is told by the numbers of frames
        alone, and never by what the network sees in them.
    """
    if not persons:
        return [], Verdict("inconclusive", (verdict.NO_FACE,))
    logits = [score(one, head if tracks or not calibration else None) for one in persons]
    judged = _judged(persons)
    pairs = [(_counted(persons[n]), logits[n]) for n in judged]
    known, many = tracks or calibration, len(pairs)
    if tracks is not None:
        temperature = tracks.temperature
        said = [verdict.decide(logit, tracks, _hindrances(one)) for one, logit in pairs]
        found = [tracks.p_value(logit, many) for _, logit in pairs]
    else:
        said = [_by_frames(one, logit, calibration) for one, logit in pairs]
        found = [_p_value(one, calibration, many) for one, _ in pairs]
    stands_out = known.stand_out(found) if known and many > 1 else [True] * many
    words = dict(zip(judged, said, strict=True))
    passing = Verdict("inconclusive", (verdict.SEEN_ONCE,))
    told = [
        _track(n + 1, one, words.get(n, passing), logit, temperature)
        for n, (one, logit) in enumerate(zip(persons, logits, strict=True))
    ]
    return told, verdict.together(said, stands_out)


def _judged(persons: Sequence[Sequence[Sighting]]) -> list[int]:
    """Return the positions of the persons who have a say."""
    brief = 1 if max(map(len, persons)) >= MANY else 0
    return [n for n, sightings in enumerate(persons) if len(sightings) > brief]


def _by_frames(
    sightings: Sequence[Sighting], logit: float, calibration: Calibration | None
) -> Verdict:
    """Judge a person by the calibration of stills."""
    real, fake = (_p_value(sightings, calibration, 1, among) for among in ("real", "fake"))
    return verdict.decide_by_frames(logit, real, fake, calibration, _hindrances(sightings))


def score(sightings: Sequence[Sighting], head: Head | None = None) -> float:
    """Return the logit of one person: by the temporal head, else the mean of the frames."""
    counted = _counted(sightings)
    if head is None:
        return float(np.mean([one.logit for one in counted]))
    return head.logit(np.stack([one.features for one in counted if one.features is not None]))


def _track(
    number: int, sightings: Sequence[Sighting], said: Verdict, logit: float, temperature: float
) -> Track:
    p_fake = float(probability(np.array(logit), temperature))
    carried = moments(_counted(sightings), logit >= 0)
    return Track(number, said.word, p_fake, logit, said.reasons, carried, tuple(sightings))


def _counted(sightings: Sequence[Sighting]) -> Sequence[Sighting]:
    """Leave out the frames in which the face is too small, unless that is all of them.

    Size says nothing about the score, so this is no choice among frames by what they say.
    """
    large = [one for one in sightings if verdict.FACE_TOO_SMALL not in one.reasons]
    return large or sightings


def _hindrances(sightings: Sequence[Sighting]) -> tuple[str, ...]:
    """Return what keeps every frame from being judged."""
    if not all(one.reasons for one in sightings):
        return ()
    return tuple(dict.fromkeys(reason for one in sightings for reason in one.reasons))


def _p_value(
    sightings: Sequence[Sighting],
    calibration: Calibration | None,
    persons: int,
    among: str = "real",
) -> float | None:
    """Merge the p-values of a person's frames into one, whatever they have to do with each other.

    A frame that cannot be judged counts as no evidence at all, 1: to leave it out would be to
    choose among frames by what the network sees in them.

    Returns:
        Twice their mean, which may exceed 1; None where there are too few calibration images for
        so many persons, since no frame's p-value could then be small enough.
    """
    if calibration is None:
        return None
    found = [calibration.p_value(one.logit, 2 * persons, among) for one in sightings]
    values = [1.0 if one.reasons else p for one, p in zip(sightings, found, strict=True)]
    known = [value for value in values if value is not None]
    return 2 * float(np.mean(known)) if len(known) == len(values) else None


def moments(sightings: Sequence[Sighting], fake: bool) -> tuple[Moment, ...]:
    """Find what carries the answer: the fewest frames that hold half of what speaks for it.

    What a frame says for an answer is its own logit, as far as that is on the answer's side.
    Frames that follow each other make one moment.

    Returns:
        The moments in order of time; none where no frame speaks for the answer.
    """
    logits = np.array([one.logit for one in sightings])
    speaks = np.maximum(0.0, logits if fake else -logits)
    if not speaks.any():
        return ()
    shares = speaks / speaks.sum()
    order = np.argsort(-shares, kind="stable")
    enough = int(np.searchsorted(np.cumsum(shares[order]), CARRIED - 1e-9)) + 1
    chosen = np.sort(order[:enough])
    runs = np.split(chosen, np.flatnonzero(np.diff(chosen) > 1) + 1)
    return tuple(
        Moment(sightings[run[0]].time, sightings[run[-1]].time, float(shares[run].sum()))
        for run in runs
    )
