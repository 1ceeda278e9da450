"""Training in several processes, on one host or more, each with its shard of every batch.

On JAX alone: Keras on TensorFlow cannot `fit` over several processes.
"""

from __future__ import annotations

import atexit
import logging
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import click

from src import InputError, install
from src.data.shard import ALONE, Shard
from src.training.settings import Settings

if TYPE_CHECKING:
    import keras

    from src.data.pipeline import Batches

log = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
# A host may be started by hand after the other.
CONNECT_SECONDS = 600
# Without a sign of life for so long, a process on another host is taken for dead.
SILENT_SECONDS = 100


@dataclass(frozen=True)
class Place:
    """Which process this is to be, as the command line says."""

    processes: int = 1  # how many train together
    # Of this one, from 0; None where all of them are yet to be started, on this host.
    number: int | None = 0
    coordinator: str | None = None  # `HOST:PORT` where the first one listens


def options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say which process this is to a click command, see `chosen`."""
    for option in (
        click.option("--coordinator", help="HOST:PORT of process 0, where it listens."),
        click.option(
            "--process",
            type=click.IntRange(0),
            help="Number of this process, from 0, where each host starts its own.",
        ),
        click.option(
            "--processes",
            type=click.IntRange(1),
            default=1,
            help="Train in N processes, on JAX: each takes its part of every batch, and its GPUs.",
        ),
    ):
        command = option(command)
    return command


def chosen(processes: int, number: int | None, coordinator: str | None) -> Place:
    """Return the place that was asked for.

    Raises:
        InputError: another backend than JAX, or options that do not go together.
    """
    if (number is None) != (coordinator is None):
        raise InputError(
            "--process and --coordinator go together: give both where each host starts a process "
            "of its own, and neither where --processes starts all of them on this one"
        )
    if processes == 1 and number is None:
        return Place()
    if number is not None and number >= processes:
        raise InputError(
            f"--process {number} of --processes {processes}: the first is 0, the last one is "
            f"{processes - 1}"
        )
    if coordinator is not None and not re.fullmatch(r".+:\d+", coordinator):
        raise InputError(f"--coordinator {coordinator}: expected HOST:PORT, such as 10.0.0.1:9876")
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    if backend != "jax" or not find_spec("jax"):
        raise InputError(
            f"--processes {processes}: Keras trains in several processes on JAX alone; its backend "
            f"is {backend}: set KERAS_BACKEND=jax, where JAX is installed ({install('jax')})"
        )
    return Place(processes, number, coordinator)


def require_possible(place: Place, settings: Settings) -> None:
    """Refuse what several processes cannot do together.

    Raises:
        InputError: features computed once, which no process would have of all images.
    """
    if place.processes > 1 and settings.views:
        raise InputError(
            f"--views {settings.views} with --processes {place.processes}: features are computed "
            "once in one process; give --views 0, so that all of them warm up on images"
        )


@contextmanager
def joined(place: Place) -> Iterator[Shard]:
    """Be one of several processes while the block runs.

    It must come before anything is computed on JAX. All but the first process are silent.
    """
    if place.processes == 1:
        yield ALONE
        return
    import jax

    assert place.number is not None, "`launch` tells it"
    assert place.coordinator is not None, "`chosen` sees to it"
    # Left to itself, JAX catches SIGTERM, and `kill` does not end the process.
    jax.config.update("jax_enable_preemption_service", False)
    local = place.coordinator.startswith(LOOPBACK)
    jax.distributed.initialize(
        coordinator_address=place.coordinator,
        num_processes=place.processes,
        process_id=place.number,
        cluster_detection_method="deactivate",
        initialization_timeout=CONNECT_SECONDS,
        heartbeat_timeout_seconds=SILENT_SECONDS,
        # Otherwise on every address of the host.
        coordinator_bind_address=place.coordinator if local else None,
    )
    if place.number:
        logging.disable(logging.ERROR)
    try:
        yield Shard(place.number, place.processes, jax.device_count())
    except BaseException as error:
        # JAX would wait for the others, who wait for this one, and then abort with another code.
        atexit.register(_exit, 2 if isinstance(error, InputError) else 1)
        raise


def _exit(code: int) -> None:
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)


@contextmanager
def data_parallel(shard: Shard) -> Iterator[None]:
    """Spread networks and batches over the devices of all processes while the block runs.

    Every network that is built, loaded or fitted in it must be so in all processes, in one order.
    After it each process is on its own.
    """
    if shard.alone:
        yield
        return
    import jax
    import keras

    log.info("%d processes, %d devices", shard.processes, shard.devices)
    keras.distribution.set_distribution(keras.distribution.DataParallel(auto_shard_dataset=False))
    try:
        yield
    finally:
        keras.distribution.set_distribution(None)
    shard.gather(None)
    jax.distributed.shutdown()


def cut_padding(model: keras.Model, train: Batches, validation: Batches) -> None:
    """Let a compiled model leave out the rows that only fill up a batch, see `Shard`.

    Loss, metrics, dropout and the statistics of batch norms are then those of the only process.
    """
    if train.shard.alone:
        return
    for name, batches in (("train_step", train), ("test_step", validation)):
        setattr(model, name, _unpadded(getattr(type(model), name), model, batches.padding()))


def _unpadded(step: Callable[..., Any], model: keras.Model, rows: dict[int, int]) -> Any:
    def cut(array: Any) -> Any:
        return None if array is None else array[: rows[array.shape[0]]]

    return lambda state, data: step(model, state, tuple(map(cut, data)))
