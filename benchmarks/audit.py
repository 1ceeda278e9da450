"""How fast an audit reads files, and how its memory grows with their number.

    python -m benchmarks.audit --data-dir DIR

Without a folder it draws 256-px JPEGs of its own. Speed depends on the machine; the memory is
judged as a ratio.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
from PIL import Image

from benchmarks import memory
from src import processor
from src.cli import Verb

SIZE = 256
PICTURES = 2_000
RUNS = 3


def draw(folder: Path, count: int) -> None:
    """Write made pictures of `SIZE` pixels as JPEG, half of them real and half of them fake."""
    for number in range(count):
        rng = np.random.default_rng(number)
        coarse = Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8))
        smooth = np.asarray(coarse.resize((SIZE, SIZE), Image.Resampling.BICUBIC), float)
        noisy = np.clip(smooth + rng.normal(0, 6, smooth.shape), 0, 255).astype(np.uint8)
        path = folder / "train" / ("real", "fake")[number % 2] / f"{number:06}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noisy).save(path, quality=90)


def speed(folder: Path) -> list[str]:
    """Time the reading of all files, and the whole audit; the best of a few runs."""
    from src.auditing import facts
    from src.auditing.survey import survey
    from src.data import folders

    samples = folders.scan([folder])
    facts.measure([sample.path for sample in samples[:32]])
    reading, whole = [], []
    for _ in range(RUNS):
        start = time.perf_counter()
        facts.measure([sample.path for sample in samples])
        reading.append(time.perf_counter() - start)
        start = time.perf_counter()
        survey(samples)
        whole.append(time.perf_counter() - start)
    return [
        f"| {len(samples):,} images | images/s, best of {RUNS} |",
        "|---|---|",
        f"| read, hashed, measured | {len(samples) / min(reading):.0f} |",
        f"| whole audit | {len(samples) / min(whole):.0f} |",
    ]


def one_audit(count: int) -> int:
    """Audit `count` made files, no two of which are alike, and return the peak in KiB."""
    from src.auditing.survey import survey
    from src.data import folders

    with tempfile.TemporaryDirectory() as scratch:
        draw(Path(scratch), count)
        survey(folders.scan([scratch]))
    return memory.peak()


@click.command(cls=Verb)
@click.option("--data-dir", type=click.Path(path_type=Path), help="For the speed; default: made.")
@click.option("--images", type=click.IntRange(1), default=PICTURES, help="For --only one-audit.")
@click.option("--only", type=click.Choice(["speed", "memory", "one-audit"]), multiple=True)
def command(data_dir: Path | None, images: int, only: tuple[str, ...]) -> None:
    """Print the speed and the memory of an audit."""
    if only == ("one-audit",):
        click.echo(one_audit(images))
        return
    click.echo(f"{processor.describe()}\n")
    with tempfile.TemporaryDirectory() as scratch:
        folder = data_dir or Path(scratch)
        parts: dict[str, Callable[[], list[str]]] = {
            "speed": lambda: speed(folder),
            "memory": lambda: memory.growth(
                f"files of {SIZE} px", "benchmarks.audit", "--only", "one-audit"
            ),
        }
        if data_dir is None:
            draw(folder, PICTURES)
        for name, measure in parts.items():
            if not only or name in only:
                click.echo("\n".join(measure()) + "\n")


if __name__ == "__main__":
    command()
