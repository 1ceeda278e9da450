"""How much of the engine's throughput the service keeps, and what it does when asked for too much.

    python -m benchmarks.service --model models/detector
    python -m benchmarks.service --model models/detector --only overload --seconds 60

The service runs as a process of its own on a loopback port, the load in others. Only ratios are
judged: engine and service are timed by turns, on the same machine. A capacity that is given is
believed, so it should be one that was measured here before.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import click
import numpy as np

from benchmarks.load import Answered, closed, opened, together
from benchmarks.memory import resident
from src import CheckFailed, options, processor
from src.cli import Verb
from src.detector import load, locate
from src.detector.ahead import AT_ONCE
from src.detector.detector import Detector

PARTS = ("throughput", "overload")
BATCH = 32
# How large a share of the engine's throughput has to be left, and how much memory may grow.
KEPT, GROWTH = 0.85, 1.1
# How large a share of what is asked for has to be sent, else nothing was tried; and how large a
# share of its capacity the service has to judge while it sends the rest away.
SENT, SERVED = 0.95, 0.7
TURNS = 5
# Processes that ask for too much, and seconds until all of them are there.
LOADS, THERE = 2, 5.0


@dataclass(frozen=True)
class Part:
    """What is printed of a part, and which promises are broken in it."""

    lines: list[str]
    broken: list[str]


@contextmanager
def serving(model: Path, places: int) -> Iterator[tuple[int, int]]:
    """Yield the port and the process number of a service that is ready."""
    command = [sys.executable, "-m", "app", "--model", str(model), "--port", "0"]
    with subprocess.Popen(
        [*command, "--places", str(places)], stderr=subprocess.PIPE, text=True
    ) as started:
        assert started.stderr is not None
        try:
            said = ""
            while "http://" not in said:
                line = started.stderr.readline()
                if not line:
                    raise CheckFailed(f"the service did not start: {said.strip()}")
                said += line
            port = int(line.partition("http://")[2].split()[0].rpartition(":")[2])
            # Its log would fill the pipe.
            ThreadPoolExecutor(1).submit(lambda: [None for _ in started.stderr or ()])
            _wait(port)
            yield port, started.pid
        finally:
            started.terminate()
            started.wait(60)


def _wait(port: int) -> None:
    for _ in range(600):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=5) as ready:
                if json.load(ready)["status"] == "ready":
                    return
        except (urllib.error.URLError, TimeoutError):
            time.sleep(0.1)
    raise CheckFailed("the service was not ready after a minute")


def engine_rate(detector: Detector, seconds: float) -> float:
    """Return how many decoded images a second the engine judges by itself."""
    size = detector.card.image_size
    images = np.random.default_rng(0).integers(0, 256, (BATCH, size, size, 3), np.uint8)
    start = time.perf_counter()

    def work(_thread: int) -> int:
        judged = 0
        while time.perf_counter() < start + seconds:
            judged += len(detector.score(images).logit)
        return judged

    with ThreadPoolExecutor(AT_ONCE) as pool:
        judged = sum(pool.map(work, range(AT_ONCE)))
    return judged / (time.perf_counter() - start)


def throughput(model: Path, seconds: float, places: int) -> tuple[Part, float]:
    """Compare the service's rate with the engine's, by turns; return that, and the rate."""
    detector, clients = load(model), places // 2
    engine, service, left, idle = [], [], [], []
    with serving(model, places) as (port, _), _apart(1) as pool:
        _require_same(port, detector)
        engine_rate(detector, 1.0)
        pool.submit(closed, port, clients, 1.0, 0).result()
        for turn in range(1, TURNS + 1):
            before = _processors()
            engine.append(engine_rate(detector, seconds / TURNS))
            between = _processors()
            found = pool.submit(closed, port, clients, seconds / TURNS, turn).result()
            idle.append((_idle(before, between), _idle(between, _processors())))
            service.append(found.rate)
            left.append(1 - found.processor / (found.seconds * (os.cpu_count() or 1)))
    part = kept_of(engine, service, left)
    alone, loaded = np.median(idle, axis=0)
    part.lines[-1] += (
        f" It judges by {detector.engine.name} in {detector.engine.precision}; {clients} clients "
        f"asked the service. Processors were idle {alone:.0%} of the time under the engine, "
        f"{loaded:.0%} under the service."
    )
    return part, float(np.median(service))


def kept_of(engine: Sequence[float], service: Sequence[float], left: Sequence[float]) -> Part:
    """Hold the service's rates against the engine's, turn by turn.

    Args:
        engine: images a second that it judged by itself.
        service: images a second that the service answered.
        left: share of all processors' time that the load did not take.
    """
    kept = np.array(service) / np.array(engine)
    given_back = kept / np.array(left)
    lines = [
        "| share of the engine's throughput kept | median | each turn |",
        "|---|---|---|",
        f"| the load's processor time counted against it | {_shares(kept)} |",
        f"| the load's processor time given back | {_shares(given_back)} |",
        "",
        f"Asked for is at least {KEPT:.0%} in the first row. The engine alone: "
        f"{np.median(engine):.1f} images/s.",
    ]
    broken = []
    if np.median(kept) < KEPT:
        broken = [f"the service keeps {np.median(kept):.1%} of the engine's throughput"]
    return Part(lines, broken)


def _require_same(port: int, detector: Detector) -> None:
    """Refuse to compare the service with an engine that it does not use."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as status:
        said = json.load(status)
    ours = (detector.engine.name, detector.engine.precision)
    if (said["engine"], said["precision"]) != ours:
        raise CheckFailed(
            f"the service judges by {said['engine']} in {said['precision']}, the engine that it is "
            f"compared with is {ours[0]} in {ours[1]}: unset DEEPFAKE_SERVE_ENGINE and "
            "DEEPFAKE_SERVE_PRECISION"
        )


