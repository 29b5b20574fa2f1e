"""When calls fail at once."""

from collections import deque
from types import SimpleNamespace
from typing import Any

import pytest

from quotad.store.breaker import PROBE_S, Breaker

DEADLINE_S = 0.05


def wire(*expires_s: float) -> Any:
    """A connection with calls open that expire then."""
    return SimpleNamespace(open=deque(SimpleNamespace(expires_s=each) for each in expires_s))


@pytest.mark.pure
def test_a_connection_that_owes_nothing_takes_every_call() -> None:
    """Nothing is open, or what is open is not late by a deadline: the breaker is closed."""
    breaker = Breaker(DEADLINE_S, 100.0)
    assert not breaker.holds(wire(), 200.0)
    assert not breaker.holds(wire(200.0), 200.0 + DEADLINE_S / 2)


@pytest.mark.pure
def test_a_silent_server_gets_a_call_now_and_then() -> None:
    """A deadline after the oldest call was late, one call per probe time goes out, the rest fails at once."""
    breaker = Breaker(DEADLINE_S, 100.0)
    silent, now_s = wire(200.0, 300.0), 200.0 + DEADLINE_S
    held = [breaker.holds(silent, now_s + step * PROBE_S / 4) for step in range(9)]
    assert held == [False, True, True, True] * 2 + [False]


def test_without_a_connection_calls_wait_one_deadline_and_no_longer() -> None:
    """While it is made anew calls wait for it; later ones are told at once."""
    breaker = Breaker(DEADLINE_S, 100.0)
    breaker.lost(200.0)
    assert not breaker.holds(None, 200.0 + DEADLINE_S / 2)
    assert breaker.holds(None, 200.0 + 2 * DEADLINE_S)
