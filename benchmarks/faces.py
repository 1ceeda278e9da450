"""How fast faces are found, and how many: ours against the default call of the `mtcnn` package.

    python -m benchmarks.faces
    python -m benchmarks.faces --data-dir DATA/gan256 --data-dir DATA/dfdc224

Only the ratio of times is judged: both run on the same picture in one process on one machine. Needs
scikit-image, which carries the pictures, and TensorFlow, which the package runs on. With data
folders, their real faces are pasted into photographs without people and looked for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import click
import numpy as np

from src import processor
from src.cli import Verb
from src.data import folders, mtcnn_networks, pixels
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


def pasted(data_dirs: Sequence[str], count: int, seed: int) -> list[str]:
    """Count which real faces are found again in 512-px pictures, and what else is found.

    A face is at the right place where its centre lies in the middle half of the picture that was
    pasted, and its width is 0.35 to 1.15 of that picture's.
    """
    import skimage.data

    rng = np.random.default_rng(seed)
    scenes = [getattr(skimage.data, name)() for name in ("coffee", "rocket", "chelsea")]
    finder, found, false = Finder.from_package(), 0, 0
    reals = [[s.path for s in folders.scan_real(folder)] for folder in data_dirs]
    for number in range(count):
        paths = reals[number % len(reals)]
        picture = pixels.read(paths[rng.integers(len(paths))])
        canvas = pixels.resize(scenes[number % len(scenes)], 512)
        side = int(rng.integers(150, 512, endpoint=True))
        left, top = rng.integers(0, 512 - side, 2, endpoint=True)
        canvas[top : top + side, left : left + side] = pixels.resize(picture, side)
        hits = 0
        faces = finder.find(canvas)
        for face in faces:
            x, y, width, height = face.box
            centre = np.array([x + width / 2 - left, y + height / 2 - top]) / side
            hits += bool((abs(centre - 0.5) <= 0.25).all() and 0.35 <= width / side <= 1.15)
        found += hits > 0
        false += len(faces) - min(hits, 1)
    return [
        f"| {count} real faces, 150 to 512 px, in pictures of 512 px | |",
        "|---|---|",
        f"| found at the right place | {found} |",
        f"| other boxes | {false} |",
    ]


@click.command(cls=Verb)
@click.option("--data-dir", "data_dirs", multiple=True, help="Real faces to paste; repeatable.")
@click.option("--count", type=click.IntRange(1), default=100, help="How many to paste.")
@click.option("--seed", type=click.IntRange(0), default=0)
@click.option("--runs", type=click.IntRange(1), default=30)
def command(data_dirs: tuple[str, ...], count: int, seed: int, runs: int) -> None:
    """Print tables of times, ratios and counts."""
    click.echo(f"{processor.describe()}\n")
    if data_dirs:
        click.echo("\n".join(pasted(data_dirs, count, seed)))
        return
    click.echo("\n".join([*portrait(runs), "", *start(min(runs, 10))]))


if __name__ == "__main__":
    command()
