"""The part of a run that one of several processes takes: of every batch, and of the image files."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

Value = TypeVar("Value")

# So often those that wait hear that there is more to come: what takes half an hour is given up.
CALL_SECONDS = 60.0


@dataclass(frozen=True)
class Shard:
    """One of the processes that train one network together, or the only one.

    What a batch holds is settled for all of them. A process makes its rows alone: the batch is cut
    into equal stretches, padded at its end where it does not divide. The padding is cut off again
    before anything is computed, see `src.training.processes.cut_padding`.

    Attributes:
        number: of this process, from 0. The first one writes what is written.
        processes: how many there are.
        devices: of all processes together, as many in each.
    """

    number: int = 0
    processes: int = 1
    devices: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the process that writes; true of the only one."""
        return self.number == 0

    @property
    def alone(self) -> bool:
        """Whether there is no other process."""
        return self.processes == 1

    def padded(self, rows: int, batch_size: int) -> int:
        """Return how many rows a batch has once all devices hold as many.

        By this number the padding is known: a smaller batch than the others has another one too.
        """
        if self.alone:
            return rows
        full, padded = (-(-count // self.devices) * self.devices for count in (batch_size, rows))
        return padded + self.devices if rows < batch_size and padded == full else padded

    def stretch(self, rows: int, batch_size: int) -> slice:
        """Return which rows of a padded batch this process makes."""
        width = self.padded(rows, batch_size) // self.processes
        return slice(self.number * width, (self.number + 1) * width)

    def owns(self, index: int) -> bool:
        """Tell whether the file of image `index` is this process's to read."""
        return index % self.processes == self.number

    def gather(self, value: Value) -> list[Value]:
        """Return what each process gave, in order; waits until all have come here.

        The values are pickled: the processes of a run trust each other.
        """
        if self.alone:
            return [value]
        from jax.experimental.multihost_utils import process_allgather

        data = np.frombuffer(pickle.dumps(value), np.uint8)
        lengths = process_allgather(np.array(data.size, np.int32)).tolist()
        rows = process_allgather(np.pad(data, (0, max(lengths) - data.size)))
        return [
            pickle.loads(row[:length].tobytes()) for row, length in zip(rows, lengths, strict=True)
        ]

    def from_first(self, make: Callable[[], Value]) -> Value:
        """Return what the first process makes, in every process; the others wait for it."""
        if self.alone:
            return make()
        if not self.first:
            while not self.gather(None)[0]:
                pass
            theirs: list[Any] = self.gather(None)
            return theirs[0]
        with ThreadPoolExecutor(1) as pool:
            made = pool.submit(make)
            while not wait([made], CALL_SECONDS).done:
                self.gather(False)
        result = made.result()
        self.gather(True)
        self.gather(result)
        return result


ALONE = Shard()
