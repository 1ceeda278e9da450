"""The service as a process of its own, under load, and how it ends."""

import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import httpx2 as httpx
import pytest
from redness import encoded, plain

from app.history import History

ROOT = Path(__file__).resolve().parents[2]
CLIENTS = 12
PROGRAM = """
import json, os, signal, sys, time
sys.path[:0] = [{tests!r}]
from pathlib import Path
from redness import Painted, Redness
from app.application import create
from app.serve import _listen, run
from app.settings import Settings
from src.detector.card import read_card
from src.detector.detector import Detector

class Slow(Redness):
    def run(self, images):
        time.sleep(0.4)
        return super().run(images)

folder = Path({folder!r})
settings = Settings(history=Path({history!r}), deadline=10, places=8)
listener = _listen("127.0.0.1", 0)
app = create(Detector(read_card(folder), Slow(), finder=Painted), folder, settings)

def tell(number, frame):
    # The signal comes a second time, when all is done: what the service counted, and the end.
    print(app.state.service.metrics.text().decode(), flush=True)
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)

signal.signal(signal.SIGTERM, tell)
print(json.dumps(listener.getsockname()[1]), flush=True)
run(app, listener, settings)
"""


class Load:
    """Clients that each ask again as soon as they were answered, with pictures of their own."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.statuses: list[int] = []
        # Requests that were sent, and never answered.
        self.broken: list[str] = []
        self.stopped = threading.Event()
        self.threads = [threading.Thread(target=self.ask, args=(i,)) for i in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def ask(self, number: int) -> None:
        with httpx.Client(base_url=self.url, timeout=30) as client:
            for turn in range(10**6):
                if self.stopped.is_set():
                    return
                picture = encoded(plain(number, turn % 256, turn // 256))
                try:
                    response = client.post("/predict", files={"file": ("a.png", picture)})
                except httpx.ConnectError:
                    return
                except httpx.HTTPError as error:
                    self.broken.append(repr(error))
                    return
                self.statuses.append(response.status_code)

    def wait(self) -> None:
        """Wait until every client may have been answered twice."""
        for _ in range(600):
            if self.statuses.count(200) > 2 * CLIENTS:
                return
            time.sleep(0.05)

    def join(self) -> None:
        self.stopped.set()
        for thread in self.threads:
            thread.join(30)


@pytest.fixture
def process(make_bundle, tmp_path):
    folder, _ = make_bundle()
    history = tmp_path / "verdicts.sqlite"
    tests = str(Path(__file__).parent)
    program = PROGRAM.format(tests=tests, folder=str(folder), history=str(history))
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as started:
        assert started.stdout is not None
        port = json.loads(started.stdout.readline())
        yield started, port, history
        started.kill()


def wait_until_ready(port: int) -> None:
    for _ in range(200):
        try:
            if httpx.get(f"http://127.0.0.1:{port}/ready").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise AssertionError("not ready")


def test_stopped_under_load_it_finishes_what_it_accepted(process):
    started, port, history = process
    wait_until_ready(port)
    load = Load(port)
    load.wait()
    started.send_signal(signal.SIGTERM)
    counted = started.communicate(timeout=30)[0]
    load.join()
    assert started.returncode == -signal.SIGTERM
    assert set(load.statuses) <= {200, 503}
    # Every request that reached the service was answered, and every answer reached its client.
    # None else broke off but those that came through a connection as that was closed.
    line = r'deepfake_requests_total\{method="POST",route="/predict",status="(\d+)"\} (\d+)'
    assert {int(status): int(count) for status, count in re.findall(line, counted)} == Counter(
        load.statuses
    ), load.broken
    answered = load.statuses.count(200)
    assert answered > CLIENTS
    # Whatever was judged has reached whoever asked for it.
    assert len(History(history).latest(10**6)) == answered


def test_stopped_it_does_not_wait_for_uploads_that_are_not_there(process):
    started, port, _ = process
    wait_until_ready(port)
    head = "Host: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\n"
    slow = [socket.create_connection(("127.0.0.1", port), timeout=20) for _ in range(2)]
    for client, path in zip(slow, ("/video", "/predict"), strict=True):
        start = f"POST {path} HTTP/1.1\r\n{head}Content-Length: 9999\r\n\r\n--b\r\n"
        client.sendall(start.encode())
    # Answered only after what came before.
    httpx.get(f"http://127.0.0.1:{port}/health")
    started.send_signal(signal.SIGTERM)
    for client in slow:
        assert client.recv(1000).startswith(b"HTTP/1.1 503 ")
        client.close()
    assert started.wait(20) == -signal.SIGTERM


def test_killed_under_load_it_leaves_a_history_that_can_be_read(process):
    started, port, history = process
    wait_until_ready(port)
    load = Load(port)
    load.wait()
    started.kill()
    started.wait(30)
    load.join()
    rows = History(history).latest(10**6)
    assert len(rows) >= load.statuses.count(200) > CLIENTS
    assert all(len(row.sha256) == 64 and 0 <= row.p_fake <= 1 for row in rows)
    History(history).close()


def test_interrupted_it_ends_well(process):
    started, port, _ = process
    wait_until_ready(port)
    started.send_signal(signal.SIGINT)
    assert started.wait(30) == 0
