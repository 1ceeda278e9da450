import socket
from dataclasses import replace

import pytest

from benchmarks import load
from benchmarks.load import Answered, opened, together
from benchmarks.service import held, kept_of, serving
from src import CheckFailed

# Ten seconds at twice a capacity of 10 images a second, with 20 places: all as promised.
FINE = Answered({200: 95, 503: 105}, [1.5] * 95, 10.2, 10.0, 1.0)


def broken(found=FINE, growth=1.0):
    return held(found, 10.0, 20, 10.0, growth).broken


def test_what_was_promised_passes():
    assert broken() == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        # The load was late, so it never was twice the capacity.
        ({"sending": 12.0}, "sent"),
        ({"sending": float("inf")}, "sent"),
        ({"statuses": {200: 95, 503: 104, 0: 1}}, "answers"),
        ({"statuses": {200: 95, 503: 104, 500: 1}}, "answers"),
        ({"statuses": {200: 20, 503: 180}}, "judged"),
        # Against the capacity, however slowly it judged under the load.
        ({"latencies": [2.1] * 95}, "p99"),
        ({"latencies": []}, "p99"),
    ],
)
def test_every_promise_can_be_broken(changes, said):
    (one,) = broken(replace(FINE, **changes))
    assert said in one


def test_memory_that_grows_is_a_broken_promise():
    assert "memory" in broken(growth=1.2)[0]


def test_service_that_keeps_too_little_of_the_engine_fails():
    assert kept_of([10, 10, 10], [9, 9, 9], [1, 1, 1]).broken == []
    # Time that the load took is shown as given back, and counted all the same.
    part = kept_of([10, 10, 10], [8, 8, 8], [0.9, 0.9, 0.9])
    assert "80.0%" in part.broken[0]
    assert any("88.9%" in line for line in part.lines)


def test_loads_together_are_one():
    found = together([FINE, replace(FINE, statuses={200: 5}, sending=11.0)])
    assert found.statuses == {200: 100, 503: 105}
    assert found.sending == 11.0
    assert len(found.latencies) == 190


def test_request_that_is_never_answered_is_lost(monkeypatch):
    monkeypatch.setattr(load, "PATIENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        found = opened(silent.getsockname()[1], 20.0, 0.1)
    assert found.statuses == {0: 2}
    assert found.latencies == []


def test_service_that_does_not_start_says_why(tmp_path):
    with pytest.raises(CheckFailed, match="deepfake train"), serving(tmp_path / "none", 2):
        pass
