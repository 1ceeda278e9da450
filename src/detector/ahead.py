"""Work that is begun on threads before its results are asked for, and handed on in order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
# Batches under way: while one is finished, the engine has the next one to go on with.
AT_ONCE = 2


def in_batches(
    items: Iterable[Item],
    work: Callable[[list[Item]], Iterable[Result]],
    size: int,
    count: int,
) -> Iterator[Result]:
    """Yield what becomes of items, in order, which are handed over so many at a time on threads.

    Args:
        size: of a batch.
        count: batches that are begun before the results of one are waited for.
    """
    rest = iter(items)
    batches = iter(lambda: list(islice(rest, size)), [])
    with ThreadPoolExecutor(AT_ONCE) as workers:
        for _, done in ahead(batches, lambda batch: workers.submit(work, batch), count):
            yield from done.result()


def ahead(
    items: Iterable[Item], begin: Callable[[Item], Future], count: int
) -> Iterator[tuple[Item, Future]]:
    """Yield what was begun with each item, in order, and begin so many more before each."""
    begun: deque[tuple[Item, Future]] = deque()
    for item in items:
        begun.append((item, begin(item)))
        if len(begun) > count:
            yield begun.popleft()
    while begun:
        yield begun.popleft()
