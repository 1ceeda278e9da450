"""Notes that an explanation can cite: one claim each, with its source."""

import json
from dataclasses import dataclass
from pathlib import Path

from src import InputError

FOLDER = Path(__file__).resolve().parents[1] / "knowledge"
FENCE = "---\n"


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

    @property
    def short(self) -> str:
        """Whose it is, as within a sentence: surnames and year."""
        if not self.authors:
            return self.work
        names = [name.split()[-1] for name in self.authors]
        said = " and ".join(names) if len(names) < 3 else f"{names[0]} et al."
        return f"{said}, {self.year}"

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
        InputError: there is none.
    """
    paths = sorted(folder.glob("*.md"))
    if not paths:
        raise InputError(f"{folder}: expected notes (*.md), found none")
    return tuple(read(path) for path in paths)


def read(path: Path) -> Note:
    """Read a note: front matter of one JSON value a line, which is YAML as well, then the claim."""
    _, front, text = path.read_text(encoding="utf-8").split(FENCE, 2)
    lines = (line.partition(":") for line in front.splitlines())
    facts = {name: json.loads(value) for name, _, value in lines}
    source = Source(
        work=facts["work"],
        authors=tuple(facts["authors"]),
        year=facts["year"],
        arxiv=facts.get("arxiv", ""),
        doi=facts.get("doi", ""),
    )
    text = " ".join(text.split())
    return Note(path.stem, facts["title"], text, source, tuple(facts["keywords"]))
