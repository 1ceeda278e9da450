"""The images of a training run: found, decoded once, hashed."""

import hashlib
import logging
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from src import CheckFailed, InputError, processor
from src.data import folders, pixels
from src.data.cache import ImageCache, Read, Skipped
from src.data.faces import Finder, landmarks_of
from src.data.shard import ALONE, Shard
from src.data.splits import CALIBRATION
from src.progress import bar

log = logging.getLogger(__name__)

MAX_UNREADABLE = 0.05
# The file in a data folder that says that its pictures were drawn by a script of ours.
DRAWN_SAMPLE_MARK = "drawn_sample.json"


@dataclass(frozen=True)
class Position:
    """What training sees once an epoch: an image, or a fresh self-blend of a real image."""

    index: int  # of the image
    label: int  # 1 fake, 0 real; a self-blend is fake, the image that it is made of real
    group: str  # what belongs together
    # `(5, 2)` float32 in pixels of the cached image, of a real image's face with self-blending. A
    # fake that has them is a self-blend.
    landmarks: np.ndarray | None = None


@dataclass(frozen=True)
class Dataset:
    """Decoded images with their labels and splits."""

    samples: list[folders.Sample]  # every image that was found, readable or not
    digests: list[str]  # SHA-256 of each file; an empty string where it cannot be read
    skipped: list[Skipped]
    cache: ImageCache
    # Landmarks by index, of the real images with a face; None without self-blending.
    faces: Mapping[int, np.ndarray] | None = None
    self_blend: float = 1.0  # share of those that are given a self-blend

    def positions(self, split: str, *, balance: bool = False) -> list[Position]:
        """Return the readable images of a split, then self-blends of the real faces.

        Args:
            balance: repeat the images of smaller sources, see `_copies`.
        """
        faces = self.faces or {}
        readable = self.readable(split)
        copies = _copies([sample.source for sample in readable.values()]) if balance else {}
        images = [
            Position(index, sample.label, _group(sample, copy), faces.get(index))
            for index, sample in readable.items()
            for copy in range(copies.get(sample.source, 1))
        ]
        blends = [replace(p, label=1) for p in images if p.landmarks is not None]
        return images + _share(blends, self.self_blend)

    def readable(self, *splits: str) -> dict[int, folders.Sample]:
        """Return the images of some splits, as far as they can be read, by index."""
        return {
            index: sample
            for index, (sample, digest) in enumerate(zip(self.samples, self.digests, strict=True))
            if digest and sample.split in splits
        }

    def indices(self, split: str) -> list[int]:
        """Return which image each of `positions(split)` shows."""
        return [position.index for position in self.positions(split)]

    def labels(self, split: str) -> list[int]:
        """Return the labels (1 fake, 0 real) of `positions(split)`."""
        return [position.label for position in self.positions(split)]

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
            **self._blend_facts(),
        }

    def _blend_facts(self) -> dict[str, Any]:
        """Say how many real images are self-blended, and how many have no face for that."""
        if self.faces is None:
            return {}
        learnt = {sample.split for sample in self.samples} - {CALIBRATION}
        reals = [sample for sample in self.readable(*learnt).values() if sample.label == 0]
        splits = {self.samples[index].split for index in self.faces}
        blends = {
            split: sum(p.label == 1 and p.landmarks is not None for p in self.positions(split))
            for split in sorted(splits)
        }
        return {"self_blends": blends, "no_face": len(reals) - len(self.faces)}


def _copies(sources: Sequence[str]) -> dict[str, int]:
    """Return how often the images of each source are shown in an epoch.

    A small source comes as often as the square root of how much smaller it is than the largest:
    as often as the largest, few images would be learnt by heart; once, they would hardly count.
    """
    sizes = Counter(sources)
    largest = max(sizes.values(), default=0)
    return {source: round(math.sqrt(largest / size)) for source, size in sizes.items()}


def _share(positions: list[Position], share: float) -> list[Position]:
    """Return a share of some positions, at least one, spread evenly over them."""
    return [p for i, p in enumerate(positions) if math.ceil((i + 1) * share) > math.ceil(i * share)]