def _processors() -> np.ndarray:
    """Return the time of all processors by what they did, in ticks; on Linux."""
    line = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0]
    # Without the guests, who are counted among the users already.
    return np.array(line.split()[1:9], float)


def _idle(before: np.ndarray, after: np.ndarray) -> float:
    """Return how large a share of the time between nothing was done."""
    passed = after - before
    return float(passed[3:5].sum() / max(passed.sum(), 1))


def _shares(values: np.ndarray) -> str:
    return f"{np.median(values):.1%} | " + ", ".join(f"{value:.0%}" for value in values)


def overload(model: Path, seconds: float, places: int, capacity: float) -> Part:
    """Ask for twice the capacity, and hold the answers against what was promised."""
    rate = 2 * capacity / LOADS
    with serving(model, places) as (port, process), _apart(LOADS) as pool:
        start = time.perf_counter() + THERE
        loads = [pool.submit(opened, port, rate, seconds, start, i) for i in range(LOADS)]
        time.sleep(THERE + min(10.0, seconds / 3))
        early = resident(process)
        found = together([one.result() for one in loads])
        late = resident(process)
    return held(found, seconds, places, capacity, late / early)


def held(found: Answered, seconds: float, places: int, capacity: float, growth: float) -> Part:
    """Hold what twice the capacity came to against what was promised."""
    asked, offered = 2 * capacity, found.offered(seconds)
    p99 = float(np.quantile(found.latencies, 0.99)) if found.latencies else float("inf")
    bound = places / capacity
    promises = [
        ("requests/s sent", f"{offered:.1f} of {asked:.1f}", f"at least {SENT:.0%}",
         offered >= SENT * asked),
        ("answers", found.statuses, "200, 429 and 503 alone",
         not set(found.statuses) - {200, 429, 503}),
        ("judged / capacity", f"{found.rate / capacity:.2f}", f"at least {SERVED}",
         found.rate >= SERVED * capacity),
        ("p99 of the accepted / (places / capacity)", f"{p99 / bound:.2f}", "at most 1",
         p99 <= bound),
        ("memory at the end / early", f"{growth:.3f}", f"at most {GROWTH}",
         growth <= GROWTH),
    ]  # fmt: skip
    lines = [
        f"| {seconds:.0f} s at twice the capacity | measured | promised |",
        "|---|---|---|",
        *(f"| {what} | {measured} | {promised} |" for what, measured, promised, _ in promises),
    ]
    return Part(lines, [f"{what}: {said}" for what, said, _, kept in promises if not kept])


def _apart(processes: int) -> ProcessPoolExecutor:
    """Return processes for the load, so that it does not share the interpreter's lock."""
    return ProcessPoolExecutor(processes, mp_context=get_context("spawn"))


@click.command(cls=Verb)
@options.model
@click.option("--only", type=click.Choice(PARTS), multiple=True, help="Some of the parts.")
@click.option("--seconds", type=click.FloatRange(1), default=60.0, help="Of each load.")
@click.option("--places", type=click.IntRange(2), default=64, help="Of the service's queue.")
@click.option(
    "--capacity",
    type=click.FloatRange(0, min_open=True),
    help="Images a second, measured here before; it is believed.",
)
def command(
    model: str | None, only: tuple[str, ...], seconds: float, places: int, capacity: float | None
) -> None:
    """Print how much of the engine the service keeps, and how it bears too much load."""
    folder = locate(model)
    click.echo(f"{processor.describe()}\n")
    broken, where = [], "given, not measured by this run"
    if not only or "throughput" in only or capacity is None:
        part, measured = throughput(folder, seconds, places)
        click.echo("\n".join(part.lines) + "\n")
        broken += part.broken
        if capacity is None:
            capacity, where = measured, "measured by this run"
    if not only or "overload" in only:
        click.echo(f"Capacity: {capacity:.1f} images/s, {where}.\n")
        part = overload(folder, seconds, places, capacity)
        click.echo("\n".join(part.lines))
        broken += part.broken
    if broken:
        raise CheckFailed(f"a promise is broken: {'; '.join(broken)}")


if __name__ == "__main__":
    command()
