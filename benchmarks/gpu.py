"""How fast a GPU trains and explains: ours against Xception in PyTorch, by turns in one process.

    KERAS_BACKEND=jax python -m benchmarks.gpu
    KERAS_BACKEND=jax python -m benchmarks.gpu --only scratch --batch-sizes 64,128,256

Ours is what `deepfake train` runs: the same network, phases, precision and batches. A step on one
batch that stays on the GPU is compared with PyTorch's, and with the same step fed by the input
pipeline: their ratio is the share of its time in which the GPU has work. Without a GPU everything
runs at toy size, which says nothing about speed. Without PyTorch there is no baseline.
"""

from __future__ import annotations

import gc
import itertools
import json
import logging
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
import keras
import numpy as np

from benchmarks.audit import draw
from benchmarks.stretches import (
    LEAST_STEPS,
    Clock,
    Repeated,
    Run,
    Stretch,
    Utilisation,
    by_turns,
)
from src import processor
from src.cli import Verb
from src.data import augment, dataset
from src.data.folders import CLASSES, Sample
from src.data.pipeline import QUEUED_BATCHES, WORKERS, Batches
from src.detector import evidence, network
from src.files import refuse_existing, write_text
from src.training import phases, precision
from src.training.callbacks import EpochBar
from src.training.settings import SCRATCH, Settings

log = logging.getLogger(__name__)

INFERENCE = "inference"
TASKS = (phases.WARM_UP, phases.FINE_TUNE, SCRATCH, INFERENCE)
PRECISION = "bfloat16"
XCEPTION = "xception"
OURS, FED, COMPILED, EAGER = "ours", "fed", "compiled", "eager"
# The first steps are not timed: they compile, and those that are fed take what is queued meanwhile.
UNTIMED_STEPS = 2
UNTIMED_FED_STEPS = QUEUED_BATCHES + WORKERS + 1
DRAWINGS = 128


@dataclass(frozen=True)
class Size:
    """How much is measured where nothing else is said.

    Attributes:
        image_size: side in pixels.
        batch_sizes: images a step.
        seconds: each of the `stretches.ROUNDS` stretches that are timed lasts about so long.
        images: in the cache that feeds.
    """

    image_size: int
    batch_sizes: tuple[int, ...]
    seconds: float
    images: int


GPU = Size(299, (128, 256), 2.0, 1024)
TOY = Size(71, (2,), 0.2, 16)


@dataclass(frozen=True)
class Row:
    """What was measured of one task at one batch size; None where it could not be.

    Attributes:
        task: one of `TASKS`.
        batch: images a step.
        ours: images/s on a batch that stays on the device.
        pytorch: the same of the baseline.
        pytorch_mode: how that ran, `COMPILED` or `EAGER`.
        fed: images/s of ours behind the input pipeline.
        busy: share of that time in which the GPU worked, by `nvidia-smi`.
        times_faster: ours over the baseline.
        fed_share: the share of its speed that the input pipeline leaves.
    """

    task: str
    batch: int
    ours: float | None
    pytorch: float | None
    pytorch_mode: str | None
    fed: float | None
    busy: float | None
    times_faster: float | None
    fed_share: float | None

    @classmethod
    def of(
        cls, task: str, batch: int, rates: Mapping[str, float], busy: float | None = None
    ) -> Row:
        """Return a row of the images/s by name: `OURS`, `FED`, and the baseline by its mode."""
        mode = next((mode for mode in (COMPILED, EAGER) if mode in rates), None)
        ours, fed, pytorch = rates.get(OURS), rates.get(FED), rates.get(mode or "")
        times_faster, fed_share = _ratio(ours, pytorch), _ratio(fed, ours)
        return cls(task, batch, ours, pytorch, mode, fed, busy, times_faster, fed_share)


def _ratio(one: float | None, other: float | None) -> float | None:
    return one / other if one and other else None


