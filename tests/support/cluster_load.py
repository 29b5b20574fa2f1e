"""Calls for many Subjects that keep coming, and what their answers add up to."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from quotad.clock import monotonic_s
from quotad.core.plans import Subject
from quotad.core.quota import Answer, Terms
from quotad.store.interface import Store
from tests.support.batches import call, submit
from tests.support.waiting import until


@dataclass
class Load:
    """What one Sidecar asked for and heard; units are charged when granted."""

    granted: Counter[str] = field(default_factory=Counter)
    """By Subject: units in answers that came in time or late."""
    unheard: Counter[str] = field(default_factory=Counter)
    """By Subject: units asked for in calls that may have run and have no answer."""
    answers: int = 0
    errors: Counter[tuple[str, bool | None]] = field(default_factory=Counter)
    """By kind and ``executed``."""
    longest_gap_s: float = 0.0
    """The longest time without a grant, of any Subject."""
    stopping: bool = False
    under_way: int = 0
    """Calls that were sent and have no end yet."""
    _may_ask: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._may_ask.set()

    async def run(self, store: Store, subjects: Sequence[Subject], plan: Terms) -> None:
        """Ask for each Subject over and over, one call at a time, until ``stopping``."""
        async with asyncio.TaskGroup() as group:
            for subject in subjects:
                group.create_task(self._ask(store, subject, plan))

    async def _ask(self, store: Store, subject: Subject, plan: Terms) -> None:
        number, heard_s = 0, monotonic_s()
        while not self.stopping:
            await self._may_ask.wait()
            number += 1
            self.under_way += 1
            (item,) = await submit(store, [call(subject, plan, number)]).end()
            self.under_way -= 1
            if isinstance(item, Answer):
                self.answers += 1
                self.granted[subject.tag] += item.granted
                if item.granted:
                    now_s = monotonic_s()
                    self.longest_gap_s, heard_s = max(self.longest_gap_s, now_s - heard_s), now_s
            else:
                self.errors[item.kind, item.executed] += 1
                if item.executed is not False:
                    self.unheard[subject.tag] += 1
                # What fails at once must not become a loop that nothing else gets into.
                await asyncio.sleep(0.001)

    @contextlib.asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Nothing is under way meanwhile."""
        self._may_ask.clear()
        try:
            await until(lambda: self.under_way == 0)
            yield
        finally:
            self._may_ask.set()
