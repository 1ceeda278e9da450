"""How fast faces are found: ours against the default call of the `mtcnn` package.

    python -m benchmarks.faces

Only the ratio is judged: both run on the same picture in one process on one machine. Needs
scikit-image, which carries the picture, and TensorFlow, which the package runs on.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import click
import numpy as np

from benchmarks.training import describe_machine
from src.cli import Verb
from src.data import mtcnn_networks
from src.data.faces import Finder


def milliseconds(call: Callable[[], object], runs: int) -> np.ndarray:
    """Time a call after three that warm up."""
    for _ in range(3):
        call()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        call()
        times.append(1000 * (time.perf_counter() - start))
    return np.array(times)


def portrait(runs: int) -> list[str]:
    """Compare finding the face in a portrait of 512 pixels."""
    import skimage.data
    from mtcnn import MTCNN

    image = skimage.data.astronaut()
    finder, package = Finder.from_package(), MTCNN()
    calls: dict[str, Callable[[], object]] = {
        "mtcnn package, default call": lambda: package.detect_faces(image),
        "deepfake-detector": lambda: finder.find(image),
    }
    times = {name: milliseconds(call, runs) for name, call in calls.items()}
    medians = {name: np.median(taken) for name, taken in times.items()}
    slowest = max(medians.values())
    lines = ["| one portrait, 512 px | best ms | median ms | times faster |", "|---|---|---|---|"]
    return lines + [
        f"| {name} | {times[name].min():.1f} | {median:.1f} | {slowest / median:.1f} |"
        for name, median in medians.items()
    ]


def start(runs: int) -> list[str]:
    """Time building the networks, and a finder out of them."""
    networks = mtcnn_networks.build()
    built = milliseconds(mtcnn_networks.build, runs)
    loaded = milliseconds(lambda: Finder(networks), runs)
    return [
        "| start | median ms |",
        "|---|---|",
        f"| networks from the package's weights | {np.median(built):.0f} |",
        f"| finder from the networks | {np.median(loaded):.0f} |",
    ]


@click.command(cls=Verb)
@click.option("--runs", type=click.IntRange(1), default=30)
def command(runs: int) -> None:
    """Print tables of times and ratios."""
    click.echo(f"{describe_machine()}\n")
    click.echo("\n".join([*portrait(runs), "", *start(min(runs, 10))]))


if __name__ == "__main__":
    command()
