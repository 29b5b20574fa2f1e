"""reserve, settle, release: all that the exchange calls (``core.verdict.Admission``)."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from quotad.clock import MonotonicClock, WallClock
from quotad.core.plans import Subject
from quotad.core.quota import Answer, Limit, Terms
from quotad.core.verdict import Verdict, Waiter
from quotad.engine.combiner import Combiner, Lane
from quotad.engine.failure import Outage
from quotad.engine.terms import TermsBook
from quotad.store.interface import Store

SETTLE_DELAY_S = 0.025
"""How long settles wait for a request of their Subject to ride with before they go alone."""

OUTAGE_SETTLE_DELAY_S = 0.5
"""The same while the store is failing: it is not to be hammered."""

HEARTBEATS_PER_HOLD = 3
"""An Entry with Holds is renewed this often within the hold time: two may be lost."""

REASONS = {Limit.RATE: "rate", Limit.DAY: "quota", Limit.MONTH: "quota", Limit.TOTAL: "quota"}


class Timer(Protocol):
    """What ``call_later`` answers."""

    def cancel(self) -> None:
        """Do not call any more."""


CallLater = Callable[[float, Callable[[], None]], Timer]


class Grant:
    """Where the units of one Answer belong; shared by all requests that it admitted."""

    __slots__ = ("day_end_us", "generation", "held", "lane")

    def __init__(self, lane: Lane, answer: Answer, held: bool) -> None:
        self.lane = lane
        self.generation = answer.generation
        self.day_end_us = answer.day_end_us
        self.held = held
        """True: Holds, to be settled. False: charged when granted."""


class Unaccounted:
    """A request that was admitted without the store (``onStoreFailure: open``)."""

    __slots__ = ("lane",)

    def __init__(self, lane: Lane) -> None:
        self.lane = lane


class Limiter:
    """Exact decisions for one process. Single-threaded: lives on one event loop."""

    def __init__(
        self,
        store: Store,
        *,
        hold_s: float,
        max_waiting: int,
        monotonic_s: MonotonicClock,
        wall_s: WallClock,
        call_later: CallLater | None = None,
    ) -> None:
        """``call_later`` is the running loop's unless a test moves the time."""
        self._store = store
        self._hold_s = hold_s
        self._max_waiting = max_waiting
        self._monotonic_s = monotonic_s
        self._wall_s = wall_s
        self._loop = asyncio.get_running_loop()
        self._call_later: CallLater = call_later or self._loop.call_later
        self._resolved = asyncio.Event()
        self._combiner = Combiner(store, self, self._loop.call_soon, monotonic_s)
        self._terms = TermsBook()
        self._refit_us: int | None = None
        self._lanes: dict[str, Lane] = {}
        self._dirty: list[Lane] = []
        self._heartbeat: Timer | None = None
        self.outage = Outage(monotonic_s)
        self.waiting = 0
        """Requests that wait for their Verdict."""

    # What the exchange calls.

    def reserve(self, subject: Subject, waiter: Waiter) -> None:
        """Ask for one unit; see ``core.verdict.Admission``."""
        lane = self._lanes.get(subject.tag)
        if lane is None:
            lane = self._lanes[subject.tag] = Lane(subject)
        elif lane.subject is not subject:
            lane.subject = subject
        if lane.late:
            self._loop.call_soon(self._refuse_unanswered, lane, waiter)
        elif self.waiting >= self._max_waiting:
            self._loop.call_soon(self._refuse, lane, waiter, "overload")
        else:
            self.waiting += 1
            lane.waiting.append(waiter)
            if not lane.busy and not lane.queued:
                self._combiner.send(lane)

    def settle(self, verdict: Verdict, counted: bool) -> None:
        """The final status is known; see ``core.verdict.Admission``."""
        unit, verdict.unit = verdict.unit, None
        if isinstance(unit, Grant):
            if unit.held and unit.lane.entry.close(unit.generation, unit.day_end_us, counted):
                self._soil(unit.lane)
        elif isinstance(unit, Unaccounted) and counted:
            unit.lane.owed += 1

    def release(self, verdict: Verdict) -> None:
        """Nothing was sent upstream; see ``core.verdict.Admission``."""
        unit, verdict.unit = verdict.unit, None
        if not isinstance(unit, Grant):
            return
        entry = unit.lane.entry
        if unit.held:
            changed = entry.close(unit.generation, unit.day_end_us, counted=False)
        else:
            changed = entry.give_back_charged(unit.generation, unit.day_end_us)
        if changed:
            self._soil(unit.lane)

    # What the combiner calls (``combiner.Results``).

    def now_us(self) -> int:
        """The store's present time, about."""
        now_us = self._refit_us or self._store.now_us()
        # Not heard yet: a guess that the store checks against its own time.
        return int(self._wall_s() * 1e6) if now_us is None else now_us

    def terms(self, subject: Subject, now_us: int) -> Terms:
        """What the Subject's plan says then."""
        return self._terms.terms(subject.plan, now_us)

    def refit(self, now_us: int) -> None:
        """The store's time is not what was thought: the next calls' windows are made for this one."""
        self._refit_us = now_us

    def decided(self, lane: Lane, waiters: Sequence[Waiter], terms: Terms, answer: Answer) -> None:
        """Admit the first ``granted`` of those who still wait, refuse the rest."""
        self._refit_us = None
        self._resolved.set()
        if self.outage.failing:
            self.outage.answered()
        self.waiting -= len(waiters)
        for waiter in waiters:
            if waiter.gone:
                waiters = [waiter for waiter in waiters if not waiter.gone]
                break
        admitted = min(answer.granted, len(waiters))
        if lane.owed and 0 != lane.entry.day.end_us != answer.day_end_us:
            lane.owed = 0
        paid, returned = lane.entry.hear(answer, admitted, terms.conditional, lane.owed)
        if returned or paid:
            lane.owed -= paid
            self._soil(lane)
        grant = Grant(lane, answer, terms.conditional)
        subject, place = lane.subject, admitted
        for waiter in waiters:
            if place:
                place -= 1
                verdict = Verdict(subject, True, answer, grant, place)
            else:
                verdict = Verdict(subject, False, answer)
                self._explain(verdict, answer)
            self._tell(waiter, verdict)

    def failed(self, lane: Lane, waiters: Sequence[Waiter], kind: str) -> None:
        """The failure policy answers; what the store may have granted shows in a later Answer."""
        del kind
        self._resolved.set()
        self.outage.failed()
        self.waiting -= len(waiters)
        for waiter in waiters:
            self._refuse_unanswered(lane, waiter)
        if lane.dirty:
            self._soil(lane)

    # Verdicts without an Answer.

    def _refuse_unanswered(self, lane: Lane, waiter: Waiter) -> None:
        if waiter.gone:
            return
        if not self.outage.admits(lane.subject.plan):
            self._refuse(lane, waiter, "store")
            return
        verdict = Verdict(lane.subject, True, None)
        verdict.unit = Unaccounted(lane)
        self._tell(waiter, verdict)

    def _refuse(self, lane: Lane, waiter: Waiter, reason: str) -> None:
        verdict = Verdict(lane.subject, False, None)
        verdict.reason = reason
        verdict.retry_after_s = 1
        self._tell(waiter, verdict)

    @staticmethod
    def _explain(verdict: Verdict, answer: Answer) -> None:
        limit = verdict.limit = Limit(answer.refused_by)
        verdict.reason = REASONS.get(limit, "store")
        verdict.retry_after_s = -(-answer.retry_us // 1_000_000)

    def _tell(self, waiter: Waiter, verdict: Verdict) -> None:
        if waiter.gone:
            self.release(verdict)
            return
        try:
            waiter.on_verdict(verdict)
        except Exception as error:  # noqa: BLE001 - one broken request must not take its neighbours' Verdicts
            self.release(verdict)
            self._loop.call_exception_handler({"message": "a Verdict was not taken", "exception": error})

    # Numbers that must reach the store although nobody asks.

    def _soil(self, lane: Lane) -> None:
        lane.dirty = True
        if lane.listed:
            return
        lane.listed = True
        if not self._dirty:
            delay_s = OUTAGE_SETTLE_DELAY_S if self.outage.failing else SETTLE_DELAY_S
            self._call_later(delay_s, self._wash)
        self._dirty.append(lane)

    def _wash(self) -> None:
        lanes, self._dirty = self._dirty, []
        for lane in lanes:
            lane.listed = False
            if lane.dirty and lane.busy:
                self._soil(lane)
            elif lane.dirty:
                self._combiner.send(lane)

    def beat(self) -> None:
        """Renew Entries that hold units and were silent for a while; comes back by itself."""
        every_s = self._hold_s / HEARTBEATS_PER_HOLD
        self._heartbeat = self._call_later(every_s / 2, self.beat)
        silent_since_s = self._monotonic_s() - every_s
        for lane in self._lanes.values():
            if lane.entry.open and lane.sent_s <= silent_since_s:
                self._combiner.send(lane)

    def start(self) -> None:
        """Begin to renew Entries that hold units."""
        self.beat()

    async def close(self, within_s: float) -> bool:
        """Tell the store what it has not heard yet. False when that took longer than allowed."""
        if self._heartbeat is not None:
            self._heartbeat.cancel()
        try:
            async with asyncio.timeout(within_s):
                while self._dirty or not self._combiner.idle:
                    self._wash()
                    if self._combiner.idle:
                        continue
                    self._resolved.clear()
                    await self._resolved.wait()
                    if self.outage.failing:
                        await asyncio.sleep(SETTLE_DELAY_S)
        except TimeoutError:
            return False
        return True

    def subjects(self) -> Iterator[Subject]:
        """The Subjects that this process has asked for, as last configured."""
        for lane in self._lanes.values():
            yield lane.subject
