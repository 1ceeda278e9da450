"""A loaded detector: pixels in; scores, evidence and verdicts out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from src import InputError
from src.data import pixels
from src.data.equalize import equalize
from src.data.faces import Finder
from src.detector import evidence, framing, verdict
from src.detector.calibration import Calibration
from src.detector.framing import Framing, View

if TYPE_CHECKING:
    import keras

    from src.detector.card import Card

DECODERS = 4


@dataclass(frozen=True)
class Scores:
    """What the network says about N images.

    Attributes:
        logit: `(N,)` float32, before temperature.
        p_fake: `(N,)` float64 in [0, 1], temperature included.
        evidence: `(N, h, w)` float32; its sum plus `bias` is the logit.
        bias: `(N,)` float32.
    """

    logit: np.ndarray
    p_fake: np.ndarray
    evidence: np.ndarray
    bias: np.ndarray


@dataclass(frozen=True)
class FacePrediction:
    """What we say about one face.

    Attributes:
        box: left, top, width, height in pixels of the upright image.
        score: probability in [0, 1] that this is a face.
        landmarks: x and y in pixels of eyes, nose and corners of the mouth.
        verdict: `fake`, `real` or `inconclusive`.
        p_fake: probability of *fake* in [0, 1].
        logit: the network's raw output.
        reasons: short codes behind the verdict.
    """

    box: tuple[float, float, float, float]
    score: float
    landmarks: tuple[tuple[float, float], ...]
    verdict: verdict.Word
    p_fake: float
    logit: float
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Prediction:
    """What we say about one image.

    Attributes:
        path: as it was given.
        sha256: of the file's bytes.
        verdict: `fake`, `real` or `inconclusive`, see `verdict.combine`.
        p_fake: probability of *fake* in [0, 1]; the largest of its faces.
        logit: the network's raw output for that face.
        reasons: short codes behind the verdict.
        faces: one entry a face, the largest first; empty where none was looked for or found.
    """

    path: str
    sha256: str
    verdict: verdict.Word
    p_fake: float
    logit: float
    reasons: tuple[str, ...] = ()
    faces: tuple[FacePrediction, ...] = ()


@dataclass(frozen=True)
class Failure:
    """An image that could not be judged, and the sentence that says why."""

    path: str
    error: str


@dataclass(frozen=True)
class _Seen:
    """An image file as the network gets it: `views[i]` is what `inputs[i]` shows."""

    sha256: str
    views: list[View]
    inputs: list[np.ndarray]


class Detector:
    """A network with its card.

    Args:
        card: what is known about the network.
        model: a network of `network.build`, or one saved with its sigmoid.
        finder: makes the finder of faces; called once, where faces are looked for.
    """

    def __init__(
        self,
        card: Card,
        model: keras.Model,
        finder: Callable[[], Finder] = Finder.from_package,
    ) -> None:
        self.card = card
        self.model = model
        self._make_finder = finder
        self.calibration = None
        if card.calibration is not None:
            self.calibration = Calibration.from_dict(card.calibration)
        self._explained = evidence.with_evidence(model)

    @cached_property
    def finder(self) -> Finder:
        """The finder of faces."""
        return self._make_finder()

    def framing(self, faces: str = "auto") -> Framing:
        """Return how faces are found and framed for this detector.

        Raises:
            InputError: `faces` is none of `framing.FACES`, or asks for what the card has not.
        """
        framing.require(faces, self.card.framing)
        looks = faces != "off" and self.card.framing is not None
        return Framing(self.card.framing, faces, self.finder if looks else None)

    def score(self, images: np.ndarray) -> Scores:
        """Score faces that already have the network's size.

        Args:
            images: `(N, S, S, 3)` RGB in [0, 255], uint8 or float32; S is `card.image_size`.

        Raises:
            InputError: the network answers with NaN or infinity.
        """
        import keras

        outputs = self._explained.predict_on_batch(images)
        arrays = {name: keras.ops.convert_to_numpy(value) for name, value in outputs.items()}
        if not np.isfinite(arrays["logit"]).all():
            raise InputError(
                f"the detector {self.card.name!r} gives {arrays['logit']} where a finite score "
                "belongs: its weights are damaged; copy or train it again"
            )
        temperature = self.calibration.temperature if self.calibration else 1.0
        scaled = arrays["logit"].astype(np.float64) / temperature
        # The logistic function without overflow for large negative logits.
        p_fake = 0.5 * (1.0 + np.tanh(0.5 * scaled))
        return Scores(p_fake=p_fake, **arrays)

    def predict(self, path: str | Path, faces: str = "auto") -> Prediction:
        """Judge one image file.

        Args:
            path: the file.
            faces: which faces are judged, one of `framing.FACES`.

        Raises:
            ImageError: the file cannot be read as an image.
        """
        seen = self._see(path, self.framing(faces))
        return self._predictions([str(path)], [seen], batch_size=32)[0]

    def predict_files(
        self,
        paths: Sequence[str | Path],
        batch_size: int = 32,
        faces: str = "auto",
        *,
        equalized: bool = False,
    ) -> Iterator[Prediction | Failure]:
        """Judge many image files, in order; an unreadable one gives a `Failure` in its place.

        Files are decoded and their faces found on threads while the network works on the batch
        before.

        Args:
            paths: the files.
            batch_size: faces that the network takes at once.
            faces: which faces are judged, one of `framing.FACES`.
            equalized: re-encode what the network sees, see `data.equalize`.
        """
        see = partial(
            self._see,
            framing=self.framing(faces),
            scale=equalize if equalized else pixels.resize,
        )
        batches = [paths[i : i + batch_size] for i in range(0, len(paths), batch_size)]
        with ThreadPoolExecutor(DECODERS) as pool:
            ahead = [pool.submit(see, path) for path in paths[:batch_size]]
            for number, batch in enumerate(batches):
                futures = ahead
                following = batches[number + 1] if number + 1 < len(batches) else []
                ahead = [pool.submit(see, path) for path in following]
                yield from self._judge(batch, futures, batch_size)

    def _judge(
        self, paths: Sequence[str | Path], futures: Sequence[Future], batch_size: int
    ) -> list[Prediction | Failure]:
        results: list[Prediction | Failure | None] = []
        names, seen = [], []
        for path, future in zip(paths, futures, strict=True):
            try:
                seen.append(future.result())
                names.append(str(path))
                results.append(None)
            except pixels.ImageError as error:
                results.append(Failure(str(path), str(error)))
        predictions = iter(self._predictions(names, seen, batch_size))
        return [result or next(predictions) for result in results]

    def _see(
        self,
        path: str | Path,
        framing: Framing,
        scale: Callable[[np.ndarray, int], np.ndarray] = pixels.resize,
    ) -> _Seen:
        """Read a file once, and cut out what the network judges."""
        data = pixels.content(path)
        image = pixels.read(data, str(path))
        views = framing.views(image)
        size = self.card.image_size
        inputs = [scale(view.cut(image), size) for view in views]
        return _Seen(hashlib.sha256(data).hexdigest(), views, inputs)

    def _predictions(
        self, paths: Sequence[str], seen: Sequence[_Seen], batch_size: int
    ) -> list[Prediction]:
        inputs = [image for one in seen for image in one.inputs]
        logits: list[float] = []
        p_fakes: list[float] = []
        for start in range(0, len(inputs), batch_size):
            scores = self.score(np.stack(inputs[start : start + batch_size]))
            logits += scores.logit.tolist()
            p_fakes += scores.p_fake.tolist()
        outputs = iter(zip(p_fakes, logits, strict=True))
        return [
            _prediction(path, one, [next(outputs) for _ in one.views], self.calibration)
            for path, one in zip(paths, seen, strict=True)
        ]


def _prediction(
    path: str,
    seen: _Seen,
    outputs: Sequence[tuple[float, float]],
    calibration: Calibration | None,
) -> Prediction:
    """Put together what we say of an image, out of `(p_fake, logit)` of each of its views."""
    verdicts, faces = [], []
    for view, (p_fake, logit) in zip(seen.views, outputs, strict=True):
        decided = verdict.decide(logit, calibration, view.reasons)
        verdicts.append(decided)
        if view.face is not None:
            landmarks = tuple((float(x), float(y)) for x, y in view.face.landmarks)
            faces.append(
                FacePrediction(
                    view.face.box,
                    view.face.score,
                    landmarks,
                    decided.word,
                    p_fake,
                    logit,
                    decided.reasons,
                )
            )
    p_fake, logit = max(outputs)
    decided = verdict.combine(verdicts, [logit for _, logit in outputs], calibration)
    return Prediction(path, seen.sha256, decided.word, p_fake, logit, decided.reasons, tuple(faces))
