"""Explain a verdict in words: measurements of the image first, cited research second."""

import json
import os
import textwrap
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

import click
import numpy as np

from src import InputError, options
from src.cli import Verb
from src.data import pixels
from src.detector import load
from src.detector.detector import Detector
from src.detector.prediction import Judgement
from src.explaining import measurements, notes, papers, provenance, retrieval, writing
from src.explaining.measurements import Measured
from src.explaining.notes import Note
from src.explaining.retrieval import Encoder, Library
from src.explaining.rewriting import Endpoint, Unanswered, rewrite
from src.explaining.writing import Sentence

# Passages of a person's own papers that are cited beside our notes.
PASSAGES = 1
# Words of a question that a passage must have: a paper may be about anything.
SHARED = 2
# The longest that a language model may take, in seconds: no thread waits for ever.
DAY = 86_400.0
# Of what people read, in letters.
WIDTH = 80
# The paragraphs: the verdict and where it comes from, then the file and what is known of such.
Part = Literal["verdict", "background"]


@dataclass(frozen=True)
class Explanation:
    """A verdict in words."""

    measured: Measured
    sentences: tuple[Sentence, ...]  # what is said, each with its citations
    # Those that are cited, and those that a language model could have cited, by id.
    notes: dict[str, Note]
    source: str = "template"  # who wrote it: `template` or `llm`
    removed: int = 0  # how many sentences of a language model were none of ours
    remark: str | None = None  # why a language model that was asked was not used

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain types, for machines."""
        return {
            "path": self.measured.prediction.path,
            "sha256": self.measured.prediction.sha256,
            "verdict": self.measured.prediction.verdict,
            "explanation": "\n\n".join(
                " ".join(text for text, _ in said) for said in self.numbered()[0]
            ),
            "sentences": [asdict(one) | {"part": self.part(one)} for one in self.sentences],
            "measurements": {name: asdict(one) for name, one in self.measured.measurements.items()},
            "notes": {name: _note(one) for name, one in self.notes.items()},
            "source": self.source,
            "removed": self.removed,
            "remark": self.remark,
        }

    def numbered(self) -> tuple[list[list[tuple[str, list[int]]]], list[str]]:
        """Return what is said as paragraphs, each sentence with the numbers of its citations.

        Returns:
            The paragraphs, and the ids that the numbers stand for, from 1.
        """
        paragraphs: dict[Part, list[tuple[str, list[int]]]] = {}
        numbers: dict[str, int] = {}
        for one in self.sentences:
            marks = [numbers.setdefault(name, len(numbers) + 1) for name in one.citations]
            paragraphs.setdefault(self.part(one), []).append((one.text, marks))
        return list(paragraphs.values()), list(numbers)

    def text(self) -> str:
        """Return it for people: paragraphs with numbered citations, then what they stand for."""
        paragraphs, named = self.numbered()
        brief = {name: one.brief for name, one in self.measured.measurements.items()}
        measured, cited = [], []
        for number, name in enumerate(named, start=1):
            if name in self.notes:
                source = self.notes[name].source
                cited.append(f"[{number}] {source} {source.url}".rstrip())
            else:
                measured.append(f"[{number}] {brief.pop(name)}")
        parts = [" ".join(f"{text} {marks}" for text, marks in said) for said in paragraphs]
        parts.append(f"Measured: {'; '.join(measured)}.")
        if brief:
            parts.append(f"Measured as well: {'; '.join(brief.values())}.")
        filled = [textwrap.fill(one, WIDTH) for one in parts]
        return "\n\n".join(filter(None, [*filled, "\n".join(cited)]))

    def part(self, sentence: Sentence) -> Part:
        """Return the paragraph that a sentence belongs to."""
        if any(name in self.notes for name in sentence.citations):
            return "background"
        of_file = ("file", "credentials", "spectrum")
        return "background" if sentence.citations[0].split(".")[0] in of_file else "verdict"


def _note(note: Note) -> dict[str, Any]:
    return {
        "title": note.title,
        "text": note.text,
        "source": str(note.source),
        "url": note.source.url,
    }


def explain(
    content: bytes,
    name: str,
    detector: Detector,
    *,
    faces: str = "auto",
    careful: bool = False,
    trust_anchors: Path | None = None,
    library: Library | None = None,
    own: Library | None = None,
    endpoint: Endpoint | None = None,
    judged: tuple[np.ndarray, Judgement] | None = None,
) -> Explanation:
    """Judge an image and explain the verdict.

    Args:
        faces: which faces are judged, one of `framing.FACES`.
        careful: the verdict must survive mild re-encodings, as with `predict --careful`.
        trust_anchors: PEM file with the roots that signers of Content Credentials descend from.
        library: the notes that may be cited; None takes ours, searched by words.
        endpoint: a language model that puts the text into better words; the verdict, and what may
            be said, do not depend on it.
        judged: the image and what was said of it, where that is known; see `measure`.

    Raises:
        InputError: it is no image, or the list of trusted roots cannot be read.
    """
    measured = measurements.measure(
        content,
        name,
        detector,
        faces=faces,
        careful=careful,
        trust_anchors=trust_anchors,
        judged=judged,
    )
    found = measured.measurements
    answers = writing.look_up(found, library or our_notes())
    if own is not None:
        answers += writing.look_up(found, own, PASSAGES)
    by_id = {answer.note.id: answer.note for answer in answers}
    template = Explanation(measured, writing.compose(found, answers), by_id)
    return template if endpoint is None else reword(template, endpoint)


def reword(template: Explanation, endpoint: Endpoint) -> Explanation:
    """Let a language model put an explanation into better words; what does not hold is left out.

    Returns:
        The model's, or the same with a remark where the model gave nothing that can be used.
    """
    found = template.measured.measurements
    try:
        better = rewrite(found, list(template.notes.values()), endpoint)
    except Unanswered as error:
        return replace(template, remark=error.reason, removed=error.removed)
    return replace(template, sentences=better.sentences, source="llm", removed=better.removed)


@cache
def our_notes() -> Library:
    """Return the notes that come with the project, indexed once."""
    return Library(notes.load())


@click.command(cls=Verb)
@click.argument("images", nargs=-1, required=True)
@options.model
@options.faces
@click.option("--careful", is_flag=True, help="The verdict must survive mild re-encodings.")
@options.engine
@click.option(
    "--trust-anchors",
    type=options.PATH,
    help="PEM file with trusted roots of Content Credentials.",
)
@click.option("--papers", type=options.PATH, help="Folder with PDFs that may be cited, too.")
@click.option("--dense", "by_meaning", is_flag=True, help="Search notes by meaning as well.")
@click.option("--llm", is_flag=True, help="Let a language model choose among our sentences.")
@click.option("--llm-model", envvar="DEEPFAKE_LLM_MODEL", help="Its name.")
@click.option("--llm-url", help="Base URL of an OpenAI-like server; or OPENAI_BASE_URL.")
@click.option(
    "--llm-key",
    envvar="DEEPFAKE_LLM_KEY",
    help="Better by the environment; without --llm-url also OPENAI_API_KEY.",
)
@click.option(
    "--llm-seconds",
    type=click.FloatRange(0, DAY, min_open=True),
    default=Endpoint.seconds,
    help="How long it may take.",
)
@options.as_json("One JSON object an image and line.")
def command(
    images: tuple[str, ...],
    model: str | None,
    engine: str,
    papers: Path | None,
    by_meaning: bool,
    llm: bool,
    llm_model: str | None,
    llm_url: str | None,
    llm_key: str | None,
    llm_seconds: float,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Say in words why, every sentence with what it rests on."""
    endpoint = None
    if llm:
        endpoint = _endpoint(llm_model, llm_url, llm_key, llm_seconds)
    else:
        options.refuse_without("--llm", "llm_model", "llm_url", "llm_key", "llm_seconds")
    provenance.require_anchors(chosen["trust_anchors"])
    encoder = retrieval.encoder() if by_meaning else None
    library = Library(notes.load(), encoder) if encoder else None
    own = _index(papers, encoder) if papers is not None else None
    detector = load(model, engine)
    chosen |= {"library": library, "own": own, "endpoint": endpoint}
    failed = False
    for path in images:
        try:
            found = explain(pixels.content(path), path, detector, **chosen)
        except InputError as error:
            click.echo(f"Error: {error}", err=True)
            failed = True
        else:
            _tell(found, as_json=as_json, many=len(images) > 1)
    if failed:
        raise click.exceptions.Exit(2)


def _endpoint(model: str | None, url: str | None, key: str | None, seconds: float) -> Endpoint:
    if not model:
        raise InputError("--llm needs --llm-model (or DEEPFAKE_LLM_MODEL): the model's name")
    if url is None:
        # Where it was set for one server, the key is told to no other.
        url = os.environ.get("OPENAI_BASE_URL") or None
        key = key or os.environ.get("OPENAI_API_KEY") or None
    return Endpoint(model, url, key, seconds)


def _index(folder: Path, encoder: Encoder | None) -> Library:
    found = papers.read(folder)
    for path, reason in found.skipped:
        click.echo(f"skipped: {path}: {reason}", err=True)
    return Library(found.passages, encoder, shared=SHARED)


def _tell(found: Explanation, *, as_json: bool, many: bool) -> None:
    if found.remark is not None:
        click.echo(f"written from templates: {found.remark}", err=True)
    if found.removed:
        click.echo(
            f"{found.removed} sentences of the model were none of ours, and are left out", err=True
        )
    if as_json:
        click.echo(json.dumps(found.to_dict()))
        return
    if many:
        click.echo(f"{found.measured.prediction.path}\n")
    click.echo(found.text() + "\n")


if __name__ == "__main__":
    command()
