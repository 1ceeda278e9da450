"""Judge files and folders."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import click

from src import InputError
from src.cli import Verb
from src.data import folders
from src.data.corruptions import MILD
from src.detector import load, locate, verdict
from src.detector.calibration import Calibration
from src.detector.card import Card, read_card
from src.detector.detector import CAREFUL
from src.detector.engines.choice import AUTO, CHOICES
from src.detector.exports import PRECISIONS
from src.detector.framing import FACES
from src.detector.location import MODEL_HELP
from src.detector.prediction import Failure, Prediction


def predict(
    paths: Sequence[str | Path],
    model: str | Path | None = None,
    *,
    batch_size: int = 32,
    faces: str = "auto",
    stability: int = 0,
    engine: str = AUTO,
    precision: str | None = None,
) -> Iterator[Prediction | Failure]:
    """Judge image files and the images in folders, in order.

    Args:
        paths: files and folders; folders are searched to the bottom.
        model: the bundle; see `location.locate`, also for what None takes.
        batch_size: faces at a time.
        faces: which faces are judged, one of `framing.FACES`.
        stability: mild re-encodings of each face that must get the same verdict.
        engine: what runs the network, one of `choice.CHOICES`.
        precision: one of `exports.PRECISIONS`; None takes the fastest, but never int8.

    Returns:
        One result a file, made as they are asked for; a `Failure` where it cannot be read.

    Raises:
        InputError: no bundle, or a folder without images.
    """
    files = list(_files(paths))
    detector = load(model, engine, precision)
    return detector.predict_files(files, batch_size, faces, stability=stability)


def _files(paths: Sequence[str | Path]) -> Iterator[str | Path]:
    for path in paths:
        if not _is_folder(path):
            yield path
            continue
        found = folders.images(Path(path))
        if not found:
            raise InputError(f"{path}: no images in this folder")
        yield from found


def _is_folder(path: str | Path) -> bool:
    try:
        return Path(path).is_dir()
    except OSError:
        # Such as a name that is too long: reading it as a file will say so, for this path alone.
        return False


@click.command(cls=Verb)
@click.argument("paths", nargs=-1, required=True)
@click.option("--model", help=MODEL_HELP)
@click.option("--batch-size", type=click.IntRange(1), default=32)
@click.option("--faces", type=click.Choice(FACES), default="auto", help="Which are judged.")
@click.option("--engine", type=click.Choice(CHOICES), default=AUTO, help="What runs the network.")
@click.option("--precision", type=click.Choice(PRECISIONS), help="[default: the fastest, not int8]")
@click.option(
    "--stability",
    type=click.IntRange(0, MILD),
    help="Mild re-encodings of each face that must get the same verdict.",
)
@click.option("--careful", is_flag=True, help=f"As --stability {CAREFUL}: slower, fewer verdicts.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_context
def command(
    ctx: click.Context,
    paths: tuple[str, ...],
    model: str | None,
    batch_size: int,
    faces: str,
    engine: str,
    precision: str | None,
    stability: int | None,
    careful: bool,
    as_json: bool,
) -> None:
    """Judge files and folders; `-` reads a list of paths from standard input.

    Exit code 2 when a file could not be read; the others are judged all the same.
    """
    if stability is None:
        stability = CAREFUL if careful else 0
    folder = locate(model)
    results = predict(
        list(_named(paths)),
        folder,
        batch_size=batch_size,
        faces=faces,
        stability=stability,
        engine=engine,
        precision=precision,
    )
    failed = False
    told: set[str] = set()
    if not as_json:
        click.echo(f"{'verdict':<13} {'p_fake':>6}  path")
    for result in results:
        if isinstance(result, Failure):
            failed = True
            click.echo(f"Error: {result.error}", err=True)
        if as_json:
            click.echo(json.dumps(asdict(result)))
        elif isinstance(result, Prediction):
            click.echo("\n".join(_lines(result)))
            told.update(result.reasons)
    for reason in sorted(told):
        click.echo(f"{reason}: {verdict.REASONS[reason]}", err=True)
    if not as_json:
        click.echo("\n".join(_promises(read_card(folder))), err=True)
    ctx.exit(2 if failed else 0)


def _promises(card: Card) -> list[str]:
    """Say how often verdicts may be wrong."""
    if card.calibration is None:
        return ["no error rate is promised: the detector is not calibrated (`deepfake calibrate`)"]
    return Calibration.from_dict(card.calibration).promises()


def _lines(result: Prediction) -> Iterator[str]:
    """Return the row of an image in the table, and one a face where there are several."""
    reasons = "".join(f"  {reason}" for reason in result.reasons)
    yield f"{result.verdict:<13} {result.p_fake:>6.3f}  {result.path}{reasons}"
    for number, face in enumerate(result.faces if len(result.faces) > 1 else (), start=1):
        left, top, width, height = map(round, face.box)
        yield (
            f"  {face.verdict:<11} {face.p_fake:>6.3f}  face {number}: "
            f"{width} x {height} pixels at {left}, {top}"
        )


def _named(paths: Sequence[str]) -> Iterator[str]:
    for path in paths:
        if path == "-":
            yield from filter(None, map(str.strip, sys.stdin))
        else:
            yield path


if __name__ == "__main__":
    command()