@dataclass(frozen=True)
class Bench:
    """What is measured on.

    Attributes:
        settings: of a training run.
        data: made images.
        seconds: see `Size`.
        utilisation: of the GPU.
    """

    settings: Settings
    data: dataset.Dataset
    seconds: float
    utilisation: Utilisation

    def batches(self, size: int, steps: int) -> Batches:
        """Return batches as training makes them, the images repeated as often as is needed."""
        places = np.arange(steps * size) % len(self.data.samples)
        positions = self.data.positions("train")
        shown = [positions[i] for i in places]
        return Batches(
            self.data.cache, places, [p.label for p in shown], size,
            level=self.settings.augment, shuffle=True, groups=[p.group for p in shown],
        )  # fmt: skip

    def measure(self, task: str, batch: int) -> Row:
        """Measure ours, the input pipeline and the baseline by turns."""
        images, labels = self.batches(batch, 1)[0]
        ours = partial(self._training, task, images, labels)
        if task == INFERENCE:
            ours = partial(self._inference, images)
        makers = [ours]
        if self.settings.backbone == XCEPTION and find_spec("torch"):
            makers.append(partial(self._baseline, task, images, labels))
        stretches = by_turns(makers, self.seconds)
        rates = {
            name: batch / float(np.median([stretch.step_seconds for stretch in taken]))
            for name, taken in stretches.items()
        }
        return Row.of(task, batch, rates, self.utilisation.during(stretches.get(FED, [])))

    def _network(self) -> keras.Model:
        settings = self.settings
        with precision.computing_in(PRECISION):
            return network.build(
                settings.backbone, image_size=settings.image_size, dropout=settings.dropout
            )

    def _training(self, task: str, images: np.ndarray, labels: np.ndarray) -> dict[str, Run]:
        """Return one compiled step on a batch that stays on the device, and fed."""
        model, phase = self._network(), phases.Phase(task, 1)
        phases.set_trainable(model, phase, self.settings)
        phases.compile_for(model, phase, self.settings, steps=LEAST_STEPS)
        weights = phases.class_weight(self.data.labels("train"))
        resident = (keras.ops.convert_to_tensor(images), labels)

        def fit(batches: keras.utils.PyDataset, untimed: int) -> Stretch:
            # Training waits for each step if its progress bar does.
            clock = Clock(untimed, waits=not getattr(EpochBar, "async_safe", False))
            options: dict[str, Any] = {"class_weight": weights, "shuffle": False, "verbose": 0}
            model.fit(batches, callbacks=[clock], **options)
            return clock.stretch()

        def fit_resident(steps: int) -> Stretch:
            return fit(Repeated(resident, UNTIMED_STEPS + steps), UNTIMED_STEPS)

        def fit_fed(steps: int) -> Stretch:
            batches = self.batches(len(images), UNTIMED_FED_STEPS + steps)
            return fit(batches, UNTIMED_FED_STEPS)

        return {OURS: fit_resident, FED: fit_fed}

    def _inference(self, images: np.ndarray) -> dict[str, Run]:
        """Return logits and heatmaps of a batch that stays on the device."""
        model = evidence.with_evidence(self._network())
        resident = (keras.ops.convert_to_tensor(images),)

        def predict(steps: int) -> Stretch:
            clock = Clock(UNTIMED_STEPS, waits=False)
            repeated = Repeated(resident, UNTIMED_STEPS + steps)
            model.predict(repeated, callbacks=[clock], verbose=0)
            return clock.stretch()

        return {OURS: predict}

    def _baseline(self, task: str, images: np.ndarray, labels: np.ndarray) -> dict[str, Run]:
        from benchmarks import torch_xception

        device = "cuda" if on_gpu() else "cpu"
        if task == INFERENCE:
            make = partial(torch_xception.explain_step, images, device)
        else:
            make = partial(torch_xception.train_step, task, images, labels, device)
        step, compiled = torch_xception.warmed(make, compiled=device == "cuda")

        def run(steps: int) -> Stretch:
            for _ in range(UNTIMED_STEPS):
                step()
            torch_xception.wait(device)
            start = time.perf_counter()
            for _ in range(steps):
                step()
            torch_xception.wait(device)
            return Stretch(steps, start, time.perf_counter())

        return {COMPILED if compiled else EAGER: run}


