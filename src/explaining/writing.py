"""Write an explanation out of measurements and notes, every sentence with what it rests on."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from src.explaining.notes import Note
from src.explaining.retrieval import Library
from src.explaining.spectrum import UNUSUAL
from src.explaining.wording import Measurement

# Notes that an explanation cites, and how many are looked at for each question.
NOTES, LOOKED_AT = 2, 5
_SUBJECTS = ("The detector ", "The file ", "The file's Content Credentials ")
# Words at the beginning of our sentences that are small within one.
_LOWERED = ("The", "On", "All", "Of", "In", "Half", "Peaks")
# By the region where the evidence for fake is strongest.
_ABOUT_REGION = {
    "eyes": "eyes, pupils and reflections in generated faces",
    "nose": "texture of the inner face, small patches give a fake away",
    "mouth": "small patches of a picture give a fake away",
    "forehead": "blending boundary around a swapped face",
    "cheeks and jaw": "blending boundary around a swapped face",
    "hair and background": "shortcut learning: a network goes by the background",
}


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


# As an answer, but with what is searched for in place of the note.
Question = tuple[str, str, str]


def _about_file(values: Mapping[str, Any]) -> Iterator[Question]:
    state = values["credentials"]["state"]
    if state in ("trusted", "untrusted"):
        query = "a publisher signs a record of the picture's origin"
        yield "credentials", "On signed records", query
    if state in ("invalid", "unreadable"):
        query = "credentials of a picture are invalid, incomplete or misread"
        yield "credentials", "On records that do not hold", query
    if "file.generator" in values or values["file.metadata"]["editor"]:
        about = "file.generator" if "file.generator" in values else "file.metadata"
        query = "headers of a file: Photoshop or the original of a camera"
        yield about, "On what a file tells of its origin", query
    if "file.before" in values:
        query = "saving a picture again at another JPEG quality"
        yield "file.before", "On pictures that were compressed before", query
    if "spectrum" in values and values["spectrum"]["as_high"] < UNUSUAL:
        query = "peaks in the frequency spectrum from upsampling"
        yield "spectrum", "On traces in the spectrum", query


def _about_score(values: Mapping[str, Any]) -> Iterator[Question]:
    if "reason.face_too_small" in values:
        yield "reason.face_too_small", "On small faces", "small faces of few pixels"
    if "reason.unfamiliar" in values:
        query = "images that differ from those of the calibration"
        yield "reason.unfamiliar", "On pictures of a kind not seen before", query
    if "reason.no_face" in values:
        yield "reason.no_face", "On faces that are not found", "finding the face is a weak point"
    if values["stability"]["same"] < values["stability"]["of"]:
        query = "changes such as compression and rescaling that nobody sees upset the output"
        yield "stability", "On verdicts that do not survive another compression", query
    if "faces" in values:
        yield "faces", "On judging several at once", "several tests at once, false discoveries"
    if "evidence.where" in values:
        where = values["evidence.where"]
        region = where["strongest"]
        # The notes on regions are on what betrays a fake.
        if where["for"] == "fake" and region in _ABOUT_REGION:
            yield "evidence.where", f"On evidence in the {region}", _ABOUT_REGION[region]


def _about_verdict(values: Mapping[str, Any]) -> Iterator[Question]:
    if values["verdict"] == "inconclusive":
        yield "verdict", "On giving no verdict", "abstaining where a classifier is unsure"
    elif values["verdict"] == "fake":
        yield "verdict", "On false alarms", "false alarms and the base rate"
    else:
        yield "verdict", "On fakes that pass for real", "tiny changes to a fake fool detectors"
    if values["thresholds"] is None:
        query = "scores of networks are not calibrated probabilities"
        yield "thresholds", "On scores that were never calibrated", query
    else:
        query = "a guaranteed error rate holds only for images like those of the calibration"
        yield "thresholds", "On promised error rates", query
    query = "detectors fail on methods that they have not seen in training"
    yield "verdict", "On new kinds of forgery", query


def look_up(
    measured: Mapping[str, Measurement], library: Library, count: int = NOTES
) -> tuple[Answer, ...]:
    """Return the best note for each of the most pressing questions, no note twice.

    They follow from what was measured and not from the verdict alone: two pictures with the same
    verdict get other questions where other things were found.
    """
    values = {name: one.value for name, one in measured.items()}
    found: dict[str, Answer] = {}
    for about, topic, query in (
        *_about_file(values),
        *_about_score(values),
        *_about_verdict(values),
    ):
        new = (note for note in library.search(query, LOOKED_AT) if note.id not in found)
        if note := next(new, None):
            found[note.id] = Answer(about, topic, note)
    return tuple(found.values())[:count]


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
    if "file.generator" in values:
        yield "file.generator"
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
    begins = second.partition(" ")[0]
    if begins in _LOWERED:
        second = begins.lower() + second.removeprefix(begins)
    return f"{first.removesuffix('.')}, and {second}"
