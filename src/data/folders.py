"""Find the images of a data set, the class of each, and the split it belongs to."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from src import InputError
from src.data import groups, layout, splits
from src.data.layout import CLASSES, SPLITS, DataFile, Meaning, meaning
from src.data.pixels import EXTENSIONS
from src.data.splits import Sample

__all__ = [
    "CLASSES",
    "SPLITS",
    "Sample",
    "images",
    "require_both_classes",
    "samples",
    "scan",
    "scan_real",
    "source_names",
]


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
    folders = [layout.existing(folder) for folder in data_dirs]
    found = [
        sample
        for folder, name in zip(folders, source_names(folders), strict=True)
        for sample in _scan_one(folder, name, seed)
    ]
    if limit_per_class is None and fraction is None:
        return found
    return splits.choose(found, seed, limit_per_class, fraction)


def scan_real(folder: Path | str, *, seed: int = 0) -> list[Sample]:
    """List the real images of a data folder, or every image of a folder of real photographs.

    Args:
        folder: A data folder as for `scan`, of which only the real images are taken; or, where
            no folder in it names a class or a split, photographs at any depth, which get a split
            and a group as `scan` gives them.

    Returns:
        The images, sorted by path.

    Raises:
        InputError: If the folder is missing, has no such images, or is named as fakes are.
    """
    path = layout.existing(folder)
    if any(said != Meaning() for said in layout.meanings_in(layout.root(path)).values()):
        reals = [sample for sample in scan([path], seed=seed) if sample.label == 0]
    else:
        said = meaning(path.resolve().name)
        if said.label == 1 or said.unclear:
            raise InputError(
                f"{path}: real images are needed, but the folder's name says: {said}; if they are "
                "real, call it otherwise"
            )
        there = layout.files_in(path, EXTENSIONS)
        files = [DataFile(path / inner, inner, inner, 0, None) for inner in there]
        reals = samples(path, _grouped(path, files), source_names([path])[0], seed)
    if not reals:
        raise InputError(
            f"{path}: there are no real images in it; expected photographs, or a data folder with "
            "real faces"
        )
    return reals


def _check_choice(limit_per_class: int | None, fraction: float | None) -> None:
    if limit_per_class is not None and limit_per_class < 1:
        raise InputError(f"limit per class: expected 1 or more, got {limit_per_class}")
    if fraction is not None and not 0 < fraction <= 1:
        raise InputError(f"fraction: expected more than 0 and at most 1, got {fraction}")


def require_both_classes(
    samples: Iterable[Sample], required: Iterable[str], *, self_blend: bool = False
) -> None:
    """Check that each of the given splits has real and fake images.

    Args:
        required: Names out of `SPLITS`.
        self_blend: Fakes are made out of the real images, so only these are needed.

    Raises:
        InputError: Naming the split and the class that is missing.
    """
    present = {(sample.split, sample.label) for sample in samples}
    for split in required:
        for label, name in enumerate(CLASSES):
            if (split, label) not in present and not (self_blend and name == "fake"):
                way_out = "; `deepfake forge` and `train --self-blend` make fakes of real faces"
                raise InputError(
                    f"the {split} split has no {name} images; both classes are needed: "
                    f"add {name} images to it, or give one more data folder"
                    f"{way_out if name == 'fake' else ''}"
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
    folder = layout.existing(folder)
    return [folder / inner for inner in layout.files_in(folder, EXTENSIONS)]


def source_names(folders: list[Path]) -> list[str]:
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


def samples(root: Path, files: Sequence[DataFile], source: str, seed: int) -> list[Sample]:
    """Give the files of one data folder, which have their groups, a split and a source."""
    return [
        Sample(
            path=file.path,
            label=file.label,
            split=split,
            source="/".join([source, *file.inner.split("/")[:-1][:1]]),
            group=f"{source}/{file.group or file.name}",
        )
        for file, split in zip(files, splits.assign(root, files, seed), strict=True)
    ]


def _scan_one(folder: Path, source: str, seed: int) -> list[Sample]:
    root = layout.root(folder)
    files = sorted(layout.files(root, EXTENSIONS), key=lambda file: file.name)
    if not files:
        raise InputError(
            f"{folder}: there are no images in its class folders; expected files that end in "
            f"{', '.join(sorted(EXTENSIONS))}"
        )
    return samples(root, _grouped(root, files), source, seed)


def _grouped(root: Path, files: Sequence[DataFile]) -> list[DataFile]:
    known = groups.read(root, files)
    if known is None:
        known = groups.by_names(files)
    return [replace(file, group=known.get(file.name, "")) for file in files]
