"""What a folder holds: the folders in it, and the files at any depth."""

import os
from collections.abc import Set
from pathlib import Path

from src import InputError
from src.data.pixels import EXTENSIONS


def existing(folder: Path | str) -> Path:
    """Return a folder as a path.

    Raises:
        InputError: If it is missing or is a file.
    """
    path = Path(folder)
    if not path.exists():
        raise InputError(f"{path}: there is no such folder")
    if not path.is_dir():
        raise InputError(f"{path}: a folder was expected, but this is a file")
    return path


def subfolders(folder: Path) -> list[str]:
    """List the folders directly inside a folder: their names, sorted."""
    return [entry.name for entry in _entries(folder) if _is_folder(entry)]


def image_files(folder: Path) -> list[str]:
    """List the images at any depth below a folder, as `files` does."""
    return files(folder, EXTENSIONS)


def files(folder: Path, extensions: Set[str]) -> list[str]:
    """List the files with one of some extensions at any depth below a folder.

    Hidden files and folders are passed over; a folder that several links reach is read once.

    Returns:
        Paths relative to the folder, with forward slashes, sorted.
    """
    found: list[str] = []
    seen: set[Path] = set()
    waiting = [""]
    while waiting:
        inner = waiting.pop()
        # A link may lead back to where we came from.
        real = (folder / inner).resolve()
        if real in seen:
            continue
        seen.add(real)
        for entry in _entries(folder / inner):
            if _is_folder(entry):
                waiting.append(f"{inner}{entry.name}/")
            elif entry.name[entry.name.rfind(".") :].lower() in extensions:
                found.append(inner + entry.name)
    return sorted(found)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """List a folder, sorted by name, without what is hidden or left over from macOS archives."""
    try:
        with os.scandir(folder) as entries:
            visible = [e for e in entries if e.name[0] != "." and e.name != "__MACOSX"]
    except OSError as error:
        raise InputError(f"{folder}: cannot be listed ({error.strerror})") from error
    return sorted(visible, key=lambda entry: entry.name)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False
