"""Write an explanation out of measurements and notes, every sentence with what it rests on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from src.explaining.measurements import Measurement
from src.explaining.notes import Note
from src.explaining.retrieval import Library

# Notes that an explanation cites, and how many are looked at for each question.
NOTES, LOOKED_AT = 4, 5
# A share of known real photographs below which a measurement is unusual.
UNUSUAL = 0.02
# By the region that holds most of the evidence.
_ABOUT_REGION = {
    "eyes": "eyes, pupils and reflections in generated faces",
    "nose": "texture of the inner face, small patches give a fake away",
    "mouth": "movement and artefacts of the mouth",
    "forehead": "blending boundary around a swapped face",
    "cheeks and jaw": "blending boundary around a swapped face",
    "hair and background": "shortcut learning: a network goes by the background",
}


@dataclass(frozen=True)
class Sentence:
    """A sentence and the ids of the measurements and notes that it rests on, at least one."""

    text: str
    citations: tuple[str, ...]


def questions(measured: Mapping[str, Measurement]) -> list[str]:
    """Return what these measurements make one want to know, the most pressing first.

    They follow from what was measured and not from the verdict alone: two pictures with the same
    verdict get other questions where other things were found.
    """
    values = {name: one.value for name, one in measured.items()}
    asked = [*_about_file(values), *_about_score(values), *_about_verdict(values)]
    asked.append("detectors fail on generators and methods that they were not trained on")
    return list(dict.fromkeys(asked))


def _about_file(values: Mapping[str, Any]) -> Iterator[str]:
    state = values["credentials"]["state"]
    if state in ("trusted", "untrusted"):
        yield "content credentials signed provenance"
    if state in ("invalid", "unreadable"):
        yield "content credentials are misread, invalid or stripped"
    if values["file.metadata"]["editor"] or "file.generator" in values:
        yield "where a picture comes from: provenance and its limits"
    if "file.before" in values:
        yield "JPEG ghosts: a picture was compressed and saved again"
    if "spectrum" in values and values["spectrum"]["as_high"] < UNUSUAL:
        yield "peaks in the frequency spectrum from upsampling"


def _about_score(values: Mapping[str, Any]) -> Iterator[str]:
    if "reason.face_too_small" in values:
        yield "small faces of few pixels"
    if "reason.unfamiliar" in values:
        yield "images unlike the training images"
    if values["stability"]["same"] < values["stability"]["of"]:
        yield "compression and resizing wipe the traces out"
    if "evidence.where" in values:
        shares = values["evidence.where"]["shares"]
        yield _ABOUT_REGION[max(shares, key=shares.__getitem__)]


def _about_verdict(values: Mapping[str, Any]) -> Iterator[str]:
    if values["verdict"] == "inconclusive":
        yield "abstaining where a classifier is unsure"
    if values["thresholds"] is None:
        yield "confidence of networks is not calibrated"
    elif values["verdict"] == "fake":
        yield "false alarms and the base rate"
    elif values["verdict"] == "real":
        yield "fakes that pass: attacks with tiny changes fool detectors"
    else:
        yield "a guarantee of an error rate holds for alike data"


def look_up(
    measured: Mapping[str, Measurement], library: Library, count: int = NOTES
) -> tuple[Note, ...]:
    """Return the best note for each of the first questions, no note twice."""
    found: dict[str, Note] = {}
    for question in questions(measured):
        hits = library.search(question, LOOKED_AT)
        new = [hit.note for hit in hits if hit.note.id not in found]
        found.update({note.id: note for note in new[:1]})
    return tuple(found.values())[:count]


def compose(measured: Mapping[str, Measurement], notes: Sequence[Note]) -> tuple[Sentence, ...]:
    """Write the explanation from what the measurements and notes say themselves, in their order."""
    said = {one.id: one.sentence for one in measured.values()}
    said |= {note.id: " ".join(note.text.split()) for note in notes}
    return tuple(Sentence(text, (name,)) for name, text in said.items())
