"""Files: written whole or not at all, never over something unasked, and known by their hashes."""

import csv
import hashlib
import io
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from src import InputError

# Names the folder for what can be computed again; where it is not set, the system's own is used.
VARIABLE = "DEEPFAKE_CACHE"


def cache_folder() -> Path:
    """Return the folder for what can be computed again."""
    if os.environ.get(VARIABLE):
        return Path(os.environ[VARIABLE])
    if sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    elif sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "deepfake-detector"


def require_named(path: Path) -> None:
    """Refuse a place without a name of its own: no folder is put where somebody stands.

    Raises:
        InputError: `path` is `.`, `..` or the root.
    """
    if path.name in ("", ".."):
        raise InputError(f"{path}: expected a name, such as {path.resolve() / 'NAME'}")


def make_folder(folder: Path) -> None:
    """Make a folder where there is none, and see that it can be written to.

    Raises:
        InputError: it cannot be made, or cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot write into {folder}: {error.strerror}") from error
    if not os.access(folder, os.W_OK):
        raise InputError(f"cannot write into {folder}: permission denied")


def refuse_existing(path: Path, overwrite: bool) -> None:
    """Stop before work is done whose result could not be written.

    Raises:
        InputError: `path` exists and `overwrite` is false.
    """
    if path.exists() and not overwrite:
        raise InputError(f"{path} exists already: give --overwrite to replace it, or another place")


def require_apart(source: Path, output: Path) -> None:
    """Stop where an output would touch the folder that is read.

    Raises:
        InputError: one of the two is the other, or lies in it.
    """
    outer, inner = source.resolve(), output.resolve()
    if inner.is_relative_to(outer) or outer.is_relative_to(inner):
        raise InputError(f"{output}: expected a folder apart from {source}, which is only read")


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` that takes its place when the block ends well.

    The temporary name keeps the suffixes, because writers choose their format by it.

    Raises:
        InputError: nothing can be written there.
    """
    make_folder(path.parent)
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text to `path`, whole or not at all.

    File names that are not UTF-8 are written as the bytes that they are.
    """
    with atomic_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="surrogateescape")


def write_table(path: Path, rows: Sequence[dict[str, Any]], columns: Sequence[str] = ()) -> None:
    """Write rows as CSV with a header; without `columns`, those of the first row."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns or list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())


@contextmanager
def atomic_folder(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Yield a temporary folder that becomes `path` when the block ends well.

    Raises:
        InputError: `path` exists and `overwrite` is false, or nothing can be written there.
    """
    require_named(path)
    refuse_existing(path, overwrite)
    make_folder(path.parent)
    hidden = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    # Inside, because that one is closed to others, and this one as open as every new folder.
    temporary = hidden / path.name
    temporary.mkdir()
    try:
        yield temporary
        if path.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{path.name}.old.", dir=path.parent))
            path.rename(old / path.name)
            temporary.rename(path)
            shutil.rmtree(old)
        else:
            temporary.rename(path)
    finally:
        shutil.rmtree(hidden, ignore_errors=True)


def require_whole(
    folder: Path,
    digests: Mapping[str, str | None],
    advice: str = "copy the whole bundle again, or train it again",
    *,
    which: str = "that its card names",
    where: str | None = None,
) -> None:
    """Compare files with their hashes.

    Args:
        digests: SHA-256 by path in the folder.
        advice: what to do where that fails.
        which: completes "is not the file ...".
        where: what the name of a file is told behind; None takes the folder.

    Raises:
        InputError: one is missing or another one.
    """
    for name, digest in digests.items():
        path = folder / name
        if not path.is_file() or sha256(path) != digest:
            state = f"is not the file {which}" if path.is_file() else "is missing"
            raise InputError(f"{where or f'{folder}/'}{name} {state}: {advice}")


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
