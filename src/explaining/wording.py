"""Measurements in words: a sentence each, which says what was measured and no more."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from src.detector import verdict
from src.detector.calibration import Calibration, Promise, probability
from src.detector.framing import View
from src.detector.prediction import Prediction
from src.explaining import regions
from src.explaining.file_facts import FileFacts
from src.explaining.provenance import Credentials
from src.explaining.regions import Box, Lies
from src.explaining.spectrum import UNUSUAL, Spectrum

# Where the evidence lies, in a sentence.
_PLACES = {
    regions.EYES: "at the eyes",
    regions.NOSE: "at the nose",
    regions.MOUTH: "at the mouth",
    regions.FOREHEAD: "at the forehead",
    regions.CHEEKS: "at cheeks and jaw",
    regions.OUTSIDE: "around the face, in hair and background",
    regions.FACE: "in the face itself",
}


@dataclass(frozen=True)
class Measurement:
    """Something that was measured of an image."""

    id: str  # what citations call it
    value: Any  # for machines: numbers, words, lists and dictionaries of them
    sentence: str  # for people; it holds every number that may be said of it
    # Left, top, width, height in pixels of the upright image, where it is about a part.
    box: Box | None = None
    # The sentence without the words of others that it quotes from the file, which may be meant for
    # whoever reads them; None where it quotes none.
    unquoted: str | None = None


def of_verdict(prediction: Prediction, calibration: Calibration | None) -> Iterator[Measurement]:
    """Say what the verdict is, why, and how often such verdicts are wrong."""
    word = prediction.verdict
    sentence = f"The detector calls this picture {word}."
    if word == "inconclusive":
        sentence = "The detector gives no verdict on this picture: the result is inconclusive."
    yield Measurement("verdict", word, sentence)
    sentence = f"It puts the probability of a fake at {_probability(prediction.p_fake)}."
    yield Measurement("p_fake", round(prediction.p_fake, 4), sentence)
    if (count := len(prediction.faces)) > 1:
        sentence = f"It judged {count} faces; what follows is about the most suspicious of them."
        yield Measurement("faces", count, sentence)
    for code in prediction.reasons:
        yield Measurement(f"reason.{code}", code, verdict.REASONS[code])
    if calibration is None:
        sentence = (
            "This detector was never calibrated: it calls fake whatever it puts at 50 % or more, "
            "and promises no error rate."
        )
        yield Measurement("thresholds", None, sentence)
        return
    yield _thresholds(calibration)
    yield _promise("error.false_fake", calibration.false_fake, "real faces", "fake")
    yield _promise("error.false_real", calibration.false_real, "fakes", "real")


def _thresholds(calibration: Calibration) -> Measurement:
    low, high = probability(np.array((calibration.t_real, calibration.t_fake))).tolist()
    parts = [f"fake above {_probability(high)}"] if high < 1 else []
    parts += [f"real below {_probability(low)}"] if low > 0 else []
    sentence = f"It calls a face {' and '.join(parts)}"
    sentence += ", and gives no verdict in between." if low < high else "."
    if not parts:
        sentence = "It was calibrated on too few images to give verdicts."
    return Measurement("thresholds", {"real": round(low, 4), "fake": round(high, 4)}, sentence)


def _promise(name: str, promise: Promise, who: str, called: str) -> Measurement:
    value = {
        "rate": promise.rate,
        "bound": round(promise.bound, 4),
        "images": promise.count,
        "source": promise.source,
    }
    sentence = (
        f"Of {who} like the {promise.count} of {promise.source} that it was calibrated on, at "
        f"most {_percent(promise.rate)} are called {called} on average, and with 95 % confidence "
        f"less than {_percent(promise.bound)}."
    )
    return Measurement(name, value, sentence)


def of_stability(
    alike: int,
    count: int,
    logits: Sequence[float],
    temperature: float,
    *,
    counts: bool,
    box: Box,
) -> Measurement:
    """Say what becomes of the score when the image is saved again.

    Args:
        logits: of the image and its copies.
        temperature: see `calibration.probability`.
        counts: the verdict follows from the score, so that it matters how many are alike.
    """
    p_fakes = probability(np.array(logits), temperature)
    low, high = float(p_fakes.min()), float(p_fakes.max())
    value = {"same": alike, "of": count, "low": round(low, 4), "high": round(high, 4)}
    ends = [_probability(low), _probability(high)]
    between = f"between {ends[0]} and {ends[1]}" if ends[0] != ends[1] else f"at {ends[0]}"
    saved = "saved again so mildly that nobody sees it"
    if not counts:
        sentence = f"In {count} copies {saved}, the probability stays {between}."
    elif alike == count:
        sentence = (
            f"All {count} copies {saved} get the same verdict; the probability stays {between}."
        )
    else:
        sentence = (
            f"Of {count} copies {saved}, {alike or 'none'} {'gets' if alike == 1 else 'get'} the "
            f"same verdict: it does not hold firm. The probability lies {between}."
        )
    return Measurement("stability", value, sentence, box)


def of_regions(lies: Lies, box: Box, *, fake: bool) -> Iterator[Measurement]:
    """Say which region of the face holds more of the evidence than its area would."""
    if not lies.shares:
        return
    towards, region = "fake" if fake else "real", lies.strongest
    rows, columns = lies.cells
    seen = f"seen on a grid of {columns} × {rows} cells"
    if lies.coarse:
        seen += ", too coarse to tell eyes from mouth"
    if region is None:
        sentence = f"The evidence for {towards} is spread over face and surroundings, {seen}."
    else:
        sentence = (
            f"The evidence for {towards} is strongest {_PLACES[region]}: "
            f"{_percent(lies.shares[region], 0)} of it lies on {_percent(lies.areas[region], 0)} "
            f"of the area, {seen}."
        )
    value = {
        "for": towards,
        "strongest": region,
        "shares": {name: round(share, 4) for name, share in lies.shares.items()},
        "areas": {name: round(area, 4) for name, area in lies.areas.items()},
        "cells": [rows, columns],
    }
    yield Measurement("evidence.where", value, sentence, lies.boxes[region] if region else box)


def of_concentration(half: float | None, box: Box, *, fake: bool) -> Iterator[Measurement]:
    """Say how small the area is that holds half of the evidence."""
    if half is None:
        return
    towards = "fake" if fake else "real"
    sentence = f"Half of the evidence for {towards} lies in {_percent(half, 0)} of the area."
    yield Measurement("evidence.concentration", round(half, 4), sentence, box)


def of_size(view: View, calibration: Calibration | None) -> Measurement:
    """Say how many pixels were judged, and how many it takes."""
    side = min(view.box[2:])
    part = "The face with its surroundings has" if view.face is not None else "The picture has"
    sentence = f"{part} {side} pixels on its shorter side"
    if calibration is not None and calibration.smallest_side:
        sentence += f"; the error rates need {calibration.smallest_side}"
    return Measurement("face.size", side, f"{sentence}.", view.box)


def of_file(facts: FileFacts) -> Iterator[Measurement]:
    """Say what the file tells beside its pixels."""
    value: dict[str, Any] = {"format": facts.format, "width": facts.width, "height": facts.height}
    sentence = f"The file has the format {facts.format} and {facts.width} × {facts.height} pixels"
    if facts.quality is not None:
        sentence += f", compressed at about quality {facts.quality}"
    yield Measurement("file", value | {"quality": facts.quality}, f"{sentence}.")
    if facts.before is not None:
        sentence = (
            f"Its pixels show an earlier compression at about quality {facts.before}, so it is "
            "likely a copy that was saved again."
        )
        yield Measurement("file.before", facts.before, sentence)
    yield _metadata(facts)
    if facts.generator is not None:
        sentence = (
            f"It has an entry “{facts.generator}”, as programs that generate pictures write it."
        )
        yield Measurement("file.generator", facts.generator, sentence)


def _metadata(facts: FileFacts) -> Measurement:
    value = {"camera": facts.camera, "software": facts.software, "editor": facts.editor}
    if facts.software is not None:
        names = f"the software “{facts.software}”", "a piece of software"
        rest = ", which edits pictures" if facts.editor else ""
    elif facts.camera is not None:
        names = f"the camera “{facts.camera}”", "a camera"
        rest = ", which anybody can write there"
    else:
        said = "It carries no camera metadata, which by itself proves nothing."
        if facts.exif:
            said = "Its metadata name neither a camera nor a program."
        return Measurement("file.metadata", value, said)
    said, unquoted = (f"Its metadata name {what}{rest}." for what in names)
    return Measurement("file.metadata", value, said, unquoted=unquoted)


def of_credentials(found: Credentials) -> Iterator[Measurement]:
    """Say what the Content Credentials are worth."""
    value = {"state": found.state, "signer": found.signer, "generated": found.generated}
    signed = "Its Content Credentials are valid and signed by"
    words = {
        "trusted": f"{signed} {{}}, who is on the list of trusted roots.",
        "untrusted": f"{signed} {{}}, who is on no list of trusted roots that was given.",
        "invalid": "Its Content Credentials do not hold: the file or the record was altered after "
        "signing.",
        "unreadable": "It has Content Credentials that cannot be read.",
        "absent": "It has no Content Credentials: nobody has signed where it comes from.",
        "not checked": "Its Content Credentials were not checked: pip install c2pa-python.",
    }[found.state]
    said = words.format(f"“{found.signer}”" if found.signer else "somebody")
    unquoted = words.format("somebody") if found.signer else None
    yield Measurement("credentials", value, said, unquoted=unquoted)
    if found.generated:
        sentence = "They say that a generator made the picture, or a part of it."
        yield Measurement("credentials.generated", True, sentence)


def of_spectrum(found: Spectrum | None) -> Iterator[Measurement]:
    """Say how a picture's spectrum compares with those of known real photographs."""
    if found is None:
        return
    value = {"score": round(found.score, 3), "as_high": round(found.as_high, 4)}
    rare = "which is rare but no proof" if found.as_high < UNUSUAL else "so this says nothing"
    share = f"in {_percent(found.as_high)}" if found.as_high > 0 else "in none"
    sentence = (
        "Peaks in its spectrum, as a generator's enlarging steps leave them, stand out at "
        f"least as much {share} of {found.reals} known real photographs, {rare}."
    )
    yield Measurement("spectrum", value, sentence)


def _percent(share: float, digits: int = 1) -> str:
    return f"{100 * share:.{digits}f} %"


def _probability(share: float) -> str:
    """Say a probability in percent, and never that something is certain."""
    if share > 0.9995:
        return "over 99.9 %"
    return "under 0.1 %" if share < 0.0005 else _percent(share)
