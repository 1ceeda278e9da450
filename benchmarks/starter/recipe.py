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
from src.detector import load, residuals
from src.detector.card import MODEL_FILE
from src.detector.detector import Detector
from src.export import export
from src.training.settings import SCRATCH, TWO_PHASE, Settings

log = logging.getLogger(__name__)

# The folders in DATA that the starter learns from, and the one that it never sees.
SOURCES = ("gan256", "dfdc224", "utk200", "sd21_768")
BOTH_CLASSES = ("gan256", "dfdc224")
UNSEEN = "stylegan2_unsplash300"
# The one file beside Keras' own that ships: ONNX Runtime, OpenVINO and the browser read it.
EXPORT = "onnx-float16"


def stages(data: Path) -> tuple[Settings, ...]:
    """Return what decides the training, stage by stage: each begins with the network of the last.

    What small whole pictures of the sets with both classes teach comes first, because it is learnt
    in the fewest hours. Then every source and self-blends, framed and encoded alike, a little
    larger: a source shall not be told by its framing or its file. They are encoded at a size
    at which JPEG leaves the traces that are to be seen. That is done three times: after the first
    and the second the network is far from telling all of its training images apart, so there is
    more to learn in them. At last the head alone, on features that are computed once: what the
    yardstick sees stands beside Xception then, which sees the same picture at half the size. The
    two know different things, and the head has many epochs in which to weigh them.

    Args:
        data: the folder in which the sources stand.
    """
    small = Settings(
        data_dirs=_dirs(data, BOTH_CLASSES),
        image_size=96,
        faces="off",
        weights="none",
        schedule=SCRATCH,
        warmup_epochs=1,
        finetune_epochs=5,
        augment="light",
        learning_rate=1e-3,
        dropout=0.2,
    )
    framed = Settings(
        data_dirs=_dirs(data, SOURCES),
        image_size=128,
        framing=0.6,
        schedule=SCRATCH,
        warmup_epochs=0,
        finetune_epochs=5,
        augment="traces",
        self_blend=0.1,
        equalize=True,
        equalize_size=256,
        learning_rate=7e-4,
        dropout=0.3,
    )
    head = replace(
        framed,
        backbone=residuals.NAME,
        image_size=128 * residuals.HALF,
        schedule=TWO_PHASE,
        warmup_epochs=40,
        finetune_epochs=0,
        views=2,
        learning_rate=1e-3,
        half_weights=True,
    )
    return small, framed, framed, replace(framed, learning_rate=5e-4), head


def short(data: Path, sources: Sequence[str]) -> Settings:
    """Return a short run from random weights, to see what a source is worth.

    Args:
        data: the folder in which the sources stand.
        sources: those that it learns from.
    """
    return replace(
        stages(data)[1],
        data_dirs=_dirs(data, sources),
        image_size=96,
        weights="none",
        warmup_epochs=1,
        finetune_epochs=2,
        fraction=0.5,
        learning_rate=1e-3,
    )


def trained(settings: Settings, bundle: Path) -> Detector:
    """Load the detector of a run, which is done or gone on with where its bundle is not there.

    Args:
        settings: what decides the run.
        bundle: where its detector stands, or will.

    Raises:
        InputError: data or weights that cannot be used.
        CheckFailed: data not fit to learn from.
    """
    from src.train import train

    if not bundle.exists():
        train(settings, bundle, resume=True, export=False)
    return load(bundle)


def make(data: Path, output: Path, *, overwrite: bool = False) -> None:
    """Train the starter, or go on with its training, and export it.

    The bundles of the earlier stages stand beside it, as `OUTPUT.stage-1` and so on.

    Args:
        data: the folder in which the sources stand.
        output: the bundle; one that is there is exported and not trained again, as are stages.
        overwrite: replace a bundle that is there, and its stages.

    Raises:
        InputError: the data or the bundle cannot be used.
        CheckFailed: the data is not fit to learn from, or the export does not answer as Keras does.
    """
    from src.train import train

    chosen = stages(data)
    places = [*(stage(output, n) for n in range(1, len(chosen))), output]
    for n, (settings, place) in enumerate(zip(chosen, places, strict=True)):
        if place.exists() and not overwrite:
            log.info("%s is there and is not trained again: --overwrite does that", place)
            continue
        if n:
            settings = replace(settings, weights=str(places[n - 1] / MODEL_FILE))
        train(settings, place, resume=True, overwrite=overwrite, export=False)
    (outcome,) = export(output, EXPORT, chosen[-1].data_dirs)
    if outcome.export is None:
        raise CheckFailed(outcome.sentence())
    click.echo(outcome.sentence())


def stage(output: Path, number: int) -> Path:
    """Return where the bundle of an earlier stage stands, counted from 1."""
    return output.with_name(f"{output.name}.stage-{number}")


def _dirs(data: Path, sources: Sequence[str]) -> tuple[str, ...]:
    return tuple(str(data / source) for source in sources)


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
