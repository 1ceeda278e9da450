"""Re-encode pictures alike, so that size, format and compression no longer tell them apart."""

import io
from collections.abc import Callable

import numpy as np
from PIL import Image

from src.data import pixels

QUALITY = 90


def encode(image: np.ndarray, size: int, quality: int = QUALITY) -> bytes:
    """Scale a picture to a square and write it as JPEG without metadata.

    What an earlier, stronger compression or a smaller size has taken from a picture stays lost:
    this levels the file, not its history.

    Args:
        image: `(H, W, 3)` uint8 RGB in [0, 255].
        size: side of the square in pixels.
        quality: of the JPEG, 1 to 100.

    Returns:
        The content of a baseline JPEG file with 4:2:0 chroma subsampling.
    """
    square = Image.fromarray(pixels.resize(image, size))
    file = io.BytesIO()
    square.save(file, "JPEG", quality=quality, subsampling="4:2:0")
    return file.getvalue()


def equalize(image: np.ndarray, size: int, quality: int = QUALITY) -> np.ndarray:
    """Return a picture as it comes back from `encode`: `(size, size, 3)` uint8 RGB."""
    return pixels.read(encode(image, size, quality), "equalised image")


def equalized(
    read: Callable[[bytes, int, str], np.ndarray],
) -> Callable[[bytes, int, str], np.ndarray]:
    """Return a reader like `pixels.load` whose images are equalised."""
    return lambda content, size, name: equalize(read(content, size, name), size)
