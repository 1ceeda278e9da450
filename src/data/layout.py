"""Which files of a data folder are real, which are fake, and of which split: by folders' names."""

import logging
import os
import re
from collections.abc import Iterator, Set
from dataclasses import dataclass, replace
from pathlib import Path

from src import InputError

log = logging.getLogger(__name__)

SPLITS = ("train", "validation", "test")
CLASSES = ("real", "fake")  # a class's index is its label
# What a data folder may say about its files, beside the class or split folders.
TABLES = ("groups.csv", "pairs.csv")

_SYNONYMS = {
    "real": "real reals authentic original originals pristine genuine natural nature human humans "
    "bonafide",
    "fake": "fake fakes deepfake deepfakes ai aigc synthetic synthesis synthesized synthesised "
    "generated manipulated manipulation forged forgery forgeries tampered altered swapped "
    "faceswap gan gans",
    "train": "train training",
    "validation": "validation valid val validate dev",
    "test": "test testing tests eval evaluation",
}
_TERMS = {word: term for term, words in _SYNONYMS.items() for word in words.split()}
_NEGATIONS = {"not", "non", "no", "un", "never"}
# "training_fake", "FakeFaces", "AIGenerated", "0_real"
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


@dataclass(frozen=True)
class Meaning:
    """What a folder's name says."""

    label: int | None = None  # 1 fake, 0 real, None where no class is named or it is unclear which
    split: str | None = None  # out of `SPLITS`, or None
    unclear: str = ""  # what is said of the class where it cannot be told, such as "not real"

    def __str__(self) -> str:
        name = self.unclear if self.label is None else CLASSES[self.label]
        return " ".join(filter(None, (self.split, name))) or "nothing"


def meaning(name: str) -> Meaning:
    """Read the name of a folder."""
    words = [word.lower() for word in _WORD.findall(name)]
    words.append("".join(words))  # "face_swap", "bona-fide"
    terms = {_TERMS[word] for word in words if word in _TERMS}
    split = next((split for split in SPLITS if split in terms), None)
    labels = [label for label, name in enumerate(CLASSES) if name in terms]
    if len(labels) > 1:
        return Meaning(split=split, unclear=" or ".join(CLASSES))
    if labels and not _NEGATIONS.isdisjoint(words):
        return Meaning(split=split, unclear=f"not {CLASSES[labels[0]]}")
    return Meaning(split=split, label=labels[0] if labels else None)


def existing(folder: Path | str) -> Path:
    """Return a folder as a path.

    Raises:
        InputError: If it is missing, is a file or cannot be looked at.
    """
    path = Path(folder)
    try:
        if path.is_dir():
            return path
        there = path.exists()
    except OSError as error:
        raise InputError(f"{path}: cannot be looked at ({error.strerror})") from error
    if there:
        raise InputError(f"{path}: a folder was expected, but this is a file")
    raise InputError(f"{path}: there is no such folder")


def files_in(folder: Path, extensions: Set[str]) -> list[str]:
    """List the files with one of some extensions at any depth below a folder.

    Hidden files and folders are passed over; a folder that several links reach is read once.

    Returns:
        Paths relative to the folder, with forward slashes, sorted.
    """
    found: list[str] = []
    seen: set[str] = set()
    for parent, folders, names in os.walk(folder, onerror=_refuse, followlinks=True):
        real = os.path.realpath(parent)
        if real in seen:  # a link led back to where we came from
            folders.clear()
            continue
        seen.add(real)
        # Of several links to one folder, the last by name counts.
        folders[:] = sorted(filter(_visible, folders), reverse=True)
        below = "".join(f"{part}/" for part in Path(parent).relative_to(folder).parts)
        for name in filter(_visible, names):
            if name[name.rfind(".") :].lower() in extensions:
                found.append(below + name)
    return sorted(found)


def _refuse(error: OSError) -> None:
    raise InputError(f"{error.filename}: cannot be listed ({error.strerror})") from error


def _visible(name: str) -> bool:
    """Tell whether a name is neither hidden nor left over from a macOS archive."""
    return name[0] != "." and name != "__MACOSX"


@dataclass(frozen=True)
class ClassFolder:
    """A folder whose files, at any depth, are of one class.

    `split` is the one that its name or its parent's names; None where they name none.
    """

    path: Path
    label: int
    split: str | None


@dataclass(frozen=True)
class DataFile:
    """An image or a video as it was found in a data folder."""

    path: Path
    name: str  # its path below the folder where the layout starts, with forward slashes
    inner: str  # its path below its class folder, with forward slashes
    label: int  # 1 fake, 0 real
    split: str | None  # the split that its folders name; None where they name none
    group: str = ""  # what it belongs to, such as the frames of one video; empty: to nothing known


def meanings_in(folder: Path) -> dict[str, Meaning]:
    """Read the names of the sub-folders of a folder."""
    _, names, _ = next(os.walk(folder, onerror=_refuse))
    return {name: meaning(name) for name in sorted(filter(_visible, names))}


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
    for table in TABLES:
        if (wrapper / table).exists():
            raise InputError(
                f"{wrapper / table}: expected in {wrapper / inner}, beside the class or split "
                "folders, with paths relative to there"
            )


def files(start: Path, extensions: Set[str]) -> Iterator[DataFile]:
    """Yield the files with one of some extensions in class folders, also in split folders.

    Raises:
        InputError: If it is not clear which folders hold real and which fake files.
    """
    meanings = meanings_in(start)
    found = _split_layout(start, meanings) or _class_folders(start, meanings)
    if not found:
        raise InputError(_not_understood(start, meanings))
    for folder in found:
        below = folder.path.relative_to(start).as_posix()
        for inner in files_in(folder.path, extensions):
            name = f"{below}/{inner}"
            yield DataFile(start / name, name, inner, folder.label, folder.split)


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
    vocabulary = "; ".join(f"{term}: {words}" for term, words in _SYNONYMS.items())
    return (
        f"{folder}: cannot tell which folders hold real and which fake images. Its sub-folders and "
        f"what their names say: {said or 'there are none'}. Expected {name}/real and {name}/fake, "
        f"or both in each of {name}/train, {name}/validation and {name}/test. Words that are "
        f"understood: {vocabulary}"
    )
