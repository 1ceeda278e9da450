"""Find the images of a data set, the class of each, and the split it belongs to."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from src import InputError
from src.data import listing, splits, video_names
from src.data.names import CLASSES, SPLITS, Meaning, meaning, vocabulary
from src.data.splits import ImageFile, Sample

__all__ = ["CLASSES", "SPLITS", "Sample", "images", "require_both_classes", "scan"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _ClassFolder:
    """A folder whose images, at any depth, are of one class.

    `split` is the one that its name or its parent's names; None where they name none.
    """

    path: Path
    label: int
    split: str | None


def scan(
    data_dirs: Sequence[Path | str],
    *,
    seed: int = 0,
    limit_per_class: int | None = None,
    fraction: float | None = None,
) -> list[Sample]:
    """List the images of one or more data folders with class, split, source and group.

    A data folder holds `real` and `fake` folders, or `train`, `validation` and `test` folders
    that hold them; names are matched by meaning. Images without a split get one, 70/15/15, from
    a hash of their content (or of their group, where `groups.csv`, `pairs.csv` or the names of
    frames tell one), so a file keeps its split when others come and go. Nothing is written.

    Args:
        data_dirs: The data folders. A class may be missing from one of them.
        seed: Another seed gives another random split and choice.
        limit_per_class: At most so many images of each class in each split.
        fraction: At most this share, in (0, 1], of each class in each split, rounded up. The
            limit and the fraction both choose whole groups.

    Returns:
        The images, in the order of the data folders and sorted by path within each.

    Raises:
        InputError: If a folder is missing, empty or given twice, its layout is not understood,
            or an option is out of range.
    """
    _check_choice(limit_per_class, fraction)
    folders = [listing.existing(folder) for folder in data_dirs]
    samples = [
        sample
        for folder, name in zip(folders, _source_names(folders), strict=True)
        for sample in _scan_one(folder, name, seed)
    ]
    if limit_per_class is None and fraction is None:
        return samples
    return splits.choose(samples, seed, limit_per_class, fraction)


def _check_choice(limit_per_class: int | None, fraction: float | None) -> None:
    if limit_per_class is not None and limit_per_class < 1:
        raise InputError(f"limit per class: expected 1 or more, got {limit_per_class}")
    if fraction is not None and not 0 < fraction <= 1:
        raise InputError(f"fraction: expected more than 0 and at most 1, got {fraction}")


def require_both_classes(samples: Iterable[Sample], required: Iterable[str]) -> None:
    """Check that each of the given splits has real and fake images.

    Args:
        samples: What `scan` returned.
        required: Names out of `SPLITS`.

    Raises:
        InputError: Naming the split and the class that is missing.
    """
    present = {(sample.split, sample.label) for sample in samples}
    for split in required:
        for label, name in enumerate(CLASSES):
            if (split, label) not in present:
                raise InputError(
                    f"the {split} split has no {name} images; both classes are needed: "
                    f"add {name} images to it, or give one more data folder"
                )


def images(folder: Path | str) -> list[Path]:
    """List the image files in a folder and in all folders below it.

    Args:
        folder: The folder. Hidden files and folders are passed over; a folder that is reached
            by several links is read once.

    Returns:
        The paths whose suffix is in `pixels.EXTENSIONS`, sorted.

    Raises:
        InputError: If the folder is missing or cannot be read.
    """
    folder = listing.existing(folder)
    return [folder / inner for inner in listing.image_files(folder)]


def _source_names(folders: list[Path]) -> list[str]:
    """Name each data folder by its last part, and by more parts where that is not unique."""
    full = [folder.resolve().parts for folder in folders]
    if not full:
        raise InputError("no data folder was given")
    names = []
    for folder, parts in zip(folders, full, strict=True):
        if full.count(parts) > 1:
            raise InputError(f"{folder}: this data folder was given more than once")
        depth = 1
        while sum(parts[-depth:] == other[-depth:] for other in full) > 1:
            depth += 1
        names.append("/".join(parts[-depth:]))
    return names


def _scan_one(folder: Path, source: str, seed: int) -> list[Sample]:
    """List the images of one data folder, whose name as a source is given."""
    root = _unwrap(folder)
    files = sorted(_files(root), key=lambda file: file.name)
    if not files:
        raise InputError(f"{folder}: there are no images in its class folders")
    listed = splits.read_groups(root, files)
    groups = video_names.groups(files) if listed is None else listed
    split_of = splits.assign(root, files, groups, seed)
    return [
        Sample(
            path=root / file.name,
            label=file.label,
            split=split_of[file.name],
            source="/".join([source, *file.inner.split("/")[:-1][:1]]),
            group=f"{source}/{groups.get(file.name, file.name)}",
        )
        for file in files
    ]


def _files(root: Path) -> Iterator[ImageFile]:
    for folder in _layout(root):
        below = folder.path.relative_to(root).as_posix()
        for inner in listing.image_files(folder.path):
            yield ImageFile(f"{below}/{inner}", inner, folder.label, folder.split)


def _meanings(folder: Path) -> dict[str, Meaning]:
    """Read the names of the sub-folders of a folder."""
    return {name: meaning(name) for name in listing.subfolders(folder)}


def _unwrap(folder: Path) -> Path:
    """Step through folders that merely wrap a layout, as the ones that archives unpack to."""
    meanings = _meanings(folder)
    if len(meanings) != 1:
        return folder
    ((name, said),) = meanings.items()
    if not _is_wrapper(folder / name, said):
        return folder
    _refuse_tables(folder, name)
    return _unwrap(folder / name)


def _is_wrapper(only: Path, said: Meaning) -> bool:
    """Tell whether the only folder in a folder merely wraps a layout, as "real-vs-fake" does."""
    inside = _meanings(only)
    if said.label is None:
        return said.split is None and bool(inside)
    # "deepfake-dataset" names a class, but is no class folder if it holds both classes itself.
    split_folders = [_meanings(only / name) for name, below in inside.items() if below.split]
    labels = {below.label for level in (inside, *split_folders) for below in level.values()}
    return labels >= {0, 1}


def _refuse_tables(wrapper: Path, inner: str) -> None:
    for table in splits.TABLES:
        if (wrapper / table).exists():
            raise InputError(
                f"{wrapper / table}: expected in {wrapper / inner}, beside the class or split "
                "folders, with paths relative to there"
            )


def _layout(root: Path) -> list[_ClassFolder]:
    """Find the class folders in a folder, or in the split folders there."""
    meanings = _meanings(root)
    found = _split_layout(root, meanings) or _class_folders(root, meanings)
    if not found:
        raise InputError(_not_understood(root, meanings))
    return found


def _split_layout(folder: Path, meanings: dict[str, Meaning]) -> list[_ClassFolder]:
    """Find the class folders inside the split folders, if there are any."""
    found = [
        replace(inside, split=said.split)
        for name, said in meanings.items()
        if said.split and said.label is None
        for inside in _class_folders(folder / name, _meanings(folder / name))
    ]
    if found and any(said.label is not None for said in meanings.values()):
        raise InputError(_not_understood(folder, meanings))
    if found:
        _log_ignored(folder, set(meanings) - {inside.path.parent.name for inside in found})
    return found


def _class_folders(folder: Path, meanings: dict[str, Meaning]) -> list[_ClassFolder]:
    """Find the class folders directly inside a folder."""
    found = [
        _ClassFolder(folder / name, said.label, said.split)
        for name, said in meanings.items()
        if said.label is not None
    ]
    if not found:
        return []
    named = {inside.split for inside in found}
    # "test_real" beside a plain "fake": is all of "fake" meant for training?
    half_split = None in named and not named <= {None, "train"}
    if half_split or any(said.unclear for said in meanings.values()):
        raise InputError(_not_understood(folder, meanings))
    _log_ignored(folder, set(meanings) - {inside.path.name for inside in found})
    return found


def _log_ignored(folder: Path, names: set[str]) -> None:
    for name in sorted(names):
        log.info("%s is ignored: it holds no class that was understood", folder / name)


def _not_understood(folder: Path, meanings: dict[str, Meaning]) -> str:
    said = ", ".join(f"{name} = {meaning}" for name, meaning in meanings.items())
    name = folder.resolve().name
    return (
        f"{folder}: cannot tell which folders hold real and which fake images. Its sub-folders and "
        f"what their names say: {said or 'there are none'}. Expected {name}/real and {name}/fake, "
        f"or both in each of {name}/train, {name}/validation and {name}/test. Words that are "
        f"understood: {vocabulary()}"
    )
