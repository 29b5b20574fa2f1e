"""Requests of one Subject that wait together become one call; all Subjects of a tick one write.

A ``Lane`` is one Subject's queue. At most one of its calls is in flight: whoever comes meanwhile
rides in the next, in order of arrival, and so do settles. A call past its deadline stays open; until
it is resolved the Lane's requests are answered by the failure policy at once.
"""

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from quotad.core.plans import Subject
from quotad.core.quota import LEAVE, Answer, AnswerStatus, Call, Terms
from quotad.core.verdict import Waiter
from quotad.engine.lane import Lane
from quotad.errors import StoreError
from quotad.store.interface import Store

MAX_RETRIES = 3
"""How often waiters ride again when the windows that were sent did not fit the store's time."""

_new_tuple: Final = tuple.__new__
_DECIDED: Final = int(AnswerStatus.DECIDED)


class Results(Protocol):
    """Who hears what became of a Lane's call (the limiter)."""

    def now_us(self) -> int:
        """The store's time, about."""

    def terms(self, subject: Subject, now_us: int) -> Terms:
        """What the Subject's plan says then."""

    def refit(self, now_us: int) -> None:
        """The windows sent did not contain the store's time, which is this."""

    def decided(self, lane: Lane, call: Call, waiters: Sequence[Waiter], answer: Answer, late: bool) -> None:
        """The store decided; ``late``: past the deadline, so that nobody waits."""

    def failed(self, lane: Lane, waiters: Sequence[Waiter], kind: str) -> None:
        """The store did not decide; a later Answer's numbers may still show a grant."""


class Flight:
    """The calls of one tick while they are in flight (``store.interface.Batch``)."""

    __slots__ = ("_combiner", "_lanes", "_waiters", "calls")

    def __init__(
        self, combiner: "Combiner", lanes: list[Lane], calls: list[Call], waiters: list[list[Waiter]]
    ) -> None:
        self._combiner = combiner
        self._lanes = lanes
        self._waiters = waiters
        self.calls: Sequence[Call] = calls

    def late(self) -> None:
        """All who wait, also for the next ride, hear from the failure policy."""
        for index, lane in enumerate(self._lanes):
            waiters, self._waiters[index] = self._waiters[index], []
            self._combiner.overdue(lane, waiters)

    def done(self, answers: Sequence[Answer | StoreError]) -> None:
        """The store answered, or never will."""
        combiner = self._combiner
        combiner.in_flight -= len(self._lanes)
        for lane, call, waiters, answer in zip(self._lanes, self.calls, self._waiters, answers, strict=True):
            combiner.landed(lane, call, waiters, answer)


