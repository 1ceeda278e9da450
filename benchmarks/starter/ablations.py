"""What each part of the starter's second stage is worth: short runs with one thing changed each.

All start from the first stage's network, see an eighth of the training images and are measured on
validation images.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.starter import recipe
from benchmarks.starter.left_out import measure_on
from src.detector import residuals
from src.detector.card import MODEL_FILE
from src.training.settings import Settings

# What is changed, in the words of the model card.
ABLATIONS: dict[str, dict[str, Any]] = {
    "as in the recipe": {},
    "no self-blends": {"self_blend": 0.0},
    "a table of residuals beside Xception": {"backbone": residuals.NAME, "image_size": 256},
    "random 128-pixel squares at full scale": {"image_size": 256, "crops": ((128, 3),)},
    "from random weights": {"weights": "none", "learning_rate": 1e-3},
    "light augmentation": {"augment": "light"},
    "small sources several times an epoch": {"balance": True},
    "faces fill three quarters of the frame": {"framing": 0.75},
    "96 instead of 128 pixels": {"image_size": 96},
}
# Sources on which both classes can be told, one of them beside the others.
JUDGED = (*recipe.BOTH_CLASSES, "sd21_768")
FRACTION, EPOCHS = 0.125, 3


def settings(name: str, data: Path, first: Path) -> Settings:
    """Return what decides one of these runs.

    Args:
        name: one of `ABLATIONS`.
        data: the folder in which the sources stand.
        first: the bundle of the first stage.
    """
    short = replace(
        recipe.stages(data)[1],
        weights=str(first / MODEL_FILE),
        fraction=FRACTION,
        warmup_epochs=1,
        finetune_epochs=EPOCHS - 1,
    )
    return replace(short, **ABLATIONS[name])


def measure(name: str, data: Path, first: Path, runs: Path) -> dict[str, Any]:
    """Train with one thing changed, or take up the run that did, and measure it.

    Args:
        name: one of `ABLATIONS`.
        data: the folder in which the sources stand.
        first: the bundle of the first stage.
        runs: where the bundles of these runs go; one that was killed goes on where it stopped.

    Raises:
        InputError: data or weights that cannot be used.
        CheckFailed: data not fit to learn from.
    """
    detector = recipe.trained(settings(name, data, first), runs / slug(name))
    training = detector.card.training
    return {
        "name": name,
        "fraction": FRACTION,
        "epochs": training["epochs"],
        "seconds": training["seconds"],
        "validation": {
            source: measure_on(source, "validation", data, detector) for source in JUDGED
        },
    }


def slug(name: str) -> str:
    """Return the name of a run's files."""
    return name.replace(" ", "_")
