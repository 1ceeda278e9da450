"""The worked example of the model card: the starter, fine-tuned on half of a set it never saw."""

from __future__ import annotations

import importlib
import json
import shlex
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from src.auditing import duplicates, facts
from src.data import folders
from src.data.folders import Sample
from src.data.layout import CLASSES
from src.data.splits import uniform
from src.detector.card import read_card
from src.files import write_table

# What a person types; STARTER and MINE stand for the bundle that is started from and the images.
COMMANDS = (
    "evaluate --data-dir MINE --model STARTER --quick --output before",
    "train --data-dir MINE --weights STARTER/model.keras --image-size SIZE --output models/mine "
    "--warmup-epochs 2 --finetune-epochs 4 --augment traces --no-export",
    "evaluate --data-dir MINE --model models/mine --quick --output after",
)
# Shares of the groups of images: half of them are the test.
SHARES = {"test": 0.5, "train": 0.85, "validation": 1.0}


def measure(model: Path, folder: Path, *, seed: int = 0) -> dict[str, Any]:
    """Run the three commands on a set of images, half of which are kept for the test.

    Args:
        model: the bundle that is started from.
        folder: the set, with both classes; nothing is written there.
        seed: of the halves.

    Raises:
        InputError: data or bundle that cannot be used.
        CheckFailed: data not fit to learn from.
    """
    size = read_card(model).image_size
    with tempfile.TemporaryDirectory(prefix="example-") as scratch:
        here = Path(scratch)
        counts = split(folder, here / "MINE", seed)
        places = {
            "MINE": str(here / "MINE"),
            "STARTER": str(model),
            "STARTER/model.keras": str(model / "model.keras"),
            "SIZE": str(size),
            **{name: str(here / name) for name in ("before", "after", "models/mine")},
        }
        for text in COMMANDS:
            _run(text, places)
        card = read_card(here / "models/mine")
        found = {name: _numbers(here / name) for name in ("before", "after")}
    return {
        "set": folder.name,
        "counts": counts,
        "commands": [f"deepfake {text.replace('SIZE', str(size))}" for text in COMMANDS],
        "seconds": card.training["seconds"],
        **found,
    }


def split(folder: Path, output: Path, seed: int = 0) -> dict[str, dict[str, int]]:
    """Lay links to the images of a set into the folders of three splits.

    Pictures that are nearly equal, such as several of one person in one place, stay together.

    Returns:
        The number of images of each class in each split.
    """
    samples = folders.scan([folder], seed=seed)
    groups = _groups(samples)
    counts = {name: dict.fromkeys(CLASSES, 0) for name in SHARES}
    rows = []
    for number, (sample, group) in enumerate(zip(samples, groups, strict=True)):
        position = uniform(seed, group)
        name = next(name for name, bound in SHARES.items() if position < bound)
        kind = CLASSES[sample.label]
        link = output / name / kind / f"{number:06}{sample.path.suffix}"
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(sample.path.resolve())
        rows.append({"path": link.relative_to(output).as_posix(), "group": group})
        counts[name][kind] += 1
    write_table(output / "groups.csv", rows)
    return counts


def _groups(samples: Sequence[Sample]) -> list[str]:
    """Return the group of each image, those of nearly equal pictures made one."""
    from scipy.cluster.hierarchy import DisjointSet

    groups = [sample.group for sample in samples]
    paths = [sample.path for sample in samples]
    known = facts.measure(paths, title="Looking for copies")
    joined = DisjointSet(sorted(set(groups)))
    alike = duplicates.copies(known) + duplicates.near_duplicates(known, paths, groups)
    for first, *others in alike:
        for other in others:
            joined.merge(groups[first], groups[other])
    return [joined[group] for group in groups]


def _run(text: str, places: dict[str, str]) -> None:
    """Show a command and carry it out in this process."""
    verb, *words = shlex.split(text)
    click.secho(f"$ deepfake {text}", err=True, bold=True)
    command = importlib.import_module(f"src.{verb}").command
    command.main([places.get(word, word) for word in words], standalone_mode=False)


def _numbers(folder: Path) -> dict[str, Any]:
    """Return what the model card shows of an evaluation."""
    measured = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    names = ("real", "fake", "auc", "accuracy", "verdicts", "baseline_inside")
    return {name: measured[name] for name in names} | {"promised": measured["promise"]["this_set"]}
