"""Progress bars on stderr, only where a person watches."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)

# Over which the speed is taken that tells the time left: some steps are minutes apart.
MEMORY = 900.0  # seconds


@contextmanager
def bar(description: str, total: int | None) -> Iterator[Callable[..., None]]:
    """Show a bar while the block runs; none where stderr is no terminal or errors are not logged.

    Args:
        description: what is going on.
        total: number of steps; None where nobody knows.

    Yields:
        A function to call after each step, or with how many steps were made.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as TimeLeft

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeLeft())
    shown = console.is_terminal and log.isEnabledFor(logging.ERROR)
    with Progress(
        *columns,
        console=console,
        transient=True,
        disable=not shown,
        speed_estimate_period=MEMORY,
    ) as progress:
        task = progress.add_task(description, total=total)
        yield lambda steps=1: progress.advance(task, steps)
