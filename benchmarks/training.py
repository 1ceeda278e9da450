"""How fast training is: warm-up on features, a step of phase 2, the input pipeline, its memory.

    python -m benchmarks.training --weights models/detector/model.keras

Only ratios are judged: they compare what ran in one process on one machine.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from benchmarks import memory
from src import processor
from src.cli import Verb
from src.data import dataset

if TYPE_CHECKING:
    import keras

    from src.data.pipeline import Batches
    from src.training.phases import Run
    from src.training.settings import Settings

SAMPLE = Path("dataset")
SEEDS = (0, 1, 2)
SPLITS = ("train", "validation")
# Epochs that are compared, and the steps of each.
ROUNDS, STEPS = 3, 4


def warm_up(settings: Settings) -> list[str]:
    """Time five warm-up epochs: plain, and on features of one and of two views."""
    seconds: dict[int, list[float]] = {0: [], 1: [], 2: []}
    aucs: dict[int, list[float]] = {0: [], 1: [], 2: []}
    for seed in SEEDS:
        for views in seconds:
            run, elapsed = _timed_warm_up(replace(settings, views=views, seed=seed))
            seconds[views].append(elapsed)
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
    from src.training.state import RunState

    with tempfile.TemporaryDirectory() as scratch:
        state = RunState.open(Path(scratch) / "run", {}, resume=False, overwrite=False)
        samples = dataset.find(settings.data_dirs, SPLITS)
        data = dataset.load(samples, settings.image_size, state.path)
        precision.seed_everything(settings.seed, deterministic=False)
        model = network.build(
            settings.backbone,
            image_size=settings.image_size,
            dropout=settings.dropout,
            weights=Path(settings.weights) if settings.weights != "none" else None,
        )
        run = phases.Run(settings, data, model, state)
        start = time.perf_counter()
        run.fit(phases.Phase(phases.WARM_UP, settings.warmup_epochs))
        return run, time.perf_counter() - start


def fine_tune(settings: Settings) -> list[str]:
    """Compare epochs of phase 2 with the plain Keras way, on the same images."""
    from benchmarks.inference import by_turns
    from src.training import precision

    compute, count = precision.choose(settings.precision), STEPS * settings.batch_size
    with _phase_two(settings, compute, count) as (model, batches):
        calls: dict[str, Callable[[], object]] = {
            "plain": _plain_epoch(settings),
            "ours": lambda: model.fit(batches, shuffle=False, verbose=0),
        }
        seconds = by_turns(calls, ROUNDS)
    rates = {name: count / np.median(times) for name, times in seconds.items()}
    ratio = np.median(seconds["plain"] / seconds["ours"])
    return [
        f"| phase 2 at {settings.image_size} px, batches of {settings.batch_size} | images/s |",
        "|---|---|",
        f"| `image_dataset_from_directory` + `fit` in float32 | {rates['plain']:.1f} |",
        f"| ours in {compute}, full augmentation | {rates['ours']:.1f} |",
        f"| ratio | {ratio:.2f} |",
    ]


@contextmanager
def _phase_two(
    settings: Settings, compute: str = "float32", images: int | None = None
) -> Iterator[tuple[keras.Model, Batches]]:
    """Yield our network as phase 2 trains it, and batches of the training images or the first."""
    from src.data.pipeline import Batches
    from src.detector import network
    from src.training import phases, precision

    samples = dataset.find(settings.data_dirs, SPLITS)
    with tempfile.TemporaryDirectory() as scratch:
        data = dataset.load(samples, settings.image_size, Path(scratch))
        batches = Batches(
            data.cache, data.indices("train")[:images], data.labels("train")[:images],
            settings.batch_size, level="full", shuffle=True,
        )  # fmt: skip
        with precision.computing_in(compute):
            model = network.build(settings.backbone, image_size=settings.image_size)
        phase = phases.Phase(phases.FINE_TUNE, 1)
        phases.set_trainable(model, phase, settings)
        phases.compile_for(model, phase, settings, steps=len(batches))
        with closing(data.cache):
            yield model, batches


def _plain_epoch(settings: Settings) -> Callable[[], Any]:
    """The guide's way: the same network and optimizer, Keras' own data set, float32."""
    import keras

    from src.detector import network

    side = settings.image_size
    images = keras.utils.image_dataset_from_directory(
        SAMPLE / "train",
        label_mode="binary",
        image_size=(side, side),
        batch_size=settings.batch_size,
        verbose=False,
    ).take(STEPS)
    model = network.build(settings.backbone, image_size=side)
    for layer in model.layers[: -4 - settings.unfreeze_layers]:
        layer.trainable = False
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False
    model.compile(
        keras.optimizers.Adam(settings.finetune_learning_rate),
        keras.losses.BinaryCrossentropy(from_logits=True),
    )
    return lambda: model.fit(images, shuffle=False, verbose=0)


def pipeline(settings: Settings) -> list[str]:
    """Compare the images a second of the pipeline alone with those of a phase-2 step."""
    from src.data.pipeline import WORKERS

    alone, step = [], []
    with _phase_two(settings) as (model, batches):
        images, labels = batches[0]
        model.train_on_batch(images, labels)
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


def one_epoch(count: int, image_size: int) -> int:
    """Run an epoch of batches over `count` images and return this process's peak in KiB."""
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
    return memory.peak()


@click.command(cls=Verb)
@click.option("--weights", default="none", help="A trained .keras for the warm-up's backbone.")
@click.option("--image-size", type=click.IntRange(71), default=299)
@click.option("--warmup-image-size", type=click.IntRange(71), default=128)
@click.option("--images", type=click.IntRange(1), default=2_000, help="For --only one-epoch.")
@click.option(
    "--only",
    type=click.Choice(["warm-up", "fine-tune", "pipeline", "memory", "one-epoch"]),
    multiple=True,
)
def command(
    weights: str, image_size: int, warmup_image_size: int, images: int, only: tuple[str, ...]
) -> None:
    """Print tables of ratios against the plain way."""
    if only == ("one-epoch",):
        click.echo(one_epoch(images, image_size))
        return
    from src.training.settings import Settings

    settings = Settings(
        (str(SAMPLE),), image_size=image_size, weights=weights, dropout=0.2, augment="light"
    )
    parts: dict[str, Any] = {
        "warm-up": lambda: warm_up(replace(settings, image_size=warmup_image_size)),
        "fine-tune": lambda: fine_tune(settings),
        "pipeline": lambda: pipeline(settings),
        "memory": lambda: memory.growth(
            f"images at {image_size} px",
            *("benchmarks.training", "--only", "one-epoch", "--image-size", str(image_size)),
        ),
    }
    click.echo(f"{processor.describe()}\n")
    for name, measure in parts.items():
        if not only or name in only:
            click.echo("\n".join(measure()) + "\n")


if __name__ == "__main__":
    command()
