"""A detector on one set of images: the numbers that the model card shows."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.starter.together import Frame, bring_together, opposed
from src import InputError
from src.auditing import facts
from src.data import folders
from src.data.faces import Finder
from src.data.folders import Sample
from src.detector import verdict
from src.detector.calibration import Calibration
from src.detector.detector import Detector
from src.detector.prediction import Prediction
from src.evaluation import mistakes, promise, results
from src.evaluation.judged import Judged, judge
from src.evaluation.mistakes import Part
from src.evaluation.results import Result
from src.intervals import share
from src.report import verdicts

FACE = "width of the face in pixels"


@dataclass(frozen=True)
class Measured:
    """A detector on one set of images.

    Attributes:
        result: what was measured.
        calibration: what the detector promises, if anything.
        parts: the mistakes, by what the images have in common.
    """

    result: Result
    calibration: Calibration | None
    parts: list[Part]

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers of the model card as plain types for JSON.

        What needs both classes is None where one is missing.
        """
        found, judged, said = self.result, self.result.judged, self.result.verdicts
        measured = {
            "auc": found.metrics,
            "baseline": found.baseline,
            "equalized": found.equalized,
        }
        kept = promise.kept(self.calibration, promise.realised(judged))
        return {
            "name": found.name,
            "images": len(judged.labels),
            "real": int(np.sum(judged.labels == 0)),
            "fake": int(judged.labels.sum()),
            "unreadable": len(judged.failures),
            **{name: one and asdict(one.auc) for name, one in measured.items()},
            "baseline_inside": found.baseline_inside and asdict(found.baseline_inside),
            "verdicts": asdict(said),
            "promises": promise.to_dict(kept),
            "reasons": {name: fired(name, judged, self.calibration) for name in verdict.REASONS},
            "faces": [asdict(part) for part in self.parts if part.by == FACE],
        }


def measured(
    name: str, detector: Detector, samples: Sequence[Sample], faces: str = "auto", seed: int = 0
) -> Measured:
    """Judge images and measure what was said of them.

    Args:
        name: of the set.
        detector: which judges.
        samples: the images.
        faces: which faces are judged, one of `framing.FACES`.
        seed: of the bootstrap, and of the image that counts in a group.

    Raises:
        CheckFailed: more than 5 % of the images cannot be read.
    """
    judged = judge(detector, samples, faces=faces, seed=seed)
    known = facts.measure([s.path for s in judged.samples], title="Measuring the images")
    again = results.equalized(judged, detector, faces)
    result = results.measure(name, judged, detector, known, again)
    return Measured(result, detector.calibration, mistakes.parts(judged, known))


def set_together(
    source: str, frame: Frame, detector: Detector, samples: Sequence[Sample], seed: int = 0
) -> dict[str, Any]:
    """Measure a source of one class beside the other class of the other sources.

    Args:
        source: of one class.
        frame: what all images are brought to.
        detector: which judges the images as they are then, whole.
        samples: of all sources.
        seed: see `measured`.

    Raises:
        InputError: no face was found in any of the images.
    """
    with tempfile.TemporaryDirectory(prefix="together-") as scratch:
        finder = Finder.from_package()
        both = bring_together(opposed(source, samples), finder, frame, Path(scratch))
        if not both.samples:
            raise InputError(f"{source}: no face to bring together was found in any image")
        found = measured(source, detector, both.samples, faces="off", seed=seed)
    left_out = {"no_face": both.no_face, "too_small": both.too_small}
    return {**found.to_dict(), "frame": asdict(frame), "left_out": left_out}


def fired(reason: str, judged: Judged, calibration: Calibration | None) -> dict[str, Any]:
    """Count how often a reason is given, and what the error rates would be without it.

    Returns:
        The shares of `real` and `fake` images that have it; and `false_fake` and `false_real` if
        the score decided wherever it is the only reason.
    """
    has = np.array([reason in said.reasons for said in judged.predictions], bool)
    found = {
        name: share(int(has[judged.labels == label].sum()), int(np.sum(judged.labels == label)))
        for label, name in enumerate(folders.CLASSES)
    }
    words = [_without(reason, said, calibration) for said in judged.predictions]
    counted = verdicts.count(judged.labels, words, judged.independent)
    found |= {"false_fake": counted.false_fake, "false_real": counted.false_real}
    return {name: one and asdict(one) for name, one in found.items()}


def _without(reason: str, said: Prediction, calibration: Calibration | None) -> str:
    """Return the verdict by the score alone, if this reason is all that is against it."""
    if said.reasons != (reason,):
        return said.verdict
    return verdict.decide(said.logit, calibration).word