@contextmanager
def made_images(size: Size, folder: Path) -> Iterator[dataset.Dataset]:
    """Draw images and decode them into a cache; a few drawings serve for many images."""
    drawings = min(DRAWINGS, size.images)
    draw(folder / "drawn", drawings)
    paths = sorted((folder / "drawn").rglob("*.jpg")) * -(-size.images // drawings)
    samples = [
        Sample(path, CLASSES.index(path.parent.name), "train", "drawn", path.name) for path in paths
    ]
    data = dataset.load(samples, size.image_size, folder)
    try:
        yield data
    finally:
        data.cache.close()


def on_gpu() -> bool:
    """Tell whether Keras computes on an accelerator."""
    if keras.backend.backend() == "torch":
        import torch

        return torch.cuda.is_available()
    return not keras.distribution.list_devices()[0].startswith("cpu")


def describe(settings: Settings) -> dict[str, Any]:
    """Return what was measured with, and where."""
    packages = dict.fromkeys(("keras", keras.backend.backend(), "jax", "torch"))
    query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader", "--id=0"]
    known = on_gpu() and shutil.which(query[0])
    answer = subprocess.run(query, capture_output=True, text=True) if known else None
    return {
        "processor": processor.describe(),
        "gpu": answer.stdout.strip() if answer else None,
        "backend": keras.backend.backend(),
        "versions": {name: metadata.version(name) for name in packages if find_spec(name)},
        "backbone": settings.backbone,
        "image_size": settings.image_size,
        "augment": settings.augment,
        "precision": PRECISION,
    }


HEADER = [
    "| task | batch | ours | PyTorch | times faster | fed | fed share | GPU busy |",
    "|---|---|---|---|---|---|---|---|",
]


def line(row: Row) -> str:
    """Return a row as a line of the table."""
    mode = f" ({row.pytorch_mode})" if row.pytorch_mode else ""
    cells = [
        row.task,
        str(row.batch),
        _cell(row.ours, ".1f"),
        _cell(row.pytorch, ".1f") + mode,
        _cell(row.times_faster, ".2f"),
        _cell(row.fed, ".1f"),
        _cell(row.fed_share, ".0%"),
        _cell(row.busy, ".0%"),
    ]
    return f"| {' | '.join(cells)} |"


def _cell(value: float | None, form: str) -> str:
    return "—" if value is None else format(value, form)


def best(rows: Sequence[Row]) -> list[str]:
    """Return a table of each task, both sides at the batch size that suits them best."""
    lines = ["| at the best batch size | ours | PyTorch | times faster |", "|---|---|---|---|"]
    for task in dict.fromkeys(row.task for row in rows):
        of_task = [row for row in rows if row.task == task]
        ours = max(of_task, key=lambda row: row.ours or 0)
        theirs = max(of_task, key=lambda row: row.pytorch or 0)
        cells = [
            f"{_cell(ours.ours, '.1f')} (batch {ours.batch})",
            f"{_cell(theirs.pytorch, '.1f')} (batch {theirs.batch})",
            _cell(_ratio(ours.ours, theirs.pytorch), ".2f"),
        ]
        lines.append(f"| {task} | {' | '.join(cells)} |")
    return lines


def write(path: Path, facts: Mapping[str, Any], rows: Sequence[Row]) -> None:
    """Write what is known so far."""
    results = {**facts, "rows": [asdict(row) for row in rows]}
    write_text(path, json.dumps(results, indent=2) + "\n")


def rows_until(
    bench: Bench, tasks: Sequence[str], batch_sizes: Sequence[int], deadline: float
) -> Iterator[Row]:
    """Measure every task at every batch size; what may not be done by the deadline is left out."""
    longest = 0.0
    for batch, task in itertools.product(batch_sizes, tasks):
        start = time.perf_counter()
        if start + longest > deadline:
            log.warning("no time is left for %s with batches of %d", task, batch)
            continue
        yield bench.measure(task, batch)
        # A network is full of circles, and holds the device's memory until they are found.
        gc.collect()
        longest = max(longest, time.perf_counter() - start)


def _batch_sizes(context: click.Context, option: click.Parameter, text: str | None) -> list[int]:
    parts = text.split(",") if text else []
    if not all(part.isdecimal() and int(part) for part in parts):
        raise click.BadParameter(f"expected whole numbers like 64,128,256, got {text!r}")
    return [int(part) for part in parts]


@click.command(cls=Verb)
@click.option("--only", type=click.Choice(TASKS), multiple=True, help="Tasks; repeatable.")
@click.option("--batch-sizes", callback=_batch_sizes, help="Images a step, with commas between.")
@click.option("--image-size", type=click.IntRange(1), help="Side in pixels.")
@click.option("--seconds", type=click.FloatRange(0, min_open=True), help="Of each timed stretch.")
@click.option("--minutes", default=9.0, help="What may take longer than this is left out.")
@click.option("--backbone", default=XCEPTION, help="PyTorch runs beside xception only.")
@click.option("--augment", "level", type=click.Choice(augment.LEVELS), default="full")
@click.option("--output", type=click.Path(path_type=Path), help="JSON, written after each row.")
@click.option("--overwrite", is_flag=True, help="Replace the output.")
def command(
    only: tuple[str, ...],
    batch_sizes: list[int],
    image_size: int | None,
    seconds: float | None,
    minutes: float,
    backbone: str,
    level: str,
    output: Path | None,
    overwrite: bool,
) -> None:
    """Print images/s, and how many times faster than PyTorch that is."""
    deadline = time.perf_counter() + 60 * minutes
    if output is not None:
        refuse_existing(output, overwrite)
    # JAX takes three quarters of the GPU's memory at its start, and PyTorch needs as much.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    size = GPU if on_gpu() else TOY
    size = replace(size, image_size=image_size or size.image_size)
    settings = Settings((), backbone=backbone, image_size=size.image_size, augment=level)
    facts = describe(settings)
    click.echo("\n".join(f"{name}: {fact}" for name, fact in facts.items()) + "\n")
    if not find_spec("torch"):
        log.warning("PyTorch is not installed: the baseline is missing")
    rows = []
    with (
        tempfile.TemporaryDirectory() as scratch,
        made_images(size, Path(scratch)) as data,
        Utilisation() as utilisation,
    ):
        bench = Bench(settings, data, seconds or size.seconds, utilisation)
        click.echo("\n".join(HEADER))
        for row in rows_until(bench, only or TASKS, batch_sizes or size.batch_sizes, deadline):
            rows.append(row)
            click.echo(line(row))
            if output is not None:
                write(output, facts, rows)
    click.echo("\n" + "\n".join(best(rows)))


if __name__ == "__main__":
    command()
