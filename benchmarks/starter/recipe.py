"""How the starter is trained: its configuration stands here and nowhere else.

    python -m benchmarks.starter.recipe --data-dir DATA --output models/starter

A run that was killed goes on where it stopped when the command is given again.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

from src import CheckFailed
from src.cli import Verb
from src.export import export
from src.training.settings import SCRATCH, Settings

log = logging.getLogger(__name__)

# The folders in DATA that the starter learns from, and the one that it never sees.
SOURCES = ("gan256", "dfdc224", "utk200", "sd21_768")
BOTH_CLASSES = ("gan256", "dfdc224")
UNSEEN = "stylegan2_unsplash300"
# The one file beside Keras' own that ships: ONNX Runtime, OpenVINO and the browser read it.
EXPORT = "onnx-float16"


def settings(data: Path, sources: Sequence[str] = SOURCES) -> Settings:
    """Return what decides the starter's training.

    Args:
        data: the folder in which the sources stand.
        sources: those that it learns from.
    """
    return Settings(
        data_dirs=tuple(str(data / source) for source in sources),
        image_size=256,
        framing=0.75,
        weights="none",
        schedule=SCRATCH,
        crops=((96, 7), (160, 3)),
        warmup_epochs=1,
        finetune_epochs=11,
        augment="traces",
        self_blend=True,
        balance=True,
        equalize=True,
        batch_size=32,
        learning_rate=1e-3,
    )


def short(data: Path, sources: Sequence[str]) -> Settings:
    """Return the same in half of the epochs and on crops alone, to see what a source is worth."""
    return replace(settings(data, sources), crops=((96, 5),), finetune_epochs=5)


def make(data: Path, output: Path, *, overwrite: bool = False) -> None:
    """Train the starter, or go on with its training, and export it.

    Args:
        data: the folder in which the sources stand.
        output: the bundle; one that is there is exported and not trained again.
        overwrite: replace a bundle that is there.

    Raises:
        InputError: the data or the bundle cannot be used.
        CheckFailed: the data is not fit to learn from, or the export does not answer as Keras does.
    """
    from src.train import train

    chosen = settings(data)
    if overwrite or not output.exists():
        train(chosen, output, resume=True, overwrite=overwrite, export=False)
    else:
        log.info("%s is there and is not trained again: --overwrite does that", output)
    (outcome,) = export(output, EXPORT, chosen.data_dirs)
    if outcome.export is None:
        raise CheckFailed(outcome.sentence())
    click.echo(outcome.sentence())


@click.command(cls=Verb)
@click.option(
    "--data-dir", type=click.Path(path_type=Path), required=True, help="Holds the sources."
)
@click.option("--output", type=click.Path(path_type=Path), default=Path("models/starter"))
@click.option("--overwrite", is_flag=True, help="Replace a bundle that is there.")
def command(data_dir: Path, output: Path, overwrite: bool) -> None:
    """Train the starter from random weights and export it."""
    make(data_dir, output, overwrite=overwrite)


if __name__ == "__main__":
    command()
