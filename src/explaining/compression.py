"""How strongly a picture was compressed as JPEG: by its file now, and by its pixels before."""

import io
from functools import cache

import numpy as np
from PIL import Image, JpegImagePlugin

# Qualities at which a JPEG is saved again to see which it was saved at before.
QUALITIES = tuple(range(40, 97, 2))
# The error of saving again must dip to this share of what lies around it to mean anything.
DIP = 0.75
# Below this mean squared change there is nothing that could dip: a plain colour, an empty margin.
LEAST = 0.05
SIDE = 512  # of the middle part that is looked at, in pixels


def quality(picture: Image.Image) -> int | None:
    """Return the quality of the standard's example tables that are nearest to a file's.

    The scaling of the tables is that of the Independent JPEG Group's library. None for what is no
    JPEG.
    """
    if not isinstance(picture, JpegImagePlugin.JpegImageFile) or not picture.quantization:
        return None
    table = np.array(next(iter(picture.quantization.values())), float)
    distances = {one: np.abs(_table(one) - table).mean() for one in range(1, 101)}
    return min(distances, key=distances.__getitem__)


@cache
def _table(quality: int) -> np.ndarray:
    stream = io.BytesIO()
    Image.new("L", (8, 8)).save(stream, "JPEG", quality=quality)
    with Image.open(stream) as picture:
        assert isinstance(picture, JpegImagePlugin.JpegImageFile)
        return np.array(picture.quantization[0], float)


def earlier_quality(image: np.ndarray, quality: int | None) -> int | None:
    """Find the quality of an earlier JPEG compression of the same pixels.

    Saved again as before, a picture hardly changes: the error, over the quality, dips there. After
    Farid, "Exposing Digital Forgeries from JPEG Ghosts", IEEE TIFS 2009. Only a compression on the
    same grid of blocks, and a stronger one than the last, leaves the dip.

    Args:
        image: `(H, W, 3)` uint8 RGB.
        quality: of the compression that the file has; dips there and above are its own.
    """
    import cv2

    grey = cv2.cvtColor(_middle(image), cv2.COLOR_RGB2GRAY)
    limit = 97 if quality is None else quality - 3
    tried = [one for one in QUALITIES if one < limit]
    if len(tried) < 5 or min(grey.shape) < 64:
        return None
    errors = np.array([_error(grey, one) for one in tried])
    around = np.minimum(errors[:-4], errors[4:])
    dips = np.where(around < LEAST, 1, errors[2:-2] / np.maximum(around, LEAST))
    lowest = int(np.argmin(dips))
    return tried[lowest + 2] if dips[lowest] < DIP else None


def _middle(image: np.ndarray) -> np.ndarray:
    """Return the middle of a picture, cut where the blocks of a JPEG begin."""
    top, left = (max(0, side - SIDE) // 2 // 8 * 8 for side in image.shape[:2])
    return image[top : top + SIDE, left : left + SIDE]


def _error(grey: np.ndarray, quality: int) -> float:
    """Return the mean squared change of the brightness by saving it as JPEG."""
    import cv2

    _, stored = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, quality])
    again = np.asarray(cv2.imdecode(stored, cv2.IMREAD_GRAYSCALE))
    return float(np.mean((again.astype(np.float32) - grey) ** 2))
