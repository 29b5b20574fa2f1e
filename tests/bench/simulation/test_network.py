"""The way to the store: order, one core, outages, and processes that died."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random

import pytest

from bench.simulation.cases import FREE
from bench.simulation.loop import SimulatedLoop
from bench.simulation.network import DEADLINE_S, START_US, STUCK_S, Conditions, Server, SimulatedStore
from quotad.core.plans import Subject
from quotad.core.quota import Answer, Call, DayNumbers
from quotad.engine.terms import TermsBook
from quotad.errors import StoreError

STEADY = Conditions(
    least_s=0.001, most_s=0.001, slow_share=0.0, lost_share=0.0, call_us=100.0, subject_us=0.0
)
SUBJECT = Subject(FREE, "service-test", "release")


class Batch:
    """Keeps what it was told, and when."""

    def __init__(self, loop: SimulatedLoop, number: int, count: int = 1) -> None:
        self._loop = loop
        terms = TermsBook().terms(FREE, START_US)
        one = Call(SUBJECT, terms, 1, 0, number, DayNumbers(), DayNumbers())
        self.calls: Sequence[Call] = [one._replace(number=number + place) for place in range(count)]
        self.late_s: float | None = None
        self.done_s: float | None = None
        self.answers: Sequence[Answer | StoreError] = ()

    def late(self) -> None:
        self.late_s = self._loop.time()

    def done(self, answers: Sequence[Answer | StoreError]) -> None:
        assert self.done_s is None
        self.done_s = self._loop.time()
        self.answers = answers


def world(conditions: Conditions) -> tuple[SimulatedLoop, Server, SimulatedStore]:
    loop = SimulatedLoop.make()
    server = Server(loop, conditions)
    return loop, server, SimulatedStore(loop, server, Random(1), b"sidecar1")


def test_a_call_takes_both_ways_and_its_time_on_the_core() -> None:
    """An answer comes after two delays and the cost of the script."""
    loop, server, store = world(STEADY)
    batch = Batch(loop, 1)
    loop.at(0.0, store.submit, batch)
    loop.run_to(1.0)
    assert batch.done_s is not None
    assert abs(batch.done_s - 0.0021) < 1e-9
    assert server.calls == server.subjects == 1
    assert batch.late_s is None


def test_calls_wait_for_one_another_on_the_core() -> None:
    """Two that arrive together are decided one after the other."""
    loop, server, store = world(STEADY)
    other = SimulatedStore(loop, server, Random(2), b"sidecar2")
    first, second = Batch(loop, 1), Batch(loop, 1)
    loop.at(0.0, store.submit, first)
    loop.at(0.0, other.submit, second)
    loop.run_to(1.0)
    assert first.done_s is not None
    assert second.done_s is not None
    assert abs(second.done_s - first.done_s - 0.0001) < 1e-9
    assert abs(server.busy_s - 0.0002) < 1e-9


def test_a_large_batch_is_several_script_calls() -> None:
    """One per 64 Subjects; it hears once."""
    loop, server, store = world(STEADY)
    batch = Batch(loop, 1, count=130)
    loop.at(0.0, store.submit, batch)
    loop.run_to(1.0)
    assert server.calls == 3
    assert len(batch.answers) == 130


def test_what_is_held_up_holds_up_what_follows() -> None:
    """One connection keeps its order: a call behind a lost packet waits for it."""
    loop, server, store = world(replace(STEADY, lost_share=1.0))
    first, second = Batch(loop, 1), Batch(loop, 2)
    loop.at(0.0, store.submit, first)
    loop.at(0.001, lambda: setattr(server, "conditions", STEADY))
    loop.at(0.002, store.submit, second)
    loop.run_to(2.0)
    assert first.done_s is not None
    assert second.done_s is not None
    assert second.done_s >= first.done_s > STEADY.resend_s


def test_an_outage_is_late_then_lost_then_over() -> None:
    """Late at the deadline, failed after a second, refused at once meanwhile, then connected anew."""
    loop, _, store = world(replace(STEADY, outage_s=(1.0, 5.0)))
    lost, refused, after = Batch(loop, 1), Batch(loop, 2), Batch(loop, 3)
    loop.at(1.0, store.submit, lost)
    loop.at(3.0, store.submit, refused)
    loop.at(6.0, store.submit, after)
    loop.run_to(10.0)
    assert lost.late_s == 1.0 + DEADLINE_S
    assert lost.done_s == pytest.approx(1.0 + STUCK_S)
    assert isinstance(lost.answers[0], StoreError)
    assert lost.answers[0].executed is None
    assert refused.done_s == 3.0
    assert isinstance(after.answers[0], Answer)
    assert store.reconnects == 1


def test_a_killed_process_hears_nothing() -> None:
    """What it had asked is decided all the same; no answer reaches it, and it sends nothing more."""
    loop, server, store = world(STEADY)
    batch, later = Batch(loop, 1), Batch(loop, 2)
    loop.at(0.0, store.submit, batch)
    loop.at(0.0005, lambda: setattr(store, "dead", True))
    loop.at(0.001, store.submit, later)
    loop.run_to(5.0)
    assert server.calls == 1
    assert batch.done_s is None
    assert batch.late_s is None
