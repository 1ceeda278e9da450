"""Watch a video: find the faces in its frames, tell who is who, and score them in batches."""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np

from src.data import footage, looks, pixels
from src.data.footage import Survey
from src.data.tracks import Box, Tracker
from src.detector import verdict
from src.detector.detector import AT_ONCE, Detector, ahead, decoding_threads
from src.detector.framing import Framing, View
from src.detector.persons import Sighting
from src.detector.prediction import Scores, hindrances


@dataclass(frozen=True)
class Frame:
    """One frame of a video."""

    time: float  # when it is shown, in seconds
    image: np.ndarray  # `(H, W, 3)` uint8 RGB, upright
    cut: bool = False  # another scene has begun since the frame before that was watched


def frames_of(path: Path, found: Survey, chosen: Sequence[int]) -> Generator[Frame, None, None]:
    """Read frames of a video, each with whether a scene has begun since the last.

    Raises:
        VideoError: none of them can be read.
    """
    scene = np.searchsorted(found.cuts, np.arange(len(found.times)), "right")
    last = None
    for number, image in footage.read(path, chosen):
        cut = last is not None and scene[number] != scene[last]
        yield Frame(float(found.times[number]), image, bool(cut))
        last = number


@dataclass(frozen=True)
class _Seen:
    """A view of a frame as the network gets it, with how the person in it looks."""

    view: View
    pixels: np.ndarray
    looks: np.ndarray | None

    @property
    def box(self) -> Box:
        """Where the face is; the whole view where none was looked for."""
        left, top, width, height = self.view.face.box if self.view.face else self.view.box
        return float(left), float(top), float(width), float(height)


@dataclass(frozen=True)
class _Appearance:
    """A view in time, and whose it is."""

    time: float
    person: int
    seen: _Seen


def watch(
    detector: Detector,
    frames: Iterable[Frame],
    *,
    faces: str = "auto",
    batch_size: int = 32,
    score: Callable[[np.ndarray], Scores] | None = None,
    step: Callable[[], object] = lambda: None,
) -> list[list[Sighting]]:
    """Find the persons in a video and score every face of theirs.

    Faces are found on threads while the network works on the batch before; of the frames only a
    few are held at a time, so that memory does not grow with the length of the video but by what
    is returned.

    Args:
        faces: which faces are judged, one of `framing.FACES`. With `off`, or where the detector
            was trained on whole images, the whole picture is the one person.
        score: scores faces in the detector's stead, as `Detector.score`; called on threads.

    Returns:
        The sightings of each person, in order of appearance.
    """
    persons: dict[int, list[Sighting]] = {}
    judge = partial(_score, detector, score or detector.score)
    with ThreadPoolExecutor(AT_ONCE) as judges:
        found = _follow(frames, detector.framing(faces), detector.card.image_size, step)
        batches = iter(lambda: list(islice(found, batch_size)), [])
        for _, judged in ahead(batches, partial(judges.submit, judge), AT_ONCE):
            for person, sighting in judged.result():
                persons.setdefault(person, []).append(sighting)
    return [persons[person] for person in sorted(persons)]


def _follow(
    frames: Iterable[Frame], framing: Framing, size: int, step: Callable[[], object]
) -> Iterator[_Appearance]:
    tracker = Tracker()
    threads = decoding_threads()
    with ThreadPoolExecutor(threads) as finders:
        look = partial(_look, framing, size)
        # Every thread is busy with a frame, and memory holds no more frames than that takes.
        begun = ahead(frames, lambda frame: finders.submit(look, frame.image), threads)
        for frame, future in begun:
            seen = future.result()
            known = [one.looks for one in seen if one.looks is not None]
            who = tracker.follow([one.box for one in seen], known or None, frame.cut)
            for person, one in zip(who, seen, strict=True):
                yield _Appearance(frame.time, person, one)
            step()


def _look(framing: Framing, size: int, image: np.ndarray) -> list[_Seen]:
    """Cut out what the network judges of a frame; nothing where no face is found."""
    return [
        _Seen(
            view,
            pixels.resize(view.cut(image), size),
            looks.describe(image, view.face) if view.face else None,
        )
        for view in framing.views(image)
        if verdict.NO_FACE not in view.reasons
    ]


def _score(
    detector: Detector,
    score: Callable[[np.ndarray], Scores],
    batch: Sequence[_Appearance],
) -> list[tuple[int, Sighting]]:
    scores = score(np.stack([one.seen.pixels for one in batch]))
    features = [None] * len(batch) if scores.features is None else scores.features
    return [
        (
            one.person,
            Sighting(
                one.time,
                one.seen.box,
                one.seen.view.box,
                output.p_fake,
                output.logit,
                evidence,
                hindrances(one.seen.view, output.unfamiliarity, detector.calibration),
                known,
            ),
        )
        for one, output, evidence, known in zip(
            batch, scores.outputs(), scores.evidence, features, strict=True
        )
    ]
