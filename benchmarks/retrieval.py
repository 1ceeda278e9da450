"""Whether the notes that answer a lay reader's question are among the first three found.

    python -m benchmarks.retrieval [--part development] [--dense]

The questions and the notes that they ask for are in five parts. `development` and `held-out` were
written before the search was tuned; of the two questions on each note one was held out, by a hash
of its words. `added` was written for the tuning, `later` after it, so the search knows neither the
misses of `held-out` nor of `later`: they are shown of the other two alone. `fresh` was written
last, from titles and claims alone without a look at keywords or other questions, and measured once.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import click

from src.cli import Verb
from src.explaining import notes
from src.explaining.retrieval import Library, encoder

QUESTIONS = Path(__file__).with_name("retrieval_questions.csv")
PARTS = ("development", "held-out", "added", "later", "fresh")
TUNED_ON = ("development", "added")
COUNT = 3


@dataclass(frozen=True)
class Question:
    """A question, the ids of the notes that answer it, and the part that it belongs to."""

    text: str
    notes: frozenset[str]
    part: str


def questions(*parts: str) -> list[Question]:
    """Read the questions of some parts."""
    with QUESTIONS.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [
        Question(row["question"], frozenset(row["notes"].split()), row["part"])
        for row in rows
        if row["part"] in parts
    ]


def found(library: Library, question: Question) -> list[str]:
    """Return the ids of the first notes found, the best first."""
    return [note.id for note in library.search(question.text, COUNT)]


def recall(library: Library, asked: Iterable[Question]) -> float:
    """Return the mean share of a question's notes that are among the first found."""
    shares = [len(q.notes & set(found(library, q))) / len(q.notes) for q in asked]
    return sum(shares) / len(shares)


@click.command(cls=Verb)
@click.option("--part", "parts", type=click.Choice(PARTS), multiple=True, help="Default: all.")
@click.option("--dense", "by_meaning", is_flag=True, help="Search by meaning as well.")
def command(parts: tuple[str, ...], by_meaning: bool) -> None:
    """Print recall@3, and on stderr what was missed of the questions that were tuned on."""
    library = Library(notes.load(), encoder() if by_meaning else None)
    click.echo(f"| {len(library.notes)} notes | questions | recall@{COUNT} |\n|---|---|---|")
    for part in parts or PARTS:
        asked = questions(part)
        click.echo(f"| {part} | {len(asked)} | {recall(library, asked):.3f} |")
        for question in asked:
            ids = found(library, question)
            if part in TUNED_ON and not question.notes <= set(ids):
                wanted, got = ", ".join(sorted(question.notes)), ", ".join(ids) or "none"
                click.echo(f"missed: {question.text} Wanted {wanted}, got {got}", err=True)


if __name__ == "__main__":
    command()
