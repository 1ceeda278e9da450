"""A loaded detector: pixels in; scores, evidence and verdicts out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from src import InputError
from src.data import pixels
from src.detector import evidence, verdict

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
class Prediction:
    """What we say about one image.

    Attributes:
        path: as it was given.
        sha256: of the file's bytes.
        verdict: `fake`, `real` or `inconclusive`.
        p_fake: probability of *fake* in [0, 1].
        logit: the network's raw output.
        reasons: short codes behind the verdict.
        faces: one entry a face; empty while faces are not searched.
    """

    path: str
    sha256: str
    verdict: verdict.Word
    p_fake: float
    logit: float
    reasons: tuple[str, ...] = ()
    faces: tuple[dict, ...] = ()


@dataclass(frozen=True)
class Failure:
    """An image that could not be judged, and the sentence that says why."""

    path: str
    error: str


class Detector:
    """A network with its card.

    Args:
        card: what is known about the network.
        model: a network of `network.build`, or one saved with its sigmoid.
    """

    def __init__(self, card: Card, model: keras.Model) -> None:
        self.card = card
        self.model = model
        self._explained = evidence.with_evidence(model)

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
        scaled = arrays["logit"].astype(np.float64) / self.card.temperature
        # The logistic function without overflow for large negative logits.
        p_fake = 0.5 * (1.0 + np.tanh(0.5 * scaled))
        return Scores(p_fake=p_fake, **arrays)

    def predict(self, path: str | Path) -> Prediction:
        """Judge one image file.

        Raises:
            ImageError: the file cannot be read as an image.
        """
        sha256, image = self._read(path)
        return self._predictions([str(path)], [sha256], np.stack([image]))[0]

    def predict_files(
        self, paths: Sequence[str | Path], batch_size: int = 32
    ) -> Iterator[Prediction | Failure]:
        """Judge many image files, in order; an unreadable one gives a `Failure` in its place.

        Files are decoded on threads while the network works on the batch before.
        """
        batches = [paths[i : i + batch_size] for i in range(0, len(paths), batch_size)]
        with ThreadPoolExecutor(DECODERS) as pool:
            ahead = self._submit(pool, batches[0]) if batches else []
            for number, batch in enumerate(batches):
                futures = ahead
                if number + 1 < len(batches):
                    ahead = self._submit(pool, batches[number + 1])
                yield from self._judge(batch, futures)

    def _submit(self, pool: ThreadPoolExecutor, paths: Sequence[str | Path]) -> list[Future]:
        return [pool.submit(self._read, path) for path in paths]

    def _judge(
        self, paths: Sequence[str | Path], futures: Sequence[Future]
    ) -> list[Prediction | Failure]:
        results: dict[int, Prediction | Failure] = {}
        good, digests, images = [], [], []
        for i, (path, future) in enumerate(zip(paths, futures, strict=True)):
            try:
                sha256, image = future.result()
            except pixels.ImageError as error:
                results[i] = Failure(str(path), str(error))
                continue
            good.append(i)
            digests.append(sha256)
            images.append(image)
        if images:
            names = [str(paths[i]) for i in good]
            predictions = self._predictions(names, digests, np.stack(images))
            results.update(zip(good, predictions, strict=True))
        return [results[i] for i in range(len(paths))]

    def _read(self, path: str | Path) -> tuple[str, np.ndarray]:
        """Return the SHA-256 of a file and its pixels at the network's size."""
        data = pixels.content(path)
        image = pixels.load(data, self.card.image_size, str(path))
        return hashlib.sha256(data).hexdigest(), image

    def _predictions(
        self, paths: Sequence[str], digests: Sequence[str], images: np.ndarray
    ) -> list[Prediction]:
        scores = self.score(images)
        predictions = []
        for i, path in enumerate(paths):
            decided = verdict.decide(float(scores.p_fake[i]))
            predictions.append(
                Prediction(
                    path,
                    digests[i],
                    decided.word,
                    float(scores.p_fake[i]),
                    float(scores.logit[i]),
                    decided.reasons,
                )
            )
        return predictions
