"""Judge videos: a few at a time, and through the same queue as pictures, which go before them."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Event
from typing import IO, Any, TypeVar

import numpy as np

from app.judging import UPLOAD, Remembered
from app.problems import Problem, busy, of_content
from app.queue import Queue
from app.settings import Settings
from src import files, video
from src.data.footage import VideoError
from src.detector.clip import Clip
from src.detector.detector import Detector
from src.detector.prediction import Output

Returned = TypeVar("Returned")
# Of what the network takes at once, a video's faces may be one in so many: pictures need not wait
# for all of a video.
SHARE = 4
# How much further back in the line for processors a video stands than a picture.
NICER = 10
# Answers about videos that are kept: a heatmap for each face, so that they can be drawn.
REMEMBERED = 8
RETRY_AFTER = 10


class _Stopped(Exception):
    """Nobody waits for the answer any more."""


class Videos:
    """Judges videos on threads of its own.

    Args:
        detector: judges.
        queue: scores the faces.
        settings: of the service.
    """

    def __init__(self, detector: Detector, queue: Queue, settings: Settings) -> None:
        self._detector, self._queue, self._settings = detector, queue, settings
        self._places = asyncio.Semaphore(settings.videos)
        self.inside = 0
        self._remembered = Remembered[Clip](REMEMBERED)
        self._stopped = Event()
        self._judges = ThreadPoolExecutor(settings.videos, "video", _stand_back)

    def stop(self) -> None:
        """Stop; whoever still waits is told so."""
        self._stopped.set()
        # What was begun ends at its next step.
        self._judges.shutdown(wait=False)

    def require_free(self) -> None:
        """Refuse when as many videos are judged as may be at a time.

        Raises:
            Problem: they are.
        """
        if self._places.locked():
            detail = f"{self.inside} videos are under way, and no more are taken; try again soon."
            raise Problem(503, "busy", detail, retry_after=RETRY_AFTER)

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Hold a place for a video, for as long as the block takes.

        Nobody waits for one, since whoever asks holds a place of the pictures meanwhile.

        Raises:
            Problem: none is free.
        """
        self.require_free()
        async with self._places:
            self.inside += 1
            try:
                yield
            finally:
                self.inside -= 1

    async def judge(self, file: IO[bytes], faces: str) -> Clip:
        """Say of a video what the detector says; whoever asks holds a place of the queue too.

        Args:
            file: of the video, on the disk; it may be closed as soon as this returns or raises.
            faces: which are judged, one of `framing.FACES`.

        Raises:
            Problem: it cannot be judged.
        """
        sha256 = await self._run(file, lambda path, _going_on: files.sha256(path))
        found = self._remembered.get((sha256, faces))
        if found is None:
            found = await self._run(file, self._judge, faces)
            self._remembered.keep((sha256, faces), found)
        return found

    async def draw(self, file: IO[bytes], clip: Clip) -> IO[bytes]:
        """Return the video with boxes, verdicts and heatmaps: a .webm without a name on the disk.

        Args:
            file: as for `judge`.
            clip: what was said of it.
        """
        return await self._run(file, _draw, clip)

    async def _run(
        self, file: IO[bytes], function: Callable[..., Returned], *arguments: Any
    ) -> Returned:
        """Call a function with the path of a file, and end it where nobody waits any more."""
        stop = Event()
        # The thread has a number for the file that is its own until it ends, whenever that is.
        number = os.dup(file.fileno())
        path = Path(f"/dev/fd/{number}")

        def going_on() -> None:
            if stop.is_set() or self._stopped.is_set():
                raise _Stopped

        try:
            work = self._judges.submit(function, path, going_on, *arguments)
        except RuntimeError as error:
            os.close(number)
            raise busy("The service is stopping.") from error
        work.add_done_callback(lambda _done: os.close(number))
        try:
            return await asyncio.wrap_future(work)
        except _Stopped as error:
            raise busy("The service is stopping.") from error
        except VideoError as error:
            raise of_content(error, str(error).replace(str(path), UPLOAD)) from error
        finally:
            stop.set()

    def _judge(self, path: Path, going_on: Callable[[], None], faces: str) -> Clip:
        def score(images: np.ndarray) -> list[Output]:
            return self._queue.ask(images, going_on)

        return video.judge(
            path,
            self._detector,
            faces=faces,
            batch_size=max(1, self._settings.batch_size // SHARE),
            longest=self._settings.max_video_seconds,
            score=score,
            told=partial(_told, going_on),
        )


@contextmanager
def _told(
    going_on: Callable[[], None], _what: str, _steps: int | None
) -> Iterator[Callable[[], None]]:
    yield going_on


def _stand_back() -> None:
    """Let pictures go first: on Linux a thread, and those that it starts, have a priority."""
    if sys.platform == "linux":
        os.nice(NICER)


def _draw(path: Path, going_on: Callable[[], None], clip: Clip) -> IO[bytes]:
    with tempfile.TemporaryDirectory(prefix="deepfake-") as folder:
        place = Path(folder, "clip.webm")
        video.annotate(replace(clip, path=str(path)), [place], partial(_told, going_on))
        return place.open("rb")
