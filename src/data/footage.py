"""Read videos: the time and the pixels of their frames, one at a time.

A video is decoded from start to end, because jumping lands beside the frame in many files, and its
length is counted, because a file that was cut off claims frames that it has not.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Collection, Iterator
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

# What a frame may have, so that a small file cannot fill the memory: 8K, the largest in use.
MAX_PIXELS = 7680 * 4320
# What containers begin with, and where: a closed list, because the decoders would also open
# playlists, by which a file makes them read other files.
_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot")
_SIGNATURES = (
    *((4, box) for box in _BOXES),  # .mp4, .m4v, .mov
    (0, bytes.fromhex("1a45dfa3")),  # .mkv, .webm
    (8, b"AVI "),
    (0, bytes.fromhex("3026b2758e66cf11")),  # .wmv
    (0, bytes.fromhex("000001ba")),  # .mpg
    (0, bytes.fromhex("000001b3")),
    (0, b"FLV"),
    (0, b"OggS"),
)
# MPEG-TS has no more than a byte at the start of every packet, of 188 bytes or, in .m2ts, 192.
_SYNC, _PACKETS = 0x47, ((0, 188), (4, 192))
_NAMES = ".mp4, .mov, .mkv, .webm, .avi, .mpg, .ts or .wmv"
START = 256  # bytes of a file that tell whether it is one
# FFmpeg's own word for saying nothing, as OpenCV hands it on.
QUIET = "-8"


class VideoError(InputError):
    """A file cannot be read as a video; the message names the file and what is wrong with it."""


class NotAVideo(VideoError):
    """The content is of no format that is read."""


class TooLong(VideoError):
    """The video lasts longer than is gone through."""


class TooManyPixels(VideoError):
    """A frame is too large to be decoded."""


@dataclass(frozen=True)
class Survey:
    """What a pass through a video tells."""

    # (N,) float64, when each frame is shown in seconds, as the stream says; not falling.
    times: np.ndarray
    changes: np.ndarray  # (N,) float32 in [0, 1], how much each frame differs from the one before

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


def survey(
    path: Path, step: Callable[[], object] = lambda: None, longest: float = math.inf
) -> Survey:
    """Go through a video once, and note when each frame is shown and how much changes in it.

    Args:
        step: called after each frame.
        longest: seconds that it may last; a file that claims more is not gone through,
            unless it is shorter than it says it is.

    Raises:
        VideoError: the file cannot be read as a video, or its stream has no time stamps.
        TooLong: it lasts longer than `longest`.
    """
    import cv2

    times: list[float] = []
    changes: list[float] = []
    before = None
    with _opened(path) as capture:
        rate, count = capture.get(cv2.CAP_PROP_FPS), capture.get(cv2.CAP_PROP_FRAME_COUNT)
        if not _cut_off(path):
            _require_short(path, count / rate if rate > 0 else 0.0, longest)
        while capture.grab():
            now = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
            times.append(max(now, times[-1]) if times else now)
            _require_short(path, times[-1] - times[0], longest)
            glance, change = _glance(path, capture), 0.0
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


def _require_short(path: Path, seconds: float, longest: float) -> None:
    if seconds > longest:
        raise TooLong(
            f"{path}: the video lasts {seconds:.0f} s or more; at most {longest:g} s are judged: "
            "cut it"
        )


def _glance(path: Path, capture: cv2.VideoCapture) -> np.ndarray | None:
    import cv2

    frame = _retrieved(path, capture)
    return None if frame is None else cv2.resize(frame, _GLANCE, interpolation=cv2.INTER_AREA)


def _retrieved(path: Path, capture: cv2.VideoCapture) -> np.ndarray | None:
    """Return the frame that was grabbed, (H, W, 3) uint8 BGR; None where it is damaged."""
    good, frame = capture.retrieve()
    if not good or frame is None:
        return None
    # The first frame's size is known before; a later one may have another.
    _require_small(path, frame.shape[1], frame.shape[0])
    return frame


def read(path: Path, numbers: Collection[int]) -> Iterator[tuple[int, np.ndarray]]:
    """Read the frames with these numbers, in order.

    Args:
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
                frame = _retrieved(path, capture)
                if frame is not None:
                    found = True
                    yield number, cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
    if not found:
        raise VideoError(f"{path}: the video is damaged: none of its frames can be read")


