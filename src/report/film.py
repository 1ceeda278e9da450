"""Write annotated videos: as .mp4 for players, and as .webm for browsers.

OpenCV's wheels write no H.264, the one format of .mp4 that every browser plays; VP8 in a .webm they
do write, and every browser plays it. Sound is not carried over.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import numpy as np
from PIL import ImageColor

from src import InputError
from src.files import atomic_file
from src.report.plots import blend
from src.report.plots.painting import Heat
from src.report.plots.style import VERDICTS, legible_on

CODECS = {".mp4": "mp4v", ".webm": "VP80"}
# The longer side of a .webm in pixels: to be looked at in a page, and quickly encoded.
PAGE_SIDE = 640
SLOWEST, FASTEST = 1.0, 60.0
# A process has one: what two put in its place at once, neither would give back.
_stderr = Lock()
# Left, top, width, height in pixels.
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Mark:
    """What is drawn around one person in a frame."""

    box: Box  # the face: left, top, width, height in pixels
    region: Box  # what was judged, in the same terms
    heat: np.ndarray  # `(h, w)` in [0, 1] over the region, see `painting.blend`
    text: str  # above the box
    note: str  # below it
    word: str  # `fake`, `real` or `inconclusive`; gives the colour


def paint(image: np.ndarray, marks: Sequence[Mark]) -> np.ndarray:
    """Draw heatmaps, boxes and texts into a frame.

    Args:
        image: `(H, W, 3)` uint8 RGB.

    Returns:
        A copy, `(H, W, 3)` uint8 RGB.
    """
    painted = image.copy()
    heats = [(mark.heat, _inside(mark.region, image.shape)) for mark in marks]
    for group in _overlapping([heat for heat in heats if min(heat[1][2:]) > 0]):
        # No more of the frame than they cover: a whole one takes long.
        left, top, right, bottom = _around([box for _, box in group])
        part = painted[top:bottom, left:right]
        moved = [(heat, (x - left, y - top, w, h)) for heat, (x, y, w, h) in group]
        part[:] = blend(part, moved, outlined=False)
    for mark in marks:
        _outline(painted, mark)
    return painted


def _inside(region: Box, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Return left, top, width and height of a region, as far as it lies in the picture."""
    left, top, width, height = (round(value) for value in region)
    x, y = max(0, left), max(0, top)
    return x, y, min(shape[1], left + width) - x, min(shape[0], top + height) - y


def _overlapping(heats: Iterable[Heat]) -> list[list[Heat]]:
    """Put those together that overlap, by the rectangles around them."""
    groups: list[list[Heat]] = []
    for heat in heats:
        group, apart = [heat], []
        for other in groups:
            one, two = (_around([box for _, box in some]) for some in (group, other))
            meet = max(one[0], two[0]) < min(one[2], two[2])
            if meet and max(one[1], two[1]) < min(one[3], two[3]):
                group = other + group
            else:
                apart.append(other)
        groups = [*apart, group]
    return groups


