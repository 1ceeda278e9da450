"""Measure how long the extension takes, from a picture's bytes to its painted heatmap.

python -m app.extension.speed --model models/starter --data-dir FOLDER --limit 50
"""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import click

from app.extension.browser import Browser, opened, some_pictures
from app.extension.pack import PREFERRED, pack
from src import CheckFailed, options
from src.cli import Verb
from src.detector.location import locate

SAMPLE = Path(__file__).resolve().parents[2] / "dataset/test"
# Pictures whose time is not counted: compilers and caches warm up on them.
WARM_UP = 3
# What the extension's window does with a file, with the time between; the second frame that a
# browser promises comes after the first has been painted.
SHOW = """async (base64) => {
    const { ask, toBytes } = await import("./messages.js");
    const { voice } = await import("./more-words.js");
    const { verdictView } = await import("./verdict-view.js");
    const say = await voice();
    const taken = { base64, notes: [], source: "a file", box: null };
    const began = performance.now();
    const judged = await ask("background", "check", taken);
    const answered = performance.now();
    const address = URL.createObjectURL(new Blob([toBytes(base64)]));
    const parts = verdictView(say, judged, address, "a file", 0.01);
    document.getElementById("verdict").replaceChildren(...parts);
    await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    const painted = performance.now();
    URL.revokeObjectURL(address);
    const { milliseconds } = judged.answer;
    const judging = Object.values(milliseconds).reduce((sum, value) => sum + value, 0);
    const transport = Math.max(0, answered - began - judging);
    const drawing = painted - answered;
    const times = { transport, ...milliseconds, drawing, total: painted - began };
    return { times, engine: judged.status.engine, faces: judged.answer.faces.length };
}"""


@dataclass(frozen=True)
class Speed:
    """How long pictures took.

    Attributes:
        engine: what ran the network, with its threads.
        load: from the first question to a detector that is ready, in ms.
        pictures: how many were timed.
        with_faces: how many of them have a face.
        median: milliseconds by part, and in total.
        slowest: likewise, the largest of each.
        processors: of this machine.
        busy: its mean number of runnable processes (1 min) before, without this command.
    """

    engine: str
    load: float
    pictures: int
    with_faces: int
    median: dict[str, float]
    slowest: dict[str, float]
    processors: int
    busy: float


@click.command(cls=Verb)
@options.model
@click.option("--data-dir", type=options.PATH, default=SAMPLE, help="Of pictures.")
@click.option("--limit", type=click.IntRange(min=1), default=50)
@click.option("--precision", type=click.Choice(list(PREFERRED)), help="Of the graph.")
@options.seed
@click.option("--most", type=float, help="Fail where the median total takes more milliseconds.")
@options.as_json("Print the result as JSON.")
def command(
    model: str | None,
    data_dir: Path,
    limit: int,
    precision: str | None,
    seed: int,
    most: float | None,
    as_json: bool,
) -> None:
    """Time the packed extension on pictures of a folder, in a headless Chromium."""
    pictures = some_pictures(data_dir, limit, seed)
    busy = os.getloadavg()[0]
    with TemporaryDirectory() as output:
        pack(locate(model), Path(output), precision=precision)
        with opened(Path(output) / "chromium") as browser:
            measured = measure(browser, pictures, busy)
    click.echo(json.dumps(asdict(measured), indent=1) if as_json else in_words(measured))
    if most is not None and measured.median["total"] > most:
        raise CheckFailed(f"the median takes {measured.median['total']:.0f} ms, not {most:.0f}")


def measure(browser: Browser, paths: Sequence[Path], busy: float) -> Speed:
    """Judge files in the extension's window, one after another, and time it."""
    window = browser.window()
    began = time.perf_counter()
    window.evaluate(
        'async () => (await import("./messages.js")).ask("background", "status").then(() => null)'
    )
    load = 1000 * (time.perf_counter() - began)
    texts = [base64.b64encode(path.read_bytes()).decode() for path in paths]
    for i in range(WARM_UP):
        window.evaluate(SHOW, texts[i % len(texts)])
    said = [window.evaluate(SHOW, text) for text in texts]
    window.close()
    parts = {name: [one["times"][name] for one in said] for name in said[0]["times"]}
    return Speed(
        said[0]["engine"],
        load,
        len(said),
        sum(one["faces"] > 0 for one in said),
        {name: median(values) for name, values in parts.items()},
        {name: max(values) for name, values in parts.items()},
        os.cpu_count() or 1,
        busy,
    )


def in_words(speed: Speed) -> str:
    """Return a line for each part."""
    lines = [
        f"{speed.pictures} pictures, {speed.with_faces} with faces, by {speed.engine}; loaded in "
        f"{speed.load:.0f} ms; {speed.processors} processors, load {speed.busy:.1f} beforehand"
    ]
    lines += [
        f"{name:>10}: median {speed.median[name]:5.0f} ms, at most {speed.slowest[name]:5.0f} ms"
        for name in speed.median
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    command()
