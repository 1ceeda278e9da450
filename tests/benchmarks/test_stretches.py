import os
import time

import pytest

from benchmarks.stretches import LEAST_STEPS, ROUNDS, Clock, Stretch, Utilisation, by_turns


def test_steps_that_compile_or_find_a_full_queue_are_not_timed():
    clock = Clock(2, waits=True)
    clock.ends = {0: 50.0, 1: 60.0, 2: 60.5, 3: 61.0}
    assert clock.stretch() == Stretch(2, 60.0, 61.0)


def test_runs_take_turns():
    taken = []

    def make(name):
        def run(steps):
            taken.append((name, steps))
            return Stretch(steps, 0.0, 0.1 * steps)

        return lambda: {name: run}

    stretches = by_turns([make("a"), make("b")], seconds=2.0)
    first = [("a", LEAST_STEPS), ("b", LEAST_STEPS)]
    assert taken == first + [("a", 20), ("b", 20)] * ROUNDS
    assert {name: len(each) for name, each in stretches.items()} == {"a": 3, "b": 3}


def test_a_batch_that_does_not_fit_leaves_the_others(caplog):
    def too_big():
        raise RuntimeError("RESOURCE_EXHAUSTED: 80 GiB wanted")

    fine = {"b": lambda steps: Stretch(steps, 0.0, 1.0)}
    assert set(by_turns([too_big, lambda: fine], seconds=1.0)) == {"b"}
    assert "80 GiB" in caplog.text


def test_other_faults_of_the_device_are_told():
    def broken():
        raise RuntimeError("an illegal memory access was encountered")

    with pytest.raises(RuntimeError, match="illegal"):
        by_turns([broken], seconds=1.0)


def test_utilisation_counts_only_while_something_was_timed():
    utilisation = Utilisation()
    utilisation.samples = [(0.5, 0.0), (1.5, 0.9), (2.5, 0.0), (3.5, 0.7)]
    timed = [Stretch(1, 1.0, 2.0), Stretch(1, 3.0, 4.0)]
    assert utilisation.during(timed) == pytest.approx(0.8)
    assert utilisation.during([]) is None


def test_utilisation_is_sampled_by_nvidia_smi(tmp_path, monkeypatch):
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\nwhile echo 90; do sleep 0.02; done\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    start = time.perf_counter()
    with Utilisation() as utilisation:
        while not utilisation.samples and time.perf_counter() < start + 10:
            time.sleep(0.02)
    assert not utilisation.reader.is_alive()
    assert utilisation.during([Stretch(1, start, time.perf_counter())]) == pytest.approx(0.9)
