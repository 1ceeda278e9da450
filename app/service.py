"""What answers requests: a detector, its queue, and what is kept and counted."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
from fastapi import FastAPI

from app import answers, drawing, judging, problems
from app.answers import Status
from app.explaining import Explaining
from app.history import History
from app.judging import Judgement, Seen
from app.keys import Keys
from app.metrics import Metrics
from app.pages import Pages
from app.queue import Queue
from app.settings import Settings
from app.uploads import Held
from src import __version__
from src.data import pixels
from src.detector import verdict
from src.detector.calibration import Calibration, probability
from src.detector.card import CARD_FILE, MODEL_FILE
from src.detector.detector import Detector
from src.detector.framing import FACES

log = logging.getLogger(__name__)


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
        self.version = _version(folder)
        self.model = answers.Model(name=detector.card.name, version=self.version[:12])
        self.ready = False
        # Loads what finds faces now: a damaged bundle shall not wait for the first picture.
        detector.framing()
        self.faces = [way for way in FACES if _offers(detector, way)]
        self.keys = Keys.read(settings.api_keys, settings.rate) if settings.api_keys else None
        self.history = History(settings.history) if settings.history else None
        self.remembered = judging.Remembered[Judgement](settings.remembered)
        self.explaining = Explaining(detector, settings)
        self.held = Held(settings.max_held_bytes)
        self.pages = Pages(settings, drawing.style_hash())
        self.metrics = Metrics(lambda: self.queue.inside)
        self.queue: Queue[Seen, Judgement] = Queue(
            self._judge,
            places=settings.places,
            batch_size=settings.batch_size,
            threads=os.cpu_count() or 4,
            seen=self.metrics.batches.observe,
        )

    def _judge(self, seen: Sequence[Seen]) -> list[Judgement]:
        return judging.judge(self.detector, seen, self.settings.batch_size)

    async def judge(self, data: bytes, faces: str) -> Judgement:
        """Say of an image what the detector says; whoever asks holds a place of the queue.

        Raises:
            Problem: it cannot be judged.
        """
        sha256 = await self.queue.run(judging.digest, data)
        found = self.remembered.get(sha256, faces)
        if found is None:
            found = await self._new(data, sha256, faces)
            self.remembered.keep(sha256, faces, found)
        else:
            self.metrics.remembered.inc()
        said = found.prediction
        if self.history is not None:
            await self.queue.run(self.history.add, said, self.version)
        self.metrics.verdicts.labels(said.verdict).inc()
        log.info("%s %s %.4f", sha256, said.verdict, said.p_fake)
        return found

    async def _new(self, data: bytes, sha256: str, faces: str) -> Judgement:
        try:
            seen = await self.queue.run(
                judging.see, self.detector, data, sha256, faces, self.settings.max_pixels
            )
        except pixels.ImageError as error:
            raise problems.of_image(error) from error
        return await self.queue.work(seen)

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
            await self.queue.stop()
            self.explaining.stop()
            if self.history is not None:
                self.history.close()

    async def _warm_up(self) -> None:
        await self.queue.run(judging.warm_up, self.detector, self.settings.batch_size)
        self.ready = True
        await self.explaining.warm_up()


def _version(folder: Path) -> str:
    """Return the SHA-256 of a bundle's card and weights."""
    digest = hashlib.sha256()
    for name in (CARD_FILE, MODEL_FILE):
        digest.update(hashlib.sha256((folder / name).read_bytes()).digest())
    return digest.hexdigest()


def _offers(detector: Detector, faces: str) -> bool:
    return detector.card.framing is not None or faces in ("auto", "off")


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
