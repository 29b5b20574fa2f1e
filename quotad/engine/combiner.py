"""Requests of one Subject that wait together become one call; all Subjects of a tick one write.

A ``Lane`` is one Subject's queue. At most one of its calls is in flight: whoever comes meanwhile
rides in the next, in order of arrival, and so do settles. A call past its deadline stays open; until
it is resolved the Lane's requests are answered by the failure policy at once.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from quotad.core.plans import Subject
from quotad.core.quota import Answer, AnswerStatus, Call, Terms
from quotad.core.verdict import Waiter
from quotad.engine.entries import Entry
from quotad.errors import StoreError
from quotad.store.interface import Store

MAX_RETRIES = 2
"""How often waiters ride again when the windows that were sent did not fit the store's time."""


class Lane:
    """One Subject's waiting requests, its call in flight, and this process's Entry in it."""

    __slots__ = (
        "busy",
        "dirty",
        "entry",
        "late",
        "listed",
        "owed",
        "queued",
        "retries",
        "sent_s",
        "subject",
        "waiting",
    )

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.waiting: list[Waiter] = []
        self.entry = Entry()
        self.busy = False
        """A call is in flight."""
        self.late = False
        """The call in flight is past its deadline."""
        self.queued = False
        """It goes out with the present tick."""
        self.dirty = False
        """It holds numbers that the store has not heard."""
        self.listed = False
        """It is among the Lanes whose numbers go out soon even if nobody asks."""
        self.owed = 0
        """Requests admitted without the store today that no granted unit has paid for yet."""
        self.sent_s = 0.0
        """When its last call went out (monotonic): a Lane with Holds must not stay silent."""
        self.retries = 0


class Results(Protocol):
    """Who hears what became of a Lane's call (the limiter)."""

    def now_us(self) -> int:
        """The store's time, about."""

    def terms(self, subject: Subject, now_us: int) -> Terms:
        """What the Subject's plan says then."""

    def refit(self, now_us: int) -> None:
        """The windows sent did not contain the store's time, which is this."""

    def decided(self, lane: Lane, waiters: Sequence[Waiter], terms: Terms, answer: Answer) -> None:
        """The store decided; ``waiters`` are empty when it came past the deadline."""

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
        asking = [lane for lane in lanes if lane.waiting]
        if len(asking) < len(lanes):
            self._submit([lane for lane in lanes if not lane.waiting], settle_only=True)
        if asking:
            self._submit(asking, settle_only=False)

    def _submit(self, lanes: list[Lane], settle_only: bool) -> None:
        calls: list[Call] = []
        waiters: list[list[Waiter]] = []
        results = self._results
        now_s, now_us, number = self._monotonic_s(), results.now_us(), self._number
        for lane in lanes:
            riders, lane.waiting = lane.waiting, []
            cost = len(riders)
            for rider in riders:
                if rider.gone:
                    cost -= 1
            lane.queued = lane.dirty = False
            lane.busy = True
            lane.sent_s = now_s
            entry, subject = lane.entry, lane.subject
            number += 1
            calls.append(
                Call(
                    subject,
                    results.terms(subject, now_us),
                    cost,
                    entry.generation,
                    number,
                    entry.day.numbers(),
                    entry.previous.numbers(),
                )
            )
            waiters.append(riders)
        self._number = number
        self.in_flight += len(lanes)
        self._store.submit(Flight(self, lanes, calls, waiters), settle_only)

    def overdue(self, lane: Lane, waiters: list[Waiter]) -> None:
        """The Lane's call passed its deadline; it stays open."""
        lane.late = True
        waiters.extend(lane.waiting)
        lane.waiting = []
        self._results.failed(lane, waiters, "deadline")

    def landed(self, lane: Lane, call: Call, waiters: list[Waiter], answer: Answer | StoreError) -> None:
        """One call is resolved: its Lane may send again."""
        lane.busy = lane.late = False
        if isinstance(answer, StoreError):
            lane.dirty = True
            self._results.failed(lane, waiters, answer.kind)
        elif answer.status == AnswerStatus.DECIDED:
            lane.retries = 0
            self._results.decided(lane, waiters, call.terms, answer)
        else:
            self._undecided(lane, waiters, answer)
        if lane.waiting:
            self.send(lane)

    def _undecided(self, lane: Lane, waiters: list[Waiter], answer: Answer) -> None:
        lane.dirty = True
        if answer.status == AnswerStatus.WINDOWS_UNFIT and lane.retries < MAX_RETRIES:
            lane.retries += 1
            self._results.refit(answer.now_us)
            lane.waiting[:0] = waiters
        else:
            lane.retries = 0
            self._results.failed(lane, waiters, "undecided")
