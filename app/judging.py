"""From the bytes of an image to what is said of it: the only place that asks the detector."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Generic, TypeVar

import numpy as np

from src.data import pixels
from src.detector import verdict
from src.detector.detector import Detector
from src.detector.framing import View
from src.detector.prediction import FacePrediction, Output, Prediction, Scores, put_together

# What the upload goes by in messages; its own name stays out of them.
UPLOAD = "the upload"
Said = TypeVar("Said")
BLANK = (64, 64, 3)


@dataclass(frozen=True)
class Seen:
    """An image as the network gets it.

    Attributes:
        sha256: of the file.
        width: of the upright image in pixels.
        height: of the upright image in pixels.
        views: what is judged of it, at least one.
        inputs: a view each, `(S, S, 3)` uint8 RGB.
    """

    sha256: str
    width: int
    height: int
    views: Sequence[View]
    inputs: Sequence[np.ndarray]


@dataclass(frozen=True)
class Faces:
    """Faces out of a video as the network gets them: `(N, S, S, 3)` uint8 RGB."""

    inputs: np.ndarray


@dataclass(frozen=True)
class Part:
    """What is said of one view, and why.

    Attributes:
        box: what was judged, which the evidence covers: left, top, width, height in pixels.
        face: the face in it; None where none was looked for or found.
        p_fake: probability of *fake* in [0, 1].
        verdict: `fake`, `real` or `inconclusive`.
        reasons: codes out of `verdict.REASONS`.
        logit: the network's raw output, the sum of `evidence` and `bias`.
        bias: what of it the evidence does not hold.
        evidence: `(h, w)` float32; positive pushes towards fake.
    """

    box: tuple[int, int, int, int]
    face: FacePrediction | None
    p_fake: float
    verdict: verdict.Word
    reasons: tuple[str, ...]
    logit: float
    bias: float
    evidence: np.ndarray


@dataclass(frozen=True)
class Judgement:
    """What is said of an image, without the image."""

    prediction: Prediction
    width: int
    height: int
    parts: tuple[Part, ...]


def require_judgeable(data: bytes, max_pixels: int) -> None:
    """Refuse what is no image, or too large, before anything is decoded.

    Raises:
        ImageError: it cannot be judged.
    """
    with pixels.identify(data, UPLOAD) as picture:
        width, height = picture.size
    if width * height > max_pixels:
        raise pixels.TooManyPixels(
            f"{UPLOAD}: the image has {width} x {height} pixels; at most "
            f"{max_pixels / 1e6:g} million are judged"
        )


def see(detector: Detector, data: bytes, sha256: str, faces: str, max_pixels: int) -> Seen:
    """Decode an image and cut out what is judged.

    Raises:
        ImageError: it cannot be read.
    """
    require_judgeable(data, max_pixels)
    image = pixels.read(data, UPLOAD)
    views = detector.framing(faces).views(image)
    inputs = [pixels.resize(view.cut(image), detector.card.image_size) for view in views]
    return Seen(sha256, image.shape[1], image.shape[0], views, inputs)


def judge(
    detector: Detector, seen: Sequence[Seen | Faces], batch_size: int
) -> list[Judgement | Scores]:
    """Judge images, and score the faces of videos, so many faces at once."""
    inputs = np.stack([image for one in seen for image in one.inputs])
    starts = range(0, len(inputs), batch_size)
    scored = [detector.score(inputs[start : start + batch_size]) for start in starts]
    rows = iter([(scores, i, said) for scores in scored for i, said in enumerate(scores.outputs())])
    return [_said(detector, one, [next(rows) for _ in one.inputs]) for one in seen]


def _said(
    detector: Detector, seen: Seen | Faces, rows: Sequence[tuple[Scores, int, Output]]
) -> Judgement | Scores:
    if isinstance(seen, Seen):
        return _judgement(detector, seen, rows)

    def copied(name: str) -> Any:
        # Copied, because a row alone would keep the whole batch in memory.
        arrays = [(getattr(scores, name), i) for scores, i, _ in rows]
        return None if arrays[0][0] is None else np.stack([array[i] for array, i in arrays])

    return Scores(*(copied(field.name) for field in fields(Scores)))


def _judgement(
    detector: Detector, seen: Seen, rows: Sequence[tuple[Scores, int, Output]]
) -> Judgement:
    outputs = [output for _, _, output in rows]
    said = put_together("", seen.sha256, seen.views, outputs, detector.calibration)
    faces = iter(said.faces)
    parts = []
    for view, (scores, i, output) in zip(seen.views, rows, strict=True):
        face = next(faces) if view.face is not None else None
        source = face or said
        parts.append(
            Part(
                box=view.box,
                face=face,
                p_fake=output.p_fake,
                verdict=source.verdict,
                reasons=source.reasons,
                logit=output.logit,
                bias=float(scores.bias[i]),
                # Copied, because a row alone would keep the whole batch in memory.
                evidence=scores.evidence[i].copy(),
            )
        )
    return Judgement(said, seen.width, seen.height, tuple(parts))


def warm_up(detector: Detector, batch_size: int) -> None:
    """Judge blank images once, so that nobody waits for what is only done the first time."""
    blank = np.zeros(BLANK, np.uint8)
    detector.framing().views(blank)
    image = pixels.resize(blank, detector.card.image_size)
    for count in {1, batch_size}:
        detector.score(np.stack([image] * count))


def digest(data: bytes) -> str:
    """Return the SHA-256 of an upload."""
    return hashlib.sha256(data).hexdigest()


class Remembered(Generic[Said]):
    """What was said latest, by what was asked.

    Args:
        limit: how many are kept.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept: OrderedDict[tuple[str, str], Said] = OrderedDict()

    def get(self, sha256: str, faces: str) -> Said | None:
        """Return what was said of the same bytes before."""
        found = self._kept.get((sha256, faces))
        if found is not None:
            self._kept.move_to_end((sha256, faces))
        return found

    def keep(self, sha256: str, faces: str, said: Said) -> None:
        """Keep an answer, and let go of the one that was asked for longest ago."""
        self._kept[sha256, faces] = said
        if len(self._kept) > self._limit:
            self._kept.popitem(last=False)
