"""Measurements in words: a sentence each, which says what was measured and no more.

Every sentence can stand alone and after any other, because a language model may choose their order.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from src.detector import verdict
from src.detector.calibration import Calibration, Promise, probability
from src.detector.framing import View
from src.detector.prediction import Prediction
from src.explaining import regions
from src.explaining.regions import Box, Lies

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


# Reasons that are those of the image and not of one of its faces.
_OF_IMAGE = (verdict.AMONG_MANY_FACES, verdict.TOO_MANY_FACES)


@dataclass(frozen=True)
class Measurement:
    """Something that was measured of an image."""

    id: str  # what citations call it
    value: Any  # for machines: numbers, words, lists and dictionaries of them
    sentence: str  # for people
    brief: str = ""  # the same in a few words, as a footnote has it
    # Left, top, width, height in pixels of the upright image, where it is about a part.
    box: Box | None = None
    # The sentence without the words of others that it quotes from the file, which may be meant for
    # whoever reads them; None where it quotes none.
    unquoted: str | None = None
    # Other sentences of ours that say the same, or a part of it that stands alone.
    others: tuple[str, ...] = ()

    @property
    def wordings(self) -> tuple[str, ...]:
        """What may be said of it, without words of others."""
        return (self.unquoted or self.sentence, *self.others)


def of_verdict(
    prediction: Prediction, calibration: Calibration | None, own: Sequence[str] = ()
) -> Iterator[Measurement]:
    """Say what the verdict is, why, and how often such verdicts are wrong.

    Args:
        own: the reasons of the most suspicious face, codes out of `verdict.REASONS`.
    """
    word, p_fake = prediction.verdict, said_probability(prediction.p_fake)
    sentence, other = f"The detector calls this picture {word}.", f"The verdict is {word}."
    if word == "inconclusive":
        sentence = "The detector gives no verdict on this picture (inconclusive)."
    yield Measurement("verdict", word, sentence, f"verdict: {word}", others=(other,))
    sentence = f"The detector puts the probability of a fake at {p_fake}."
    others = (f"The probability of a fake is put at {p_fake}.",)
    brief = f"probability of a fake: {p_fake}"
    yield Measurement("p_fake", round(prediction.p_fake, 4), sentence, brief, others=others)
    if (count := len(prediction.faces)) > 1:
        stricter = ", which takes a stricter limit than one face" if calibration else ""
        sentence = (
            f"The detector judged {count} faces{stricter}; details are of the most suspicious one."
        )
        yield Measurement("faces", count, sentence, f"faces judged: {count}")
    yield from _reasons(prediction, own)
    if calibration is None:
        sentence = (
            "This detector was never calibrated: it calls fake whatever it puts at 50 % or more, "
            "and promises no error rate."
        )
        yield Measurement("thresholds", None, sentence, "promised error rates: none")
        return
    yield _thresholds(calibration)
    yield _promise("error.false_fake", calibration.false_fake, "real faces", "fake")
    yield _promise("error.false_real", calibration.false_real, "fakes", "real")


def _reasons(prediction: Prediction, own: Sequence[str]) -> Iterator[Measurement]:
    """Say why there is no verdict: by the image and its most suspicious face, else by another."""
    alone = len(prediction.faces) < 2
    ours = [code for code in prediction.reasons if alone or code in (*own, *_OF_IMAGE)]
    for code in ours or prediction.reasons:
        sentence = verdict.REASONS[code]
        if not ours:
            sentence = f"Of another of the faces: {sentence}"
        yield Measurement(f"reason.{code}", code, sentence, f"reason: {code.replace('_', ' ')}")


def _thresholds(calibration: Calibration) -> Measurement:
    low, high = probability(np.array((calibration.t_real, calibration.t_fake))).tolist()
    fake, real = f"fake above {said_probability(high)}", f"real below {said_probability(low)}"
    apart = calibration.t_real < calibration.t_fake
    between = ", and gives no verdict in between" if apart else ""
    sentence = f"The detector calls a face {fake} and {real}{between}."
    value = {"real": round(low, 4), "fake": round(high, 4)}
    return Measurement("thresholds", value, sentence, f"limits: {fake}, {real}")


def _promise(name: str, promise: Promise, who: str, called: str) -> Measurement:
    value = {
        "rate": promise.rate,
        "bound": round(promise.bound, 4),
        "images": promise.count,
        "source": promise.source,
    }
    rate, bound = percent(promise.rate), percent(promise.bound)
    sentence = (
        f"On average at most {rate} of {who} are called {called}, if they are like the "
        f"{promise.count} that the detector was calibrated on."
    )
    brief = (
        f"{who} called {called}: at most {rate} on average, less than {bound} with 95 % "
        f"confidence, by {promise.count} images"
    )
    return Measurement(name, value, sentence, brief)


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
    value = {
        **{"same": alike, "of": count, "counts": counts},
        **{"low": round(low, 4), "high": round(high, 4)},
    }
    ends = [said_probability(low), said_probability(high)]
    between = f"between {ends[0]} and {ends[1]}" if ends[0] != ends[1] else f"at {ends[0]}"
    saved = "saved again so mildly that nobody sees it"
    brief = f"copies with the same verdict: {alike} of {count}, their probability {between}"
    others: tuple[str, ...] = ()
    if not counts:
        sentence = f"In {count} copies {saved}, the probability stays {between}."
        brief = f"{count} copies: their probability {between}"
    elif alike == count:
        sentence = (
            f"All {count} copies {saved} get the same verdict; the probability stays {between}."
        )
        others = (f"The verdict is the same for all {count} copies {saved}.",)
    else:
        sentence = (
            f"Of {count} copies {saved}, {alike or 'none'} {'gets' if alike == 1 else 'get'} the "
            f"same verdict: it does not hold firm. The probability lies {between}."
        )
    return Measurement("stability", value, sentence, brief, box, others=others)


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
            f"{percent(lies.shares[region], 0)} of it lies on {percent(lies.areas[region], 0)} "
            f"of the area, {seen}."
        )
    value = {
        "for": towards,
        "strongest": region,
        "shares": {name: round(share, 4) for name, share in lies.shares.items()},
        "areas": {name: round(area, 4) for name, area in lies.areas.items()},
        "cells": [rows, columns],
    }
    where = f"{region}, {percent(lies.shares[region], 0)}" if region else "spread"
    brief = f"evidence for {towards}: {where}, on {columns} × {rows} cells"
    here = lies.boxes[region] if region else box
    yield Measurement("evidence.where", value, sentence, brief, here)


def of_concentration(half: float | None, box: Box, *, fake: bool) -> Iterator[Measurement]:
    """Say how small the area is that holds half of the evidence."""
    if half is None:
        return
    towards = "fake" if fake else "real"
    sentence = f"Half of the evidence for {towards} lies in {percent(half, 0)} of the area."
    brief = f"half of the evidence: in {percent(half, 0)} of the area"
    yield Measurement("evidence.concentration", round(half, 4), sentence, brief, box)


def of_size(view: View, calibration: Calibration | None) -> Measurement:
    """Say how many pixels were judged, and whether they suffice."""
    side = min(view.box[2:])
    part = "The face with its surroundings has" if view.face is not None else "The picture has"
    sentence = f"{part} {side} pixels on its shorter side"
    if calibration is not None and calibration.smallest_side:
        needed = calibration.smallest_side
        rest = "at least as many as" if side >= needed else "fewer than"
        sentence += f", {rest} the {needed} that the detector needs"
    return Measurement("face.size", side, f"{sentence}.", f"pixels judged: {side}", view.box)


def percent(share: float, digits: int = 1) -> str:
    """Say a share in percent."""
    return f"{100 * share:.{digits}f} %"


def said_probability(share: float) -> str:
    """Say a probability in percent, and never that something is certain."""
    if share > 0.9995:
        return "over 99.9 %"
    return "under 0.1 %" if share < 0.0005 else percent(share)
