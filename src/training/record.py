"""What is written down about a training run: the card of its detector."""

from __future__ import annotations

import dataclasses
import json
import logging
import platform
from datetime import UTC, datetime
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from src import InputError, __version__, install
from src.auditing.findings import Audit
from src.data import dataset
from src.data.equalize import QUALITY
from src.detector import network
from src.detector.card import Card
from src.detector.framing import Framing
from src.files import write_table, write_text

if TYPE_CHECKING:
    import keras

    from src.training.phases import Run

log = logging.getLogger(__name__)


def card(name: str, run: Run, model: keras.Model, audited: Audit, framing: Framing) -> Card:
    """Write down what is known about a detector when its training ends."""
    chosen, settings = run.state.best, run.settings
    return Card(
        name=name,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        backbone=settings.backbone,
        image_size=settings.image_size,
        evidence_layer=network.backbone(settings.backbone).evidence_layer,
        parameters=model.count_params(),
        initial_weights=run.state.initial,
        training={
            **dataclasses.asdict(settings),
            "data_dirs": [Path(folder).resolve().name for folder in settings.data_dirs],
            **run.decided,
            "epochs": len(run.state.history),
            "best_epoch": chosen["epoch"],
            "seconds": round(sum(row["seconds"] for row in run.state.history), 1),
        },
        data={
            **run.dataset.facts(),
            "equalized": {"size": settings.encoded_size, "quality": QUALITY}
            if settings.equalize
            else None,
            "audit": audited.summary(),
            "drawn_sample": dataset.is_drawn_sample(settings.data_dirs),
        },
        metrics={"validation": {"auc": chosen["val_auc"], "loss": chosen["val_loss"]}},
        versions=_versions(),
        framing=framing.share,
    )


def require_tensorboard(folder: Path | None) -> None:
    """Refuse a folder for TensorBoard's log where nothing can write it.

    Raises:
        InputError: a package is missing.
    """
    if folder is not None and not (find_spec("tensorflow") and find_spec("tensorboard")):
        raise InputError(
            "--tensorboard needs TensorFlow and TensorBoard to write its log: "
            + install("tensorboard")
        )


def write(folder: Path, run: Run, card: Card) -> None:
    """Write the history of a run, its settings, and what could not be read, into its bundle."""
    write_table(folder / "history.csv", run.state.history)
    write_text(folder / "config.json", json.dumps(card.training, indent=2) + "\n")
    if run.dataset.skipped:
        write_table(folder / "skipped.csv", [vars(skipped) for skipped in run.dataset.skipped])


def report(run: Run, output: Path) -> None:
    """Say what became of a run."""
    kept = run.state.best
    if run.dataset.skipped:
        log.warning("%d unreadable images: %s/skipped.csv", len(run.dataset.skipped), output)
    log.info(
        "best epoch %d of %d: validation AUC %.4f (it chose the epoch: measure the error with "
        "`deepfake evaluate`)\nbundle: %s",
        kept["epoch"],
        len(run.state.history),
        kept["val_auc"],
        output,
    )


def _versions() -> dict[str, str]:
    import keras

    backend = keras.backend.backend()
    return {
        "deepfake-detector": __version__,
        "python": platform.python_version(),
        "keras": keras.__version__,
        backend: str(import_module(backend).__version__),
    }
