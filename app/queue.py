"""Judge what many clients send in batches, off the event loop, and never more than fits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import asynccontextmanager
from threading import Event
from typing import Generic, TypeVar, TypeVarTuple

from app.problems import Problem, busy

Item = TypeVar("Item")
Result = TypeVar("Result")
Arguments = TypeVarTuple("Arguments")
Returned = TypeVar("Returned")

# While the answers of one batch are put together, the engine has the next one to go on with.
AT_ONCE = 2
# Seconds after which a thread that waits looks whether it is to go on.
TICK = 0.5


class Queue(Generic[Item, Result]):
    """Hands items to a function in batches.

    A batch is what waits when the function is free: one item when there is little to do, so that
    nobody waits for company, and full batches under load.

    Args:
        work: takes items and returns as many results; called on threads.
        places: how many may be inside, from their upload to their answer.
        batch_size: how many items are handed over at a time.
        threads: for everything else that would hold up the event loop.
        seen: told the size of each batch.
    """

    def __init__(
        self,
        work: Callable[[Sequence[Item]], Sequence[Result]],
        *,
        places: int,
        batch_size: int,
        threads: int,
        seen: Callable[[int], None] = lambda _size: None,
    ) -> None:
        self._work, self._batch_size, self._seen = work, batch_size, seen
        self._size, self._places = places, asyncio.Semaphore(places)
        # Bounded by the places: whoever waits holds one.
        self._waiting: asyncio.Queue[tuple[Item, asyncio.Future[Result]]] = asyncio.Queue()
        self._judges = ThreadPoolExecutor(AT_ONCE, "judge")
        self._threads = ThreadPoolExecutor(threads, "prepare")
        self._tasks: list[asyncio.Task[None]] = []
        self._stopped = Event()
        self.inside = 0

    def start(self) -> None:
        """Begin to work; on the event loop."""
        self._loop = asyncio.get_running_loop()
        self._tasks = [asyncio.create_task(self._serve()) for _ in range(AT_ONCE)]

    async def stop(self) -> None:
        """Stop; whoever still waits is told so."""
        self._stopped.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        while not self._waiting.empty():
            _fail([self._waiting.get_nowait()], busy("The service is stopping."))
        self._judges.shutdown(cancel_futures=True)
        self._threads.shutdown(cancel_futures=True)

    def require_free(self) -> None:
        """Refuse when no place is free.

        Raises:
            Problem: there is none.
        """
        if self._places.locked():
            raise busy(f"All {self._size} places are taken; try again soon.")

    @asynccontextmanager
    async def place(self, deadline: float, *, wait: bool = False) -> AsyncIterator[None]:
        """Hold a place for as long as the block takes.

        Args:
            deadline: seconds after which the block is given up.
            wait: for a place, where none is free.

        Raises:
            Problem: no place is free, or the deadline has passed.
        """
        if not wait:
            self.require_free()
        try:
            async with asyncio.timeout(deadline), self._places:
                self.inside += 1
                try:
                    yield
                finally:
                    self.inside -= 1
        except TimeoutError as error:
            detail = f"It could not be judged within {deadline:g} seconds."
            raise Problem(504, "deadline", detail, retry_after=1) from error

    async def run(self, function: Callable[[*Arguments], Returned], *args: *Arguments) -> Returned:
        """Call a function on a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *args)

    async def work(self, item: Item) -> Result:
        """Return what the function makes of an item."""
        answer: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.put_nowait((item, answer))
        return await answer

    def ask(self, item: Item, going_on: Callable[[], None] = lambda: None) -> Result:
        """Return what the function makes of an item, on a thread that has nothing else to do.

        Args:
            going_on: called every now and then; what it raises ends the waiting.

        Raises:
            Problem: the queue has stopped.
        """

        def look() -> None:
            going_on()
            if self._stopped.is_set():
                raise busy("The service is stopping.")

        look()
        asked = asyncio.run_coroutine_threadsafe(self.work(item), self._loop)
        try:
            while not wait([asked], TICK).done:
                look()
            return asked.result()
        finally:
            asked.cancel()

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            batch = await self._next()
            items = [item for item, _ in batch]
            try:
                results = await loop.run_in_executor(self._judges, self._work, items)
            except asyncio.CancelledError:
                _fail(batch, busy("The service is stopping."))
                raise
            except Exception as error:  # noqa: BLE001 - whoever asked gets it
                _fail(batch, error)
                continue
            self._seen(len(items))
            for (_, answer), result in zip(batch, results, strict=True):
                if not answer.done():
                    answer.set_result(result)

    async def _next(self) -> list[tuple[Item, asyncio.Future[Result]]]:
        """Return the next batch, without those that nobody waits for any more."""
        batch: list[tuple[Item, asyncio.Future[Result]]] = []
        while not batch or (len(batch) < self._batch_size and not self._waiting.empty()):
            entry = await self._waiting.get()
            if not entry[1].done():
                batch.append(entry)
        return batch


def _fail(batch: Sequence[tuple[Item, asyncio.Future[Result]]], error: Exception) -> None:
    for _, answer in batch:
        if not answer.done():
            answer.set_exception(error)
