"""Starting the processes of a run on one host, and ending all of them when one fails."""

import multiprocessing
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from itertools import takewhile
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from src import InputError
from src.training.processes import LOOPBACK

# Runs a command with arguments; a function at the top of a module, so that it is found again.
Command = Callable[[list[str]], object]


def launch(command: Command, arguments: Sequence[str], processes: int) -> int:
    """Run a command in several processes, each told its number and where the first one listens.

    The first one speaks for all. The others are heard only if one of them fails on its own. Should
    this process be killed, so are they.

    Args:
        command: what is run.
        arguments: of the command line; `--process` and `--coordinator` are added.
        processes: how many; each takes as many of the GPUs, if there are any.

    Returns:
        The exit code: 0, or that of the process that failed first.

    Raises:
        InputError: there are GPUs, but fewer than processes.
    """
    gpus = gpus_each(processes)
    where = "--coordinator", f"{LOOPBACK}:{_free_port()}"
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        said = [Path(folder, str(number)) for number in range(processes)]
        for path in said:
            path.touch()  # one may die before it has said anything
        started = [
            context.Process(
                target=_run,
                args=(command, [*arguments, "--process", str(number), *where]),
                kwargs={"gpus": gpus[number], "stderr": said[number] if number else None},
            )
            for number in range(processes)
        ]
        try:
            for process in started:
                process.start()
            failed = _first_failed(started)
        finally:
            for process in started:
                if process.pid is not None:
                    process.kill()
                    process.join()
        if failed is None:
            return 0
        if failed:
            sys.stderr.write(said[failed].read_text(errors="replace"))
    code = started[failed].exitcode or 1
    if code < 0 or failed:
        how = f"was killed by signal {-code}" if code < 0 else "failed"
        print(
            f"process {failed} of {processes} {how}, and with it the run: --resume continues it",
            file=sys.stderr,
        )
    return max(code, 1)


def gpus_each(processes: int) -> list[str | None]:
    """Return which GPUs each process takes, such as `0,1`; None where there are none."""
    there = 0 if os.environ.get("JAX_PLATFORMS") == "cpu" else _gpus()
    if not there:
        return [None] * processes
    each = there // processes
    if not each:
        raise InputError(
            f"--processes {processes}: each needs a GPU of its own, and there are {there}; give "
            "fewer, or set JAX_PLATFORMS=cpu to leave them alone"
        )
    return [",".join(map(str, range(n * each, (n + 1) * each))) for n in range(processes)]


def _gpus() -> int:
    """Count the GPUs that JAX would see, without loading it: its processes come first."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        # What comes after a name that is no device is not seen, as in "-1".
        return len(list(takewhile(lambda name: name.strip() not in ("", "-1"), named.split(","))))
    if not shutil.which("nvidia-smi"):
        return 0
    answer = subprocess.run(
        ["nvidia-smi", "--list-gpus"], capture_output=True, text=True, check=False
    )
    return sum(line.startswith("GPU ") for line in answer.stdout.splitlines())


def _free_port() -> int:
    with socket.socket() as found:
        found.bind((LOOPBACK, 0))
        return int(found.getsockname()[1])


def _first_failed(started: Sequence[BaseProcess]) -> int | None:
    """Wait until all have ended well (None), or one has not: its number."""
    while True:
        running = [process.sentinel for process in started if process.exitcode is None]
        for number, process in enumerate(started):
            if process.exitcode:
                return number
        if not running:
            return None
        wait(running)


def _run(command: Command, arguments: list[str], *, gpus: str | None, stderr: Path | None) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if stderr is not None:
        os.dup2(os.open(stderr, os.O_WRONLY), 2)
    # JAX's collectives say on stdout, which is for results, that they are connected.
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    if gpus is not None:
        os.environ["JAX_LOCAL_DEVICE_IDS"] = gpus
    command(arguments)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None, "runs in a process that `launch` started"
    parent.join()
    os._exit(1)
