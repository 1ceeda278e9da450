"""Re-encode pictures alike, so that size, format and compression no longer tell them apart."""

import io
from collections.abc import Callable

import numpy as np
from PIL import Image

from src.data import pixels

QUALITY = 90  # of the JPEG, out of 100


def encode(image: np.ndarray, size: int) -> bytes:
    """Scale a picture to a square and write it as JPEG without metadata.

    What an earlier, stronger compression or a smaller size has taken from a picture stays lost:
    this levels the file, not its history.

    Args:
        image: `(H, W, 3)` uint8 RGB in [0, 255].
        size: side of the square in pixels.

    Returns:
        The content of a baseline JPEG file of `QUALITY` with 4:2:0 chroma subsampling.
    """
    square = Image.fromarray(pixels.resize(image, size))
    file = io.BytesIO()
    square.save(file, "JPEG", quality=QUALITY, subsampling="4:2:0")
    return file.getvalue()


def equalize(image: np.ndarray, size: int, side: int | None = None) -> np.ndarray:
    """Return a picture as it comes back from `encode`: `(size, size, 3)` uint8 RGB.

    Args:
        image: `(H, W, 3)` uint8 RGB in [0, 255].
        size: side of the square that is returned, in pixels.
        side: that of the square that is encoded; None: the same. A JPEG takes the finest traces
            of a picture, and a larger one takes fewer of those that are left at `size`.
    """
    return pixels.resize(pixels.read(encode(image, side or size), "equalised image"), size)


def equalized(
    read: Callable[[bytes, int, str], np.ndarray], side: int
) -> Callable[[bytes, int, str], np.ndarray]:
    """Return a reader like `pixels.load` whose images are equalised at a side in pixels."""
    return lambda content, size, name: equalize(read(content, side, name), size, side)
