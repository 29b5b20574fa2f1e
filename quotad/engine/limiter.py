"""reserve, settle, release: all that the exchange calls (``core.verdict.Admission``)."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Final

from quotad.clock import MonotonicClock, WallClock
from quotad.core.plans import Subject
from quotad.core.quota import Answer, Call, Limit, Terms
from quotad.core.verdict import Verdict, Waiter
from quotad.engine.accounts import Accounts
from quotad.engine.combiner import Combiner
from quotad.engine.debts import Debts, Unaccounted
from quotad.engine.failure import Outage
from quotad.engine.journal import Journal
from quotad.engine.lane import Grant, Lane
from quotad.engine.leases import Stock
from quotad.engine.terms import TermsBook
from quotad.engine.upkeep import CallLater, Upkeep
from quotad.store.interface import Store

REASONS = {Limit.RATE: "rate", Limit.DAY: "quota", Limit.MONTH: "quota", Limit.TOTAL: "quota"}

SHORTEST_DENIAL_US: Final = 2_000
"""A bucket that is empty for less is asked again by the next request."""

SUMMED_AT_ONCE: Final = 1_000
"""Subjects; so many take a few hundred microseconds."""


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
        """``call_later`` is the running loop's unless a test moves the time.

        ``monotonic_s`` should go on while the machine sleeps: Leases end by it.
        """
        self._store = store
        self._hold_s = hold_s
        self._max_waiting = max_waiting
        self._monotonic_s = monotonic_s
        self._wall_s = wall_s
        self._loop = asyncio.get_running_loop()
        call_later = call_later or self._loop.call_later
        self._journal: Journal | None = None
        self._terms = TermsBook(round(hold_s * 1e6))
        self._refit_us: int | None = None
        self._lanes: dict[str, Lane] = {}
        self._combiner = Combiner(store, self, self._loop.call_soon, monotonic_s)
        self.outage = Outage(monotonic_s)
        self._upkeep = Upkeep(
            self._combiner,
            self.outage,
            hold_s=hold_s,
            monotonic_s=monotonic_s,
            call_later=call_later,
        )
        self._accounts = Accounts(store, self, call_later)
        self._upkeep.on_new_connection = self._tell_again
        self.waiting = 0
        """Requests that wait for their Verdict."""

    # What the exchange calls.

    def reserve(self, subject: Subject, waiter: Waiter) -> Verdict | None:
        """Ask for one unit; see ``core.verdict.Admission``."""
        lane = self._lanes.get(subject.tag)
        if lane is None or lane.subject is not subject:
            lane = self._enter(subject, lane)
        lane.asked += 1
        if lane.denied is not None and (verdict := self._still_denied(lane)) is not None:
            return verdict
        stock = lane.stock
        if (
            stock is not None
            and stock.left > stock.keep
            and (verdict := self._spend(lane, stock)) is not None
        ):
            return verdict
        if lane.late:
            self._loop.call_soon(self._refuse_unanswered, lane, waiter)
        elif self.waiting >= self._max_waiting:
            self._loop.call_soon(self._refuse, lane, waiter, "overload")
        else:
            self.waiting += 1
            lane.waiting.append(waiter)
            if not lane.busy and not lane.queued:
                self._combiner.send(lane)
        return None

    def known_refusal(self, subject: Subject) -> Verdict | None:
        """What is known to be used up; see ``core.verdict.Admission``."""
        lane = self._lanes.get(subject.tag)
        if lane is None or lane.denied is None or lane.subject is not subject:
            return None
        return self._still_denied(lane)

    async def outstanding(self) -> tuple[int, int]:
        """Units that requests in flight hold, and units taken ahead that are not spent yet.

        Of many Subjects it is a sum over several turns of the loop, in which requests go on.
        """
        lanes = list(self._lanes.values())
        held = ahead = 0
        for start in range(0, len(lanes), SUMMED_AT_ONCE):
            if start:
                await asyncio.sleep(0)
            for lane in lanes[start : start + SUMMED_AT_ONCE]:
                held += lane.entry.open
                if lane.stock is not None:
                    ahead += lane.stock.left
        return held, ahead

    def settle(self, verdict: Verdict, counted: bool) -> None:
        """The final status is known; see ``core.verdict.Admission``."""
        unit, verdict.unit = verdict.unit, None
        if isinstance(unit, Grant):
            if unit.held or unit.leased:
                self._close(unit, counted)
        elif isinstance(unit, Unaccounted):
            self._resolve(unit, counted)

    def release(self, verdict: Verdict) -> None:
        """Nothing was sent upstream; see ``core.verdict.Admission``."""
        unit, verdict.unit = verdict.unit, None
        if isinstance(unit, Grant):
            self._close(unit, counted=False)
        elif isinstance(unit, Unaccounted):
            self._resolve(unit, counted=False)

    def _close(self, unit: Grant, counted: bool) -> None:
        """One unit's outcome is known."""
        lane = unit.lane
        if unit.held:
            changed = lane.entry.close(unit.generation, unit.day_end_us, counted)
        else:
            if unit.leased:
                lane.flying -= 1
            changed = not counted and lane.entry.give_back_charged(unit.generation, unit.day_end_us)
        if changed:
            self._upkeep.soil(lane)

    def _enter(self, subject: Subject, lane: Lane | None) -> Lane:
        """A Subject that is new, or has another plan now."""
        if lane is None:
            lane = self._lanes[subject.tag] = Lane(subject)
            self._upkeep.take(lane)
        before, plan = lane.subject.plan, subject.plan
        if (before.lease, before.on_store_failure) != (plan.lease, plan.on_store_failure):
            self._upkeep.give_back(lane)
        lane.subject = subject
        lane.denied = None
        if lane.stock is None and (plan.lease is not None or plan.on_store_failure.mode == "local"):
            lane.stock = Stock()
        if lane.stock is not None:
            lane.stock.rule(plan, self._hold_s)
        return lane

    def _spend(self, lane: Lane, stock: Stock) -> Verdict | None:
        """One unit of the stock; None when there is none, or it has ended."""
        if stock.left <= stock.keep or lane.waiting or self._monotonic_s() >= stock.ends_s:
            return None
        verdict = self._take(lane, stock, stock.left - 1 - stock.keep)
        if stock.left <= stock.low:
            self._upkeep.low(lane)
        return verdict

    @staticmethod
    def _take(lane: Lane, stock: Stock, place: int) -> Verdict:
        stock.left -= 1
        stock.spent += 1
        if stock.is_conditional:
            lane.flying += 1
        return Verdict(lane.subject, True, stock.answer, stock.grant, place)

    def _still_denied(self, lane: Lane) -> Verdict | None:
        left_s = lane.denied_until_s - self._monotonic_s()
        answer = lane.denied
        if left_s <= 0 or answer is None:
            lane.denied = None
            return None
        lane.denied_hits += 1
        verdict = Verdict(lane.subject, False, answer)
        self._explain(verdict, answer)
        return verdict

    def _tell_again(self) -> None:
        self._accounts.tell_again(self._lanes.values())

    def _resolve(self, unit: Unaccounted, counted: bool) -> None:
        unit.debt.settle(counted)
        self._accounts.replay_soon(self._lanes[unit.subject.tag])

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

    def decided(self, lane: Lane, call: Call, waiters: Sequence[Waiter], answer: Answer, late: bool) -> None:
        """Admit the first ``granted`` of those who still wait, refuse the rest."""
        self._refit_us = None
        self._upkeep.resolved.set()
        if self.outage.failing:
            self.outage.answered()
            self._upkeep.look()
        self.waiting -= len(waiters)
        for waiter in waiters:
            if waiter.gone:
                waiters = [waiter for waiter in waiters if not waiter.gone]
                break
        admitted = min(answer.granted, len(waiters))
        self._hear(lane, call, answer, -1 if late else admitted)
        subject, place = lane.subject, admitted
        grant = Grant(lane, answer, call.terms.conditional)
        for waiter in waiters:
            if place:
                place -= 1
                verdict = Verdict(subject, True, answer, grant, place)
            else:
                verdict = Verdict(subject, False, answer)
                self._explain(verdict, answer)
            self._tell(waiter, verdict)

    def _hear(self, lane: Lane, call: Call, answer: Answer, admitted: int) -> None:
        """Take the Answer's numbers, fill the stock, see whether a refusal holds."""
        debts, stock, entry = lane.debts, lane.stock, lane.entry
        owed = 0 if debts is None else debts.owed(answer.day_end_us)
        if lane.leaving:
            lane.leaving = False
            if not answer.generation:
                entry.leave()
        if stock is not None and stock.left and stock.has_ended(answer):
            self._upkeep.give_back(lane)
        ahead, paid, returned = entry.hear(call, answer, admitted, stock, owed)
        if paid or returned:
            if paid and debts is not None:
                debts.pay(answer.day_end_us, paid)
            self._upkeep.soil(lane)
        if debts is not None:
            self._accounts.replay_soon(lane)
        if stock is not None and (ahead or stock.left):
            stock.put(ahead, call, answer, lane.sent_s)
            stock.grant = Grant(lane, answer, held=False, leased=call.terms.conditional)
            if stock.is_wanted:
                self._upkeep.stocked(lane, stock)
            else:
                self._upkeep.give_back(lane)
        if answer.refused_by and not answer.held_only:
            if answer.refused_by != Limit.RATE or answer.retry_us >= SHORTEST_DENIAL_US:
                self._upkeep.deny(lane, answer)
        elif lane.denied is not None and call.cost == 0:
            self._ask_denied(lane, lane.denied, answer)

    def _ask_denied(self, lane: Lane, denied: Answer, answer: Answer) -> None:
        """Whether the quota that refused is still used up."""
        limit, charged, ends_us = _quota(denied.refused_by, answer)
        if 0 <= limit <= charged and not answer.granted:
            retry_us = ends_us - answer.now_us if ends_us else 0
            self._upkeep.deny(lane, answer._replace(refused_by=denied.refused_by, retry_us=retry_us))
        else:
            lane.denied = None

    def failed(self, lane: Lane, waiters: Sequence[Waiter], kind: str) -> None:
        """The failure policy answers; what the store may have granted shows in a later Answer."""
        del kind
        self._upkeep.resolved.set()
        self.outage.failed()
        self.waiting -= len(waiters)
        for waiter in waiters:
            self._refuse_unanswered(lane, waiter)
        if lane.dirty:
            self._upkeep.soil(lane)

    # Verdicts without an Answer.

    def _refuse_unanswered(self, lane: Lane, waiter: Waiter) -> None:
        if waiter.gone:
            return
        verdict = self._stand_by(lane) or self._admit_unaccounted(lane)
        if verdict is None:
            self._refuse(lane, waiter, "store")
        else:
            self._tell(waiter, verdict)

    def _stand_by(self, lane: Lane) -> Verdict | None:
        """A unit that the store has debited before it went away."""
        stock = lane.stock
        if stock is None or not stock.left or self._monotonic_s() >= stock.ends_s:
            return None
        return self._take(lane, stock, stock.left - 1)

    def _admit_unaccounted(self, lane: Lane) -> Verdict | None:
        subject = lane.subject
        if subject.shadow or not self.outage.admits(subject.plan):
            return None
        if lane.debts is None:
            lane.debts = Debts()
        now_us = self.now_us()
        day_end_us = lane.entry.day.end_us
        if day_end_us <= now_us:
            day_end_us = self.terms(subject, now_us).windows.day_end_us
        debt = lane.debts.admit(self._journal, subject, day_end_us)
        if debt is None:
            return None
        self.outage.admitted(subject.plan)
        verdict = Verdict(subject, True, None)
        verdict.unit = Unaccounted(subject, debt)
        return verdict

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

    # Its life.

    def start(self, journal: Journal | None = None) -> None:
        """Begin to renew Entries that hold units, and to replay what dead processes left behind.

        Without a journal, what the policy ``open`` admits is forgotten when the process dies.
        """
        self._journal = journal
        self._upkeep.start()
        if journal is not None:
            self._accounts.start(journal)

    async def close(self, within_s: float) -> bool:
        """Tell the store what it has not heard yet, give all units back. False when that took too long."""
        told = await self._upkeep.close(within_s)
        return await self._accounts.close(list(self._lanes.values()), within_s) and told

    def subjects(self) -> Iterator[Subject]:
        """The Subjects that this process has asked for, as last configured."""
        for lane in self._lanes.values():
            yield lane.subject

    def settle_age_s(self) -> float:
        """How long the longest untold outcome has waited for the store to hear it; 0: none waits."""
        since_s = [lane.owes_since_s for lane in self._lanes.values() if lane.owes_since_s]
        return self._monotonic_s() - min(since_s) if since_s else 0.0

    def leased(self) -> dict[str, int]:
        """Plan id to units that this process holds ahead."""
        units: dict[str, int] = {}
        for lane in self._lanes.values():
            if lane.stock is not None and lane.stock.left:
                plan_id = lane.subject.plan.usage_plan_id
                units[plan_id] = units.get(plan_id, 0) + lane.stock.left
        return units


def _quota(refused_by: int, answer: Answer) -> tuple[int, int, int]:
    """The limit, what is charged in it, and when it comes back (0: never)."""
    if refused_by == Limit.DAY:
        return answer.day_limit, answer.day_charged, answer.day_end_us
    if refused_by == Limit.MONTH:
        return answer.month_limit, answer.month_charged, answer.month_end_us
    if refused_by == Limit.TOTAL:
        return answer.total_limit, answer.total_charged, 0
    return -1, 0, 0
