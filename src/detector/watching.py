"""Watch a video: find the faces in its frames, tell who is who, and score them in batches."""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from src import processor
from src.data import footage, looks
from src.data.footage import Survey
from src.data.tracks import Box, Tracker
from src.detector import verdict
from src.detector.ahead import AT_ONCE, ahead, in_batches
from src.detector.detector import Detector
from src.detector.engines import BATCH
from src.detector.framing import View
from src.detector.persons import Sighting
from src.detector.prediction import Output, hindrances


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
class _Appearance:
    """A view of a frame, with how the person in it looks."""

    time: float
    view: View
    input: np.ndarray  # as the network gets it
    looks: np.ndarray | None  # None where no face was looked for

    @property
    def box(self) -> Box:
        """Where the face is; the whole view where none was looked for."""
        left, top, width, height = self.view.face.box if self.view.face else self.view.box
        return float(left), float(top), float(width), float(height)


def watch(
    detector: Detector,
    frames: Iterable[Frame],
    *,
    faces: str = "auto",
    batch_size: int = BATCH,
    score: Callable[[np.ndarray], list[Output]] | None = None,
    step: Callable[[], object] = lambda: None,
) -> list[list[Sighting]]:
    """Find the persons in a video and score every face of theirs.

    Faces are found on threads while the network works on the batch before; of the frames only a
    few are held at a time, so that memory does not grow with the length of the video but by what
    is returned.

    Args:
        faces: which faces are judged, one of `framing.FACES`. With `off`, or where the detector
            was trained on whole images, the whole picture is the one person.
        score: scores faces in the detector's stead, as `Detector.outputs`; called on threads.

    Returns:
        The sightings of each person, in order of appearance.
    """
    # Loads what finds faces now: threads shall not do it side by side.
    detector.framing(faces)
    persons: dict[int, list[Sighting]] = {}
    found = _follow(frames, partial(_look, detector, faces), step)
    score = score or partial(detector.outputs, batch_size=batch_size)
    judge = partial(_judge, detector, score)
    for person, sighting in in_batches(found, judge, batch_size, AT_ONCE):
        persons.setdefault(person, []).append(sighting)
    return [persons[person] for person in sorted(persons)]


def _follow(
    frames: Iterable[Frame],
    look: Callable[[Frame], list[_Appearance]],
    step: Callable[[], object],
) -> Iterator[tuple[int, _Appearance]]:
    """Yield who is seen, with the number of the person."""
    tracker = Tracker()
    threads = processor.threads()
    with ThreadPoolExecutor(threads) as finders:
        # Every thread is busy with a frame, and memory holds no more frames than that takes.
        for frame, begun in ahead(frames, lambda one: finders.submit(look, one), threads):
            seen = begun.result()
            known = [one.looks for one in seen if one.looks is not None]
            who = tracker.follow([one.box for one in seen], known or None, frame.cut)
            yield from zip(who, seen, strict=True)
            step()


def _look(detector: Detector, faces: str, frame: Frame) -> list[_Appearance]:
    """Cut out what the network judges of a frame; nothing where no face is found."""
    seen = detector.see(frame.image, faces)
    return [
        _Appearance(
            frame.time, view, input_, looks.describe(frame.image, view.face) if view.face else None
        )
        for view, input_ in zip(seen.views, seen.inputs, strict=True)
        if verdict.NO_FACE not in view.reasons
    ]


def _judge(
    detector: Detector,
    score: Callable[[np.ndarray], list[Output]],
    batch: Sequence[tuple[int, _Appearance]],
) -> list[tuple[int, Sighting]]:
    outputs = score(np.stack([one.input for _, one in batch]))
    return [
        (
            person,
            Sighting(
                one.time,
                one.box,
                one.view.box,
                output.p_fake,
                output.logit,
                output.evidence,
                hindrances(one.view, output.unfamiliarity, detector.calibration),
                output.features,
            ),
        )
        for (person, one), output in zip(batch, outputs, strict=True)
    ]
