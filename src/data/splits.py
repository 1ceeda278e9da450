"""Which images belong together, which split they go to, and which of them are used."""

import csv
import hashlib
import logging
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from src import InputError
from src.data.names import CLASSES, meaning

log = logging.getLogger(__name__)

TABLES = ("groups.csv", "pairs.csv")
TRAIN_SHARE = 0.70
VALIDATION_SHARE = 0.15


@dataclass(frozen=True)
class ImageFile:
    """An image as it was found in a data folder."""

    name: str  # its path below the folder where the layout starts, with forward slashes
    inner: str  # its path below its class folder, with forward slashes
    label: int  # 1 fake, 0 real
    split: str | None  # the split that its folders name; None where they name none


@dataclass(frozen=True)
class Sample:
    """One image of a data set."""

    path: Path
    label: int  # 1 fake, 0 real
    split: str  # "train", "validation" or "test"
    source: str  # the data folder's name, followed by the sub-folder of the class folder, if any
    # What belongs together, such as the frames of one video; unique over all data folders. An image
    # of which nothing is known is a group of its own.
    group: str


def read_groups(root: Path, files: Sequence[ImageFile]) -> dict[str, str] | None:
    """Read which images belong together from the table in a data folder, if it has one.

    Args:
        root: The folder where the layout starts. `groups.csv` there has the columns path and
            group, and `pairs.csv` the columns split, fake and original.

    Returns:
        The group of each image that the table lists, by `ImageFile.name`; None without a table.

    Raises:
        InputError: If there are two tables, or one names what is not there or contradicts itself.
    """
    tables = [root / name for name in TABLES if (root / name).exists()]
    if len(tables) > 1:
        raise InputError(f"{root}: has {' and '.join(TABLES)}; keep one of them")
    if not tables:
        return None
    read = _listed_groups if tables[0].name == "groups.csv" else _paired_groups
    return read(tables[0], files)


def _listed_groups(table: Path, files: Sequence[ImageFile]) -> dict[str, str]:
    names = {file.name for file in files}
    groups: dict[str, str] = {}
    for where, path, group in _rows(table, ("path", "group")):
        name = _posix(path)
        if name not in names:
            raise InputError(f"{where}: {path} is not among the images of {table.parent}")
        if groups.setdefault(name, group) != group or not group:
            raise InputError(f"{where}: {path} needs one group, and not an empty one")
    return groups


def _paired_groups(table: Path, files: Sequence[ImageFile]) -> dict[str, str]:
    """Put each fake into the group of the real image that it was made from."""
    made_from = originals(table.parent, files)
    return made_from | {original: original for original in made_from.values()}


def originals(root: Path, files: Iterable[ImageFile]) -> dict[str, str]:
    """Read from `pairs.csv` in a data folder which real image each fake was made from.

    Args:
        files: Its images; not asked for without a table.

    Returns:
        The real image of each fake that the table lists, by `ImageFile.name`; empty without one.

    Raises:
        InputError: If the table names what is not there or contradicts itself.
    """
    table = root / "pairs.csv"
    if not table.exists():
        return {}
    names = {(file.split, CLASSES[file.label], file.inner): file.name for file in files}

    def find(where: str, split: str, class_name: str, path: str) -> str:
        name = names.get((meaning(split).split, class_name, _posix(path)))
        if name is None:
            raise InputError(
                f"{where}: {path} is not among the {class_name} images of split {split!r}"
            )
        return name

    made_from: dict[str, str] = {}
    for where, split, fake, original in _rows(table, ("split", "fake", "original")):
        name, other = find(where, split, "fake", fake), find(where, split, "real", original)
        if made_from.setdefault(name, other) != other:
            raise InputError(f"{where}: {fake} has a second original")
    return made_from


