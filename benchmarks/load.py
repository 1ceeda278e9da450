"""Clients of the service that ask as much as they are told, and what they were answered."""

from __future__ import annotations

import asyncio
import io
import resource
import time
from collections import Counter
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass

import numpy as np

SIDE = 256
BOUNDARY = "made"
# Seconds after which an answer counts as lost.
PATIENCE = 60.0


@dataclass(frozen=True)
class Asked:
    """What came of one request.

    Attributes:
        status: of the answer; 0 stands for none.
        seconds: from its first byte to the last of its answer.
        sent: when all of it was sent, in seconds of `time.perf_counter`; infinite if it never was.
    """

    status: int
    seconds: float
    sent: float


@dataclass(frozen=True)
class Answered:
    """What a load came to.

    Attributes:
        statuses: how often each was answered; 0 stands for no answer at all.
        latencies: seconds of the requests that were answered with 200.
        seconds: from the first request to the last answer.
        sending: from the first request to the moment when the last one was sent.
        processor: seconds of processor time that the load itself took.
    """

    statuses: dict[int, int]
    latencies: list[float]
    seconds: float
    sending: float
    processor: float

    @property
    def rate(self) -> float:
        """Judged images a second."""
        return self.statuses.get(200, 0) / self.seconds

    def offered(self, seconds: float) -> float:
        """Requests a second that were sent, where they were to be sent within so many seconds."""
        return sum(self.statuses.values()) / max(seconds, self.sending)


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
    asking = _closed(port, clients, seconds, turn)
    return asyncio.run(_measured(asking, time.perf_counter()))


def opened(
    port: int, rate: float, seconds: float, start: float | None = None, load: int = 0
) -> Answered:
    """Ask so many times a second, whether or not earlier requests were answered.

    Args:
        port: of the service on this computer.
        rate: requests a second.
        seconds: for which they are sent.
        start: when the first is sent, by `time.perf_counter`, whose clock the processes of a
            computer with Linux share; at once by default.
        load: number of this load among those that ask at the same time.
    """
    start = time.perf_counter() if start is None else start
    return asyncio.run(_measured(_opened(port, rate, seconds, start, load), start))


def together(loads: Sequence[Answered]) -> Answered:
    """Return what loads that asked at the same time came to."""
    statuses: Counter[int] = Counter()
    for one in loads:
        statuses.update(one.statuses)
    return Answered(
        dict(statuses),
        [taken for one in loads for taken in one.latencies],
        max(one.seconds for one in loads),
        max(one.sending for one in loads),
        sum(one.processor for one in loads),
    )


def _processor_time() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


async def _measured(asking: Awaitable[list[Asked]], start: float) -> Answered:
    used = _processor_time()
    found = await asking
    return Answered(
        dict(Counter(one.status for one in found)),
        [one.seconds for one in found if one.status == 200],
        time.perf_counter() - start,
        max((one.sent for one in found), default=start) - start,
        _processor_time() - used,
    )


async def _closed(port: int, clients: int, seconds: float, turn: int) -> list[Asked]:
    pictures = [portrait(seed) for seed in range(8)]
    until = time.perf_counter() + seconds

    async def client(name: int) -> list[Asked]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        found: list[Asked] = []
        asked = (turn * clients + name) * 1_000_000
        # At least once, however busy the machine is.
        while not found or time.perf_counter() < until:
            start = time.perf_counter()
            writer.write(request(pictures[asked % 8], asked))
            await writer.drain()
            sent = time.perf_counter()
            status, _ = await answer(reader)
            found.append(Asked(status, time.perf_counter() - start, sent))
            asked += 1
        writer.close()
        return found

    return [one for many in await asyncio.gather(*map(client, range(clients))) for one in many]


async def _opened(port: int, rate: float, seconds: float, start: float, load: int) -> list[Asked]:
    pictures = [portrait(seed) for seed in range(8)]

    async def once(number: int) -> Asked:
        begun, sent, status = time.perf_counter(), float("inf"), 0
        try:
            async with asyncio.timeout(PATIENCE):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(request(pictures[number % 8], (1 + load) * 10**9 + number))
                await writer.drain()
                sent = time.perf_counter()
                status, _ = await answer(reader)
                writer.close()
        except (OSError, EOFError, ValueError):
            # Refused, broken off, too late, or no answer at all: in every case it is lost.
            status = 0
        return Asked(status, time.perf_counter() - begun, sent)

    tasks = []
    for number in range(max(1, round(rate * seconds))):
        await asyncio.sleep(max(0.0, start + number / rate - time.perf_counter()))
        tasks.append(asyncio.create_task(once(number)))
    return await asyncio.gather(*tasks)