def frames(path: Path, count: int) -> Iterator[tuple[int, np.ndarray]]:
    """Read frames that are evenly spread over a video.

    Args:
        count: how many frames; all of them where the video has fewer.

    Yields:
        What `read` yields: the number of each frame and the frame, `(H, W, 3)` uint8 RGB.
    """
    length = claimed(path)
    if not length or _cut_off(path):
        with _opened(path) as capture:
            length = sum(1 for _ in iter(capture.grab, False))
    # Those in the middle of `count` equal parts.
    return read(path, {(2 * part + 1) * length // (2 * count) for part in range(count)})


def claimed(path: Path) -> int:
    """Return how many frames the file says it has; 0 where it does not say."""
    import cv2

    with _opened(path) as capture:
        return max(0, int(capture.get(cv2.CAP_PROP_FRAME_COUNT)))


def _cut_off(path: Path) -> bool:
    """Tell whether a file is an .avi that says it is longer than it is: it claims too much."""
    with path.open("rb") as file:
        start = file.read(12)
    holds = int.from_bytes(start[4:8], "little")
    return start[8:] == b"AVI " and path.stat().st_size < 8 + holds


@contextmanager
def _opened(path: Path) -> Iterator[cv2.VideoCapture]:
    """Open a video; OpenCV turns its frames upright by itself, as the file's rotation says."""
    import cv2

    # What is wrong with a file stands in our errors, and not beside them in a decoder's words.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", QUIET)
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)

    _require_container(path)
    # The same decoder on every system.
    capture = cv2.VideoCapture(address(path), cv2.CAP_FFMPEG)
    try:
        if not capture.isOpened():
            raise VideoError(f"{path}: {_reason(path)}")
        width, height = (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
        _require_small(path, int(capture.get(width)), int(capture.get(height)))
        yield capture
    finally:
        capture.release()


def address(path: Path) -> str:
    """Return a path as OpenCV takes one.

    Absolute, because FFmpeg takes what stands before a colon for the name of a protocol.

    Raises:
        VideoError: it is not UTF-8, at which OpenCV would end the process.
    """
    absolute = str(path.absolute())
    try:
        absolute.encode()
    except UnicodeEncodeError as error:
        raise VideoError(f"{path}: a path in UTF-8 was expected: rename it") from error
    return absolute


def _reason(path: Path) -> str:
    """Say why a file that begins as a video cannot be opened."""
    with path.open("rb") as file:
        boxed = file.read(8)[4:] in _BOXES
    if boxed and not _has_index(path):
        return (
            "cut off: its index, which stands at its end, is missing, so that nothing of it can be "
            "read; fetch the whole file"
        )
    return "damaged, without a picture, or in a format that cannot be read"


def _has_index(path: Path) -> bool:
    """Tell whether an .mp4 or .mov has the box that says where its frames are, whole."""
    size = path.stat().st_size
    with path.open("rb") as file:
        at = 0
        while len(head := file.read(16)) >= 8:
            length, kind = int.from_bytes(head[:4], "big"), head[4:8]
            if length == 1:
                length = int.from_bytes(head[8:], "big")
            elif length == 0:
                length = size - at
            if length < 8 or at + length > size:
                return False
            if kind == b"moov":
                return True
            at += length
            file.seek(at)
    return False


def _require_small(path: Path, width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise TooManyPixels(
            f"{path}: the frames have {width} x {height} pixels; at most {MAX_PIXELS / 1e6:.0f} "
            "million are decoded: scale it down"
        )


def _require_container(path: Path) -> None:
    """Refuse what is no container of videos by its content, before a decoder sees it."""
    try:
        if path.is_dir():
            raise VideoError(f"{path}: one video was expected, but this is a folder")
        if not path.is_file() or path.stat().st_size == 0:
            raise VideoError(f"{path}: the file is missing or empty")
        with path.open("rb") as file:
            start = file.read(START)
    except OSError as error:
        raise VideoError(f"{path}: cannot be read ({error.strerror})") from error
    if not holds_video(start):
        raise NotAVideo(
            f"{path}: not a video, without a picture, or in a format that is not read, such as a "
            f"playlist; expected {_NAMES}"
        )


def holds_video(start: bytes) -> bool:
    """Tell by its first bytes whether a file is a container of videos."""
    if any(start[at:].startswith(signature) for at, signature in _SIGNATURES):
        return True
    return any(start[at : at + step + 1 : step] == bytes([_SYNC] * 2) for at, step in _PACKETS)
