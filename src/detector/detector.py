"""A loaded detector: pixels in; scores, evidence and verdicts out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property, partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from src import InputError, processor
from src.data import pixels
from src.data.faces import Finder
from src.detector import framing, network
from src.detector.ahead import AT_ONCE, in_batches
from src.detector.calibration import Calibration, probability
from src.detector.card import part
from src.detector.engines import BATCH, Engine
from src.detector.engines.runtimes import KerasEngine
from src.detector.framing import Framing
from src.detector.prediction import (
    Failure,
    Judgement,
    Output,
    Prediction,
    Scores,
    Seen,
    put_together,
)

if TYPE_CHECKING:
    import keras

    from src.detector.card import Card
    from src.detector.familiarity import Familiarity
    from src.detector.temporal import Head

# Mild re-encodings that a careful judgement looks at besides the image itself.
CAREFUL = 4


class Detector:
    """A network with its card.

    Args:
        finder: makes the finder of faces; called once, where faces are looked for.
        model: loads the network into Keras; called once, where a gradient or a layer is needed.
        familiarity: what the distance to the training faces is computed with, if it is known; for
            exports, because the engine has it already.
        head: loads the temporal head, if the bundle has one; called once, for the first video.
    """

    def __init__(
        self,
        card: Card,
        engine: Engine,
        finder: Callable[[], Finder] = Finder.from_package,
        model: Callable[[], keras.Model] | None = None,
        familiarity: Familiarity | None = None,
        head: Callable[[], Head | None] = lambda: None,
    ) -> None:
        self.card = card
        self.engine = engine
        self.familiarity = familiarity
        self._make_finder = finder
        self._load_model = model
        self._load_head = head
        self.calibration = self.tracks = None
        if card.calibration is not None:
            self.calibration = Calibration.from_dict(card.calibration)
        if card.tracks is not None:
            with part("a calibration of persons"):
                self.tracks = Calibration.from_dict(card.tracks["calibration"])

    @classmethod
    def in_keras(
        cls,
        card: Card,
        model: keras.Model,
        finder: Callable[[], Finder] = Finder.from_package,
        familiarity: Familiarity | None = None,
        head: Callable[[], Head | None] = lambda: None,
    ) -> Detector:
        """Return a detector that Keras runs."""
        engine = KerasEngine(model, familiarity, features=card.temporal is not None)
        return cls(card, engine, finder, lambda: model, familiarity, head)

    @cached_property
    def model(self) -> keras.Model:
        """The network in Keras, whatever runs it."""
        if self._load_model is None:
            raise InputError(
                f"the detector {self.card.name!r} has no network that Keras could load"
            )
        return self._load_model()

    @cached_property
    def head(self) -> Head | None:
        """The temporal head; None where the bundle has none."""
        return self._load_head()

    @cached_property
    def finder(self) -> Finder:
        """The finder of faces."""
        return self._make_finder()

    def framing(self, faces: str = "auto") -> Framing:
        """Return how faces are found and framed for this detector."""
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
        arrays = self.engine.run(images)
        strange = arrays["logit"][~np.isfinite(arrays["logit"])]
        if len(strange):
            raise InputError(
                f"the detector {self.card.name!r} gives {strange[0]} where a finite score belongs: "
                "its weights are damaged; copy or train it again"
            )
        p_fake = probability(arrays["logit"], self.card.temperature)
        return Scores(p_fake=p_fake, **arrays)

    def outputs(
        self, images: Sequence[np.ndarray] | np.ndarray, batch_size: int = BATCH
    ) -> list[Output]:
        """Score any number of images, see `score`, so many at once; return what is said of each."""
        starts = range(0, len(images), batch_size)
        batches = (np.asarray(images[start : start + batch_size]) for start in starts)
        return [output for batch in batches for output in self.score(batch).outputs()]

    def logits(self, images: Sequence[np.ndarray] | np.ndarray) -> np.ndarray:
        """Score any number of images, see `score`, and return the raw outputs, `(N,)` float32."""
        return np.array([output.logit for output in self.outputs(images)], np.float32)

    def hidden_units(self, images: np.ndarray) -> np.ndarray:
        """Return the activations of the hidden units before the logit.

        Args:
            images: `(N, S, S, 3)` RGB in [0, 255], see `score`.

        Returns:
            `(N, U)` float32, 0 or more; U is `network.HIDDEN_UNITS` in a network of ours.
        """
        import keras

        hidden = keras.Model(self.model.input, self.model.get_layer(network.HIDDEN).output)
        starts = range(0, len(images), BATCH)
        outputs = [hidden.predict_on_batch(images[i : i + BATCH]) for i in starts]
        return np.concatenate([keras.ops.convert_to_numpy(output) for output in outputs])

    def see(
        self,
        image: np.ndarray,
        faces: str = "auto",
        *,
        stability: int = 0,
        scale: Callable[[np.ndarray, int], np.ndarray] = pixels.resize,
        path: str = "",
        sha256: str = "",
    ) -> Seen:
        """Cut out of an image what the network judges: the one way to it.

        Args:
            image: `(H, W, 3)` uint8 RGB, upright.
            faces: which faces are judged, one of `framing.FACES`.
            stability: how many mild re-encodings of each face are judged as well.
            scale: brings what is judged to the network's square; see `pixels.resize`.
            path: what the image goes by, and `sha256` that of its file; they are only kept.
        """
        views, side = self.framing(faces).views(image), self.card.image_size
        inputs = [one for view in views for one in view.inputs(image, side, stability, scale)]
        return Seen((image.shape[1], image.shape[0]), views, inputs, path, sha256)

    def judge(self, seen: Sequence[Seen], batch_size: int = BATCH) -> list[Judgement]:
        """Say of images what follows from their scores, so many inputs at once."""
        said = iter(self.outputs([image for one in seen for image in one.inputs], batch_size))
        return [
            put_together(one, list(islice(said, len(one.inputs))), self.calibration) for one in seen
        ]

    def predict(self, path: str | Path, faces: str = "auto", *, stability: int = 0) -> Prediction:
        """Judge one image file.

        Args:
            faces: which faces are judged, one of `framing.FACES`.
            stability: see `predict_files`.

        Raises:
            ImageError: the file cannot be read as an image.
        """
        return self.judge([self._read(path, faces=faces, stability=stability)])[0].prediction

    def predict_files(
        self,
        paths: Sequence[str | Path],
        batch_size: int = BATCH,
        faces: str = "auto",
        *,
        stability: int = 0,
        change: Callable[[np.ndarray], np.ndarray] | None = None,
        scale: Callable[[np.ndarray, int], np.ndarray] = pixels.resize,
    ) -> Iterator[Prediction | Failure]:
        """Judge many image files, in order; an unreadable one gives a `Failure` in its place.

        Files are decoded and their faces found on threads while the network works on the batch
        before; no more than two batches are held at a time.

        Args:
            stability: judge so many mild re-encodings of each face as well; where one of them would
                get another verdict, the verdict is *inconclusive*.
            change: what happens to each image before anything else; it takes and returns
                `(H, W, 3)` uint8 RGB.
            scale: brings what is judged to the network's square; see `pixels.resize`.
        """
        # Loads what finds faces now: threads shall not do it side by side.
        self.framing(faces)
        read = partial(self._read, faces=faces, stability=stability, change=change, scale=scale)
        # One a core: finding faces in an image takes a core about half as long as judging it.
        with ThreadPoolExecutor(processor.threads()) as decoders:
            begun = ((str(path), decoders.submit(read, path)) for path in paths)
            yield from in_batches(begun, partial(self._judge, batch_size), batch_size, AT_ONCE - 1)

    def _read(
        self,
        path: str | Path,
        *,
        change: Callable[[np.ndarray], np.ndarray] | None = None,
        **how: Any,
    ) -> Seen:
        """Read a file once; for `how` see `see`."""
        data = pixels.content(path)
        image = pixels.read(data, str(path))
        if change is not None:
            image = change(image)
        return self.see(image, path=str(path), sha256=hashlib.sha256(data).hexdigest(), **how)

    def _judge(
        self, batch_size: int, begun: Sequence[tuple[str, Future[Seen]]]
    ) -> list[Prediction | Failure]:
        found: list[Seen | Failure] = []
        for path, future in begun:
            try:
                found.append(future.result())
            except pixels.ImageError as error:
                found.append(Failure(path, str(error)))
        seen = [one for one in found if isinstance(one, Seen)]
        said = iter(self.judge(seen, batch_size))
        return [one if isinstance(one, Failure) else next(said).prediction for one in found]
