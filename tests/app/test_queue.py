import asyncio
import time
from functools import partial
from threading import Event, Timer

import pytest

from app.problems import Problem
from app.queue import Queue


def queue(work, *, places=8, batch_size=4):
    made = Queue(work, places=places, batch_size=batch_size, threads=2)
    made.start()
    return made


def test_one_alone_does_not_wait_for_company():
    async def story():
        doubled = queue(lambda items: [2 * item for item in items])
        assert await asyncio.wait_for(doubled.work(21), 5) == 42
        await doubled.stop()

    asyncio.run(story())


def test_results_go_to_those_who_asked():
    async def story():
        doubled = queue(lambda items: [2 * item for item in items], batch_size=3)
        assert await asyncio.gather(*map(doubled.work, range(50))) == list(range(0, 100, 2))
        await doubled.stop()

    asyncio.run(story())


def test_threads_ask_as_well():
    async def story():
        doubled = queue(lambda items: [2 * item for item in items])
        assert await asyncio.wait_for(doubled.run(doubled.ask, 21), 20) == 42
        await doubled.stop()
        with pytest.raises(Problem):
            doubled.ask(21)

    asyncio.run(story())


def test_the_event_loop_goes_on_while_work_is_done():
    async def story():
        slow = queue(lambda items: [time.sleep(0.3) for _ in items])
        asked = asyncio.create_task(slow.work(None))
        ticks = 0
        while not asked.done():
            await asyncio.sleep(0.01)
            ticks += 1
        assert ticks > 5
        await slow.stop()

    asyncio.run(story())


def test_what_nobody_waits_for_any_more_is_not_worked_on():
    go, worked = Event(), []

    def work(items):
        go.wait(10)
        worked.extend(items)
        return items

    async def story():
        held = queue(work, batch_size=1)
        tasks = [asyncio.create_task(held.work(item)) for item in range(6)]
        await asyncio.sleep(0.05)
        for task in tasks[3:]:
            task.cancel()
        await asyncio.sleep(0)
        go.set()
        assert await asyncio.gather(*tasks[:3]) == [0, 1, 2]
        await held.stop()

    asyncio.run(story())
    assert sorted(worked) == [0, 1, 2]


def test_an_error_reaches_those_of_its_batch_and_no_others():
    def work(items):
        if "bad" in items:
            raise ArithmeticError("bad")
        return items

    async def story():
        fragile = queue(work, batch_size=1)
        results = await asyncio.gather(
            *map(fragile.work, ["a", "bad", "b"]), return_exceptions=True
        )
        assert results[0] == "a"
        assert isinstance(results[1], ArithmeticError)
        assert results[2] == "b"
        await fragile.stop()

    asyncio.run(story())


def test_places_are_given_back_whatever_happens():
    async def story():
        idle = queue(lambda items: items, places=1)
        for _ in range(3):
            with pytest.raises(Problem) as late:
                async with idle.place(0.01):
                    await asyncio.sleep(5)
            assert late.value.status == 504
            with pytest.raises(KeyError):
                async with idle.place(1):
                    raise KeyError
        async with idle.place(1):
            with pytest.raises(Problem) as full:
                async with idle.place(1):
                    pass
            assert full.value.status == 503
        idle.require_free()
        assert idle.inside == 0
        await idle.stop()

    asyncio.run(story())


@pytest.mark.parametrize(("asking", "count"), [("work", 5), ("ask", 2)])
def test_who_still_waits_when_it_stops_is_told(asking, count):
    """A task, or a thread that asked."""
    go = Event()

    async def story():
        stuck = queue(lambda items: [go.wait(10) for _ in items], batch_size=1)
        ask = stuck.work if asking == "work" else partial(stuck.run, stuck.ask)
        tasks = [asyncio.create_task(ask(item)) for item in range(count)]
        await asyncio.sleep(0.05)
        Timer(0.1, go.set).start()
        await stuck.stop()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(result, Problem) for result in results)

    asyncio.run(story())
