"""Waiting without a Future, and deadlines on one coarse timer, with a clock that the test moves."""

import asyncio
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quotad.dataplane.flow import DateLine, Timed, Wheel, pause


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


class Alarm(Timed):
    def __init__(self) -> None:
        super().__init__()
        self.fired: list[float] = []

    def on_deadline(self, now_s: float) -> None:
        self.fired.append(now_s)


@pytest.mark.pure  # A compiled generator is awaited by compiled code only.
def test_pause_hands_over_what_is_sent() -> None:
    """A coroutine stands still until it is sent something, which is what it then gets."""
    heard: list[object] = []

    async def listen() -> None:
        while True:
            heard.append(await pause())

    coroutine = listen()
    coroutine.send(None)
    coroutine.send("a")
    coroutine.send("b")
    assert heard == ["a", "b"]
    coroutine.close()


@pytest.mark.pure  # Alarm cannot extend a compiled class.
@given(st.lists(st.one_of(st.floats(0, 20), st.just(inf), st.just(-1.0)), max_size=30), st.floats(0.1, 3))
def test_deadlines(moves: list[float], tick_s: float) -> None:
    """However a deadline moves, it fires once, never early and at most two ticks late."""
    clock = Clock()
    wheel, alarm = Wheel(tick_s, clock), Alarm()
    for move in moves:
        if move < 0:
            clock.now_s += 2.5
            wheel.advance(clock.now_s)
        else:
            wheel.arm(alarm, clock.now_s + move)
            alarm.fired.clear()
    due_s = alarm.deadline_s
    if due_s == inf:
        return
    while clock.now_s < due_s + 2 * tick_s:
        assert not alarm.fired or alarm.fired[0] >= due_s
        clock.now_s += tick_s / 2
        wheel.advance(clock.now_s)
    assert len(alarm.fired) == 1
    assert alarm.fired[0] >= due_s
    wheel.advance(clock.now_s + 100)
    assert len(alarm.fired) == 1


@pytest.mark.pure  # Alarm cannot extend a compiled class.
def test_a_later_deadline_needs_no_wheel() -> None:
    """Setting the attribute moves a deadline back, or takes it away."""
    clock = Clock()
    wheel, alarm = Wheel(1.0, clock), Alarm()
    wheel.arm(alarm, 1005.0)
    alarm.deadline_s = 1010.0
    wheel.advance(1008.0)
    assert alarm.fired == []
    wheel.advance(1012.0)
    assert alarm.fired == [1012.0]
    wheel.arm(alarm, 1020.0)
    alarm.deadline_s = inf
    wheel.advance(2000.0)
    assert alarm.fired == [1012.0]


@pytest.mark.pure  # Alarm cannot extend a compiled class.
def test_arming_from_within_a_deadline() -> None:
    """A deadline that is set while the wheel turns comes with one of its next turns."""
    clock = Clock()
    wheel = Wheel(1.0, clock)

    class Again(Alarm):
        def on_deadline(self, now_s: float) -> None:
            super().on_deadline(now_s)
            wheel.arm(self, now_s - 500 if len(self.fired) < 3 else inf)

    alarm = Again()
    wheel.arm(alarm, 1001.0)
    for now_s in (1003.0, 1010.0, 1030.0, 1060.0):
        wheel.advance(now_s)
    assert alarm.fired == [1003.0, 1010.0, 1030.0]


@pytest.mark.pure  # Alarm cannot extend a compiled class.
async def test_the_wheel_turns_on_the_loop() -> None:
    """Started, it fires by itself; stopped, no more."""
    wheel, alarm = Wheel(0.001), Alarm()
    wheel.start(asyncio.get_running_loop())
    wheel.arm(alarm, wheel.clock())
    while not alarm.fired:  # noqa: ASYNC110 - the wheel is what is awaited.
        await asyncio.sleep(0)
    wheel.stop()
    wheel.arm(alarm, wheel.clock())
    await asyncio.sleep(0.01)
    assert len(alarm.fired) == 1


def test_date() -> None:
    """The date is an IMF-fixdate (RFC 9110, section 5.6.7), made once a second."""
    clock = Clock()
    date = DateLine(clock)
    assert date.at(784111777.9) == b"Sun, 06 Nov 1994 08:49:37 GMT"
    assert date.at(784111777.0) is date.at(784111777.5)
    assert date.now() == b"Thu, 01 Jan 1970 00:16:40 GMT"