def _around(boxes: Sequence[tuple[int, int, int, int]]) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of all boxes."""
    left, top, width, height = np.array(boxes).T
    return (
        int(left.min()), int(top.min()), int((left + width).max()), int((top + height).max())
    )  # fmt: skip


def _outline(painted: np.ndarray, mark: Mark) -> None:
    import cv2

    colour = ImageColor.getrgb(VERDICTS[mark.word])
    left, top, width, height = (round(value) for value in mark.box)
    scale = max(0.4, min(painted.shape[:2]) / 900)
    line = max(1, round(2 * scale))
    cv2.rectangle(painted, (left, top), (left + width, top + height), colour, line)
    _write(painted, mark.text, (left, top), colour, scale, line, above=True)
    _write(painted, mark.note, (left, top + height), colour, scale, line, above=False)


def _write(
    painted: np.ndarray,
    text: str,
    corner: tuple[int, int],
    colour: tuple[int, ...],
    scale: float,
    line: int,
    *,
    above: bool,
) -> None:
    """Write above or below a corner of a box, but never out of the picture."""
    import cv2

    font = cv2.FONT_HERSHEY_SIMPLEX
    (across, up), below = cv2.getTextSize(text, font, scale, line)
    x = min(max(0, corner[0]), max(0, painted.shape[1] - across))
    y = max(up + below, corner[1] + (-below if above else up + below))
    y = min(y, max(up, painted.shape[0] - below))
    cv2.rectangle(painted, (x, y - up - below), (x + across, y + below), colour, -1)
    ink = (255,) * 3 if legible_on(tuple(c / 255 for c in colour)) == "white" else (0,) * 3
    cv2.putText(painted, text, (x, y), font, scale, ink, line, cv2.LINE_AA)


def write(paths: Sequence[Path], frames: Iterable[tuple[float, np.ndarray]], rate: float) -> None:
    """Write the same video into several files, whole or not at all.

    The files have a constant frame rate, so a frame is repeated until the next one is due, and left
    out where one is due already: what is shown when stays as it is in the frames' own times.

    Args:
        paths: the suffix of each, one of `CODECS`, gives the format.
        frames: when each is shown in seconds, rising, and its picture, `(H, W, 3)` uint8 RGB.
        rate: frames a second; at least `SLOWEST` and at most `FASTEST` are written.

    Raises:
        InputError: this OpenCV cannot write such a video there.
    """
    rate = min(max(rate, SLOWEST), FASTEST)
    with ExitStack() as stack:
        places = [stack.enter_context(atomic_file(path)) for path in paths]
        writers: list[_Writer] = []
        for image, times in _steadily(frames, rate):
            if not writers:
                for place in places:
                    writers.append(_Writer(place, rate, image.shape))
                    # Called before the files are moved into place.
                    stack.callback(writers[-1].close)
            for writer in writers:
                writer.write(image, times)


def _steadily(
    frames: Iterable[tuple[float, np.ndarray]], rate: float
) -> Iterator[tuple[np.ndarray, int]]:
    """Say how often each frame is written, so that it is shown until the next one is due."""
    held, start, written = None, 0.0, 0
    for time, image in frames:
        if held is None:
            start = time
        else:
            due = round((time - start) * rate) - written
            if due > 0:
                yield held, due
                written += due
        held = image
    if held is not None:
        yield held, 1


class _Writer:
    """Writes frames of one size into one file, on a thread of its own, one frame ahead."""

    def __init__(self, path: Path, rate: float, shape: tuple[int, ...]) -> None:
        import cv2

        side = PAGE_SIDE if path.suffix == ".webm" else max(shape[:2])
        scale = min(1.0, side / max(shape[:2]))
        # Even, because the colours have half the resolution.
        self._size = tuple(max(2, round(n * scale) // 2 * 2) for n in (shape[1], shape[0]))
        with _without_complaints():
            self._file = cv2.VideoWriter(
                str(path),
                cv2.CAP_FFMPEG,
                cv2.VideoWriter.fourcc(*CODECS[path.suffix]),
                rate,
                self._size,
            )
        if not self._file.isOpened():
            raise InputError(
                f"{path.parent}: this OpenCV writes no {path.suffix} there; leave the annotated "
                "video out (--no-annotate), or install opencv-python-headless from PyPI"
            )

        self._thread = ThreadPoolExecutor(1, "film")
        self._under_way: Future[None] | None = None

    def write(self, image: np.ndarray, times: int) -> None:
        self._wait()
        self._under_way = self._thread.submit(self._encode, image, times)

    def _wait(self) -> None:
        if self._under_way is not None:
            self._under_way.result()

    def _encode(self, image: np.ndarray, times: int) -> None:
        import cv2

        if image.shape[1::-1] != self._size:
            image = cv2.resize(image, self._size, interpolation=cv2.INTER_AREA)
        frame = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        for _ in range(times):
            self._file.write(frame)

    def close(self) -> None:
        self._thread.shutdown()
        self._file.release()
        # Tells what went wrong with the last frame.
        self._wait()


@contextmanager
def _without_complaints() -> Iterator[None]:
    """Keep OpenCV from saying on stderr that .webm files have no such tag; they need none."""
    with _stderr:
        kept = os.dup(2)
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
