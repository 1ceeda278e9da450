"""Are the heatmaps about the image, about what the detector has learned, and about the fake?

Each question has its own test and its own control. That a map shows what the detector uses
(deletion, insertion) does not say that it is right to use it: the maps of a network that knows
nothing pass that test, too, if its answers depend on the image. Only masks can tell whether a map
shows where an image was manipulated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from src.evaluation.heatmaps import localisation, randomisation, removal
from src.evaluation.heatmaps.controls import FEWEST, Compared
from src.evaluation.heatmaps.localisation import Localisation
from src.evaluation.heatmaps.randomisation import Randomisation
from src.evaluation.heatmaps.removal import Removal

if TYPE_CHECKING:
    from src.detector.detector import Detector


@dataclass(frozen=True)
class Check:
    """The answer to one question about the heatmaps."""

    name: str  # a short name that stays
    passed: bool | None  # None where it could not be told
    sentence: str  # what was found and how to read the heatmaps, for a reader without statistics


@dataclass(frozen=True)
class _Question:
    """A comparison in words."""

    said: str  # with places for the verb, for how surely it is denied, and for the control
    verb: str
    advice: str  # where the answer is no, or is not known
    random: str
    blob: str


_NOT_WHY = "Do not read it as showing what the detector goes by."
_NOT_WHERE = "Do not read it as showing where a picture was changed."
_QUESTIONS = {
    "deletion": _Question(
        "Blurring what the heatmap marks {} the detector's score {}sooner than blurring {} does",
        *("lower", _NOT_WHY, "random places", "the centre of the picture"),
    ),
    "insertion": _Question(
        "Showing what the heatmap marks {} the detector's score back {}sooner than showing {} does",
        *("bring", _NOT_WHY, "random places", "the centre of the picture"),
    ),
    "pointing": _Question(
        "The brightest spot of the heatmap {} in the manipulated region {}more often than {} does",
        *("lie", _NOT_WHERE, "a random spot", "the centre of the picture"),
    ),
    "inside": _Question(
        "The heatmap {} the manipulated region {}better than {} would",
        *("find", _NOT_WHERE, "a random map", "a blob in the centre of the picture"),
    ),
}


@dataclass(frozen=True)
class Explanations:
    """What was measured of the heatmaps."""

    images: int
    cells: tuple[int, int]  # rows and columns of the evidence map
    removal: Removal
    randomisation: Randomisation | None  # weights shuffled; None for a single image
    localisation: Localisation | None  # against masks; None where no image has one

    def checks(self) -> list[Check]:
        """Answer each question in words, claiming no more than was measured."""
        said = [_check(name, self.compared().get(name)) for name in _QUESTIONS]
        return [*said[:2], _check_randomisation(self.randomisation), *said[2:]]

    def compared(self) -> dict[str, Compared]:
        """Return what was set beside the controls, by the name of its question."""
        found = {"deletion": self.removal.deletion, "insertion": self.removal.insertion}
        if place := self.localisation:
            found |= {"pointing": place.pointing, "inside": place.inside}
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return numbers, curves and checks as plain types for JSON."""
        return asdict(self) | {"checks": [asdict(check) for check in self.checks()]}


def measure(
    detector: Detector,
    images: np.ndarray,
    masks: Sequence[np.ndarray | None],
    *,
    seed: int = 0,
) -> Explanations:
    """Measure the heatmaps of a detector.

    It takes `6 * (removal.STEPS - 1) + 2` scores an image and `randomisation.SHUFFLES *
    randomisation.STAGES` for each of at most `randomisation.MOST_IMAGES`.

    Args:
        images: `(N, S, S, 3)` uint8 RGB, S being `card.image_size`: a random sample of both
            classes, a few dozen to 200.
        masks: for each image `(H, W)` bool, true where it was manipulated, over the same view in
            any size; None where that is not known.
    """
    said = detector.outputs(images)
    evidence = np.stack([one.evidence for one in said])
    leans_fake = np.array([one.p_fake >= 0.5 for one in said])
    signs = np.where(leans_fake, 1.0, -1.0)[:, None, None]
    rows, columns = evidence.shape[1:]
    return Explanations(
        images=len(images),
        cells=(rows, columns),
        removal=removal.measure(
            detector, images, np.maximum(signs * evidence, 0.0), leans_fake, seed
        ),
        randomisation=randomisation.measure(detector.model, images, seed),
        localisation=localisation.measure(np.maximum(evidence, 0.0), masks, seed),
    )


def _check(name: str, compared: Compared | None) -> Check:
    """Answer a question by the control that the heatmap does worse against."""
    question = _QUESTIONS[name]
    if compared is None:
        sentence = "There are no masks of what was manipulated, so nobody knows whether the "
        return Check(name, None, f"{sentence}heatmap finds it. {question.advice}")
    if compared.images < FEWEST:
        return Check(name, None, f"{_too_few(compared.images)} {question.advice}")
    over, control, words = min(
        (compared.over_blob, compared.blob, question.blob),
        (compared.over_random, compared.random, question.random),
        key=lambda one: compared.gain(one[0]),
    )
    passed = bool(compared.beats(compared.over_random) and compared.beats(compared.over_blob))
    verb, surely = (f"{question.verb}s", "")
    if not passed:
        verb, surely = f"does not {question.verb}", "noticeably "
    said = question.said.format(verb, surely, words)
    numbers = (
        f"{compared.evidence.value:.2f} against {control:.2f} [difference {over.low:+.2f} "
        f"to {over.high:+.2f}, {compared.images} images]."
    )
    return Check(name, passed, f"{said}: {numbers}" + ("" if passed else f" {question.advice}"))


def _check_randomisation(found: Randomisation | None) -> Check:
    advice = "Do not read the heatmaps as showing what the detector has learned."
    if found is None or found.images < FEWEST:
        return Check("randomisation", None, f"{_too_few(found.images if found else 1)} {advice}")
    numbers = (
        f"likeness {found.final.value:.2f} [{found.final.low:.2f} to {found.final.high:.2f}] of 1, "
        f"where heatmaps of different pictures have {found.control.value:.2f}."
    )
    if found.depends_on_weights:
        said = "With all it has learned shuffled, the detector draws other heatmaps"
        return Check("randomisation", True, f"{said}: {numbers}")
    said = "With all it has learned shuffled, the detector may still draw much the same heatmaps"
    return Check("randomisation", False, f"{said}: {numbers} {advice}")


def _too_few(images: int) -> str:
    return (
        f"{images} image{'s are' if images > 1 else ' is'} too few to tell; at least {FEWEST} are "
        "needed."
    )
