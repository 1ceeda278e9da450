"""What an evaluation found: a result a data set, and one over all of them."""

from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

import numpy as np

from src.auditing import shortcuts
from src.auditing.content import Baseline
from src.auditing.facts import Facts
from src.data.equalize import equalize
from src.detector import verdict
from src.detector.calibration import Calibration, probability
from src.detector.card import Card
from src.detector.detector import Detector
from src.evaluation import promise
from src.evaluation.heatmaps.explanations import Explanations
from src.evaluation.judged import Judged
from src.evaluation.mistakes import Features, Part
from src.evaluation.promise import Divided, Kept
from src.evaluation.robustness import Row, judged_again
from src.evaluation.sight import Shown
from src.intervals import Estimate
from src.progress import bar
from src.report import metrics, uncertainty, verdicts
from src.report.metrics import Metrics
from src.report.uncertainty import Uncertainty
from src.report.verdicts import CLASSES, Verdicts

FORMAT = 2


@dataclass(frozen=True)
class Result:
    """A detector on one set of images. What needs both classes is None where one is missing."""

    name: str
    judged: Judged
    verdicts: Verdicts
    metrics: Metrics | None = None
    # The same for `p_fake` without temperature; None for a detector without one.
    untempered: Metrics | None = None
    uncertainty: Uncertainty | None = None
    # What six content statistics reach on the same images, fitted on the detector's training images
    # (transferred); None where its card holds no such model.
    baseline: Metrics | None = None
    # The AUC of the same statistics fitted in this very set, cross-validated: how easy the set is.
    baseline_inside: Estimate | None = None
    # The metrics on the same images re-encoded alike; None for a detector that was not trained on
    # such.
    equalized: Metrics | None = None

    @property
    def reasons(self) -> dict[str, dict[str, int]]:
        """Images without a verdict by reason, and by class; one may have several reasons."""
        counts: dict[str, dict[str, int]] = {}
        for sample, said in zip(self.judged.samples, self.judged.predictions, strict=True):
            for reason in said.reasons:
                counts.setdefault(reason, dict.fromkeys(CLASSES, 0))[CLASSES[sample.label]] += 1
        return dict(sorted(counts.items()))

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as plain types for JSON."""
        labels, predictions = self.judged.labels, self.judged.predictions
        return {
            "name": self.name,
            "images": len(labels),
            "real": int(np.sum(labels == 0)),
            "fake": int(labels.sum()),
            "groups": len(set(self.judged.groups)),
            "unreadable": len(self.judged.failures),
            "no_face": sum(verdict.NO_FACE in one.reasons for one in predictions),
            "reasons": self.reasons,
            **(asdict(self.metrics) if self.metrics else {}),
            "verdicts": asdict(self.verdicts),
            "without_temperature": self.untempered and asdict(self.untempered),
            "uncertainty": self.uncertainty and self.uncertainty.to_dict(),
            "baseline": self.baseline and asdict(self.baseline),
            "baseline_inside": self.baseline_inside and asdict(self.baseline_inside),
            "equalized": self.equalized and asdict(self.equalized),
        }


@dataclass(frozen=True)
class Evaluation:
    """Everything that an evaluation found."""

    card: Card
    engine: tuple[str, str]  # what ran the network, and in which precision
    split: str
    whole: Result
    sets: list[Result]  # a result a data folder
    calibration: Calibration | None = None  # of the detector; None without one
    # This bundle's promises on the test images; empty without calibration.
    kept: dict[str, Kept | None] = field(default_factory=dict)
    # The promises over many divisions of the test images; empty for too few.
    divided: dict[str, Divided] = field(default_factory=dict)
    # The mistakes, by what the images have in common.
    parts: list[Part] = field(default_factory=list)
    # Images for a person to look at, by what they are.
    shown: dict[str, list[Shown]] = field(default_factory=dict)
    # The training curves of the bundle; empty where it has lost them.
    history: list[dict[str, Any]] = field(default_factory=list)
    # What is left after changes of the images; empty where not asked for.
    robustness: list[Row] = field(default_factory=list)
    # What is left after attacks; empty where not asked for.
    attacks: list[Row] = field(default_factory=list)
    # What the heatmaps are worth; None where not asked for.
    explanations: Explanations | None = None
    features: Features | None = None  # of a sample of the images; None where not asked for

    @property
    def metrics(self) -> Metrics:
        """The metrics over all images."""
        assert self.whole.metrics is not None, "an evaluation has both classes"
        return self.whole.metrics

    @property
    def uncertainty(self) -> Uncertainty:
        """The uncertainty over all images."""
        assert self.whole.uncertainty is not None, "an evaluation has both classes"
        return self.whole.uncertainty

    def to_dict(self) -> dict[str, Any]:
        """Return `metrics.json`: the numbers over all images first, then all the others."""
        return {
            "format": FORMAT,
            "detector": {
                "name": self.card.name,
                "created": self.card.created,
                "calibrated": self.calibration is not None,
                "engine": self.engine[0],
                "precision": self.engine[1],
            },
            "split": self.split,
            **self.whole.to_dict(),
            "sets": [result.to_dict() for result in self.sets],
            "promise": {
                "this_set": promise.to_dict(self.kept),
                "divisions": promise.to_dict(self.divided),
            },
            "mistakes": [asdict(part) for part in self.parts],
            "robustness": [asdict(row) for row in self.robustness],
            "attacks": [asdict(row) for row in self.attacks],
            "explanations": self.explanations and self.explanations.to_dict(),
        }


def measure(
    name: str,
    judged: Judged,
    detector: Detector,
    facts: Facts,
    equalized: np.ndarray | None = None,
) -> Result:
    """Measure what was said of one set of images.

    Args:
        name: of the set, for people.
        judged: the images; where one class is missing, only what can be said of the other follows.
        detector: which judged them.
        facts: of the same files, in the same order.
        equalized: `(N,)` probability of *fake* of the same, see `equalized`; None where not known.
    """
    counted = verdicts.count(judged.labels, judged.words, judged.independent)
    if not judged.has_both_classes():
        return Result(name, judged, counted)

    def measured(p_fake: np.ndarray | None) -> Metrics | None:
        if p_fake is None:
            return None
        return metrics.measure(judged.labels, p_fake, groups=judged.groups, seed=judged.seed)

    return Result(
        name=name,
        judged=judged,
        verdicts=counted,
        metrics=measured(judged.p_fake),
        untempered=measured(probability(judged.logits) if detector.calibration else None),
        uncertainty=uncertainty.measure(judged.labels, judged.p_fake, judged.groups, judged.seed),
        baseline=measured(_baseline(detector.card, facts)),
        baseline_inside=_inside(judged, facts),
        equalized=measured(equalized),
    )


def _baseline(card: Card, facts: Facts) -> np.ndarray | None:
    """Return `p_fake` of the card's baseline, `(N,)`."""
    model = card.data.get("audit", {}).get("baseline")
    return None if model is None else probability(Baseline(**model).logit(facts.content))


def _inside(judged: Judged, facts: Facts) -> Estimate | None:
    if not shortcuts.enough(judged.labels):
        return None
    return shortcuts.in_content(facts.content, judged.labels, judged.groups, judged.paths).auc


def equalized(
    judged: Judged, detector: Detector, faces: str, batch_size: int = 32
) -> np.ndarray | None:
    """Judge images re-encoded alike by a detector that was trained on such.

    Args:
        judged: the images as they are.
        detector: which judged them.
        faces: which faces are judged, one of `framing.FACES`.
        batch_size: images at a time.

    Returns:
        `(N,)` probability of *fake*; None for any other detector, and where a class is missing.
    """
    known = detector.card.data.get("equalized")
    if not known or not judged.has_both_classes():
        return None
    scale = partial(equalize, side=known["size"])
    with bar("Re-encoding images", len(judged.paths)) as advance:
        again = judged_again(detector, judged.paths, faces, batch_size, advance, scale=scale)
        return np.array([said.p_fake for said in again])
