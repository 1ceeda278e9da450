"""Judge files and folders."""

import json
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from src import InputError, options
from src.cli import Verb
from src.data import folders
from src.data.corruptions import MILD
from src.detector import load, locate, verdict
from src.detector.calibration import Calibration
from src.detector.card import Card, read_card
from src.detector.detector import CAREFUL
from src.detector.engines import BATCH
from src.detector.engines.choice import AUTO
from src.detector.prediction import Failure, Prediction
from src.files import require_apart
from src.scanning.scan import scan

# Ends the name of a list of image files.
LIST = ".txt"


def predict(
    paths: Sequence[str | Path],
    model: str | Path | None = None,
    *,
    batch_size: int = BATCH,
    faces: str = "auto",
    stability: int = 0,
    engine: str = AUTO,
    precision: str | None = None,
) -> Iterator[Prediction | Failure]:
    """Judge image files, those in folders and those in lists, in order.

    Args:
        paths: files, folders and lists, see `find`.
        model: the bundle; see `location.locate`, also for what None takes.
        batch_size: faces at a time.
        faces: which faces are judged, one of `framing.FACES`.
        stability: mild re-encodings of each face that must get the same verdict.
        engine: what runs the network, one of `choice.CHOICES`.
        precision: one of `exports.PRECISIONS`; None takes the fastest, but never int8.

    Returns:
        One result a file, made as they are asked for; a `Failure` where it cannot be read.

    Raises:
        InputError: no bundle, a folder without images, or a list that cannot be read.
    """
    files = list(find(paths))
    detector = load(model, engine, precision)
    return detector.predict_files(files, batch_size, faces, stability=stability)


def find(paths: Iterable[str | Path]) -> Iterator[str | Path]:
    """Find the image files that are meant, one after the other.

    Args:
        paths: files; folders, which are searched to the bottom; lists of files, one a line, whose
            name ends in `.txt`; and `-` for a list of files and folders from standard input.

    Raises:
        InputError: a folder without images, or a list that cannot be read.
    """
    for path in paths:
        if path == "-":
            for line in filter(None, map(str.strip, sys.stdin)):
                yield from _inside(line)
        elif str(path).lower().endswith(LIST) and not _is_folder(path):
            yield from _listed(Path(path))
        else:
            yield from _inside(path)


def _listed(path: Path) -> Iterator[str]:
    """Read a list line by line: it may be longer than memory, so nothing looks at its files yet."""
    try:
        with path.open(encoding="utf-8", errors="surrogateescape") as lines:
            yield from filter(None, map(str.strip, lines))
    except OSError as error:
        raise InputError(
            f"{path}: expected a list of image files, one a line ({error.strerror})"
        ) from error


def _inside(path: str | Path) -> Iterator[str | Path]:
    if not str(path):
        raise InputError("an empty path: expected a file or a folder; . is the current one")
    if not _is_folder(path):
        yield path
        return
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
@options.model
@options.batch_size
@options.judging
@click.option(
    "--stability",
    type=click.IntRange(0, MILD),
    help="Mild re-encodings of each face that must get the same verdict.",
)
@click.option("--careful", is_flag=True, help=f"As --stability {CAREFUL}: slower, fewer verdicts.")
@click.option("--output", type=options.PATH, help="Write a table, NAME.parquet.")
@click.option("--workers", metavar="ray[:N]", help="Judge on Ray, with N workers.  [default: all]")
@click.option("--worker-cpus", type=click.IntRange(1), default=1, help="Threads of each worker.")
@options.overwrite("Begin an existing table anew.")
@options.as_json("One JSON object a line.")
@click.pass_context
def command(
    ctx: click.Context, paths: tuple[str, ...], model: str | None, stability: int | None,
    careful: bool, output: Path | None, workers: str | None, worker_cpus: int, overwrite: bool,
    as_json: bool, **chosen: Any,
) -> None:  # fmt: skip
    """Judge files and folders, and those that a .txt file lists, one a line.

    `-` reads a list of files and folders from standard input. With --output the answers go into a
    folder of Parquet files; a run that was cut off goes on when it is called again, and --workers
    ray shares the work: on the cluster that RAY_ADDRESS names, else on this machine.

    Exit code 2 when a file could not be read; the others are judged all the same.
    """
    if workers is None:
        options.refuse_without("--workers", "worker_cpus")
    chosen["stability"] = (CAREFUL if careful else 0) if stability is None else stability
    folder = locate(model)
    if output is None:
        options.refuse_without("--output NAME.parquet", "workers", "overwrite")
        failed = _show(predict(paths, folder, **chosen), as_json)
    else:
        for path in filter(_is_folder, paths):
            require_apart(Path(path), output)
        ray, count = _workers(workers)
        chosen |= {"ray": ray, "workers": count, "cpus": worker_cpus, "overwrite": overwrite}
        # What was named is handed on by its name: from the Hub every host fetches for itself.
        summary = scan(find(paths), output, model or folder, **chosen)
        click.echo(json.dumps(asdict(summary)) if as_json else summary.sentence())
        failed = summary.errors > 0
    if not as_json:
        click.echo("\n".join(_promises(read_card(folder))), err=True)
    ctx.exit(2 if failed else 0)


def _workers(said: str | None) -> tuple[bool, int | None]:
    """Return whether Ray judges, and with how many workers; None for as many as there can be."""
    if said is None:
        return False, None
    if not (found := re.fullmatch(r"ray(?::([1-9]\d*))?", said)):
        raise InputError(f"--workers: expected ray, or ray:N with N of 1 or more, got {said!r}")
    return True, int(found[1]) if found[1] else None


def _show(results: Iterator[Prediction | Failure], as_json: bool) -> bool:
    """Print answers as they come; return whether a file could not be read."""
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
    return failed


def _promises(card: Card) -> list[str]:
    if card.calibration is None:
        return ["no error rate is promised: the detector is not calibrated (`deepfake calibrate`)"]
    return Calibration.from_dict(card.calibration).promises()


def _lines(result: Prediction) -> Iterator[str]:
    """Return the row of an image in the table, and one a face where there are several."""
    reasons = "".join(f"  {reason}" for reason in result.reasons)
    yield f"{result.verdict:<13} {verdict.shown(result.p_fake):>6}  {result.path}{reasons}"
    for number, face in enumerate(result.faces if len(result.faces) > 1 else (), start=1):
        left, top, width, height = map(round, face.box)
        yield (
            f"  {face.verdict:<11} {verdict.shown(face.p_fake):>6}  face {number}: "
            f"{width} x {height} pixels at {left}, {top}"
        )


if __name__ == "__main__":
    command()
