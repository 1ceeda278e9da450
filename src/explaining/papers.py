"""A person's own papers as passages that can be searched and cited like notes."""

import logging
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from src import InputError
from src.explaining.notes import Note, Source

# Words of a passage, about a paragraph.
PASSAGE = 120
# How many of them it shares with the passage before, so that no sentence is cut in both.
OVERLAP = 30


@dataclass(frozen=True)
class Papers:
    """What was read out of a folder."""

    # As notes with ids `paper-1`, `paper-2`, …; their sources name file and page.
    passages: tuple[Note, ...]
    skipped: tuple[tuple[Path, str], ...]  # files that could not be read, each with the reason


def read(folder: Path) -> Papers:
    """Read every PDF in a folder and its subfolders, in the order of their names.

    Files that are damaged, locked or without text are skipped and named.

    Raises:
        InputError: no such folder, or no PDF in it.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: expected a folder with PDF files, found no folder")
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() == ".pdf")
    if not files:
        raise InputError(f"{folder}: expected PDF files, found none")
    passages: list[Note] = []
    skipped: list[tuple[Path, str]] = []
    for path in files:
        pages, fault = _pages(path)
        if fault:
            skipped.append((path, fault))
        for page, text in enumerate(pages, start=1):
            source = Source(path.relative_to(folder).as_posix(), page=page)
            passages += [
                Note(f"paper-{len(passages) + number}", str(source), passage, source)
                for number, passage in enumerate(_passages(text), start=1)
            ]
    return Papers(tuple(passages), tuple(skipped))


def _pages(path: Path) -> tuple[list[str], str]:
    """Return the text of each page, and why there is none where there is none."""
    import pypdf
    from pypdf.errors import DependencyError, DeprecationError, FileNotDecryptedError, PyPdfError

    # It reports each flaw that it works around; what matters is named by `skipped`.
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    # A damaged file may hold anything anywhere, so these are what wrong values raise.
    damage = (
        *(PyPdfError, DeprecationError, OSError, ValueError, TypeError, AttributeError),
        *(LookupError, ArithmeticError, RuntimeError, AssertionError, struct.error, zlib.error),
    )
    try:
        with path.open("rb") as file:
            pages = [page.extract_text() for page in pypdf.PdfReader(file).pages]
    except (FileNotDecryptedError, DependencyError):
        return [], "it is locked: save it without its password"
    except damage as error:
        return [], f"it cannot be read as a PDF ({type(error).__name__}: {error})"
    if not any(page.strip() for page in pages):
        return [], "it holds no text: a scan needs text recognition first"
    return pages, ""


def _passages(text: str) -> Iterator[str]:
    """Yield overlapping runs of words; the last may be shorter."""
    words = "".join(letter if letter.isprintable() else " " for letter in text).split()
    for start in range(0, max(len(words) - OVERLAP, min(len(words), 1)), PASSAGE - OVERLAP):
        yield " ".join(words[start : start + PASSAGE])
