"""How much of the engine's throughput the service keeps, and what it does when asked for too much.

    python -m benchmarks.service --model models/detector
    python -m benchmarks.service --model models/detector --only overload --seconds 60

The service runs as a process of its own on a loopback port, the load in another one. Only ratios
are judged: engine and service are timed by turns, on the same machine.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import resource
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Awaitable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import click
import numpy as np

from src import CheckFailed, options, processor
from src.cli import Verb
from src.detector import load, locate
from src.detector.detector import AT_ONCE, Detector

PARTS = ("throughput", "overload")
SIDE = 256
BATCH = 32
BOUNDARY = "made"
# How large a share of the engine's throughput has to be left, and how much memory may grow.
KEPT, GROWTH = 0.85, 1.1
TURNS = 5


@dataclass(frozen=True)
class Answered:
    """What a load came to.

    Attributes:
        statuses: how often each was answered; 0 stands for no answer at all.
        latencies: seconds of the requests that were answered with 200.
        seconds: from the first request to the last answer.
        processor: seconds of processor time that the load itself took.
    """

    statuses: dict[int, int]
    latencies: list[float]
    seconds: float
    processor: float

    @property
    def rate(self) -> float:
        """Judged images a second."""
        return self.statuses.get(200, 0) / self.seconds


def portrait(seed: int) -> bytes:
    """Draw a JPEG about as costly to decode as a photograph of its size."""
    from PIL import Image

    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (24, 24, 3), np.uint8))
    smooth = np.asarray(coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC), np.float32)
    noisy = (smooth + rng.normal(0, 8, smooth.shape)).clip(0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noisy).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def request(picture: bytes, number: int) -> bytes:
    """Return a whole request; the number after the picture's end makes it one of its own."""
    part = f"--{BOUNDARY}\r\nContent-Disposition: form-data; name="
    body = (
        f'{part}"faces"\r\n\r\noff\r\n{part}"file"; filename="a.jpg"\r\n\r\n'.encode()
        + picture
        + f"{number:010}\r\n--{BOUNDARY}--\r\n".encode()
    )
    head = (
        "POST /predict HTTP/1.1\r\nHost: localhost\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def answer(reader: asyncio.StreamReader) -> tuple[int, bool]:
    """Read an answer; return its status, and whether the connection stays open."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
    await reader.readexactly(length)
    return int(head.split(maxsplit=2)[1]), "connection: close" not in head


def closed(port: int, clients: int, seconds: float, turn: int) -> Answered:
    """Let clients ask again as soon as they were answered."""
    return asyncio.run(_measured(_closed(port, clients, seconds, turn)))


def opened(port: int, rate: float, seconds: float) -> Answered:
    """Ask so many times a second, whether or not earlier requests were answered."""
    return asyncio.run(_measured(_opened(port, rate, seconds)))


def _processor_time() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


async def _measured(asking: Awaitable[list[tuple[int, float]]]) -> Answered:
    start, used = time.perf_counter(), _processor_time()
    found = await asking
    return Answered(
        dict(Counter(status for status, _ in found)),
        [taken for status, taken in found if status == 200],
        time.perf_counter() - start,
        _processor_time() - used,
    )


async def _closed(port: int, clients: int, seconds: float, turn: int) -> list[tuple[int, float]]:
    pictures = [portrait(seed) for seed in range(8)]
    until = time.perf_counter() + seconds

    async def client(name: int) -> list[tuple[int, float]]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        found = []
        asked = (turn * clients + name) * 1_000_000
        # At least once, however busy the machine is.
        while not found or time.perf_counter() < until:
            start = time.perf_counter()
            writer.write(request(pictures[asked % 8], asked))
            status, _ = await answer(reader)
            found.append((status, time.perf_counter() - start))
            asked += 1
        writer.close()
        return found

    return [one for many in await asyncio.gather(*map(client, range(clients))) for one in many]


async def _opened(port: int, rate: float, seconds: float) -> list[tuple[int, float]]:
    pictures = [portrait(seed) for seed in range(8)]

    async def once(number: int) -> tuple[int, float]:
        start = time.perf_counter()
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request(pictures[number % 8], 10**9 + number))
            status, _ = await answer(reader)
            writer.close()
        except (OSError, asyncio.IncompleteReadError):
            status = 0
        return status, time.perf_counter() - start

    tasks = []
    start = time.perf_counter()
    for number in range(round(rate * seconds)):
        await asyncio.sleep(max(0.0, start + number / rate - time.perf_counter()))
        tasks.append(asyncio.create_task(once(number)))
    return await asyncio.gather(*tasks)


@contextmanager
def serving(model: Path, places: int) -> Iterator[tuple[int, int]]:
    """Yield the port and the process number of a service that is ready."""
    command = [sys.executable, "-m", "app", "--model", str(model), "--port", "0"]
    with subprocess.Popen(
        [*command, "--places", str(places)], stderr=subprocess.PIPE, text=True
    ) as started:
        assert started.stderr is not None
        try:
            line = ""
            while "http://" not in line:
                line = started.stderr.readline()
                if not line:
                    raise CheckFailed("the service did not start")
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


def throughput(model: Path, seconds: float, places: int) -> tuple[list[str], float]:
    """Compare the service's rate with the engine's, by turns; return a table, and the rate."""
    detector, clients = load(model), places // 2
    engine, service, left = [], [], []
    with serving(model, places) as (port, _), _apart() as pool:
        engine_rate(detector, 1.0)
        pool.submit(closed, port, clients, 1.0, 0).result()
        for turn in range(1, TURNS + 1):
            engine.append(engine_rate(detector, seconds / TURNS))
            found = pool.submit(closed, port, clients, seconds / TURNS, turn).result()
            service.append(found.rate)
            left.append(1 - found.processor / (found.seconds * (os.cpu_count() or 1)))
    kept = np.array(service) / np.array(engine)
    given_back = kept / np.array(left)
    lines = [
        f"| share of the engine's throughput kept, {clients} clients | median | each turn |",
        "|---|---|---|",
        f"| the load's processor time counted against it | {_shares(kept)} |",
        f"| the load's processor time given back | {_shares(given_back)} |",
        "",
        f"Asked for is at least {KEPT:.0%}. The engine alone: {np.median(engine):.1f} images/s.",
    ]
    return lines, float(np.median(service))


def _shares(values: np.ndarray) -> str:
    return f"{np.median(values):.1%} | " + ", ".join(f"{value:.0%}" for value in values)


def overload(model: Path, seconds: float, places: int, capacity: float) -> list[str]:
    """Ask for twice the capacity, and hold the answers against what was promised."""
    with serving(model, places) as (port, process), _apart() as pool:
        asked = pool.submit(opened, port, 2 * capacity, seconds)
        time.sleep(min(10.0, seconds / 3))
        early = _memory(process)
        found = asked.result()
        late = _memory(process)
    p99 = float(np.quantile(found.latencies, 0.99)) if found.latencies else float("inf")
    bound = places / found.rate if found.rate else 0.0
    lines = [
        f"| {seconds:.0f} s at twice the capacity | measured | promised |",
        "|---|---|---|",
        f"| answers | {found.statuses} | 200, 429 and 503 alone |",
        f"| p99 of the accepted / (places × time of one) | {p99 / bound:.2f} | at most 1 |",
        f"| memory at the end / early | {late / early:.3f} | at most {GROWTH} |",
    ]
    if set(found.statuses) - {200, 429, 503} or p99 > bound or late > GROWTH * early:
        raise CheckFailed("\n".join([*lines, "a promise is broken"]))
    return lines


def _apart() -> ProcessPoolExecutor:
    """Return a process for the load, so that it does not share the interpreter's lock."""
    return ProcessPoolExecutor(1, mp_context=get_context("spawn"))


def _memory(process: int) -> int:
    """Return how many bytes of memory a process holds; on Linux."""
    pages = Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


@click.command(cls=Verb)
@options.model
@click.option("--only", type=click.Choice(PARTS), multiple=True, help="Some of the parts.")
@click.option("--seconds", type=click.FloatRange(1), default=20.0, help="Of each load.")
@click.option("--places", type=click.IntRange(2), default=64, help="Of the service's queue.")
@click.option("--capacity", type=float, help="Images a second, where it was measured before.")
def command(
    model: str | None, only: tuple[str, ...], seconds: float, places: int, capacity: float | None
) -> None:
    """Print how much of the engine the service keeps, and how it bears too much load."""
    folder = locate(model)
    click.echo(f"{processor.describe()}\n")
    if not only or "throughput" in only or capacity is None:
        lines, capacity = throughput(folder, seconds, places)
        click.echo("\n".join(lines) + "\n")
    if not only or "overload" in only:
        click.echo("\n".join(overload(folder, seconds, places, capacity)))


if __name__ == "__main__":
    command()
