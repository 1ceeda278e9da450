"""Data folders with and without faults, made on the spot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

COUNTS = {"train": 40, "validation": 12, "test": 12}
SIZE = 64


def picture(seed: int, size: int = SIZE) -> Image.Image:
    """Return a picture with large shapes and fine noise, like no other one."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (6, 6, 3), np.uint8))
    smooth = np.asarray(coarse.resize((size, size), Image.Resampling.BICUBIC), float)
    return Image.fromarray(np.clip(smooth + rng.normal(0, 8, smooth.shape), 0, 255).astype("uint8"))


def save(
    image: Image.Image, path: Path, suffix: str = ".jpg", size: int = SIZE, **options: Any
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    quality = {"quality": 90} if suffix == ".jpg" else {}
    image.resize((size, size)).save(path.with_suffix(suffix), **(quality | options))


def data(folder: Path, fault: Callable[[str, int], dict[str, Any]] = lambda name, n: {}) -> Path:
    """Write a data set in which only `fault`, options for `save`, tells the classes apart."""
    seed = 0
    for split, count in COUNTS.items():
        for name in ("real", "fake"):
            for number in range(count):
                seed += 1
                save(picture(seed), folder / split / name / f"p{number:04}", **fault(name, number))
    return folder
