"""Time that jumps: order, cancelling, Tasks, and what an exception does."""

import asyncio

import pytest

from bench.simulation.loop import SimulatedLoop


def test_events_happen_in_order_of_time_then_of_asking() -> None:
    """Whatever is due goes off in order of its time; at the same time whoever asked first goes first."""
    loop = SimulatedLoop.make()
    seen: list[tuple[str, float]] = []

    def see(name: str) -> None:
        seen.append((name, loop.time()))

    for when_s, name in ((2.0, "late"), (1.0, "first"), (1.0, "second")):
        loop.at(when_s, see, name)
    loop.run_to(3.0)
    assert seen == [("first", 1.0), ("second", 1.0), ("late", 2.0)]
    assert loop.time() == 3.0


def test_nothing_beyond_the_end_happens() -> None:
    """What is due at the end or later waits for the next run."""
    loop = SimulatedLoop.make()
    seen: list[float] = []
    loop.at(1.0, lambda: seen.append(loop.time()))
    loop.run_to(1.0)
    assert not seen
    loop.run_to(1.5)
    assert seen == [1.0]


def test_a_cancelled_timer_stays_silent() -> None:
    """A timer that was cancelled before its time, and a callback before its turn, never run."""
    loop = SimulatedLoop.make()
    seen: list[str] = []
    loop.call_later(1.0, seen.append, "timer").cancel()
    loop.call_soon(seen.append, "soon").cancel()
    loop.run_to(2.0)
    assert not seen


def test_tasks_and_timeouts_go_by_its_time() -> None:
    """A coroutine sleeps and times out in simulated seconds; nothing really waits."""
    loop = SimulatedLoop.make()

    async def work() -> bool:
        await asyncio.sleep(1000.0)
        try:
            async with asyncio.timeout(500.0):
                await asyncio.Event().wait()
        except TimeoutError:
            return loop.time() == pytest.approx(1500.0)
        return False

    assert loop.finish(work(), 2000.0)


def test_what_does_not_end_in_time_is_cancelled() -> None:
    """Of a coroutine that goes on for longer it says so, and ends it."""
    loop = SimulatedLoop.make()
    ended: list[bool] = []

    async def work() -> bool:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)
        return True

    assert not loop.finish(work(), 1.0)
    assert ended == [True]


def test_an_exception_ends_the_run() -> None:
    """A simulation does not go on after an error in a callback."""
    loop = SimulatedLoop.make()
    loop.call_later(1.0, lambda: 1 / 0)
    with pytest.raises(RuntimeError) as caught:
        loop.run_to(2.0)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
