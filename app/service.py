"""What answers requests: a detector, its queue, and what is kept and counted."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any, TypeVar

import numpy as np
from fastapi import FastAPI

from app import answers, clips, drawing, judging, problems
from app.answers import Status
from app.explaining import Explaining
from app.history import History
from app.judging import UPLOAD, Asked
from app.keys import Keys
from app.metrics import Metrics
from app.pages import Pages
from app.queue import Queue
from app.settings import Settings
from app.uploads import Held
from app.videos import Videos
from src import __version__, processor
from src.data import pixels
from src.detector import verdict
from src.detector.calibration import Calibration, probability
from src.detector.card import CARD_FILE, bundle_version
from src.detector.clip import Clip
from src.detector.detector import Detector
from src.detector.framing import FACES
from src.detector.prediction import Judgement, Seen
from src.explain import Explanation

log = logging.getLogger(__name__)

Returned = TypeVar("Returned")


class Service:
    """A detector with everything around it that answers requests.

    Args:
        detector: judges.
        folder: its bundle.
        settings: of the service.

    Raises:
        InputError: the keys or the history cannot be used, or the detector finds no faces.
    """

    def __init__(self, detector: Detector, folder: Path, settings: Settings) -> None:
        self.detector, self.settings = detector, settings
        self.card = (folder / CARD_FILE).read_bytes()
        self.version = bundle_version(folder)
        self.model = answers.Model(name=detector.card.name, version=self.version[:12])
        self.ready = False
        # Loads what finds faces now: a damaged bundle shall not wait for the first picture.
        detector.framing()
        self.faces = list(FACES) if detector.card.framing is not None else ["auto", "off"]
        self.keys = Keys.read(settings.api_keys, settings.rate) if settings.api_keys else None
        self.history = History(settings.history) if settings.history else None
        self.remembered = judging.Remembered[Judgement](settings.remembered)
        self.explaining = Explaining(detector, settings)
        self.held = Held(settings.max_held_bytes)
        self.pages = Pages(settings, drawing.style_hash())
        self.metrics = Metrics(lambda: self.queue.inside)
        # Gives a `Judgement` of what was seen, and outputs of the faces of a video.
        self.queue: Queue[Seen | np.ndarray, Any] = Queue(
            lambda seen: judging.judge(detector, seen, settings.batch_size),
            places=settings.places,
            batch_size=settings.batch_size,
            threads=processor.threads(),
            seen=self.metrics.batches.observe,
        )
        self.videos = Videos(detector, self.queue, settings)
        self.stored = Held(settings.max_stored_bytes)

    async def judge(self, asked: Asked) -> Judgement:
        """Say of an image what the detector says; whoever asks holds a place of the queue.

        Raises:
            Problem: it cannot be judged.
        """
        found = self.remembered.get(asked.key)
        if found is not None:
            return await self._told(asked, found)
        with _readable():
            seen = await self.queue.run(lambda: self._see(asked, self._read(asked)))
        return await self._told(asked, await self.queue.work(seen))

    async def look(
        self,
        asked: Asked,
        then: Callable[[np.ndarray, Judgement], Returned],
        run: Callable[[Callable[[], Any]], Awaitable[Any]] | None = None,
    ) -> tuple[Judgement, Returned]:
        """Judge an image as `judge` does, and make more of it while it is decoded.

        Args:
            then: takes the image, `(H, W, 3)` uint8 RGB, and what is said of it; on a thread, as
                all of it, so that there are no more decoded images than threads.
            run: calls a function on a thread; None takes one of the queue's.
        """
        found = self.remembered.get(asked.key)

        def work() -> tuple[Judgement, Returned]:
            image = self._read(asked)
            judgement = found or self.queue.ask(self._see(asked, image))
            return judgement, then(image, judgement)

        with _readable():
            judgement, made = await (run or self.queue.run)(work)
        return await self._told(asked, judgement), made

    async def explain(self, asked: Asked) -> Explanation:
        """Explain a verdict, see `judge`."""
        known = self.explaining.remembered.get(asked.key)
        if known is not None:
            await self.judge(asked)
            return known
        work = partial(self.explaining.explain, asked)
        _, found = await self.look(asked, work, self.explaining.run)
        self.explaining.remembered.keep(asked.key, found)
        return found

    async def report(self, asked: Asked) -> tuple[Judgement, Explanation, bytes]:
        """Return what is said of an image, why, and the picture of the evidence, a PNG file."""
        known = self.explaining.remembered.get(asked.key)

        def work(image: np.ndarray, judgement: Judgement) -> tuple[Explanation, bytes]:
            found = known or self.explaining.explain(asked, image, judgement)
            return found, drawing.overlay(image, judgement, "verdict")

        run = None if known else self.explaining.run
        judgement, (found, drawn) = await self.look(asked, work, run)
        self.explaining.remembered.keep(asked.key, found)
        return judgement, found, drawn

    def _read(self, asked: Asked) -> np.ndarray:
        return judging.read(asked.data, self.settings.max_pixels)

    def _see(self, asked: Asked, image: np.ndarray) -> Seen:
        return self.detector.see(image, asked.faces, path=UPLOAD, sha256=asked.sha256)

    async def _told(self, asked: Asked, said: Judgement) -> Judgement:
        """Remember, keep and count what is said of an image."""
        if self.remembered.get(asked.key) is said:
            self.metrics.remembered.inc()
        self.remembered.keep(asked.key, said)
        prediction = said.prediction
        await self._note(asked.sha256, prediction.verdict, prediction.p_fake)
        return said

    async def judge_video(self, file: IO[bytes], faces: str) -> Clip:
        """Say of a video what the detector says, see `Videos.judge`.

        Raises:
            Problem: it cannot be judged.
        """
        clip = await self.videos.judge(file, faces)
        most = max((track.p_fake for track in clip.tracks), default=None)
        await self._note(clip.sha256, clip.verdict, most)
        return clip

    async def _note(self, sha256: str, word: verdict.Word, p_fake: float | None) -> None:
        """Keep and count a verdict; the history has none without a probability."""
        if self.history is not None and p_fake is not None:
            await self.queue.run(self.history.add, sha256, word, p_fake, self.version)
        self.metrics.verdicts.labels(word).inc()
        log.info("%s %s %s", sha256, word, "-" if p_fake is None else f"{p_fake:.4f}")

    def admit(self, authorization: str, images: int = 0) -> None:
        """Ask for a key, where there are keys, and take images off what it has left.

        Raises:
            Problem: no key that is known, or one with nothing left.
        """
        if self.keys is not None:
            name = self.keys.name(authorization)
            if images:
                self.keys.spend(name, images)

    def overdraw(self, authorization: str, images: int) -> None:
        """Take images off what a key has left, for a batch that was admitted already."""
        if self.keys is not None:
            self.keys.overdraw(self.keys.name(authorization), images)

    def answer(self, judgement: Judgement, start: float) -> answers.Answer:
        """Return what is answered; `start` is a time of `time.perf_counter`."""
        milliseconds = 1000 * (time.perf_counter() - start)
        return answers.answer(judgement, self.model, milliseconds)

    def answer_video(self, clip: Clip, name: str, start: float) -> clips.Clip:
        """Return what is answered about a video that came under a name; see `answer`."""
        return clips.answer(clip, name, self.model, 1000 * (time.perf_counter() - start))

    @property
    def status(self) -> Status:
        """What the service tells of itself."""
        settings, engine = self.settings, self.detector.engine
        known = self.detector.calibration
        return Status(
            service="deepfake-detector",
            version=__version__,
            ready=self.ready,
            model=self.model,
            engine=engine.name,
            precision=engine.precision,
            drawn_sample=bool(self.detector.card.data.get("drawn_sample")),
            calibration=None if known is None else _calibrated(known),
            faces=self.faces,
            reasons=verdict.REASONS,
            limits=answers.Limits(
                bytes=settings.max_bytes,
                pixels=settings.max_pixels,
                files=settings.max_files,
                deadline=settings.deadline,
                video_bytes=settings.max_video_bytes,
                video_seconds=settings.max_video_seconds,
            ),
            key=self.keys is not None,
            history=self.history is not None,
        )

    @asynccontextmanager
    async def running(self, _app: FastAPI) -> AsyncIterator[None]:
        """Work from the first request to the last."""
        self.queue.start()
        warming = asyncio.create_task(self._warm_up())
        try:
            yield
        finally:
            warming.cancel()
            self.videos.stop()
            await self.queue.stop()
            self.explaining.stop()
            if self.history is not None:
                self.history.close()

    def stop_uploads(self) -> None:
        """Take in no more, not even what is under way: the service is about to stop."""
        self.held.stop()
        self.stored.stop()

    async def _warm_up(self) -> None:
        try:
            await self.queue.run(judging.warm_up, self.detector, self.settings.batch_size)
            self.ready = True
            await self.explaining.warm_up()
        except Exception:  # nobody awaits it: whoever runs the service reads it here
            log.exception("The service did not warm up")


@contextmanager
def _readable() -> Iterator[None]:
    """Turn what is wrong with an image into a problem."""
    try:
        yield
    except pixels.ImageError as error:
        raise problems.of_content(error, str(error)) from error


def _calibrated(known: Calibration) -> answers.Calibrated:
    """Return what clients are told of a calibration."""
    fakes = [
        sum(logit / known.temperature > known.t_fake for logit in logits) / len(logits)
        for logits in known.scores["fake"].values()
    ]
    t_real, t_fake = probability(np.array([known.t_real, known.t_fake]))
    return answers.Calibrated(
        t_real=float(t_real),
        t_fake=float(t_fake),
        false_fake=answers.Rate.of(known.false_fake, "real faces", "fake"),
        false_real=answers.Rate.of(known.false_real, "fakes", "real"),
        true_fake=min(fakes),
    )
