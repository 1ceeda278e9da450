"""How much of the engine's throughput a scan on Ray keeps, and what 10^8 images would take.

    python -m benchmarks.scanning --model models/detector
    python -m benchmarks.scanning --model models/detector --data-dir PHOTOS --faces auto

The engine alone, on decoded images in a process of its own, and scans on Ray of this machine are
timed by turns. One worker of one thread is held against the engine on one thread, two against the
engine on two. What happens once, Ray's start and the loading of the engines, is told apart and is
no part of a rate. Everything is written to `figures/results/scanning.json`.
"""

from __future__ import annotations

import itertools
import json
import os
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.inference import BATCH, pictures
from src import InputError, options, processor
from src.cli import Verb
from src.data import pixels
from src.detector import load, locate
from src.detector.card import CARD_FILE
from src.detector.framing import FACES
from src.files import refuse_existing, sha256, write_text
from src.scanning.plan import LIST, Settings, begin, choose_part_size
from src.scanning.workers import Task, on_ray

WORKERS = (1, 2)
OUTPUT = Path("figures/results/scanning.json")
GOAL = 10**8
LINES = 1_000_000
# What a storage of 10 Gbit/s delivers.
NETWORK = 1.25e9  # bytes/s


@dataclass(frozen=True)
class Scanned:
    """A scan of so many workers.

    Attributes:
        rate: images a second, after each worker has done its first part.
        start: seconds until then.
        written: bytes of the table for each image.
    """

    rate: float
    start: float
    written: float


def engine_rate(model: Path, files: Sequence[Path], threads: int) -> tuple[str, float]:
    """Return what runs the network, and how many decoded images a second it judges."""
    processor.limit_threads(threads)
    detector = load(model)
    size = detector.card.image_size
    images = np.stack([pixels.load(path, size) for path in files[: 8 * BATCH]])
    detector.engine.run(images[:BATCH])
    start = time.perf_counter()
    for first in range(0, len(images), BATCH):
        detector.engine.run(images[first : first + BATCH])
    rate = len(images) / (time.perf_counter() - start)
    return f"{detector.engine.name} {detector.engine.precision}", rate


def scan_rate(
    model: Path, files: Sequence[Path], workers: int, faces: str, part_size: int
) -> Scanned:
    """Scan files with so many workers of one thread each."""
    with tempfile.TemporaryDirectory() as scratch:
        settings = Settings(sha256(model / CARD_FILE), faces)
        plan = begin(Path(scratch) / "t.parquet", files, settings, part_size=part_size)
        if plan.parts <= 2 * workers:
            raise InputError(f"{len(files)} images are {plan.parts} parts: give more --images")
        task = Task(str(model.absolute()), settings, str(Path.cwd()))
        begun = time.time()
        for _ in on_ray(plan, task, plan.waiting(), workers):
            pass
        # When a part was there; that this process heard of it may be later.
        parts = sorted(
            (plan.file(number).stat().st_mtime, plan.count(number)) for number in range(plan.parts)
        )
        first, last = parts[workers - 1][0], parts[-1][0]
        rate = sum(count for _, count in parts[workers:]) / (last - first)
        written = sum(plan.file(number).stat().st_size for number in range(plan.parts))
        return Scanned(rate, first - begun, written / len(files))


def list_cost(files: Sequence[Path]) -> tuple[float, float]:
    """Return seconds and bytes that the list takes for each image, by a long list."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "t.parquet"
        start = time.perf_counter()
        begin(folder, itertools.islice(itertools.cycle(files), LINES), Settings(""))
        return (time.perf_counter() - start) / LINES, (folder / LIST).stat().st_size / LINES


def alone(model: Path, files: Sequence[Path], threads: int) -> tuple[str, float]:
    """Measure the engine in a process of its own, since threads are limited for a whole process."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(engine_rate, model, files, threads).result()


