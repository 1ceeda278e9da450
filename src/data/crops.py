"""Write pictures of a data set, all with one encoder: the file must not give the class away."""

from pathlib import Path

import numpy as np
from PIL import Image

# Suffixes of the files that are written.
FORMATS = {"jpeg": ".jpg", "png": ".png"}
QUALITY = 95  # of JPEG


def write_crop(path: Path, picture: np.ndarray) -> None:
    """Write a picture, with the folders above it: a PNG, or a JPEG without chroma subsampling.

    Args:
        path: its suffix, one of those of `FORMATS`, gives the format.
        picture: `(H, W, 3)` uint8 RGB, or `(H, W)` uint8.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path, quality=QUALITY, subsampling=0)