def _group(sample: folders.Sample, copy: int) -> str:
    """Name the group of a copy: its image and fake are shown alike, and otherwise than others."""
    return f"{sample.group} {copy}" if copy else sample.group


def find(
    data_dirs: Sequence[str | Path],
    splits: Sequence[str],
    *,
    seed: int = 0,
    limit_per_class: int | None = None,
    fraction: float | None = None,
    self_blend: float = 0.0,
) -> list[folders.Sample]:
    """List the images of some splits; see `folders.scan`.

    Args:
        seed: of the split where the folders have none.
        limit_per_class: at most so many images of a class in each split.
        fraction: share of the images used.
        self_blend: share of the real faces of which fakes will be made: above 0, a split needs no
            other fakes.

    Raises:
        InputError: no usable layout, or a split without a class.
    """
    samples = folders.scan(data_dirs, seed=seed, limit_per_class=limit_per_class, fraction=fraction)
    samples = [sample for sample in samples if sample.split in splits]
    folders.require_both_classes(samples, splits, self_blend=self_blend > 0)
    return samples


def load(
    samples: list[folders.Sample],
    image_size: int,
    cache_folder: Path,
    read: Read = pixels.load,
    *,
    self_blend: float = 0.0,
    shard: Shard = ALONE,
) -> Dataset:
    """Decode and hash images, each in one of the processes.

    Args:
        image_size: side of the decoded square in pixels.
        cache_folder: where a cache that is too big for memory goes.
        read: turns the content of a file into an image of that size.
        self_blend: share of the real faces of which fakes are made; above 0, faces are found.

    Raises:
        InputError: a split whose readable images are of one class.
        CheckFailed: more than 5 % of the images cannot be read.
    """
    paths = [sample.path for sample in samples]
    with ExitStack() as stack:
        # Its file may be as large as the images: where they cannot be used, none is left.
        cache = stack.enter_context(
            closing(ImageCache(paths, image_size, cache_folder, read=read, shard=shard))
        )
        with bar("Reading images", len(samples) // shard.processes) as advance:
            digests, skipped = cache.fill(advance)
        require_readable([item.reason for item in skipped], len(samples))
        data = Dataset(samples, digests, skipped, cache)
        splits = sorted({sample.split for sample in samples})
        folders.require_both_classes(
            data.readable(*splits).values(), splits, self_blend=self_blend > 0
        )
        if self_blend:
            blended = [split for split in splits if split != CALIBRATION]
            data = replace(data, faces=_faces(data, blended, shard), self_blend=self_blend)
        stack.pop_all()
    return data


def is_drawn_sample(data_dirs: Sequence[str | Path]) -> bool:
    """Tell whether all of some data folders are the drawn sample that ships."""
    return all((Path(folder) / DRAWN_SAMPLE_MARK).is_file() for folder in data_dirs)


def _faces(data: Dataset, splits: Sequence[str], shard: Shard) -> dict[int, np.ndarray]:
    """Find the face in each real image, on threads, each in one of the processes."""
    finder = Finder.from_package()
    reals = [p.index for split in splits for p in data.positions(split) if not p.label]
    mine = [index for index in reals if shard.owns(index)]
    own = {}
    pool = ThreadPoolExecutor(processor.threads())
    with bar("Finding faces", len(mine)) as advance, pool:
        found = pool.map(lambda index: landmarks_of(data.cache[index], finder), mine)
        for index, landmarks in zip(mine, found, strict=True):
            if landmarks is not None:
                own[index] = landmarks
            advance()
    faces = {index: face for part in shard.gather(own) for index, face in part.items()}
    log.info("a face to blend in %d of %d real images", len(faces), len(reals))
    for split in splits:
        if not any(p.label or p.index in faces for p in data.positions(split)):
            raise InputError(
                f"no face was found in any real image of the {split} split, so no fakes can be "
                "made of them, and there are no others: add photographs of faces, or fakes"
            )
    return faces


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
