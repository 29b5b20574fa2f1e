"""One run: real processes, real servers, callers and a backend, with what a case needs to hurt them."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from quotad.clock import monotonic_s
from quotad.core.quota import Usage
from quotad.errors import StoreError
from quotad.store.redis_store import RedisStore
from tests.chaos.backend import Backend
from tests.chaos.history import NO_ANSWER, AtRest, Fault
from tests.chaos.load import Load
from tests.chaos.plans import TestedPlan
from tests.chaos.sidecars import Sidecar
from tests.chaos.stores import Behind
from tests.support.patient import patient_store
from tests.support.waiting import until

LOAD_AT_MOST_S = 60.0
"""How long the load goes on at most until enough is used, and until nothing is admitted any more."""

GRAIN_S = 0.02

REST_WITHIN_S = 20.0
REST_IS_S = 0.7
"""Counters that did not change for so long are at rest."""

UNREPORTED_S = 0.1
"""An outcome that a Sidecar learned longer ago has surely been told to the store."""


@dataclass(slots=True)
class World:
    """Everything of one run. A case's ``hurt`` gets it."""

    folder: Path
    plans: tuple[TestedPlan, ...]
    store: Behind
    backend: Backend
    sidecars: list[Sidecar]
    load: Load
    fault: Fault = field(default_factory=Fault)
    signs: dict[str, Callable[[], int]] = field(default_factory=dict)
    """Counted at the end: each shows that the fault hit."""
    standby: int = 0
    """Units of each plan that processes keep while they run."""
    died: bool = False
    """A process took its metrics with it."""
    exposed: Counter[str] = field(default_factory=Counter)
    """Plan id to units in the hands of processes when they were hurt."""
    before: Counter[str] = field(default_factory=Counter)
    after: Counter[str] = field(default_factory=Counter)
    """Metrics of all Sidecars when the fault began, and at the end."""

    @property
    def quota_plans(self) -> list[TestedPlan]:
        """Those whose quota can be used up."""
        return [plan for plan in self.plans if plan.limits.quota >= 0]

    async def until_used(self, share: float) -> None:
        """Return once so much of each quota has been used."""
        await until(
            lambda: all(self._counted(plan) >= share * plan.limits.quota for plan in self.quota_plans),
            LOAD_AT_MOST_S,
        )

    def _counted(self, plan: TestedPlan) -> int:
        statuses = self.backend.admitted[plan.plan_id]
        return sum(count for status, count in statuses.items() if plan.limits.counts(status))

    async def begin_fault(self) -> None:
        """What happens from now on is the fault's."""
        self.before = await self.metrics()
        self.fault.began_s = monotonic_s()

    def end_fault(self) -> None:
        """All that is needed to decide is there again."""
        self.fault.ended_s = monotonic_s()

    def expose(self, process: int) -> None:
        """Note what a process may hold now, or has not told the store yet."""
        since_s = monotonic_s() - UNREPORTED_S
        for plan_id, asked_of in self.load.in_flight.values():
            self.exposed[plan_id] += asked_of == process
        # Without a condition a request is charged when it is granted: nothing is left to report.
        holding = {plan.plan_id for plan in self.plans if plan.limits.classes}
        for asked in reversed(self.load.asked):
            if asked.ended_s < since_s:
                break
            self.exposed[asked.plan_id] += asked.sidecar == process and asked.plan_id in holding

    async def watch_itself(self) -> None:
        """Note how long this process stood still, as it may where it gets no processor time."""
        fault, last_s = self.fault, monotonic_s()
        while True:
            await asyncio.sleep(GRAIN_S)
            now_s = monotonic_s()
            fault.stood_still_s = max(fault.stood_still_s, now_s - last_s - GRAIN_S)
            last_s = now_s

    def failures(self) -> int:
        """Requests without a decision, sent after the fault began."""
        return sum(
            asked.status == NO_ANSWER or asked.status >= 502
            for asked in self.load.asked
            if asked.ended_s >= self.fault.began_s
        )

    def cut(self) -> int:
        """Requests that never got an answer."""
        return sum(asked.status == NO_ANSWER for asked in self.load.asked)

    def undecided_admissions(self) -> int:
        """Answers of the backend's to requests that were let through without the store's word."""
        return sum(not asked.decided and 0 < asked.status < 502 for asked in self.load.asked)

    def grew(self, metric: str) -> int:
        """By how much a metric grew since the fault began, over all Sidecars that live."""
        return self.after[metric] - self.before[metric]

    async def metrics(self) -> Counter[str]:
        """The sum over all Sidecars that run."""
        total: Counter[str] = Counter()
        for sidecar in self.sidecars:
            if sidecar.lives:
                total += await sidecar.metrics()
        return total

    async def until_quiet(self, quiet_s: float) -> None:
        """Return once every quota was refused, and nothing of it was admitted for ``quiet_s``."""
        ends_s = monotonic_s() + LOAD_AT_MOST_S
        counted, since_s = -1, monotonic_s()
        while monotonic_s() < ends_s:
            await asyncio.sleep(0.05)
            now = sum(self.backend.admitted[plan.plan_id].total() for plan in self.quota_plans)
            if now != counted or not self._all_refused():
                counted, since_s = now, monotonic_s()
            elif monotonic_s() - since_s >= quiet_s:
                return

    def _all_refused(self) -> bool:
        refused = {
            asked.plan_id
            for asked in self.load.asked
            if asked.by_quota and asked.sent_s >= self.fault.ended_s
        }
        return all(plan.plan_id in refused for plan in self.quota_plans)

    async def at_rest(self) -> dict[str, AtRest]:
        """The counters by plan id, once nothing is held and nothing changes, or as they are after a while."""
        reader = patient_store(self.store.reader_url)
        await reader.start()
        try:
            return await self._settled(reader)
        finally:
            await reader.close()

    async def _settled(self, reader: RedisStore) -> dict[str, AtRest]:
        subjects = [plan.subject for plan in self.plans]
        ends_s = monotonic_s() + REST_WITHIN_S
        last: dict[str, AtRest] = {}
        since_s = monotonic_s()
        while True:
            try:
                usages: Sequence[Usage] = await reader.usage(subjects)
            except StoreError:
                usages = []
            found = {plan.plan_id: _rest(usage) for plan, usage in zip(self.plans, usages, strict=False)}
            now_s = monotonic_s()
            if found != last or not found:
                last, since_s = found, now_s
            elif now_s - since_s >= REST_IS_S and not any(map(self._is_busy, found.values())):
                return found
            if now_s >= ends_s:
                return last
            await asyncio.sleep(0.05)

    def _is_busy(self, rest: AtRest) -> bool:
        return rest.held > 0 or rest.leased > self.standby


async def start_all(sidecars: Sequence[Sidecar], stack: AsyncExitStack) -> None:
    """Start every process at once; each is stopped when the stack ends."""
    for sidecar in sidecars:
        stack.push_async_callback(sidecar.stop)
    starts: list[Awaitable[None]] = [sidecar.start() for sidecar in sidecars]
    await asyncio.gather(*starts)


def _rest(usage: Usage) -> AtRest:
    return AtRest(usage.day_charged, usage.day_open, usage.leased, usage.month_charged, usage.total_charged)


def environment(**more: str) -> dict[str, str]:
    """What a Sidecar's process gets on top of the runner's environment."""
    return {"PYTHONPATH": str(Path.cwd()), **more}
