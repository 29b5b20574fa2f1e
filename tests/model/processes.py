"""Sidecars of the model: a Limiter each, its clocks, its journal, and the requests that it serves."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from quotad.core.ledger import Entry
from quotad.core.plans import Subject
from quotad.core.verdict import Verdict
from quotad.engine.debts import Unaccounted
from quotad.engine.journal import Journal
from quotad.engine.lane import Lane
from quotad.engine.limiter import Limiter
from tests.model.ledger import Admission, window_of
from tests.model.wires import Wire

if TYPE_CHECKING:
    from tests.model.world import World


class Timer:
    """A callback of one process: it comes late when that stands still, and never once it is gone."""

    def __init__(self, process: "Process", callback: Callable[[], None]) -> None:
        self.process = process
        self.callback = callback
        self.is_cancelled = False

    def cancel(self) -> None:
        """Do not call any more."""
        self.is_cancelled = True

    def fire(self) -> None:
        """Its time has come."""
        if self.process.is_paused:
            self.process.stalled.append(self)
        elif not self.process.is_gone and not self.is_cancelled:
            self.callback()


class Request:
    """One caller's."""

    def __init__(self, process: "Process", subject: Subject) -> None:
        self.process = process
        self.subject = subject
        self.gone = False

    def on_verdict(self, verdict: Verdict) -> None:
        """See ``core.verdict.Waiter``."""
        if verdict.admitted:
            self.process.serve(verdict)


class Process:
    """One process start."""

    def __init__(self, world: "World", number: int) -> None:
        self.world = world
        self.number = number
        self.sidecar_id = b"proc%04d" % number
        self.subjects = list(world.subjects)
        self.is_paused = False
        self.is_gone = False
        self.is_closing = False
        self.stalled: list[Timer] = []
        self.flying: dict[Admission, Verdict] = {}
        self._begun_s = world.dice.uniform(0, 1e6)
        self._skew_s = world.dice.choice((0, 0, 3600, -3600, 90_000))
        self.wire = Wire(self)
        self.limiter = Limiter(
            self.wire,
            hold_s=world.hold_us / 1e6,
            max_waiting=1_000,
            monotonic_s=self.monotonic_s,
            wall_s=lambda: world.now_us() / 1e6 + self._skew_s,
            call_later=self.later,
        )
        self.journal: Journal | None = None
        if world.case.policy.mode == "open":
            self.journal = Journal(world.folder, "model", self.sidecar_id, monotonic=self.monotonic_s)
            self.journal.open()
        self.limiter.start(self.journal)

    def monotonic_s(self) -> float:
        """Its own clock."""
        return self._begun_s + self.world.loop.time()

    def later(self, delay_s: float, callback: Callable[[], None]) -> Timer:
        """``call_later`` of this process."""
        timer = Timer(self, callback)
        self.world.at(delay_s, timer.fire)
        return timer

    # Requests.

    def ask(self, subject: Subject, leaves: bool = False) -> None:
        """A caller comes; ``leaves``: and goes before it is answered."""
        request = Request(self, subject)
        verdict = self.limiter.reserve(subject, request)
        self.world.figures["requests"] += 1
        if verdict is not None:
            request.on_verdict(verdict)
        elif leaves:
            request.gone = True

    def serve(self, verdict: Verdict) -> None:
        """A request goes on; its answer comes later."""
        world, dice = self.world, self.world.dice
        tag, plan = verdict.subject.tag, verdict.subject.plan
        self.world.figures["admitted"] += 1
        if isinstance(verdict.unit, Unaccounted):
            window = verdict.unit.debt.day_end_us if world.kind == "day" else 0
            admission = Admission(self.sidecar_id, window, world.now_us(), False)
            world.figures["unaccounted"] += 1
        else:
            admission = self._accounted(verdict, self.limiter._lanes[tag])
        world.ledgers[tag].admit(admission)
        self.flying[admission] = verdict
        goes_on = dice.random() > 0.05
        counted = goes_on and (not plan.quota_condition or dice.random() < 0.6)

        def end() -> None:
            if admission in self.flying:
                self.end(admission, goes_on, counted)

        # What is never sent upstream ends soon.
        longest_s = 0.5 if not goes_on else 2.0 if dice.random() < 0.9 else 9.0
        self.later(dice.uniform(0.001, longest_s), end)

    def _accounted(self, verdict: Verdict, lane: Lane) -> Admission:
        answer = verdict.answer
        assert answer is not None
        is_leased = lane.stock is not None and verdict.unit is lane.stock.grant
        if is_leased:
            self.world.figures["leased"] += 1
        at_us = self.world.now_us() if is_leased else answer.now_us
        window, _ = window_of(self.world.kind, answer)
        return Admission(self.sidecar_id, window, at_us, True)

    def end(self, admission: Admission, goes_on: bool, counted: bool) -> None:
        """The answer to a request is known; or it never went upstream."""
        verdict = self.flying.pop(admission)
        self.world.ledgers[verdict.subject.tag].settle(admission, counted)
        if goes_on:
            self.limiter.settle(verdict, counted)
        else:
            self.limiter.release(verdict)

    # What happens to it.

    def pause(self, for_s: float) -> None:
        """It stands still: SIGSTOP, or a long collection of garbage."""
        if not self.is_paused and not self.is_gone:
            self.is_paused = True
            self.world.at(for_s, self.resume)

    def resume(self) -> None:
        """It goes on, with all that has come meanwhile."""
        self.is_paused = False
        stalled, self.stalled = self.stalled, []
        for timer in stalled:
            timer.fire()

    def kill(self) -> None:
        """``kill -9``."""
        self.is_gone = True
        self.world.figures["crashes"] += 1
        for tag, lane in self.limiter._lanes.items():
            self.world.ledgers[tag].stranded_at_most += _noted_too_much(lane)
        for shipment in self.wire.open:
            shipment.is_done = True
        accounts = self.limiter._accounts
        for task in (accounts._task, accounts._orphans):
            if task is not None:
                task.cancel()
        if self.journal is not None:
            self.journal.close()

    async def close(self) -> None:
        """SIGTERM."""
        self.is_closing = True
        for admission in list(self.flying):
            self.end(admission, goes_on=True, counted=True)
        self.world.figures["not closed in time"] += not await self.limiter.close(8.0)
        self.is_gone = True
        if self.journal is not None:
            self.journal.close()

    def at_risk(self, subject: Subject, entry: Entry) -> int:
        """Units ahead, held, not told of or on their way: charged unused, should its Entry end now."""
        lane = self.limiter._lanes.get(subject.tag)
        on_their_way = sum(
            max(0, call.cost) + call.ahead
            for shipment in self.wire.open
            for call in shipment.calls
            if call.subject.tag == subject.tag
        )
        if lane is None:
            return on_their_way
        mine = lane.entry
        told = entry.current.given_back + entry.previous.given_back
        heard = entry.current.granted + entry.previous.granted
        return (
            on_their_way
            + (0 if lane.stock is None else lane.stock.left)
            + len(self.flying)
            + mine.open
            + max(0, mine.day.given_back + mine.previous.given_back - told)
            + max(0, heard - mine.day.granted - mine.previous.granted)
        )


def _noted_too_much(lane: Lane) -> int:
    """What the journal says beyond what is owed, since totals in it only grow."""
    if lane.debts is None:
        return 0
    return sum(max(0, debt.noted - debt.total) for debt in lane.debts._by_day.values())
