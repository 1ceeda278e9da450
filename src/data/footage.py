"""Read videos: the time and the pixels of their frames, one at a time.

A video is decoded from start to end, because jumping lands beside the frame in many files, and its
length is counted, because a file that was cut off claims frames that it has not.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from src import InputError

if TYPE_CHECKING:
    import cv2

# Width and height that frames are compared at.
_GLANCE = (32, 18)
# A frame begins a scene where it differs so much from the one before (as a share of white from
# black), and so many times as much as its neighbours do from theirs: a camera that moves fast
# changes every frame.
CUT, STANDS_OUT = 0.08, 2.0


class VideoError(InputError):
    """A file cannot be read as a video; the message names the file and what is wrong with it."""


@dataclass(frozen=True)
class Survey:
    """What a pass through a video tells.

    Attributes:
        times: (N,) float64, when each frame is shown in seconds, as the stream says; not falling.
        changes: (N,) float32 in [0, 1], how much each frame differs from the one before.
    """

    times: np.ndarray
    changes: np.ndarray

    @property
    def duration(self) -> float:
        """Seconds from the first frame to the end of the last, which lasts as long as most do."""
        return float(self.times[-1] - self.times[0]) + self.interval

    @property
    def interval(self) -> float:
        """Seconds that most frames last; 0 where there is only one."""
        return float(np.median(np.diff(self.times))) if len(self.times) > 1 else 0.0

    @property
    def cuts(self) -> list[int]:
        """The numbers of the frames that begin a scene; the first is none of them."""
        beside = np.pad(self.changes, 1)
        most = np.maximum(beside[:-2], beside[2:])
        return np.flatnonzero((self.changes > CUT) & (self.changes > STANDS_OUT * most)).tolist()


def survey(path: Path, step: Callable[[], object] = lambda: None) -> Survey:
    """Go through a video once, and note when each frame is shown and how much changes in it.

    Args:
        path: the video.
        step: called after each frame.

    Raises:
        VideoError: the file cannot be read as a video, or its stream has no time stamps.
    """
    import cv2

    times: list[float] = []
    changes: list[float] = []
    before = None
    with _opened(path) as capture:
        while capture.grab():
            now = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
            times.append(max(now, times[-1]) if times else now)
            glance, change = _glance(capture), 0.0
            if before is not None and glance is not None:
                change = float(cv2.absdiff(before, glance).mean()) / 255
            changes.append(change)
            before = before if glance is None else glance
            step()
    if before is None:
        raise VideoError(f"{path}: the video is damaged: none of its frames can be read")
    if len(times) > 1 and times[-1] == times[0]:
        raise VideoError(
            f"{path}: the stream has no time stamps; put it into a container that has, such as "
            "with `ffmpeg -i IN -c copy OUT.mp4`"
        )
    return Survey(np.array(times), np.array(changes, np.float32))


def _glance(capture: cv2.VideoCapture) -> np.ndarray | None:
    """Return the frame at thumbnail size."""
    import cv2

    read, frame = capture.retrieve()
    if not read or frame is None:
        return None
    return cv2.resize(frame, _GLANCE, interpolation=cv2.INTER_AREA)


def read(path: Path, numbers: Collection[int]) -> Iterator[tuple[int, np.ndarray]]:
    """Read the frames with these numbers, in order.

    Args:
        path: the video.
        numbers: of the frames, from 0; those that cannot be read are left out.

    Yields:
        The number of the frame and the frame: (H, W, 3) uint8 RGB in [0, 255], turned upright.

    Raises:
        VideoError: the file cannot be read as a video, or none of the frames can.
    """
    import cv2

    found = False
    wanted = frozenset(numbers)
    with _opened(path) as capture:
        for number in range(max(wanted, default=-1) + 1):
            if not capture.grab():
                break
            if number in wanted:
                good, frame = capture.retrieve()
                if good and frame is not None:
                    found = True
                    yield number, cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
    if not found:
        raise VideoError(f"{path}: the video is damaged: none of its frames can be read")


def frames(path: Path, count: int) -> Iterator[tuple[int, np.ndarray]]:
    """Read frames that are evenly spread over the length that a video claims.

    Args:
        path: the video.
        count: how many frames; all of them where the video has fewer.

    Yields:
        What `read` yields.

    Raises:
        VideoError: the file cannot be read as a video, or it ends before the first frame wanted.
    """
    return read(path, set(_spread(claimed(path) or _counted(path), count)))


def claimed(path: Path) -> int:
    """Return how many frames the file says it has; 0 where it does not say.

    Raises:
        VideoError: the file cannot be read as a video.
    """
    import cv2

    with _opened(path) as capture:
        return max(0, int(capture.get(cv2.CAP_PROP_FRAME_COUNT)))


def _counted(path: Path) -> int:
    length = 0
    with _opened(path) as capture:
        while capture.grab():
            length += 1
    return length


def _spread(length: int, count: int) -> Iterable[int]:
    """Return the numbers of the frames in the middle of `count` equal parts."""
    return ((2 * part + 1) * length // (2 * count) for part in range(count))


@contextmanager
def _opened(path: Path) -> Iterator[cv2.VideoCapture]:
    """Open a video; OpenCV turns its frames upright by itself, as the file's rotation says."""
    import cv2

    if not path.is_file() or path.stat().st_size == 0:
        raise VideoError(f"{path}: the file is missing or empty")
    with path.open("rb") as file:
        start = file.read(64)
    if start.isascii() and start.decode().replace("\n", "").replace("\r", "").isprintable():
        # Such as a playlist, whose decoder would go on and open what it names.
        raise VideoError(f"{path}: a text or a playlist; expected the video itself")
    # The same decoder on every system.
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    try:
        if not capture.isOpened():
            raise VideoError(
                f"{path}: not a video, without a picture, or in a format that cannot be read"
            )
        yield capture
    finally:
        capture.release()