def measure(
    model: Path, files: Sequence[Path], faces: str, part_size: int, runs: int
) -> dict[str, object]:
    """Measure everything by turns, and reckon what follows from it."""
    engines: dict[int, list[float]] = {count: [] for count in WORKERS}
    scans: dict[int, list[Scanned]] = {count: [] for count in WORKERS}
    name = ""
    for _ in range(runs):
        for count in WORKERS:
            name, rate = alone(model, files, count)
            engines[count].append(rate)
            scans[count].append(scan_rate(model, files, count, faces, part_size))
    rows = [_row(count, engines[count], scans[count]) for count in WORKERS]
    seconds, line = list_cost(files)
    moved = {
        "read": float(np.mean([path.stat().st_size for path in files])),
        "written": scans[WORKERS[-1]][-1].written,
        "list": line,
    }
    per_worker = min(row["images_per_second"] / row["workers"] for row in rows)
    return {
        "processor": processor.describe(),
        "processors": os.cpu_count(),
        "engine": name,
        "model": model.name,
        "faces": faces,
        "images": len(files),
        "part_size": part_size,
        "runs": runs,
        "scans": rows,
        "bytes_per_image": moved,
        "estimate": asdict(estimate(per_worker, moved, seconds)),
    }


def _row(workers: int, engine: Sequence[float], scans: Sequence[Scanned]) -> dict[str, Any]:
    shares = [scan.rate / rate for scan, rate in zip(scans, engine, strict=True)]
    return {
        "workers": workers,
        "threads": workers,
        "engine_images_per_second": float(np.median(engine)),
        "images_per_second": float(np.median([scan.rate for scan in scans])),
        "share_kept": float(np.median(shares)),
        "shares": shares,
        "seconds_until_under_way": float(np.median([scan.start for scan in scans])),
    }


@dataclass(frozen=True)
class Estimate:
    """What `GOAL` images would take, if every worker is as fast as the slower of ours.

    Attributes:
        images: how many.
        worker_hours: of workers with one thread each.
        workers_for_a_day: how many of them finish within a day.
        read_bytes, written_bytes, list_bytes: that are moved in all.
        workers_on_10_gbit: as many as a storage of 10 Gbit/s can feed.
        part_size, parts: how the list is cut.
        seconds_a_part: that a worker is busy with one, and loses when it is killed.
        list_hours: of the process that asks, before the first image is judged.
    """

    images: int
    worker_hours: float
    workers_for_a_day: int
    read_bytes: float
    written_bytes: float
    list_bytes: float
    workers_on_10_gbit: int
    part_size: int
    parts: int
    seconds_a_part: float
    list_hours: float


def estimate(rate: float, moved: dict[str, float], list_seconds: float) -> Estimate:
    """Reckon it from a worker's images a second, the bytes moved and the seconds of the list."""
    hours, size = GOAL / rate / 3600, choose_part_size(GOAL, stability=0)
    return Estimate(
        images=GOAL,
        worker_hours=hours,
        workers_for_a_day=int(np.ceil(hours / 24)),
        read_bytes=GOAL * moved["read"],
        written_bytes=GOAL * moved["written"],
        list_bytes=GOAL * moved["list"],
        workers_on_10_gbit=int(NETWORK / (rate * sum(moved.values()))),
        part_size=size,
        parts=int(np.ceil(GOAL / size)),
        seconds_a_part=size / rate,
        list_hours=GOAL * list_seconds / 3600,
    )


@click.command(cls=Verb)
@options.model
@click.option("--data-dir", "data_dirs", multiple=True, help="Images to judge; repeatable.")
@click.option("--faces", type=click.Choice(FACES), default="off", help="Which are judged.")
@click.option("--images", type=click.IntRange(1), default=2_560, help="How many files.")
@click.option("--part-size", type=click.IntRange(1), default=4 * BATCH, help="Images a part.")
@click.option("--runs", type=click.IntRange(1), default=3, help="How often all is timed.")
@click.option("--seed", type=click.IntRange(0), default=0)
@click.option("--output", type=click.Path(path_type=Path), default=OUTPUT)
@click.option("--overwrite", is_flag=True, help="Replace an existing output.")
def command(
    model: str | None, data_dirs: tuple[str, ...], faces: str, images: int, part_size: int,
    runs: int, seed: int, output: Path, overwrite: bool,
) -> None:  # fmt: skip
    """Print a table of shares, and write it with an estimate."""
    refuse_existing(output, overwrite)
    folder = locate(model)
    with tempfile.TemporaryDirectory() as scratch:
        found = pictures(data_dirs, Path(scratch), images, seed)
        files = list(itertools.islice(itertools.cycle(found), images))
        results = measure(folder, files, faces, part_size, runs)
    write_text(output, json.dumps(results, indent=2) + "\n")
    click.echo(json.dumps(results, indent=2))


if __name__ == "__main__":
    command()
