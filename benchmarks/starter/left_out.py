"""What the starter's recipe is worth on a source that it has never seen: one short run each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.starter import recipe
from benchmarks.starter.answers import frames
from benchmarks.starter.measured import measured, set_together
from src.data import folders
from src.detector.detector import Detector
from src.training.settings import Settings

SPLITS = ("validation", "test")


def measure(
    source: str, data: Path, runs: Path, settings: Settings | None = None
) -> dict[str, Any]:
    """Train without one source, or take up the run that did, and measure on that source.

    Args:
        source: one of `recipe.SOURCES`.
        data: the folder in which the sources stand.
        runs: where the bundles of these runs go; one that was killed goes on where it stopped.
        settings: of the run; None takes `recipe.short` without the source.

    Raises:
        InputError: data that cannot be used.
        CheckFailed: data not fit to learn from.
    """
    others = [name for name in recipe.SOURCES if name != source]
    detector = recipe.trained(settings or recipe.short(data, others), runs / f"without_{source}")
    training = detector.card.training
    return {
        "source": source,
        "learnt_from": training["data_dirs"],
        "epochs": training["epochs"],
        "best_epoch": training["best_epoch"],
        "seconds": training["seconds"],
        "image_size": training["image_size"],
        "chosen_by": detector.card.metrics["validation"]["auc"],
        **{split: measure_on(source, split, data, detector) for split in SPLITS},
    }


def measure_on(source: str, split: str, data: Path, detector: Detector) -> dict[str, Any]:
    """Measure one split of a source; one of a single class beside the others', brought together.

    Args:
        source: one of `recipe.SOURCES`.
        split: one of `folders.SPLITS`.
        data: the folder in which the sources stand.
        detector: which judges.

    Raises:
        InputError: data that cannot be used.
        CheckFailed: too much of it cannot be read.
    """
    dirs = [data / name for name in recipe.SOURCES]
    samples = [sample for sample in folders.scan(dirs) if sample.split == split]
    own = [sample for sample in samples if sample.source == source]
    if len({sample.label for sample in own}) == 2:
        return measured(source, detector, own).to_dict()
    return set_together(source, frames(detector)[0], detector, samples)
