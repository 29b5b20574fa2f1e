"""Batches that wait for their answers, and the Calls in them."""

import asyncio
from collections.abc import Sequence

from quotad.core.plans import Subject, UsagePlan
from quotad.core.quota import Answer, Call, DayNumbers, Limits, Terms, Windows
from quotad.errors import StoreError
from quotad.store.interface import Store
from tests.support.waiting import AT_MOST_S

YEAR_3000_US = 32_503_680_000_000_000
ALWAYS = Windows(0, YEAR_3000_US, YEAR_3000_US + 1, 0, YEAR_3000_US, YEAR_3000_US + 1)
"""One day and one month that contain every time a test may run at."""


class WaitingBatch:
    """Keeps what it hears, in order: ``late`` and the answers."""

    def __init__(self, calls: Sequence[Call]) -> None:
        self.calls = calls
        self.heard: list[str] = []
        self.was_late = asyncio.Event()
        self._answers: asyncio.Future[list[Answer | StoreError]] = asyncio.get_running_loop().create_future()

    def late(self) -> None:
        self.heard.append("late")
        self.was_late.set()

    def done(self, answers: Sequence[Answer | StoreError]) -> None:
        self.heard.append("done")
        self._answers.set_result(list(answers))

    async def end(self) -> list[Answer | StoreError]:
        """One item per Call, once they are there."""
        async with asyncio.timeout(AT_MOST_S):
            return await self._answers

    async def answers(self) -> list[Answer]:
        """The answers of a Batch in which nothing failed."""
        good = [item for item in await self.end() if isinstance(item, Answer)]
        assert len(good) == len(self.calls), await self.end()
        return good

    async def errors(self) -> list[StoreError]:
        """The errors of a Batch in which everything failed."""
        bad = [item for item in await self.end() if isinstance(item, StoreError)]
        assert len(bad) == len(self.calls), await self.end()
        return bad


def subject(number: int, service: str = "service-aaaaaaaa") -> Subject:
    return Subject(UsagePlan(f"usagePlan-{number:08d}", "name"), service, "release")


def terms(day: int = -1, *, conditional: bool = False) -> Terms:
    return Terms(Limits(0, -1, -1, day, -1, -1), ALWAYS, conditional, False)


def call(of: Subject, plan: Terms, number: int = 1, cost: int = 1, generation: int = 0) -> Call:
    return Call(of, plan, cost, generation, number, DayNumbers(), DayNumbers())


def submit(store: Store, calls: Sequence[Call], *, settle_only: bool = False) -> WaitingBatch:
    batch = WaitingBatch(calls)
    store.submit(batch, settle_only)
    return batch
