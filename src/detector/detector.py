"""A loaded detector: pixels in; scores, evidence and verdicts out."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from src import InputError, processor
from src.data import pixels
from src.data.corruptions import mild
from src.data.faces import Finder
from src.detector import framing, network
from src.detector.calibration import Calibration, probability
from src.detector.engines import Engine
from src.detector.engines.runtimes import KerasEngine
from src.detector.framing import Framing, View
from src.detector.prediction import Failure, Output, Prediction, Scores, put_together

if TYPE_CHECKING:
    import keras

    from src.detector.card import Card
    from src.detector.familiarity import Familiarity
    from src.detector.temporal import Head

Item = TypeVar("Item")
# Batches under way: while one is finished, the engine has the next one to go on with.
AT_ONCE = 2
# Mild re-encodings that a careful judgement looks at besides the image itself.
CAREFUL = 4


def decoding_threads() -> int:
    """Return how many threads decode images and find faces.

    One a core: finding faces in an image takes a core about half as long as judging it.
    """
    return processor.thread_limit() or os.cpu_count() or 4


@dataclass(frozen=True)
class _Seen:
    """An image file as the network gets it.

    Each view has its inputs: as it is, then as it is after mild re-encodings.
    """

    sha256: str
    views: list[View]
    inputs: list[list[np.ndarray]]


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
        if not np.isfinite(arrays["logit"]).all():
            raise InputError(
                f"the detector {self.card.name!r} gives {arrays['logit']} where a finite score "
                "belongs: its weights are damaged; copy or train it again"
            )
        p_fake = probability(arrays["logit"], self.card.temperature)
        return Scores(p_fake=p_fake, **arrays)

    def outputs(
        self, images: Sequence[np.ndarray] | np.ndarray, batch_size: int = 32
    ) -> tuple[list[Output], list[np.ndarray]]:
        """Score any number of images, so many at once: what is said of each, and its evidence."""
        said, maps = [], []
        for start in range(0, len(images), batch_size):
            scores = self.score(np.asarray(images[start : start + batch_size]))
            said += scores.outputs()
            maps += list(scores.evidence)
        return said, maps

    def logits(self, images: np.ndarray, batch_size: int = 32) -> np.ndarray:
        """Score any number of images, and return the raw outputs alone, `(N,)` float32."""
        said, _ = self.outputs(images, batch_size)
        return np.array([output.logit for output in said], np.float32)

    def features(self, images: np.ndarray, batch_size: int = 32) -> np.ndarray:
        """Return the hidden units before the logit, `(N, 256)` float32."""
        import keras

        hidden = keras.Model(self.model.input, self.model.get_layer(network.HIDDEN).output)
        starts = range(0, len(images), batch_size)
        outputs = [hidden.predict_on_batch(images[i : i + batch_size]) for i in starts]
        return np.concatenate([keras.ops.convert_to_numpy(output) for output in outputs])

    def predict(self, path: str | Path, faces: str = "auto", *, stability: int = 0) -> Prediction:
        """Judge one image file.

        Args:
            faces: which faces are judged, one of `framing.FACES`.
            stability: see `predict_files`.

        Raises:
            ImageError: the file cannot be read as an image.
        """
        seen = self._see(path, framing=self.framing(faces), stability=stability)
        return self._predictions([str(path)], [seen], batch_size=32)[0]

    def predict_files(
        self,
        paths: Sequence[str | Path],
        batch_size: int = 32,
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
        see = partial(
            self._see, framing=self.framing(faces), stability=stability, change=change, scale=scale
        )
        batches = [paths[i : i + batch_size] for i in range(0, len(paths), batch_size)]
        with (
            ThreadPoolExecutor(decoding_threads()) as decoders,
            ThreadPoolExecutor(AT_ONCE) as judges,
        ):

            def begin(batch: Sequence[str | Path]) -> Future:
                futures = [decoders.submit(see, path) for path in batch]
                return judges.submit(self._judge, batch, futures, batch_size)

            for _, judged in ahead(batches, begin, AT_ONCE - 1):
                yield from judged.result()

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
        *,
        framing: Framing,
        stability: int = 0,
        change: Callable[[np.ndarray], np.ndarray] | None = None,
        scale: Callable[[np.ndarray, int], np.ndarray] = pixels.resize,
    ) -> _Seen:
        """Read a file once, and cut out what the network judges."""
        data = pixels.content(path)
        image = pixels.read(data, str(path))
        if change is not None:
            image = change(image)
        views = framing.views(image)
        cuts = [view.cut(image) for view in views]
        inputs = [
            [scale(one, self.card.image_size) for one in (cut, *again(cut, stability))]
            for cut in cuts
        ]
        return _Seen(hashlib.sha256(data).hexdigest(), views, inputs)

    def _predictions(
        self, paths: Sequence[str], seen: Sequence[_Seen], batch_size: int
    ) -> list[Prediction]:
        inputs = [image for one in seen for several in one.inputs for image in several]
        said = iter(self.outputs(inputs, batch_size)[0])

        def output(several: Sequence[np.ndarray]) -> Output:
            first, *others = [next(said) for _ in several]
            return replace(first, again=tuple(other.logit for other in others))

        return [
            put_together(path, one.sha256, one.views, outputs, self.calibration)
            for path, one in zip(paths, seen, strict=True)
            for outputs in [list(map(output, one.inputs))]
        ]


def ahead(
    items: Iterable[Item], begin: Callable[[Item], Future], count: int
) -> Iterator[tuple[Item, Future]]:
    """Yield what was begun with each item, in order, and begin so many more before each."""
    begun: deque[tuple[Item, Future]] = deque()
    for item in items:
        begun.append((item, begin(item)))
        if len(begun) > count:
            yield begun.popleft()
    while begun:
        yield begun.popleft()


def again(image: np.ndarray, stability: int) -> list[np.ndarray]:
    """Return so many mild re-encodings of an image, `(H, W, 3)` uint8 RGB each."""
    return [mild(image, number) for number in range(stability)]
