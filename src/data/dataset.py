"""The images of a training run: found, decoded once, hashed."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from src import CheckFailed
from src.data import folders, pixels
from src.data.cache import ImageCache, Skipped
from src.progress import bar

log = logging.getLogger(__name__)

MAX_UNREADABLE = 0.05
# The file in a data folder that says that its pictures were drawn by a script of ours.
DRAWN_SAMPLE_MARK = "drawn_sample.json"


@dataclass(frozen=True)
class Dataset:
    """Decoded images with their labels and splits.

    Attributes:
        samples: every image that was found, readable or not.
        digests: SHA-256 of each file; an empty string where it cannot be read.
        skipped: those that cannot be read.
        cache: the pixels.
    """

    samples: list[folders.Sample]
    digests: list[str]
    skipped: list[Skipped]
    cache: ImageCache

    def indices(self, split: str) -> list[int]:
        """Return which samples of a split are readable."""
        pairs = enumerate(zip(self.samples, self.digests, strict=True))
        return [i for i, (sample, digest) in pairs if digest and sample.split == split]

    def labels(self, split: str) -> list[int]:
        """Return the labels (1 fake, 0 real) of `indices(split)`."""
        return [self.samples[i].label for i in self.indices(split)]

    def groups(self, split: str) -> list[str]:
        """Return the groups of `indices(split)`."""
        return [self.samples[i].group for i in self.indices(split)]

    def facts(self) -> dict[str, Any]:
        """Return what the card says of the data.

        The fingerprint depends on the bytes, labels and splits of the readable files, and on
        neither their names nor their order.
        """
        counts: dict[str, dict[str, int]] = {}
        lines = []
        for sample, digest in zip(self.samples, self.digests, strict=True):
            if digest:
                classes = counts.setdefault(sample.split, dict.fromkeys(folders.CLASSES, 0))
                classes[folders.CLASSES[sample.label]] += 1
                lines.append(f"{digest} {sample.label} {sample.split}\n")
        return {
            "fingerprint": hashlib.sha256("".join(sorted(lines)).encode()).hexdigest(),
            "counts": counts,
            "sources": sorted({sample.source for sample in self.samples}),
            "skipped": len(self.skipped),
        }


def find(
    data_dirs: Sequence[str | Path],
    splits: Sequence[str],
    *,
    seed: int = 0,
    limit_per_class: int | None = None,
    fraction: float | None = None,
) -> list[folders.Sample]:
    """List the images of some splits; see `folders.scan`.

    Raises:
        InputError: no usable layout, or a split without a class.
    """
    samples = folders.scan(data_dirs, seed=seed, limit_per_class=limit_per_class, fraction=fraction)
    samples = [sample for sample in samples if sample.split in splits]
    folders.require_both_classes(samples, splits)
    return samples


def load(
    samples: list[folders.Sample],
    image_size: int,
    cache_folder: Path,
    read: Callable[[Path, int], np.ndarray] = pixels.load,
) -> Dataset:
    """Decode and hash images.

    Args:
        samples: the images.
        image_size: side of the decoded square in pixels.
        cache_folder: where a cache that is too big for memory goes.
        read: reads one image at that size.

    Raises:
        InputError: a split whose readable images are of one class.
        CheckFailed: more than 5 % of the images cannot be read.
    """
    cache = ImageCache([sample.path for sample in samples], image_size, cache_folder, read=read)
    with bar("Reading images", len(samples)) as advance:
        digests, skipped = cache.fill(advance)
    require_readable([item.reason for item in skipped], len(samples))
    readable = [s for s, digest in zip(samples, digests, strict=True) if digest]
    folders.require_both_classes(readable, {sample.split for sample in samples})
    return Dataset(samples, digests, skipped, cache)


def is_drawn_sample(data_dirs: Sequence[str | Path]) -> bool:
    """Tell whether all of some data folders are the drawn sample that ships."""
    return all((Path(folder) / DRAWN_SAMPLE_MARK).is_file() for folder in data_dirs)


def require_readable(reasons: Sequence[str], total: int) -> None:
    """Refuse a data set of which too much cannot be read, and name the rest.

    Args:
        reasons: a sentence for each unreadable image.
        total: number of images, readable or not.

    Raises:
        CheckFailed: more than 5 % cannot be read.
    """
    if len(reasons) > MAX_UNREADABLE * total:
        raise CheckFailed(
            f"{len(reasons)} of {total} images cannot be read, more than {MAX_UNREADABLE:.0%}; "
            f"the first: {reasons[0]}"
        )
    for reason in reasons:
        log.warning("skipped: %s", reason)
