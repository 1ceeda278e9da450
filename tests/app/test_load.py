"""Clients that go away, that dawdle, and the load of `benchmarks.service`."""

import socket
import time
from contextlib import suppress
from urllib.parse import urlsplit

from running import running

from benchmarks.load import closed, opened, request


def test_clients_that_go_away_leave_nothing_behind(make_app):
    app = make_app(deadline=1.0)
    whole = request(b"no picture", 1)
    with running(app) as url:
        address = urlsplit(url).hostname, urlsplit(url).port
        for cut in range(1, len(whole), 7):
            with socket.create_connection(address) as client:
                client.sendall(whole[:cut])
        service = app.state.service
        for _ in range(100):
            if not (service.held.bytes or service.queue.inside):
                break
            time.sleep(0.05)
        assert service.held.bytes == service.queue.inside == 0
        assert closed(address[1], 1, 0.2, 0).statuses.keys() == {200}


def test_who_sends_byte_by_byte_is_cut_off_and_keeps_nobody_waiting(make_app):
    app = make_app(deadline=0.5, places=2)
    with running(app) as url:
        address = urlsplit(url).hostname, urlsplit(url).port
        slow = [socket.create_connection(address, timeout=10) for _ in range(20)]
        for client in slow:
            client.sendall(request(b"x" * 1000, 1)[:-900])
        assert closed(address[1], 1, 0.2, 0).statuses.keys() == {200}
        for client in slow:
            client.setblocking(False)
        heard = dict.fromkeys(slow, b"")
        for _ in range(200):
            for client in (one for one in slow if not heard[one]):
                with suppress(BlockingIOError):
                    heard[client] = client.recv(100)
                if not heard[client]:
                    client.sendall(b"x")
            if all(heard.values()):
                break
            time.sleep(0.05)
        assert all(said.startswith(b"HTTP/1.1 408 ") for said in heard.values())
        assert app.state.service.held.bytes == 0
        for client in slow:
            client.close()


def test_every_client_asks_at_least_once_however_short_the_load(make_app):
    with running(make_app()) as url:
        assert closed(urlsplit(url).port, 3, 0.0, 0).statuses == {200: 3}


def test_load_of_the_benchmark_is_answered_and_never_remembered(make_app):
    app = make_app(places=4)
    with running(app) as url:
        port = urlsplit(url).port
        found = closed(port, 2, 0.5, turn=1)
        assert found.statuses.keys() == {200}
        assert len(found.latencies) == found.statuses[200]
        found = opened(port, 60.0, 1.0)
        assert set(found.statuses) <= {200, 503}
        assert sum(found.statuses.values()) == 60
        assert found.offered(1.0) > 0
        assert "deepfake_remembered_total 0.0" in app.state.service.metrics.text().decode()
