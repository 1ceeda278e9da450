"""Steps of a network on a device, timed by turns, and how busy the GPU was meanwhile."""

from __future__ import annotations

import logging
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

log = logging.getLogger(__name__)

ROUNDS = 3
LEAST_STEPS = 4
OUT_OF_MEMORY = ("RESOURCE_EXHAUSTED", "out of memory")
SAMPLE_MILLISECONDS = 200


@dataclass(frozen=True)
class Stretch:
    """Steps that were timed, and when they began and ended on `time.perf_counter`."""

    steps: int
    start: float
    end: float

    @property
    def step_seconds(self) -> float:
        return (self.end - self.start) / self.steps


# From a number of steps to those steps, timed.
Run = Callable[[int], Stretch]


class Clock(keras.callbacks.Callback):
    """Notes when each step was done: Keras hands over the results of a step as numbers.

    Args:
        untimed: steps at the start that do not count.
        waits: the next step starts only when the results of the last have been handed over.
    """

    def __init__(self, untimed: int, *, waits: bool) -> None:
        super().__init__()
        self.untimed, self.async_safe = untimed, not waits
        self.ends: dict[int, float] = {}

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.ends[batch] = time.perf_counter()

    on_predict_batch_end = on_train_batch_end

    def stretch(self) -> Stretch:
        """Return the steps that count."""
        ends = sorted(self.ends.values())
        return Stretch(len(ends) - self.untimed, ends[self.untimed - 1], ends[-1])


class Repeated(keras.utils.PyDataset):
    """One batch that stays on the device, again and again."""

    def __init__(self, batch: tuple[Any, ...], count: int) -> None:
        super().__init__()
        self.batch, self.count = batch, count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, number: int) -> tuple[Any, ...]:
        return self.batch


class Utilisation:
    """How busy the GPU is, by `nvidia-smi`, for as long as the context lasts."""

    def __init__(self) -> None:
        self.samples: list[tuple[float, float]] = []

    def __enter__(self) -> Utilisation:
        self.process = None
        if shutil.which("nvidia-smi"):
            query = ["--query-gpu=utilization.gpu", "--format=csv,noheader,nounits", "--id=0"]
            command = ["nvidia-smi", *query, f"--loop-ms={SAMPLE_MILLISECONDS}"]
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            self.reader = threading.Thread(target=self._read, args=(self.process,))
            self.reader.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait()
            self.reader.join()

    def _read(self, process: subprocess.Popen[str]) -> None:
        for line in process.stdout or ():
            if line.strip().isdigit():
                self.samples.append((time.perf_counter(), int(line) / 100))

    def during(self, stretches: Sequence[Stretch]) -> float | None:
        """Return the mean share of busy time over some stretches; None where nobody knows."""
        busy = [
            share
            for moment, share in self.samples
            if any(stretch.start <= moment <= stretch.end for stretch in stretches)
        ]
        return float(np.mean(busy)) if busy else None


def by_turns(
    makers: Sequence[Callable[[], Mapping[str, Run]]], seconds: float
) -> dict[str, list[Stretch]]:
    """Time `ROUNDS` stretches of each run, after one that compiles and tells how long a step takes.

    What does not fit into the device's memory is left out.
    """
    runs: dict[str, Run] = {}
    steps: dict[str, int] = {}
    for make in makers:
        with _short_of_memory():
            for name, run in make().items():
                steps[name] = max(LEAST_STEPS, round(seconds / run(LEAST_STEPS).step_seconds))
                runs[name] = run
    stretches: dict[str, list[Stretch]] = {name: [] for name in runs}
    for name in list(runs) * ROUNDS:
        stretches[name].append(runs[name](steps[name]))
    return stretches


@contextmanager
def _short_of_memory() -> Iterator[None]:
    """Leave the block where the device's memory does not suffice, and say so."""
    try:
        yield
    except RuntimeError as error:
        if not any(mark in str(error) for mark in OUT_OF_MEMORY):
            raise
        log.warning("out of memory: %s", str(error).splitlines()[0])
