"""Which split each file of a data set goes to, which are used, and which only calibrate."""

import hashlib
import logging
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence, Sized
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from src import InputError, processor
from src.data.layout import CLASSES, DataFile
from src.files import sha256

log = logging.getLogger(__name__)

TRAIN_SHARE = 0.70
VALIDATION_SHARE = 0.15
CALIBRATION = "calibration"
# Groups of a source and class that must be left to choose by, if more than half of them calibrate.
SPARED = 10


@dataclass(frozen=True)
class Sample:
    """One image of a data set."""

    path: Path
    label: int  # 1 fake, 0 real
    split: str  # out of `layout.SPLITS`, or `CALIBRATION` after `divide`
    source: str  # the data folder's name, followed by the sub-folder of the class folder, if any
    # What belongs together, such as the frames of one video; unique over all data folders. An image
    # of which nothing is known is a group of its own.
    group: str


def assign(root: Path, files: Sequence[DataFile], seed: int) -> list[str]:
    """Give each file of a data folder a split: the one that its folders name, or a random one.

    Random splits are 70/15/15; where only the validation split is missing, it is 15 % of train. A
    file's group decides, or its content where it has none: not its name, so that a copy never lands
    in another split.
    """
    bounds = _bounds({file.split for file in files})
    if not bounds:
        return [str(file.split) for file in files]
    log.info("%s: split at random into %s", root, ", ".join(bounds))

    def draw(file: DataFile) -> str:
        if file.split not in (None, "train"):
            return str(file.split)
        position = uniform(seed, file.group or _digest(file.path))
        return next(split for split, bound in bounds.items() if position < bound)

    with ThreadPoolExecutor(processor.threads()) as pool:
        return list(pool.map(draw, files))


def _bounds(named: set[str | None]) -> dict[str, float]:
    """Return the upper end in (0, 1] of each split that is drawn, given those that are named."""
    if named <= {None, "train"}:
        return {"train": TRAIN_SHARE, "validation": TRAIN_SHARE + VALIDATION_SHARE, "test": 1}
    if "train" in named and "validation" not in named:
        return {"train": 1 - VALIDATION_SHARE, "validation": 1}
    return {}


def _digest(path: Path) -> str:
    try:
        return sha256(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error


def uniform(seed: int, key: str) -> float:
    """Return a number from [0, 1) that looks random and depends on the seed and the key alone."""
    # A key may hold the name of a file, which need not be UTF-8.
    digest = hashlib.sha256(f"{seed}:{key}".encode(errors="surrogateescape")).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def _turn(kinds: Sized, seed: int, group: str, use: str = "") -> tuple[bool, float, str]:
    """Return what groups are sorted by: at random, those of both classes first.

    Later, the room for one half of them could be used up.
    """
    return len(kinds) == 1, uniform(seed, use + group), group


def choose(
    samples: Sequence[Sample], seed: int, limit_per_class: int | None, fraction: float | None
) -> list[Sample]:
    """Keep whole groups, in random order, as long as no class of a split exceeds its quota.

    Where that leaves nothing of a class, because every group is larger, a warning says so.

    Args:
        limit_per_class: At most so many images of each class in each split.
        fraction: At most this share, in (0, 1], of each class in each split, rounded up.
    """
    room = _quotas(samples, limit_per_class, fraction)
    groups: dict[tuple[str, str], Counter[int]] = defaultdict(Counter)
    for sample in samples:
        groups[sample.split, sample.group][sample.label] += 1

    kept = set()
    for split, group in sorted(groups, key=lambda key: _turn(groups[key], seed, key[1])):
        counts = {(split, label): count for label, count in groups[split, group].items()}
        if all(count <= room[stratum] for stratum, count in counts.items()):
            room.subtract(counts)
            kept.add((split, group))
    chosen = [sample for sample in samples if (sample.split, sample.group) in kept]
    for split, label in sorted(room.keys() - {(sample.split, sample.label) for sample in chosen}):
        log.warning(
            "no %s images of the %s split are left: groups of images, such as the frames of a "
            "video, are kept whole, and none fits; raise the limit or the fraction",
            CLASSES[label],
            split,
        )
    return chosen


def _quotas(
    samples: Sequence[Sample], limit_per_class: int | None, fraction: float | None
) -> Counter[tuple[str, int]]:
    """Return how many images of each split and label may be kept."""
    quotas = Counter((sample.split, sample.label) for sample in samples)
    for stratum, count in quotas.items():
        share = math.ceil(count * (fraction or 1) - 1e-9)  # 0.07 * 100 is a little above 7
        quotas[stratum] = share if limit_per_class is None else min(limit_per_class, share)
    return quotas


def divide(samples: Sequence[Sample], reals: int, fakes: int, seed: int = 0) -> list[Sample]:
    """Set a part of the validation images apart for calibration, by whole groups.

    At least half of the groups of each source and class are set apart, and as many as a promise
    takes where that leaves some to choose by.

    Args:
        reals, fakes: how many groups of each class, of one source, the promise takes.

    Returns:
        The same images in the same order; those that are set apart have the split `calibration`.
        Where either part would lack a class that the validation images have, none is set apart.
    """
    kinds: dict[str, set[tuple[str, int]]] = defaultdict(set)
    for sample in samples:
        if sample.split == "validation":
            kinds[sample.group].add((sample.source, sample.label))
    there = Counter(kind for found in kinds.values() for kind in found)
    wanted = Counter(
        {(source, label): _share(n, (reals, fakes)[label]) for (source, label), n in there.items()}
    )

    apart = set()
    for group in sorted(kinds, key=lambda key: _turn(kinds[key], seed, key, CALIBRATION + ":")):
        if any(wanted[kind] > 0 for kind in kinds[group]):
            wanted.subtract(kinds[group])
            apart.add(group)
    divided = [
        replace(sample, split=CALIBRATION)
        if sample.split == "validation" and sample.group in apart
        else sample
        for sample in samples
    ]
    parts = _classes(divided, CALIBRATION), _classes(divided, "validation")
    whole = all(part == _classes(samples, "validation") for part in parts)
    return divided if whole and len(parts[0]) == len(CLASSES) else list(samples)


def _share(groups: int, needed: int) -> int:
    """Return how many groups of one source and class are set apart."""
    half = math.ceil(groups / 2) if groups > 1 else 0
    return max(half, needed) if groups >= needed + SPARED else half


def _classes(samples: Iterable[Sample], split: str) -> set[int]:
    return {sample.label for sample in samples if sample.split == split}
