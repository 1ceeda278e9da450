"""Write an explanation out of measurements and notes, every sentence with what it rests on."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from src.explaining.notes import Note
from src.explaining.questions import Question, ask, ask_in_general
from src.explaining.retrieval import Library
from src.explaining.spectrum import UNUSUAL
from src.explaining.wording import Measurement

# Notes that an explanation cites, and how many are looked at for each question.
NOTES, LOOKED_AT = 3, 5
_SUBJECTS = ("The detector ", "The file ", "The file's Content Credentials ")
# Names at the beginning of our sentences, which keep their capital within one.
_NAMES = ("Grad-CAM", "Xception")


@dataclass(frozen=True)
class Sentence:
    """What is said, and the ids of the measurements and notes that it rests on, at least one."""

    text: str
    citations: tuple[str, ...]


@dataclass(frozen=True)
class Answer:
    """A note, and what it answers."""

    about: str  # id of the measurement that makes one want to know
    topic: str  # introduces the note
    note: Note


def look_up(
    measured: Mapping[str, Measurement], library: Library, count: int = NOTES
) -> tuple[Answer, ...]:
    """Return the best note for each of the most pressing questions, and for one in general.

    They follow from what was measured and not from the verdict alone: two pictures with the same
    verdict get other questions where other things were found. No note comes twice.

    Args:
        count: how many notes, at most.
    """
    values = {name: one.value for name, one in measured.items()}
    found: dict[str, Answer] = {}
    for question in ask(values):
        if len(found) < max(1, count - 1):
            _answer(question, library, found)
    if len(found) < count:
        _answer(ask_in_general(values), library, found)
    return tuple(found.values())


def _answer(question: Question, library: Library, found: dict[str, Answer]) -> None:
    """Add the best note that was not found before, if there is one."""
    about, topic, query = question
    new = (note for note in library.search(query, LOOKED_AT) if note.id not in found)
    if note := next(new, None):
        found[note.id] = Answer(about, topic, note)


def compose(measured: Mapping[str, Measurement], answers: Sequence[Answer]) -> tuple[Sentence, ...]:
    """Write the explanation: what matters most of the measurements, then what the notes say.

    What is left out stands among the measurements.
    """
    verdict, p_fake = measured["verdict"], measured["p_fake"]
    first = Sentence(join(verdict.sentence, p_fake.sentence), ("verdict", "p_fake"))
    rest = [measured[name] for name in leading(measured)]
    return (
        first,
        *(Sentence(one.sentence, (one.id,)) for one in rest),
        *(Sentence(f"{one.topic}: {tell(one.note)}", (one.note.id, one.about)) for one in answers),
    )


def leading(measured: Mapping[str, Measurement]) -> Iterator[str]:
    """Yield the ids of what a reader is told beside the verdict, in order."""
    values = {name: one.value for name, one in measured.items()}
    yield from (name for name in values if name == "faces" or name.startswith("reason."))
    promise = {"fake": "error.false_fake", "real": "error.false_real"}.get(values["verdict"])
    if promise in values:
        yield promise
    elif values["thresholds"] is None:
        yield "thresholds"
    yield from (name for name in ("stability", "evidence.where") if name in values)
    telling = list(_telling(values))
    yield from telling or ["credentials"]


def _telling(values: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is out of the ordinary about the file."""
    yield from (name for name in ("file.generator", "file.says_generated") if name in values)
    if values["credentials"]["state"] not in ("absent", "not checked"):
        yield "credentials"
    if "credentials.generated" in values:
        yield "credentials.generated"
    metadata = values["file.metadata"]
    if metadata.get("camera") or metadata.get("software"):
        yield "file.metadata"
    if "file.before" in values:
        yield "file.before"
    if "spectrum" in values and values["spectrum"]["as_high"] < UNUSUAL:
        yield "spectrum"


def tell(note: Note) -> str:
    """Return a note in one sentence, with whose it is."""
    if note.source.page:
        return f"“{note.text}” ({note.source})"
    return f"{note.title} ({note.source.short})."


def join(first: str, second: str) -> str:
    """Make one sentence of two; where they have the same subject, it is said once."""
    for subject in _SUBJECTS:
        if first.startswith(subject) and second.startswith(subject):
            second = second.removeprefix(subject)
    if not second.startswith(_NAMES):
        second = second[0].lower() + second[1:]
    return f"{first.removesuffix('.')}, and {second}"
