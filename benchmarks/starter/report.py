"""Measure the starter on data that does not ship, and write its model card out of the numbers.

    python -m benchmarks.starter.report --data-dir DATA
    python -m benchmarks.starter.report --data-dir DATA --only left-out --source gan256
    python -m benchmarks.starter.report --data-dir DATA --only ablations
    python -m benchmarks.starter.report --data-dir DATA --only example
    python -m benchmarks.starter.report --only card

Each part leaves JSON files; the card shows what is there and says what is not. `left-out`,
`ablations` and `example` train networks and are done by name only; a run that was killed goes on
where it stopped.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click

from benchmarks.starter import (
    ablations,
    answers,
    example,
    left_out,
    model_card,
    recipe,
    yardstick,
)
from benchmarks.starter.recipe import BOTH_CLASSES, SOURCES, UNSEEN
from src import InputError
from src.cli import Verb
from src.detector.card import read_card
from src.files import write_text

log = logging.getLogger(__name__)

RESULTS = Path("figures/results/starter")
STARTER, RUNS = Path("models/starter"), Path("models/starter.runs")
CARD = "MODEL_CARD.md"
ANSWERS, YARDSTICK, EXAMPLE = "test-splits", "yardstick", "example"
LEFT_OUT, ABLATIONS = "left-out", "ablations"
PARTS = (ANSWERS, YARDSTICK, LEFT_OUT, ABLATIONS, EXAMPLE)
# What is done where no part is named: what trains no network.
USUAL = (ANSWERS, YARDSTICK)


def read(results: Path, name: str) -> Any:
    """Return the numbers of one part, or None where nothing was measured."""
    path = results / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def render(results: Path) -> str:
    """Return the model card, out of the JSON files in a folder.

    Raises:
        InputError: the test splits were not measured yet.
    """
    measured = read(results, ANSWERS)
    if measured is None:
        raise InputError(f"{results / ANSWERS}.json is missing: measure --only {ANSWERS} first")
    return model_card.render(
        measured,
        read(results, YARDSTICK) or [],
        [read(results, _left_out(source)) for source in SOURCES],
        [read(results, _ablation(name)) for name in ablations.ABLATIONS],
        read(results, EXAMPLE),
    )


def _left_out(source: str) -> str:
    return f"without_{source}"


def _ablation(name: str) -> str:
    return f"ablation_{ablations.slug(name)}"


def measure(
    part: str,
    data: Path,
    model: Path,
    results: Path,
    *,
    runs: Path = RUNS,
    sources: Sequence[str] = SOURCES,
    limit_per_class: int | None = None,
    overwrite: bool = False,
) -> None:
    """Measure one part and write its JSON; what is there already stays.

    Args:
        part: one of `PARTS`.
        data: the folder in which the sources stand.
        model: the bundle.
        results: where the JSON files go.
        runs: where the bundles of `left-out` and `ablations` go.
        sources: which are left out in turn.
        limit_per_class: at most so many images of a class, for a quick look.
        overwrite: measure again what is there.

    Raises:
        InputError: the bundle or the data cannot be used, or the JSON is of another bundle.
        CheckFailed: data not fit to learn from, or too much of it cannot be read.
    """
    first = recipe.stage(model, 1)
    works: dict[str, dict[str, Callable[[], Any]]] = {
        ANSWERS: {ANSWERS: lambda: answers.measure(model, data, limit_per_class=limit_per_class)},
        YARDSTICK: {
            YARDSTICK: lambda: [yardstick.measure(data / name).to_dict() for name in BOTH_CLASSES]
        },
        EXAMPLE: {EXAMPLE: lambda: example.measure(model, data / UNSEEN)},
        LEFT_OUT: {
            _left_out(source): partial(left_out.measure, source, data, runs) for source in sources
        },
        ABLATIONS: {
            _ablation(name): partial(ablations.measure, name, data, first, runs)
            for name in ablations.ABLATIONS
        },
    }
    for name, found in works[part].items():
        if overwrite or not (results / f"{name}.json").exists():
            write_text(results / f"{name}.json", json.dumps(found(), indent=2) + "\n")
        elif (
            name == ANSWERS
            and read(results, name)["detector"]["created"] != read_card(model).created
        ):
            raise InputError(f"{results / name}.json is of another bundle: give --overwrite")
        else:
            log.info("%s: measured before; --overwrite measures again", name)


@click.command(cls=Verb)
@click.option("--data-dir", type=click.Path(path_type=Path), help="Holds the sources.")
@click.option("--model", type=click.Path(path_type=Path), default=STARTER, help="Bundle.")
@click.option("--results", type=click.Path(path_type=Path), default=RESULTS, help="JSON files.")
@click.option("--card", type=click.Path(path_type=Path), help=f"[default: {CARD} in the bundle]")
@click.option("--only", type=click.Choice([*PARTS, "card"]), multiple=True, help="Repeatable.")
@click.option(
    "--source",
    "sources",
    type=click.Choice(SOURCES),
    multiple=True,
    default=SOURCES,
    help="For left-out; repeatable.",
)
@click.option("--runs", type=click.Path(path_type=Path), default=RUNS, help="Of short trainings.")
@click.option("--limit-per-class", type=click.IntRange(1), help="A quick look; the card says so.")
@click.option("--overwrite", is_flag=True, help="Measure again what was measured before.")
def command(
    data_dir: Path | None,
    model: Path,
    results: Path,
    card: Path | None,
    only: tuple[str, ...],
    **options: Any,
) -> None:
    """Measure the starter and write its model card."""
    for part in only or USUAL:
        if part != "card":
            if data_dir is None:
                raise InputError("there is nothing to measure on: give --data-dir")
            measure(part, data_dir, model, results, **options)
    place = card or model / CARD
    write_text(place, render(results))
    click.echo(f"numbers: {results}\nmodel card: {place}")


if __name__ == "__main__":
    command()