def _rows(table: Path, columns: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield for each line of a table where it is and the cells of the given columns."""
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            if not set(columns) <= set(reader.fieldnames or ()):
                raise InputError(f"{table}: expected a first line with {','.join(columns)}")
            for row in reader:
                cells = ((row[column] or "").strip() for column in columns)
                yield (f"{table}, line {reader.line_num}", *cells)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{table}: cannot be read as CSV in UTF-8 ({error})") from error


def _posix(path: str) -> str:
    return PurePosixPath(path.replace("\\", "/")).as_posix()


def assign(
    root: Path, files: Sequence[ImageFile], groups: dict[str, str], seed: int
) -> dict[str, str]:
    """Give each image a split: the one that its folders name, or a random one.

    Random splits are 70/15/15; where only the validation split is missing, it is 15 % of train.

    Args:
        groups: The group of each image that has one, by `ImageFile.name`, as what is returned.
    """
    splits = {file.name: file.split for file in files}
    bounds = _bounds(set(splits.values()))
    if bounds:
        log.info("%s: split at random into %s", root, ", ".join(bounds))
        drawn = [file for file in files if file.split in (None, "train")]
        for file, key in zip(drawn, _split_keys(root, drawn, groups), strict=True):
            position = uniform(seed, key)
            splits[file.name] = next(s for s, bound in bounds.items() if position < bound)
    return {name: str(split) for name, split in splits.items()}


def _bounds(named: set[str | None]) -> dict[str, float]:
    """Return the upper end in (0, 1] of each split that is drawn, given those that are named."""
    if named <= {None, "train"}:
        return {"train": TRAIN_SHARE, "validation": TRAIN_SHARE + VALIDATION_SHARE, "test": 1}
    if "train" in named and "validation" not in named:
        return {"train": 1 - VALIDATION_SHARE, "validation": 1}
    return {}


def _split_keys(root: Path, files: Sequence[ImageFile], groups: dict[str, str]) -> Iterator[str]:
    """Yield what decides about each image's split: its group, or its content if it has none.

    The content rather than the name, so that a copy never lands in another split.
    """

    def key(file: ImageFile) -> str:
        return groups.get(file.name) or _digest(root / file.name)

    with ThreadPoolExecutor() as pool:
        yield from pool.map(key, files)


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error


def uniform(seed: int, key: str) -> float:
    """Return a number from [0, 1) that looks random and depends on the seed and the key alone."""
    digest = hashlib.sha256(f"{seed}:{key}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def choose(
    samples: Sequence[Sample], seed: int, limit_per_class: int | None, fraction: float | None
) -> list[Sample]:
    """Keep whole groups, in random order, as long as no class of a split exceeds its quota.

    Args:
        limit_per_class: At most so many images of each class in each split.
        fraction: At most this share, in (0, 1], of each class in each split, rounded up.
    """
    room = _quotas(samples, limit_per_class, fraction)
    groups: dict[tuple[str, str], Counter[int]] = defaultdict(Counter)
    for sample in samples:
        groups[sample.split, sample.group][sample.label] += 1

    def order(key: tuple[str, str]) -> tuple[bool, float, str]:
        # Groups with both classes come first: later, the room for one half could be used up.
        return len(groups[key]) == 1, uniform(seed, key[1]), key[1]

    kept = set()
    for split, group in sorted(groups, key=order):
        counts = {(split, label): count for label, count in groups[split, group].items()}
        if all(count <= room[stratum] for stratum, count in counts.items()):
            room.subtract(counts)
            kept.add((split, group))
    return [sample for sample in samples if (sample.split, sample.group) in kept]


def _quotas(
    samples: Sequence[Sample], limit_per_class: int | None, fraction: float | None
) -> Counter[tuple[str, int]]:
    """Return how many images of each split and label may be kept."""
    quotas = Counter((sample.split, sample.label) for sample in samples)
    for stratum, count in quotas.items():
        share = math.ceil(count * (fraction or 1) - 1e-9)  # 0.07 * 100 is a little above 7
        quotas[stratum] = share if limit_per_class is None else min(limit_per_class, share)
    return quotas