class Combiner:
    """Collects Lanes that have something to say and sends them once per event-loop tick."""

    def __init__(
        self,
        store: Store,
        results: Results,
        call_soon: Callable[[Callable[[], None]], object],
        monotonic_s: Callable[[], float],
    ) -> None:
        self._store = store
        self._results = results
        self._call_soon = call_soon
        self._monotonic_s = monotonic_s
        self._ready: list[Lane] = []
        self._number = 0
        self.in_flight = 0
        """Calls that are not resolved yet."""

    @property
    def reconnects(self) -> int:
        """See ``Store.reconnects``."""
        return self._store.reconnects

    @property
    def idle(self) -> bool:
        """Whether every call is resolved and none is about to go out."""
        return not self.in_flight and not self._ready

    def send(self, lane: Lane) -> None:
        """The Lane has waiters, or numbers to tell; it goes out with this tick or its next turn."""
        if lane.busy or lane.queued:
            return
        lane.queued = True
        if not self._ready:
            self._call_soon(self._flush)
        self._ready.append(lane)

    def _flush(self) -> None:
        lanes, self._ready = self._ready, []
        asking = [lane for lane in lanes if lane.waiting or lane.wants or lane.remembers]
        if len(asking) < len(lanes):
            asked = set(asking)
            self._submit([lane for lane in lanes if lane not in asked], settle_only=True)
        if asking:
            self._submit(asking, settle_only=False)

    def _submit(self, lanes: list[Lane], settle_only: bool) -> None:
        calls: list[Call] = []
        waiters: list[list[Waiter]] = []
        results = self._results
        now_s, now_us = self._monotonic_s(), results.now_us()
        terms, plan = None, None
        for lane in lanes:
            riders, lane.waiting = lane.waiting, []
            cost = len(riders)
            for rider in riders:
                if rider.gone:
                    cost -= 1
            lane.queued = lane.dirty = False
            lane.busy = True
            lane.sent_s = now_s
            subject = lane.subject
            if terms is None or subject.plan is not plan:
                plan = subject.plan
                terms = results.terms(subject, now_us)
            calls.append(self._call(lane, terms, cost, settle_only, now_s))
            waiters.append(riders)
        self.in_flight += len(lanes)
        self._store.submit(Flight(self, lanes, calls, waiters), settle_only)

    def _call(self, lane: Lane, terms: Terms, cost: int, settle_only: bool, now_s: float) -> Call:
        entry, stock = lane.entry, lane.stock
        memory = None
        ahead = spent = returned = 0
        self._number = number = self._number + 1
        if settle_only:
            if lane.leaving:
                cost = LEAVE
        else:
            lane.wants = False
            if lane.remembers:
                lane.remembers = False
                # Told of an Entry that went on purpose, the store would count it twice.
                memory = None if lane.unsure else entry.memory()
        if stock is not None:
            if stock.left and now_s >= stock.ends_s:
                entry.day.close(0, stock.take_back())
            if not settle_only:
                stock.measure(lane.asked, now_s)
                ahead = stock.wanted()
                stock.renewed_at = lane.asked
            spent, returned = stock.spent, stock.returned
        day, previous = entry.day.numbers(), entry.previous.numbers()
        # fmt: off
        # What Call(...) does, without its call in Python.
        return _new_tuple(Call, (
            lane.subject, terms, cost, entry.generation, number, day, previous, entry.heard,
            entry.version, ahead, spent, returned, memory,
        ))
        # fmt: on

    def overdue(self, lane: Lane, waiters: list[Waiter]) -> None:
        """The Lane's call passed its deadline; it stays open."""
        lane.late = True
        waiters.extend(lane.waiting)
        lane.waiting = []
        self._results.failed(lane, waiters, "deadline")

    def landed(self, lane: Lane, call: Call, waiters: list[Waiter], answer: Answer | StoreError) -> None:
        """One call is resolved: its Lane may send again."""
        late = lane.late
        lane.busy = lane.late = False
        if isinstance(answer, StoreError):
            lane.dirty = True
            if call.cost == LEAVE:
                lane.unsure = True
            self._results.failed(lane, waiters, answer.kind)
        elif answer.status == _DECIDED:
            lane.retries = 0
            lane.owes_since_s = 0.0
            lane.unsure = False
            self._results.decided(lane, call, waiters, answer, late)
        else:
            self._undecided(lane, call, waiters, answer)
        if lane.waiting or lane.remembers or lane.wants:
            self.send(lane)

    def _undecided(self, lane: Lane, call: Call, waiters: list[Waiter], answer: Answer) -> None:
        lane.dirty = True
        if lane.retries < MAX_RETRIES and answer.status != AnswerStatus.NUMBER_STALE:
            lane.retries += 1
            lane.waiting[:0] = waiters
            if answer.status == AnswerStatus.WINDOWS_UNFIT:
                self._results.refit(answer.now_us)
                lane.remembers = call.memory is not None
                self.send(lane)
            elif lane.unsure and not answer.generation and answer.version > call.version:
                # It went, and the answer that said so was lost.
                lane.unsure = lane.leaving = False
                lane.entry.leave()
            else:
                lane.unsure = False
                lane.remembers = True
                lane.entry.recall(answer.generation)
        else:
            lane.retries = 0
            self._results.failed(lane, waiters, "undecided")
