"""Pictures and reports of a judgement."""

from __future__ import annotations

import base64
import hashlib
import io
import re
from dataclasses import replace
from datetime import UTC, datetime
from threading import Lock

import numpy as np

from app.answers import LABELS, Status
from src import gradcam, video
from src.detector import verdict
from src.detector.clip import Clip
from src.detector.prediction import Judgement
from src.explain import Explanation
from src.report import page

# Longest side of a picture that is drawn, in pixels: enough for print.
LARGEST_SIDE = 2048
# The renderer is quick, but not made for two threads.
_drawing = Lock()

MARKS = {"fake": "bad", "real": "good", "inconclusive": "warning"}
WRITTEN = {
    "template": "",
    "llm": "A language model chose among sentences of ours; any other was left out.",
}
LIMITS = (
    "A heatmap shows what the detector looked at. It does not prove where a picture was "
    "manipulated.\n"
    "A verdict is a statistical statement about faces like those that the detector was calibrated "
    "on. It is no proof, and no ground for a decision about a person by itself."
)


def overlay(image: np.ndarray, judgement: Judgement, target: str) -> bytes:
    """Draw the evidence over an image, as `deepfake gradcam` does.

    Args:
        image: `(H, W, 3)` uint8 RGB.
        judgement: what was said of it.
        target: one of `gradcam.TARGETS`.

    Returns:
        A PNG file.
    """
    found = _heatmaps(image, judgement)
    name = f"SHA-256 {judgement.sha256[:12]}…"
    buffer = io.BytesIO()
    with _drawing:
        gradcam.overlay(found, name, target).savefig(buffer, format="png")
    return buffer.getvalue()


def timeline(clip: Clip) -> bytes:
    """Draw p_fake of each person in a video over time, as `deepfake video` does: a PNG file."""
    buffer = io.BytesIO()
    with _drawing:
        video.timeline(clip).savefig(buffer, format="png")
    return buffer.getvalue()


def _heatmaps(image: np.ndarray, judgement: Judgement) -> gradcam.Heatmaps:
    """Return what `gradcam` draws, with the image brought down to `LARGEST_SIDE`."""
    import cv2

    scale = min(1.0, LARGEST_SIDE / max(image.shape[:2]))
    if scale < 1.0:
        size = [max(1, round(side * scale)) for side in image.shape[1::-1]]
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    height, width = image.shape[:2]
    parts = []
    for part in judgement.parts:
        left, top, across, down = (round(side * scale) for side in part.view.box)
        left, top = min(left, width - 1), min(top, height - 1)
        box = (left, top, max(1, min(across, width - left)), max(1, min(down, height - top)))
        parts.append(replace(part, view=replace(part.view, box=box)))
    return gradcam.Heatmaps(image, replace(judgement, parts=tuple(parts)))


def report(
    drawn: bytes, name: str, judgement: Judgement, explanation: Explanation, status: Status
) -> str:
    """Return a page that stands alone: verdict, reasons, picture, heatmap and how it came about.

    Args:
        drawn: the image with its heatmap, out of `overlay`.
        name: what whoever sent it calls it.
        judgement: what was said of it.
        explanation: the same in words.
        status: of the service that said so.
    """
    said = judgement.prediction
    picture = page.Picture(
        drawn,
        "The evidence for the likelier class, scaled to its maximum.",
        f"The image with its heatmap; verdict {said.verdict}, p_fake {verdict.shown(said.p_fake)}",
    )
    sections = [
        page.Section(LABELS[said.verdict], _why(judgement, status), MARKS[said.verdict]),
        page.Section("Where it comes from", figures=[picture]),
        *_faces(judgement),
        _explained(explanation),
        page.Section("How it was judged", rows=_facts(judgement, status), header=("", "")),
        page.Section("What it does not say", LIMITS),
    ]
    p_fake = verdict.shown(said.p_fake)
    lead = f"{name}: {LABELS[said.verdict]}, with a probability of fake of {p_fake}."
    return page.render("Is this face real?", lead, sections)


def _why(judgement: Judgement, status: Status) -> str:
    reasons = [verdict.REASONS.get(code, code) for code in judgement.verdict.reasons]
    known = status.calibration
    if known is None:
        return "\n".join([*reasons, "No error rate is promised: the detector is not calibrated."])
    warning = []
    if status.drawn_sample:
        warning = ["The detector learnt from drawn pictures: it says nothing about real ones."]
    return "\n".join([*reasons, *warning, known.false_fake.sentence, known.false_real.sentence])


def _explained(explanation: Explanation) -> page.Section:
    """Return the explanation in paragraphs, every sentence with its footnotes."""
    paragraphs, named = explanation.numbered()
    return page.Section(
        "Why",
        WRITTEN[explanation.source],
        cited=[[page.Sentence(text, marks) for text, marks in said] for said in paragraphs],
        footnotes=[_footnote(name, explanation) for name in named],
    )


def _footnote(name: str, explanation: Explanation) -> page.Footnote:
    if name in explanation.notes:
        source = explanation.notes[name].source
        return page.Footnote(str(source), source.url)
    measured = explanation.measured.measurements[name]
    where = ""
    if measured.box is not None:
        where = " ({2} × {3} pixels at {0}, {1})".format(*measured.box)
    return page.Footnote(f"measured: {measured.brief}{where}")


def _faces(judgement: Judgement) -> list[page.Section]:
    faces = [(part, part.view.face) for part in judgement.parts if part.view.face is not None]
    rows = [
        (
            number,
            LABELS[part.verdict.word],
            verdict.shown(part.output.p_fake),
            "{:.0f} × {:.0f} at {:.0f}, {:.0f}".format(*face.box[2:], *face.box[:2]),
            ", ".join(part.verdict.reasons),
        )
        for number, (part, face) in enumerate(faces, start=1)
    ]
    header = ("face", "verdict", "p_fake", "pixels", "reasons")
    return [page.Section("Faces", rows=rows, header=header)] if rows else []


def _facts(judgement: Judgement, status: Status) -> list[tuple[str, str]]:
    facts = [
        ("SHA-256 of the file", judgement.sha256),
        ("size", "{} × {} pixels".format(*judgement.size)),
        ("detector", f"{status.model.name}, version {status.model.version}"),
        ("run by", f"{status.engine} in {status.precision}, service {status.version}"),
        ("time", datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")),
    ]
    if (known := status.calibration) is not None:
        bounds = f"real below {known.t_real:.3f}, fake above {known.t_fake:.3f}"
        facts.append(("thresholds of p_fake", bounds))
    return facts


def style_hash() -> str:
    """Return the source expression by which a content security policy knows a report's style."""
    style = re.search(r"<style>(.*?)</style>", page.render("", "", []), re.DOTALL)
    assert style is not None, "a report has one style"
    digest = hashlib.sha256(style[1].encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
