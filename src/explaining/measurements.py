"""What was measured of one image: each with an id, a value and a sentence."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from src.data import pixels
from src.detector import verdict
from src.detector.calibration import Calibration, probability
from src.detector.detector import CAREFUL, Detector, again
from src.detector.framing import View
from src.detector.prediction import Output, Prediction, Scores, put_together
from src.explaining import file_facts, provenance, regions, spectrum
from src.explaining.file_facts import FileFacts
from src.explaining.provenance import Credentials

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Measurement:
    """Something that was measured of an image.

    Attributes:
        id: what citations call it.
        value: for machines: numbers, words, lists and dictionaries of them.
        sentence: for people; it holds every number that may be said of it.
        box: left, top, width, height in pixels of the upright image, where it is about a part.
    """

    id: str
    value: Any
    sentence: str
    box: Box | None = None


@dataclass(frozen=True)
class Measured:
    """An image and what was measured of it.

    Attributes:
        prediction: the verdict.
        measurements: by id, in the order in which a reader wants them.
    """

    prediction: Prediction
    measurements: dict[str, Measurement]


def measure(
    content: bytes,
    name: str,
    detector: Detector,
    *,
    faces: str = "auto",
    trust_anchors: Path | None = None,
) -> Measured:
    """Judge an image, and measure all that an explanation may speak of.

    Args:
        content: the bytes of its file.
        name: what the file goes by in messages.
        detector: the loaded bundle.
        faces: which faces are judged, one of `framing.FACES`.
        trust_anchors: see `provenance.read`.

    Raises:
        InputError: it is no image, or the list of trusted roots cannot be read.
    """
    image = pixels.read(content, name)
    views = detector.framing(faces).views(image)
    judged = [_judge(view, image, detector) for view in views]
    prediction = put_together(
        name,
        hashlib.sha256(content).hexdigest(),
        views,
        [output for output, _ in judged],
        detector.calibration,
    )
    highest = max(range(len(views)), key=lambda index: judged[index][0].logit)
    facts = file_facts.read(content, name)
    credentials = provenance.read(content, facts.media_type, trust_anchors)
    found = [
        *_verdict(prediction, detector),
        *_evidence(prediction, views[highest], judged[highest][1]),
        *_stability(judged[highest][0], detector),
        *_faces(views, highest, detector.calibration),
        *_file(facts),
        *_credentials(credentials),
        *_spectrum(image),
    ]
    return Measured(prediction, {one.id: one for one in found})


def _judge(view: View, image: np.ndarray, detector: Detector) -> tuple[Output, Scores]:
    """Score a view and mild re-encodings of it."""
    cut = view.cut(image)
    inputs = [pixels.resize(one, detector.card.image_size) for one in (cut, *again(cut, CAREFUL))]
    scores = detector.score(np.stack(inputs))
    logit, *others = scores.logit.tolist()
    return Output(logit, float(scores.p_fake[0]), tuple(others)), scores


def _verdict(prediction: Prediction, detector: Detector) -> Iterator[Measurement]:
    word, p_fake, calibration = prediction.verdict, prediction.p_fake, detector.calibration
    said = {
        "fake": "The detector calls the picture fake",
        "real": "The detector calls the picture real",
        "inconclusive": "The detector reaches no verdict on the picture: it is inconclusive",
    }[word]
    yield Measurement("verdict", word, f"{said}.")
    sentence = f"It puts the probability that the face is fake at {_percent(p_fake)}."
    yield Measurement("p_fake", round(p_fake, 4), sentence)
    for code in prediction.reasons:
        yield Measurement(f"reason.{code}", code, verdict.REASONS[code])
    if calibration is None:
        sentence = (
            "This detector was never calibrated: it calls fake what it puts at 50 % or more, and "
            "promises no error rate."
        )
        yield Measurement("thresholds", None, sentence)
        return
    yield _thresholds(calibration)
    names = ("false_fake", "false_real")
    for name, sentence in zip(names, calibration.promises(), strict=True):
        promise = getattr(calibration, name)
        value = {"rate": promise.rate, "images": promise.count, "source": promise.source}
        yield Measurement(f"error.{name}", value, sentence)


def _thresholds(calibration: Calibration) -> Measurement:
    low, high = probability(np.array((calibration.t_real, calibration.t_fake))).tolist()
    parts = [f"fake above {_percent(high)}"] if high < 1 else []
    parts += [f"real below {_percent(low)}"] if low > 0 else []
    sentence = f"It says {' and '.join(parts)}; else it is inconclusive."
    if not parts:
        sentence = "It was calibrated on too few images to say more than inconclusive."
    return Measurement("thresholds", {"real": round(low, 4), "fake": round(high, 4)}, sentence)


def _evidence(prediction: Prediction, view: View, scores: Scores) -> Iterator[Measurement]:
    if view.face is None:
        return
    fake = prediction.p_fake >= 0.5
    lies = regions.locate(scores.evidence[0], view.box, view.face.landmarks, fake=fake)
    strongest, towards = lies.strongest, "fake" if fake else "real"
    if strongest is None:
        return
    ordered = sorted(lies.shares.items(), key=lambda item: -item[1])
    (_, first), (second, share) = ordered[:2]
    sentence = (
        f"Of the evidence for {towards}, {_percent(first, 0)} lies in {_the(strongest)}, which "
        f"{'cover' if strongest in _PLURAL else 'covers'} {_percent(lies.areas[strongest], 0)} of "
        f"what was judged, and {_percent(share, 0)} in {_the(second)}."
    )
    value = {name: round(share, 4) for name, share in lies.shares.items()}
    yield Measurement("evidence.where", {"for": towards, "shares": value}, sentence, view.box)
    sentence = f"Half of it lies in {_percent(lies.half, 0)} of the area."
    yield Measurement("evidence.concentration", round(lies.half, 4), sentence, view.box)


_PLURAL = (regions.EYES, regions.CHEEKS, regions.OUTSIDE)


def _the(region: str) -> str:
    return f"the {region}"


def _stability(output: Output, detector: Detector) -> Iterator[Measurement]:
    calibration = detector.calibration
    first = verdict.decide(output.logit, calibration)
    alike = sum(verdict.decide(logit, calibration) == first for logit in output.again)
    p_fakes = probability(np.array((output.logit, *output.again)), detector.card.temperature)
    low, high = float(p_fakes.min()), float(p_fakes.max())
    sentence = (
        f"Of {len(output.again)} copies that were saved again so mildly that nobody sees it, "
        f"{alike} {'gets' if alike == 1 else 'get'} the same verdict; the probability stays "
        f"between {_percent(low)} and {_percent(high)}."
    )
    value = {"same": alike, "of": len(output.again), "low": round(low, 4), "high": round(high, 4)}
    yield Measurement("stability", value, sentence)


def _faces(
    views: list[View], highest: int, calibration: Calibration | None
) -> Iterator[Measurement]:
    view, count = views[highest], sum(view.face is not None for view in views)
    if count > 1:
        sentence = f"There are {count} faces; what is said here is of the most suspicious one."
        yield Measurement("faces", count, sentence)
    side = min(view.box[2:])
    part = "The face with its surroundings has" if view.face is not None else "The picture has"
    sentence = f"{part} {side} pixels on its shorter side"
    if calibration is not None and calibration.smallest_side:
        enough = "more than" if side >= calibration.smallest_side else "less than"
        sentence += f", {enough} the {calibration.smallest_side} that the error rates need"
    yield Measurement("face.size", side, f"{sentence}.", view.box)


def _file(facts: FileFacts) -> Iterator[Measurement]:
    value: dict[str, Any] = {"format": facts.format, "width": facts.width, "height": facts.height}
    sentence = f"The file is a {facts.format} of {facts.width} × {facts.height} pixels"
    if facts.quality is not None:
        sentence += f", compressed at about quality {facts.quality}"
    yield Measurement("file", value | {"quality": facts.quality}, f"{sentence}.")
    if facts.before is not None:
        sentence = (
            f"Its pixels were compressed before, at about quality {facts.before}: it is a copy "
            "that was saved again."
        )
        yield Measurement("file.before", facts.before, sentence)
    yield _metadata(facts)
    if facts.generator is not None:
        sentence = (
            f"The file has an entry {facts.generator!r}, as programs that generate pictures "
            "write it."
        )
        yield Measurement("file.generator", facts.generator, sentence)


def _metadata(facts: FileFacts) -> Measurement:
    value = {"camera": facts.camera, "software": facts.software, "editor": facts.editor}
    if facts.software is not None:
        sentence = f"Its metadata name the software {facts.software!r}"
        sentence += ", which edits pictures." if facts.editor else "."
    elif facts.camera is not None:
        sentence = f"Its metadata name the camera {facts.camera!r}, which anybody can write there."
    elif facts.exif:
        sentence = "Its metadata name neither a camera nor a program."
    else:
        sentence = (
            "It carries no camera metadata; most platforms strip them, so this proves nothing."
        )
    return Measurement("file.metadata", value, sentence)


def _credentials(found: Credentials) -> Iterator[Measurement]:
    value = {"state": found.state, "signer": found.signer, "generated": found.generated}
    who = f"by {found.signer!r}" if found.signer else "by somebody unnamed"
    sentence = {
        "trusted": f"Its Content Credentials are valid and signed {who}, who is on the list of "
        "trusted roots.",
        "untrusted": f"Its Content Credentials are valid and signed {who}, who is on no list of "
        "trusted roots that was given.",
        "invalid": "Its Content Credentials do not hold: the file was altered after signing.",
        "unreadable": "It has Content Credentials that cannot be read.",
        "absent": "It has no Content Credentials; few pictures have, so this proves nothing.",
        "not checked": "Its Content Credentials were not checked: pip install c2pa-python.",
    }[found.state]
    yield Measurement("credentials", value, sentence)
    if found.generated:
        sentence = "Its Content Credentials say that a generator made it, or a part of it."
        yield Measurement("credentials.generated", True, sentence)


def _spectrum(image: np.ndarray) -> Iterator[Measurement]:
    found = spectrum.measure(image)
    if found is None:
        return
    value = {"score": round(found.score, 3), "as_high": round(found.as_high, 4)}
    rare = "which is rare" if found.as_high < 0.02 else "so this says nothing"
    sentence = (
        "In its spectrum, the peaks that enlarging leaves stand out as much as in "
        f"{_percent(found.as_high)} of {found.reals} known real photographs, {rare}."
    )
    yield Measurement("spectrum", value, sentence)


def _percent(share: float, digits: int = 1) -> str:
    return f"{100 * share:.{digits}f} %"
