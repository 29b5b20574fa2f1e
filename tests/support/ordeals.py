"""One sidecar, with all three failure policies and a journal, before a store that lies."""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

from quotad.clock import monotonic_s, wall_s
from quotad.config.model import StoreConfig
from quotad.core.plans import StoreFailurePolicy, Subject, UsagePlan
from quotad.engine.journal import Journal
from quotad.engine.limiter import Limiter
from quotad.errors import StoreError
from quotad.store.redis_store import RedisStore
from tests.support.engines import Request, ask
from tests.support.hostile import HostileServer, hostile_server
from tests.support.one_by_one import OneByOne
from tests.support.servers import StoreServer
from tests.support.waiting import until, until_true

DEADLINE_S = 0.5
"""Short, where it must pass; yet a call that is answered makes it with fifty neighbours on a busy machine."""
PATIENT_S = 30.0
"""Where every call is answered: none is ever late."""
BUDGET = 4
UNITS = 5
ROUND = 3


def _subject(name: str, policy: StoreFailurePolicy) -> Subject:
    return Subject(
        UsagePlan(f"usagePlan-{name}", name, on_store_failure=policy), "service-aaaaaaaa", "release"
    )


CLOSED = _subject("closed00", StoreFailurePolicy())
OPEN = _subject("open0000", StoreFailurePolicy("open", BUDGET))
LOCAL = _subject("local000", StoreFailurePolicy("local", units=UNITS))


class Ordeal:
    """What goes wrong is collected in ``complaints``."""

    def __init__(self, fake: HostileServer, store: RedisStore, apart: bool = False) -> None:
        """``apart``: never two calls in flight."""
        self.fake = fake
        self.store = store
        self.limiter = Limiter(
            OneByOne(store) if apart else store,
            hold_s=60.0,
            max_waiting=1000,
            monotonic_s=monotonic_s,
            wall_s=wall_s,
        )
        self.complaints: list[str] = []
        self.admitted = dict.fromkeys((CLOSED.tag, OPEN.tag, LOCAL.tag), 0)
        """Requests admitted by units that the store granted, now or ahead."""
        self.unaccounted = dict(self.admitted)
        """Requests admitted without it."""

    async def ask(self, count: int = ROUND) -> list[Request]:
        """So many requests of each plan, each plan's in a tick of its own; all have heard their Verdicts."""
        requests: list[Request] = []
        for subject in (CLOSED, OPEN, LOCAL):
            requests += ask(self.limiter, subject, count)
            await asyncio.sleep(0)
        await self._hear(requests)
        for request in requests:
            self._note(request)
        return requests

    async def _hear(self, requests: list[Request]) -> None:
        # That it is within the deadline is shown in test_link, without fifty neighbours on one loop.
        with suppress(TimeoutError):
            await until(lambda: all(request.verdict is not None for request in requests))

    def _note(self, request: Request) -> None:
        verdict = request.verdict
        if verdict is None:
            self.complaints.append("a waiter heard nothing")
        elif verdict.admitted:
            counts = self.unaccounted if verdict.answer is None else self.admitted
            counts[verdict.subject.tag] += 1
            self.limiter.settle(verdict, counted=True)
        elif verdict.reason != "store":
            self.complaints.append(f"refused for {verdict.reason}")

    def check_nothing_granted(self, before: dict[str, int]) -> None:
        """The store was never believed: ``closed`` admitted nobody, the others what they may, all of it."""
        expected = {**before, LOCAL.tag: before[LOCAL.tag] + UNITS}
        if self.admitted != expected:
            self.complaints.append(f"admitted {self.admitted}, expected {expected}")
        if self.unaccounted[OPEN.tag] != BUDGET:
            self.complaints.append(f"of the budget {self.unaccounted[OPEN.tag]} were used")

    def check_policies(self) -> None:
        """Nobody passed without the store but up to the budget of ``open``."""
        unaccounted = dict(self.unaccounted)
        if unaccounted.pop(OPEN.tag) > BUDGET or any(unaccounted.values()):
            self.complaints.append(f"the policy did not hold: {self.unaccounted}")

    async def recovered(self) -> bool:
        """Whether a request of each plan was admitted by the store, and the standby is whole again."""
        requests = await self.ask(1)
        return (
            all(request.admitted and request.told.answer is not None for request in requests)
            and self.limiter.leased().get(LOCAL.plan.usage_plan_id) == UNITS
        )

    async def exact(self) -> bool:
        """Whether the store says that it counts every admitted request once, and else only the standby."""
        subjects = (CLOSED, OPEN, LOCAL)
        try:
            usages = await self.store.usage(subjects)
        except StoreError:
            return False
        return all(
            usage.day_open == 0
            and usage.day_charged
            == self.admitted[subject.tag] + self.unaccounted[subject.tag] + (UNITS if subject is LOCAL else 0)
            for subject, usage in zip(subjects, usages, strict=True)
        )


@asynccontextmanager
async def ordeal(
    server: StoreServer, name: str, *, apart: bool = False, deadline_s: float = DEADLINE_S
) -> AsyncIterator[Ordeal]:
    """A sidecar that was served honestly once. What it owes is replayed at the end."""
    config = StoreConfig(namespace=name.encode().hex()[:64], deadline_s=deadline_s)
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="quotad-"))
        journal = Journal(Path(folder), config.namespace, os.urandom(8))
        journal.open()
        stack.callback(journal.close)
        fake = await stack.enter_async_context(hostile_server(server))
        store = RedisStore(fake.url, config, os.urandom(8))
        await store.start()
        stack.push_async_callback(store.close)
        run = Ordeal(fake, store, apart)
        run.limiter.start(journal)
        stack.push_async_callback(run.limiter.close, deadline_s)
        await until_true(run.recovered)
        yield run
        if fake.stage is None:
            await until(lambda: not journal.pending())
