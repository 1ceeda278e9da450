"""What is asked of an image, and how the detector comes to what is said of it."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Generic, TypeVar

import numpy as np

from src.data import pixels
from src.detector.detector import Detector
from src.detector.prediction import Judgement, Output, Seen, put_together

# What the upload goes by in messages; its own name stays out of them.
UPLOAD = "the upload"
Said = TypeVar("Said")
BLANK = (64, 64, 3)


@dataclass(frozen=True)
class Asked:
    """What somebody wants to know of an image."""

    name: str  # as it came; only given back to whoever sent it
    data: bytes  # the file
    sha256: str  # of the file
    faces: str  # which are judged, one of `framing.FACES`
    start: float  # when it had arrived, a time of `time.perf_counter`

    @property
    def key(self) -> tuple[str, str]:
        """What answers are remembered by."""
        return self.sha256, self.faces


def read(data: bytes, max_pixels: int) -> np.ndarray:
    """Decode an image, `(H, W, 3)` uint8 RGB, unless it is too large, which is seen before.

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
    return pixels.read(data, UPLOAD)


def judge(
    detector: Detector, seen: Sequence[Seen | np.ndarray], batch_size: int
) -> list[Judgement | list[Output]]:
    """Judge images, and score faces out of videos, `(N, S, S, 3)` uint8 RGB, so many at once."""
    inputs = [one.inputs if isinstance(one, Seen) else one for one in seen]
    said = iter(detector.outputs([image for some in inputs for image in some], batch_size))
    outputs = [list(islice(said, len(some))) for some in inputs]
    return [
        put_together(one, found, detector.calibration) if isinstance(one, Seen) else found
        for one, found in zip(seen, outputs, strict=True)
    ]


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

    def get(self, key: tuple[str, str]) -> Said | None:
        """Return what was said of the same bytes and faces before."""
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
        return found

    def keep(self, key: tuple[str, str], said: Said) -> None:
        """Keep an answer, and let go of the one that was asked for longest ago."""
        self._kept[key] = said
        if len(self._kept) > self._limit:
            self._kept.popitem(last=False)
