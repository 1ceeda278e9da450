"""Pictures with people in them, for tests that look for faces."""

from functools import cache
from pathlib import Path

import numpy as np
import skimage.data
from PIL import Image

from src.data.faces import Finder

SAMPLE = Path(__file__).resolve().parent.parent / "dataset"
FACE = (181, 62, 86, 111)  # left, top, width, height of the astronaut's face, seen by eye


@cache
def finder() -> Finder:
    return Finder.from_package()


@cache
def astronaut() -> np.ndarray:
    """Return NASA's public-domain portrait of Eileen Collins: (512, 512, 3) uint8 RGB."""
    picture = skimage.data.astronaut()
    picture.setflags(write=False)
    return picture


def head(side: int) -> np.ndarray:
    """Return the astronaut's head, with a face of 0.39 of the width: (side, side, 3) uint8."""
    picture = Image.fromarray(astronaut()[20:240, 110:330])
    return np.array(picture.resize((side, side), Image.Resampling.BICUBIC))


def drawn(step: int) -> list[Path]:
    """Return every so many-th picture of the drawn sample."""
    return sorted(SAMPLE.glob("*/*/*.jpg"))[::step]


def overlap(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """Return the intersection over union of two boxes: left, top, width, height."""
    a, b = np.array([one, other], float)
    inner = np.minimum(a[:2] + a[2:], b[:2] + b[2:]) - np.maximum(a[:2], b[:2])
    shared = inner.clip(0).prod()
    return shared / (a[2:].prod() + b[2:].prod() - shared)
