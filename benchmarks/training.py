"""How fast training is: warm-up on features, the input pipeline, its memory.

    python -m benchmarks.training --weights models/detector/model.keras

Only ratios are judged: they compare what ran in one process on one machine.
"""

from __future__ import annotations

import platform
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from src.cli import Verb
from src.data import dataset

if TYPE_CHECKING:
    from src.training.phases import Run
    from src.training.settings import Settings

SAMPLE = Path("dataset")
SEEDS = (0, 1, 2)
SPLITS = ("train", "validation")


def describe_machine() -> str:
    """Return the processor's name and its matrix instructions."""
    cpuinfo = Path("/proc/cpuinfo")
    text = cpuinfo.read_text(encoding="utf-8") if cpuinfo.is_file() else ""
    fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    names = {key.strip(): value.strip() for key, value in fields.items()}
    wanted = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8")
    flags = [flag for flag in wanted if flag in names.get("flags", "").split()]
    return f"{names.get('model name', platform.processor())} ({', '.join(flags)})"


def warm_up(settings: Settings) -> list[str]:
    """Time five warm-up epochs: plain, and on features of one and of two views."""
    seconds: dict[int, list[float]] = {0: [], 1: [], 2: []}
    aucs: dict[int, list[float]] = {0: [], 1: [], 2: []}
    for seed in SEEDS:
        for views in seconds:
            run, elapsed = _timed_warm_up(replace(settings, views=views, seed=seed))
            seconds[views].append(elapsed)
            assert run.state.best is not None
            aucs[views].append(run.state.best["val_auc"])
    lines = ["| warm-up, 5 epochs | seconds | times faster | validation AUC | difference |"]
    lines += ["|---|---|---|---|---|"]
    for views, name in enumerate(("plain fit, frozen backbone", "one view", "two views")):
        ratio = np.median(np.divide(seconds[0], seconds[views]))
        difference = np.mean(np.subtract(aucs[views], aucs[0]))
        lines.append(
            f"| {name} | {np.median(seconds[views]):.1f} | {ratio:.2f} | "
            f"{np.mean(aucs[views]):.4f} | {difference:+.4f} |"
        )
    return lines


def _timed_warm_up(settings: Settings) -> tuple[Run, float]:
    from src.detector import network
    from src.training import phases, precision
    from src.training.state import RunFolder

    with tempfile.TemporaryDirectory() as scratch:
        folder = RunFolder(Path(scratch) / "run")
        state = folder.open({}, resume=False, overwrite=False)
        samples = dataset.find(settings.data_dirs, SPLITS)
        data = dataset.load(samples, settings.image_size, folder.path)
        precision.seed_everything(settings.seed, deterministic=False)
        model = network.build(
            settings.backbone,
            image_size=settings.image_size,
            dropout=settings.dropout,
            weights=Path(settings.weights) if settings.weights != "none" else None,
        )
        run = phases.Run(settings, data, model, folder, state)
        start = time.perf_counter()
        run.fit(phases.Phase(phases.WARM_UP, settings.warmup_epochs))
        return run, time.perf_counter() - start


def pipeline(settings: Settings) -> list[str]:
    """Compare the images a second of the pipeline alone with those of a phase-2 step."""
    from src.data.pipeline import WORKERS, Batches
    from src.detector import network
    from src.training import phases

    samples = dataset.find(settings.data_dirs, SPLITS)
    data = dataset.load(samples, settings.image_size, Path(tempfile.mkdtemp()))
    batches = Batches(
        data.cache, data.indices("train"), data.labels("train"), settings.batch_size,
        level="full", shuffle=True,
    )  # fmt: skip
    model = network.build(settings.backbone, image_size=settings.image_size)
    phase = phases.Phase(phases.FINE_TUNE, 1)
    phases.set_trainable(model, phase, settings)
    phases.compile_for(model, phase, settings, steps=len(batches))
    images, labels = batches[0]
    model.train_on_batch(images, labels)
    alone, step = [], []
    for epoch in range(3):
        batches.epoch = epoch
        start = time.perf_counter()
        with ThreadPoolExecutor(WORKERS) as pool:
            count = sum(len(y) for _, y in pool.map(batches.__getitem__, range(len(batches))))
        alone.append(count / (time.perf_counter() - start))
        start = time.perf_counter()
        for _ in range(2):
            model.train_on_batch(images, labels)
        step.append(2 * len(labels) / (time.perf_counter() - start))
    return [
        f"| {settings.image_size} px, full augmentation | images/s |",
        "|---|---|",
        f"| phase-2 step, batches of {settings.batch_size} | {np.median(step):.1f} |",
        f"| input pipeline alone | {np.median(alone):.1f} |",
        f"| ratio | {np.median(np.divide(alone, step)):.1f} |",
    ]


def memory(image_size: int) -> list[str]:
    """Compare the peak memory of an epoch of batches over 2,000 and over 20,000 images."""
    peaks = {}
    for count in (2_000, 20_000):
        command = [sys.executable, "-m", "benchmarks.training", "--only", "one-epoch"]
        command += ["--images", str(count), "--image-size", str(image_size)]
        result = subprocess.run(command, check=True, capture_output=True, text=True)
        peaks[count] = int(result.stdout.split()[-1])
    small, large = peaks.values()
    return [
        f"| images at {image_size} px | peak memory |",
        "|---|---|",
        *(f"| {count:,} | {peak / 1024:.0f} MiB |" for count, peak in peaks.items()),
        f"| ratio | {large / small:.2f} |",
    ]


def one_epoch(count: int, image_size: int) -> list[str]:
    """Run an epoch of batches over `count` images and print this process's peak in KiB."""
    import resource

    import src.detector  # noqa: F401  (sets up Keras' backend)
    from src.data import folders
    from src.data.cache import ImageCache
    from src.data.pipeline import Batches

    paths = folders.images(SAMPLE / "train")
    with tempfile.TemporaryDirectory(dir=".") as scratch:
        cache = ImageCache((paths * (count // len(paths) + 1))[:count], image_size, Path(scratch))
        cache.fill()
        batches = Batches(cache, range(count), [0] * count, 32, level="full", shuffle=True)
        for number in range(len(batches)):
            batches[number]
        cache.close()
    return [str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)]


@click.command(cls=Verb)
@click.option("--weights", default="none", help="A trained .keras for the warm-up's backbone.")
@click.option("--image-size", type=click.IntRange(71), default=299)
@click.option("--warmup-image-size", type=click.IntRange(71), default=128)
@click.option("--images", type=click.IntRange(1), default=2_000, help="For --only one-epoch.")
@click.option(
    "--only", type=click.Choice(["warm-up", "pipeline", "memory", "one-epoch"]), multiple=True
)
def command(
    weights: str, image_size: int, warmup_image_size: int, images: int, only: tuple[str, ...]
) -> None:
    """Print tables of ratios against the plain way."""
    if only == ("one-epoch",):
        click.echo(one_epoch(images, image_size)[0])
        return
    from src.training.settings import Settings

    settings = Settings(
        (str(SAMPLE),), image_size=image_size, weights=weights, dropout=0.2, augment="light"
    )
    parts: dict[str, Any] = {
        "warm-up": lambda: warm_up(replace(settings, image_size=warmup_image_size)),
        "pipeline": lambda: pipeline(settings),
        "memory": lambda: memory(image_size),
    }
    click.echo(f"{describe_machine()}\n")
    for name, measure in parts.items():
        if not only or name in only:
            click.echo("\n".join(measure()) + "\n")


if __name__ == "__main__":
    command()
