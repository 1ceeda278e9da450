"""What a detector answers on every test split, after changes of them, and on what is no test."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.starter.measured import Measured, measured, set_together
from benchmarks.starter.recipe import SOURCES, UNSEEN, stage
from benchmarks.starter.together import Frame
from src import InputError, install
from src.data import corruptions, folders
from src.data.corruptions import CORRUPTIONS
from src.data.folders import Sample
from src.detector import load
from src.detector.card import Card, read_card
from src.detector.detector import Detector
from src.evaluation import mistakes, robustness
from src.evaluation.judged import Judged
from src.intervals import auc_loss, auc_over_groups
from src.progress import bar
from src.report import verdicts
from src.training.settings import TWO_PHASE

DRAWN_SAMPLE = Path("dataset")
# A source that has fakes alone: they are set against the real faces of the others.
FAKES_ALONE = "sd21_768"
# The framing of a detector whose card names none.
FRAMING = 0.75
# Tight and small enough that hardly a face of any source is enlarged.
STRICT = Frame("nothing enlarged", 0.85, 160, enlarge=False)
# Images of each class that are changed, of each set.
CHANGED = 500
# Pictures that a person looks at.
SHOWN = 6
# Those of scikit-image's sample pictures that come with it, are photographs and show no face.
FACELESS = (
    *("brick", "cat", "clock", "coffee", "grass", "gravel", "hubble_deep_field"),
    *("immunohistochemistry", "moon", "page", "retina", "rocket", "text"),
)


def _half_and_jpeg(image: np.ndarray) -> np.ndarray:
    return corruptions.jpeg(CORRUPTIONS["half size"](image), 70)


CHANGES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "JPEG 90": CORRUPTIONS["jpeg 90"],
    "JPEG 70": CORRUPTIONS["jpeg 70"],
    "JPEG 50": CORRUPTIONS["jpeg 50"],
    "half size": CORRUPTIONS["half size"],
    "half size, then JPEG 70": _half_and_jpeg,
}


def measure(
    model: Path, data: Path, *, limit_per_class: int | None = None, seed: int = 0
) -> dict[str, Any]:
    """Measure a detector on every test split there is, and on what is no test of it.

    Args:
        model: the bundle.
        data: the folder in which the sources stand.
        limit_per_class: at most so many images of a class of each set, for a quick look.
        seed: of every choice and the bootstrap.

    Raises:
        InputError: no bundle, data that cannot be used, or scikit-image is missing.
        CheckFailed: more than 5 % of the images cannot be read.
    """
    detector = load(model)
    samples = {
        folder.name: [
            sample
            for sample in folders.scan([folder], seed=seed, limit_per_class=limit_per_class)
            if sample.split == "test"
        ]
        for folder in (*(data / name for name in (*SOURCES, UNSEEN)), DRAWN_SAMPLE)
    }
    known = [sample for name in SOURCES for sample in samples[name]]
    found = {name: measured(name, detector, some, seed=seed) for name, some in samples.items()}
    drawn = found.pop(DRAWN_SAMPLE.name)
    return {
        "detector": _about(detector),
        "stages": [_trained(card) for card in (*_earlier(model), detector.card)],
        "limit_per_class": limit_per_class,
        "sets": [one.to_dict() for one in found.values()],
        "together": [
            set_together(FAKES_ALONE, frame, detector, known, seed) for frame in frames(detector)
        ],
        "changes": {
            name: changed(detector, one.result.judged)
            for name, one in found.items()
            if one.result.judged.has_both_classes()
        },
        "elsewhere": [
            {**drawn.to_dict(), "name": "drawn sample"},
            _faceless(detector).to_dict(),
        ],
        "failures": _failures(drawn.result.judged),
    }


def frames(detector: Detector) -> list[Frame]:
    """Return how a source of one class is set beside others: as in training, and more strictly."""
    card = detector.card
    own = Frame("as in training", card.framing or FRAMING, card.image_size, enlarge=True)
    return [own, STRICT]


def changed(detector: Detector, judged: Judged) -> list[dict[str, Any]]:
    """Judge images again after each of `CHANGES`, and say what that costs.

    Returns:
        A row a change, with the `auc`, its `loss` on the same images, and the verdicts.
    """
    seed, chosen = judged.seed, judged.draw(CHANGED)
    labels, groups = judged.labels[chosen], [judged.groups[i] for i in chosen]
    paths, before = [judged.paths[i] for i in chosen], judged.logits[chosen]
    rows = []
    with bar("Changing images", len(CHANGES) * len(paths)) as advance:
        for name, change in CHANGES.items():
            again = robustness.judged_again(detector, paths, "auto", 32, advance, change=change)
            said = list(again)
            after = np.array([one.logit for one in said])
            counted = verdicts.count(labels, [one.verdict for one in said])
            rows.append(
                {
                    "name": name,
                    "images": len(labels),
                    "auc": asdict(auc_over_groups(labels, after, groups, seed=seed)),
                    "loss": asdict(auc_loss(labels, before, after, groups, seed=seed)),
                    "verdicts": asdict(counted),
                }
            )
    return rows


def _about(detector: Detector) -> dict[str, Any]:
    """Return what the model card says of the detector itself."""
    card, calibration = detector.card, detector.calibration
    return {
        "name": card.name,
        "created": card.created,
        "backbone": card.backbone,
        "parameters": card.parameters,
        "image_size": card.image_size,
        "framing": card.framing,
        "training": card.training,
        "counts": card.data.get("counts", {}),
        "self_blends": card.data.get("self_blends", {}),
        "promises": calibration.promises() if calibration else [],
        "engine": f"{detector.engine.name}, {detector.engine.precision}",
    }


def _earlier(model: Path) -> Iterator[Card]:
    """Yield the cards of the bundles that it began from, where they stand beside it."""
    number = 1
    while (folder := stage(model, number)).is_dir():
        yield read_card(folder)
        number += 1


def _trained(card: Card) -> dict[str, Any]:
    """Return how one stage was trained."""
    training = card.training
    return {
        "backbone": card.backbone,
        "image_size": card.image_size,
        "sources": [Path(name).name for name in training["data_dirs"]],
        "trains": "head" if training["schedule"] == TWO_PHASE else "whole network",
        "epochs": training["epochs"],
        "best_epoch": training["best_epoch"],
        "auc": card.metrics["validation"]["auc"],
        "seconds": training["seconds"],
    }


def _faceless(detector: Detector) -> Measured:
    """Measure what is said of photographs in which there is no face."""
    try:
        from skimage import data, io
    except ImportError as error:
        raise InputError(
            f"photographs without faces come with scikit-image: {install('bench')}"
        ) from error
    with tempfile.TemporaryDirectory(prefix="faceless-") as scratch:
        samples = []
        for name in FACELESS:
            path = Path(scratch) / f"{name}.png"
            io.imsave(path, getattr(data, name)(), check_contrast=False)
            samples.append(Sample(path, 0, "test", "photographs", name))
        return measured("photographs without faces", detector, samples)


def _failures(judged: Judged) -> list[dict[str, Any]]:
    """Return the drawn pictures on which the detector is wrong and surest."""
    worst = mistakes.worth_a_look(judged, SHOWN)["the surest mistakes"]
    return [
        {
            "picture": judged.samples[i].path.as_posix(),
            "label": folders.CLASSES[judged.labels[i]],
            "p_fake": judged.predictions[i].p_fake,
            "verdict": judged.predictions[i].verdict,
            "reasons": list(judged.predictions[i].reasons),
        }
        for i in worst
    ]
