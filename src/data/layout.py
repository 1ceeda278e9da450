"""Which folders of a data set hold real images, which fake ones, and of which split."""

import logging
from dataclasses import dataclass, replace
from pathlib import Path

from src import InputError
from src.data import listing, splits
from src.data.names import Meaning, meaning, vocabulary

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ClassFolder:
    """A folder whose files, at any depth, are of one class.

    `split` is the one that its name or its parent's names; None where they name none.
    """

    path: Path
    label: int
    split: str | None


def meanings_in(folder: Path) -> dict[str, Meaning]:
    """Read the names of the sub-folders of a folder."""
    return {name: meaning(name) for name in listing.subfolders(folder)}


def root(folder: Path) -> Path:
    """Return the folder where the layout of a data folder starts.

    Folders that merely wrap a layout are stepped through, as the ones that archives unpack to.
    """
    meanings = meanings_in(folder)
    if len(meanings) != 1:
        return folder
    ((name, said),) = meanings.items()
    if not _is_wrapper(folder / name, said):
        return folder
    _refuse_tables(folder, name)
    return root(folder / name)


def _is_wrapper(only: Path, said: Meaning) -> bool:
    """Tell whether the only folder in a folder merely wraps a layout, as "real-vs-fake" does."""
    inside = meanings_in(only)
    if said.label is None:
        return said.split is None and bool(inside)
    # "deepfake-dataset" names a class, but is no class folder if it holds both classes itself.
    split_folders = [meanings_in(only / name) for name, below in inside.items() if below.split]
    labels = {below.label for level in (inside, *split_folders) for below in level.values()}
    return labels >= {0, 1}


def _refuse_tables(wrapper: Path, inner: str) -> None:
    for table in splits.TABLES:
        if (wrapper / table).exists():
            raise InputError(
                f"{wrapper / table}: expected in {wrapper / inner}, beside the class or split "
                "folders, with paths relative to there"
            )


def class_folders(start: Path) -> list[ClassFolder]:
    """Find the class folders in a folder, or in the split folders there."""
    meanings = meanings_in(start)
    found = _split_layout(start, meanings) or _class_folders(start, meanings)
    if not found:
        raise InputError(_not_understood(start, meanings))
    return found


def _split_layout(folder: Path, meanings: dict[str, Meaning]) -> list[ClassFolder]:
    found = [
        replace(inside, split=said.split)
        for name, said in meanings.items()
        if said.split and said.label is None
        for inside in _class_folders(folder / name, meanings_in(folder / name))
    ]
    if found and any(said.label is not None for said in meanings.values()):
        raise InputError(_not_understood(folder, meanings))
    if found:
        _log_ignored(folder, set(meanings) - {inside.path.parent.name for inside in found})
    return found


def _class_folders(folder: Path, meanings: dict[str, Meaning]) -> list[ClassFolder]:
    found = [
        ClassFolder(folder / name, said.label, said.split)
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
