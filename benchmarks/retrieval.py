"""Whether the notes that answer a lay reader's question are among the first three found.

    python -m benchmarks.retrieval [--half development|held-out] [--dense]

The questions and the notes that they expect were written down before the search was tuned, and one
of the two questions on each note was held out by a hash of its words. Misses are shown of the other
half alone, so that nobody tunes on those held out.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import click

from src.cli import Verb
from src.explaining import dense, notes
from src.explaining.retrieval import Library

QUESTIONS = Path(__file__).with_name("retrieval_questions.csv")
COUNT = 3


@dataclass(frozen=True)
class Question:
    """A question and the ids of the notes that answer it."""

    text: str
    notes: frozenset[str]
    held_out: bool


def questions() -> list[Question]:
    """Read the questions."""
    with QUESTIONS.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [
        Question(row["question"], frozenset(row["notes"].split()), row["held_out"] == "yes")
        for row in rows
    ]


def recall(library: Library, question: Question, count: int = COUNT) -> float:
    """Return the share of a question's notes that are among the first `count` found."""
    found = {hit.note.id for hit in library.search(question.text, count)}
    return len(found & question.notes) / len(question.notes)


@click.command(cls=Verb)
@click.option("--half", type=click.Choice(["development", "held-out"]), multiple=True)
@click.option("--dense", "by_meaning", is_flag=True, help="Search by meaning as well.")
def command(half: tuple[str, ...], by_meaning: bool) -> None:
    """Print recall@3, and what was missed of the questions for development."""
    library = Library(notes.load(), dense.encoder() if by_meaning else None)
    click.echo(f"| {len(library.notes)} notes | questions | recall@{COUNT} |\n|---|---|---|")
    for name in half or ("development", "held-out"):
        asked = [question for question in questions() if question.held_out == (name == "held-out")]
        recalls = [recall(library, question) for question in asked]
        click.echo(f"| {name} | {len(asked)} | {sum(recalls) / len(asked):.3f} |")
        for question, value in zip(asked, recalls, strict=True):
            if value < 1 and not question.held_out:
                found = ", ".join(hit.note.id for hit in library.search(question.text, COUNT))
                click.echo(
                    f"{question.text} expected {', '.join(question.notes)}, got {found or 'none'}",
                    err=True,
                )


if __name__ == "__main__":
    command()
