"""Who judges the parts of a scan: this process, or the workers of a Ray cluster."""

import logging
import os
import re
import socket
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from typing import Any

from src import CheckFailed, InputError, install, processor
from src.detector import load
from src.detector.card import CARD_FILE
from src.detector.detector import Detector
from src.detector.engines import BATCH
from src.detector.location import locate
from src.files import sha256
from src.scanning import table
from src.scanning.plan import Plan, Settings

# Names an existing cluster, as everywhere in Ray; where it is not set, one is started here.
ADDRESS = "RAY_ADDRESS"
# Nothing but the numbers of parts passes through Ray, which by itself would take a third of memory.
OBJECT_STORE = 100_000_000  # bytes
# A look of the network never takes longer; where no part comes to an end in that time, no worker
# can finish one.
SLOWEST = 2.0  # seconds
PATIENCE = 1800.0  # seconds


@dataclass(frozen=True)
class Task:
    """What a worker needs to know, wherever it runs."""

    model: str  # the bundle, `hf://…` or an absolute path that leads to it on every host
    settings: Settings
    base: str  # the folder that relative paths start from
    batch_size: int = BATCH  # faces at a time


@dataclass(frozen=True)
class Done:
    """A part whose answers are there."""

    images: int
    errors: int  # those of them that could not be read


def require_packages(ray: bool) -> None:
    """Stop before work is done for which a package is missing.

    Raises:
        InputError: PyArrow is not installed or, where it is asked for, Ray.
    """
    needed = [("a table", "pyarrow", "table")]
    if ray:
        needed.append(("--workers ray", "ray", "ray"))
    for what, name, extra in needed:
        if find_spec(name) is None:
            raise InputError(f"{what} needs {name}, which is not installed: {install(extra)}")


class Judge:
    """Judges parts of a scan, with an engine that it loads for the first."""

    def __init__(self, plan: Plan, task: Task) -> None:
        self._plan, self._task = plan, task

    def judge(self, number: int) -> Done:
        """Judge a part, unless its answers are there already."""
        path, settings = self._plan.file(number), self._task.settings
        if not path.exists():
            images = self._plan.paths(number)
            if not all(map(os.path.isabs, images)):
                # A worker starts in some folder of its cluster's.
                os.chdir(self._task.base)
            results = self._detector.predict_files(
                images, self._task.batch_size, settings.faces, stability=settings.stability
            )
            table.write(path, list(results))
        return Done(self._plan.count(number), table.errors(path))

    @cached_property
    def _detector(self) -> Detector:
        folder = locate(self._task.model)
        wanted = self._task.settings
        detector = load(folder, wanted.engine, wanted.precision)
        if (found := sha256(folder / CARD_FILE)) != wanted.card:
            raise InputError(
                f"{folder} holds another model here, with the card {found[:8]} and not "
                f"{wanted.card[:8]}: copy the bundle to every host, or give a shared folder"
            )
        return detector


def here(plan: Plan, task: Task, waiting: Sequence[int]) -> Generator[Done, None, None]:
    """Judge parts in this process."""
    yield from map(Judge(plan, task).judge, waiting)


def on_ray(
    plan: Plan, task: Task, waiting: Sequence[int], workers: int | None = None, cpus: int = 1
) -> Generator[Done, None, None]:
    """Judge parts on Ray Data: actors hold an engine each, and one that dies is replaced.

    The cluster is the one that this process is connected to, else the one that `RAY_ADDRESS` names,
    else one on this machine. The bundle, the images and the output are found under the same paths
    on every host.

    Args:
        waiting: numbers of the parts that are to be judged.
        workers: how many; None takes as many as the cluster has processors for.
        cpus: processors that each takes, and threads that it computes on.

    Raises:
        InputError: the cluster is not there or too small, or a worker cannot judge.
        CheckFailed: workers die of a part again and again.
    """
    with _cluster(workers, cpus) as there:
        import ray.data

        # It warns that its own bars are off, and of as many blocks as are wanted here.
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        context = ray.data.DataContext.get_current().copy()
        context.enable_progress_bars = context.print_on_execution_start = False
        looks = plan.part_size * (1 + task.settings.stability)
        context.execution_no_progress_timeout_s = max(PATIENCE, SLOWEST * looks)
        with ray.data.DataContext.current(context):
            # One block a part, so that each is told as soon as it is done.
            answers = ray.data.range(len(waiting), override_num_blocks=len(waiting)).map(
                _OnRay,  # type: ignore[arg-type]  # Ray's types know no classes, which become actors
                fn_constructor_args=(plan, task, tuple(waiting), cpus),
                compute=ray.data.ActorPoolStrategy(
                    size=min(len(waiting), workers or there // cpus),
                    max_tasks_in_flight_per_actor=1,
                ),
                num_cpus=cpus,
            )
            yield from _answers(answers.iter_rows())


class _OnRay:
    """A worker: takes rows with the `id` of what waits, and gives rows with what was done."""

    def __init__(self, plan: Plan, task: Task, waiting: Sequence[int], threads: int) -> None:
        processor.limit_threads(threads)
        self._judge, self._waiting = Judge(plan, task), waiting

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        try:
            done = self._judge.judge(self._waiting[int(row["id"])])
        except (InputError, OSError) as error:
            # As words: an exception would come back wrapped, with the traces of two processes.
            return {"images": 0, "errors": 0, "problem": str(error)}
        return {"images": done.images, "errors": done.errors, "problem": ""}


def _answers(rows: Iterable[dict[str, Any]]) -> Iterator[Done]:
    from ray.data.exceptions import ExecutionTimeoutError
    from ray.exceptions import RayError

    try:
        for row in rows:
            if row["problem"]:
                raise InputError(f"a worker cannot go on: {row['problem']}")
            yield Done(row["images"], row["errors"])
    except (RayError, ExecutionTimeoutError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise CheckFailed(
            f"the workers did not finish: {reason}. What is done is kept: the same command goes on"
        ) from error


def _require_answer(address: str) -> None:
    """Stop at once where nobody answers; Ray would try for minutes."""
    named = re.fullmatch(r"(?:ray://)?\[?(.+?)\]?:(\d+)", address)
    if not named:  # such as `auto`
        return
    try:
        socket.create_connection((named[1], int(named[2])), timeout=10).close()
    except (OSError, OverflowError) as error:
        raise InputError(f"{ADDRESS}={address}: no Ray cluster there ({error})") from error


@contextmanager
def _cluster(workers: int | None, cpus: int) -> Iterator[int]:
    """Yield how many processors the cluster has; one that was started here ends with the block."""
    # Read when Ray is imported: nothing is reported to its makers.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    ours = not ray.is_initialized()
    if ours:
        address = os.environ.get(ADDRESS)
        silent: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
        if address:
            _require_answer(address)
            try:
                ray.init(address=address, **silent)
            except (ConnectionError, RuntimeError, ValueError) as error:
                raise InputError(
                    f"{ADDRESS}={address}: no Ray cluster there, or one that wants a token "
                    f"(RAY_AUTH_MODE=token): {error}"
                ) from error
        else:
            ray.init(
                address="local",
                num_cpus=max(os.cpu_count() or 1, (workers or 1) * cpus),
                include_dashboard=False,
                object_store_memory=OBJECT_STORE,
                **silent,
            )
    try:
        there = int(ray.cluster_resources().get("CPU", 0))
        if there < cpus:
            raise InputError(f"workers of {cpus} processors: the cluster has {there}")
        yield there
    finally:
        if ours:
            ray.shutdown()
