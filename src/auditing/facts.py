"""Everything an audit wants to know of a file, from reading it once."""

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self

import numpy as np
from PIL import Image

from src import processor
from src.auditing import container, content
from src.data import pixels
from src.data.equalize import encode
from src.progress import bar

# The perceptual hashes look at a picture this many pixels wide.
HASHED_SIZE = 64
CHUNK = 64


@dataclass
class Facts:
    """What is known of N files, in compact arrays: about 100 bytes a file."""

    pixels: np.ndarray  # `(N, 16)` uint8, BLAKE2b of the decoded pixels and their shape
    hashes: np.ndarray  # `(N, 2, 8)` uint8, the perceptual hash and the difference hash
    container: np.ndarray  # `(N, container.COLUMNS)` float32
    content: np.ndarray  # `(N, 6)` float32
    readable: np.ndarray  # `(N,)` bool
    # Why those that are not readable are not, by index.
    reasons: dict[int, str] = field(default_factory=dict)

    def where(self, kept: Sequence[bool] | np.ndarray) -> Self:
        """Return the facts of some of the files, by `(N,)` bool."""
        some = np.flatnonzero(kept).tolist()
        arrays = {f.name: getattr(self, f.name)[some] for f in fields(self) if f.name != "reasons"}
        reasons = {new: self.reasons[i] for new, i in enumerate(some) if i in self.reasons}
        return type(self)(**arrays, reasons=reasons)


def measure(
    paths: Sequence[Path], *, equalize: int | None = None, title: str = "Auditing files"
) -> Facts:
    """Read each file once, on every core, and keep what an audit needs.

    Args:
        equalize: measure each picture as it is after equalising to a square of so many pixels.
    """
    count = len(paths)
    facts = Facts(
        pixels=np.zeros((count, 16), np.uint8),
        hashes=np.zeros((count, 2, 8), np.uint8),
        container=np.zeros((count, container.COLUMNS), np.float32),
        content=np.zeros((count, len(content.STATISTICS)), np.float32),
        readable=np.zeros(count, bool),
    )

    def work(start: int) -> None:
        for index in range(start, min(start + CHUNK, count)):
            try:
                _measure_one(facts, index, paths[index], equalize)
                facts.readable[index] = True
            except pixels.ImageError as error:
                facts.reasons[index] = str(error)
            advance()

    with bar(title, count) as advance, ThreadPoolExecutor(processor.threads()) as pool:
        for _ in pool.map(work, range(0, count, CHUNK)):
            pass
    return facts


def _measure_one(facts: Facts, index: int, path: Path, equalize: int | None) -> None:
    import cv2

    data = pixels.content(path)
    image = pixels.read(data, str(path))
    if equalize is not None:
        data = encode(image, equalize)
        image = pixels.read(data, str(path))
    with pixels.identify(data, str(path)) as picture:
        facts.container[index] = container.read(picture)
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    facts.content[index] = content.measure(grey, len(data))
    if equalize is None:
        digest = hashlib.blake2b(repr(image.shape).encode(), digest_size=16)
        digest.update(np.ascontiguousarray(image).data)
        facts.pixels[index] = np.frombuffer(digest.digest(), np.uint8)
        facts.hashes[index] = perceptual_hashes(grey)


def perceptual_hashes(grey: np.ndarray) -> np.ndarray:
    """Return the perceptual and the difference hash of a picture as imagehash computes them.

    The picture is reduced once before, since imagehash's own reduction of a large picture takes
    longer than decoding it.

    Args:
        grey: `(H, W)` uint8.

    Returns:
        `(2, 8)` uint8: 64 bits each.
    """
    import cv2
    import imagehash

    reduced = cv2.resize(grey, (HASHED_SIZE, HASHED_SIZE), interpolation=cv2.INTER_AREA)
    small: Any = Image.fromarray(reduced)
    bits = [imagehash.phash(small).hash, imagehash.dhash(small).hash]
    return np.packbits(np.stack(bits).reshape(2, 64), axis=1)
