"""Notes that an explanation can cite: one claim each, with its source."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from src import InputError

FOLDER = Path(__file__).resolve().parents[1] / "knowledge"
FENCE = "---\n"
FORM = "four or more lines NAME: VALUE between two lines ---, each value in JSON, then the claim"
NEEDED = {"title": str, "keywords": list, "authors": list, "year": int, "work": str}
IDENTIFIERS = {
    "arxiv": re.compile(r"\d{4}\.\d{4,5}"),
    "doi": re.compile(r"10\.\d{4,9}/\S+"),
}


@dataclass(frozen=True)
class Source:
    """Where a claim can be read."""

    work: str  # title of the publication, or the name of a file
    authors: tuple[str, ...] = ()  # full names; empty where unknown
    year: int | None = None  # of the publication; None where unknown
    arxiv: str = ""  # identifier such as `1901.08971`; empty where there is none
    doi: str = ""  # such as `10.1073/pnas.2120481119`; empty where there is none
    page: int | None = None  # from 1, of a file; None for a publication as a whole

    @property
    def url(self) -> str:
        """Where the publication is found; empty for a person's own file."""
        if self.arxiv:
            return f"https://arxiv.org/abs/{self.arxiv}"
        return f"https://doi.org/{self.doi}" if self.doi else ""

    def __str__(self) -> str:
        names = self.authors[:2] if len(self.authors) < 3 else (f"{self.authors[0]} et al.",)
        identifier = f"arXiv:{self.arxiv}" if self.arxiv else self.doi and f"doi:{self.doi}"
        page = f"page {self.page}" if self.page else ""
        year = str(self.year or "")
        return ", ".join(filter(None, [" and ".join(names), self.work, year, identifier, page]))


@dataclass(frozen=True)
class Note:
    """A claim with its source, or a passage out of a person's own paper."""

    id: str  # what a sentence cites: the file's name without its suffix, unique among the notes
    title: str  # the claim in a few words
    text: str  # the claim in a sentence or two
    source: Source
    keywords: tuple[str, ...] = ()  # other words for what the claim is about


def load(folder: Path = FOLDER) -> tuple[Note, ...]:
    """Return the notes of a folder, by id.

    Raises:
        InputError: there is none, or one of them is not of the form.
    """
    paths = sorted(folder.glob("*.md"))
    if not paths:
        raise InputError(f"{folder}: expected notes (*.md), found none")
    return tuple(read(path) for path in paths)


def read(path: Path) -> Note:
    """Read a note: front matter of one JSON value a line, which is YAML as well, then the claim.

    Raises:
        InputError: it is not of that form, a field is missing, or the source has not exactly one
            arXiv identifier or DOI.
    """
    before, front, text = (*path.read_text(encoding="utf-8").split(FENCE, 2), "", "")[:3]
    facts: dict[str, Any] = {}
    for line in front.splitlines():
        name, _, value = line.partition(":")
        try:
            facts[name] = json.loads(value)
        except json.JSONDecodeError as error:
            raise InputError(f"{path}: expected {FORM}, got {line!r}") from error
    if before or not text.strip():
        raise InputError(f"{path}: expected {FORM}")
    for name, kind in NEEDED.items():
        if not isinstance(facts.get(name), kind) or not facts[name]:
            raise InputError(f"{path}: expected {name} ({kind.__name__}), got {facts.get(name)!r}")
    given = {name: value for name, value in facts.items() if name in IDENTIFIERS}
    if len(given) != 1 or not all(IDENTIFIERS[n].fullmatch(str(v)) for n, v in given.items()):
        raise InputError(f"{path}: expected one of arxiv and doi, and it well-formed, got {given}")
    if unknown := set(facts) - set(NEEDED) - set(IDENTIFIERS):
        raise InputError(f"{path}: unknown in a note: {', '.join(sorted(unknown))}")
    source = Source(facts["work"], tuple(facts["authors"]), facts["year"], **given)
    text = " ".join(text.split())
    return Note(path.stem, facts["title"], text, source, tuple(facts["keywords"]))
