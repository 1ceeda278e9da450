"""Options that several verbs have: the same words, with the same meaning, everywhere."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from src import InputError
from src.data import folders
from src.detector.engines import BATCH
from src.detector.engines.choice import AUTO, CHOICES
from src.detector.exports import PRECISIONS
from src.detector.framing import FACES
from src.detector.location import DEFAULT

Option = Callable[[Any], Any]
PATH = click.Path(path_type=Path)
# What work goes into that takes long: it is refused before.
FOLDER = click.Path(file_okay=False, writable=True, path_type=Path)

data_dirs = click.option(
    "--data-dir", "data_dirs", multiple=True, required=True, help="Images; repeatable."
)
fraction = click.option(
    "--fraction", type=click.FloatRange(0, 1, min_open=True), help="Share of images."
)
seed = click.option("--seed", type=click.IntRange(0), default=0)
model = click.option(
    "--model",
    help=f"Bundle, or hf://OWNER/NAME.  [default: your own in {DEFAULT}, else the starter]",
)
batch_size = click.option("--batch-size", type=click.IntRange(1), default=BATCH)
faces = click.option("--faces", type=click.Choice(FACES), default="auto", help="Which are judged.")
engine = click.option(
    "--engine", type=click.Choice(CHOICES), default=AUTO, help="What runs the network."
)
precision = click.option(
    "--precision", type=click.Choice(PRECISIONS), help="[default: the fastest, not int8]"
)


def as_json(help: str) -> Option:
    """Return `--json`, by which machines are answered."""
    return click.option("--json", "as_json", is_flag=True, help=help)


def overwrite(help: str) -> Option:
    """Return `--overwrite`, without which nothing is replaced."""
    return click.option("--overwrite", is_flag=True, help=help)


def limit_per_class(help: str) -> Option:
    """Return `--limit-per-class`, which takes some of the images."""
    return click.option("--limit-per-class", type=click.IntRange(1), help=help)


def refuse_without(other: str, *names: str) -> None:
    """Refuse options of the command line that do nothing without another, which was not given.

    Args:
        other: as it is given.
        names: of the parameters; what comes from the environment or by default is no mistake.

    Raises:
        InputError: one of them was given.
    """
    ctx = click.get_current_context()
    typed = {n for n in names if ctx.get_parameter_source(n) is ParameterSource.COMMANDLINE}
    given = " and ".join(one.opts[0] for one in ctx.command.params if one.name in typed)
    if given:
        raise InputError(f"{given}: of no effect without {other}")


def tested(command: Any) -> Any:
    """Add what says which images a detector is tested on, and how many at a time."""
    split = click.option("--split", type=click.Choice(folders.SPLITS), default="test")
    return split(batch_size(limit_per_class("Images a class.")(fraction(command))))


def judging(command: Any) -> Any:
    """Add what says which faces are judged, and what computes that."""
    return faces(engine(precision(command)))
