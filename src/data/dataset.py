"""The images of a training run: found, decoded once, hashed."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from src import CheckFailed
from src.data import folders
from src.data.cache import ImageCache, Skipped
from src.data.equalize import QUALITY
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
        drawn_sample: all of it is the drawn sample that ships.
    """

    samples: list[folders.Sample]
    digests: list[str]
    skipped: list[Skipped]
    cache: ImageCache
    drawn_sample: bool

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
            "equalized": self._equalized(),
            "drawn_sample": self.drawn_sample,
        }

    def _equalized(self) -> dict[str, int] | None:
        """Return size and JPEG quality that all images were brought to, if they were."""
        return {"size": self.cache.size, "quality": QUALITY} if self.cache.equalized else None


def load(
    data_dirs: Sequence[str | Path],
    splits: Sequence[str],
    image_size: int,
    cache_folder: Path,
    *,
    seed: int = 0,
    limit_per_class: int | None = None,
    fraction: float | None = None,
    equalize: bool = False,
) -> Dataset:
    """Find, decode and hash the images of some splits.

    Args:
        data_dirs: the folders, see `folders.scan`.
        splits: the splits wanted; the files of others are not opened.
        image_size: side of the decoded square in pixels.
        cache_folder: where a cache that is too big for memory goes.
        seed: of the split where the folders have none.
        limit_per_class: at most so many images of a class in each split.
        fraction: share of the images used.
        equalize: re-encode every image alike, see `data.equalize`.

    Raises:
        InputError: no usable layout, or a split without a class.
        CheckFailed: more than 5 % of the images cannot be read.
    """
    samples = folders.scan(data_dirs, seed=seed, limit_per_class=limit_per_class, fraction=fraction)
    samples = [sample for sample in samples if sample.split in splits]
    folders.require_both_classes(samples, splits)
    paths = [sample.path for sample in samples]
    cache = ImageCache(paths, image_size, cache_folder, equalized=equalize)
    with bar("Reading images", len(samples)) as advance:
        digests, skipped = cache.fill(advance)
    require_readable([item.reason for item in skipped], len(samples))
    readable = [s for s, digest in zip(samples, digests, strict=True) if digest]
    folders.require_both_classes(readable, splits)
    drawn = all((Path(folder) / DRAWN_SAMPLE_MARK).is_file() for folder in data_dirs)
    return Dataset(samples, digests, skipped, cache, drawn)


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
