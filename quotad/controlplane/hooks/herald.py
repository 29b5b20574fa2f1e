"""Runs sweeps and deliveries while this process leads; waits for its turn while another one does.

A leader that was paused and is no longer one writes nothing: every script asks who leads.
"""

import asyncio
import contextlib
import logging
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field

from quotad.controlplane.hooks.courier import Courier
from quotad.controlplane.hooks.directory import Directory
from quotad.controlplane.hooks.sender import Sender
from quotad.controlplane.hooks.sweep import Counters, Sweep
from quotad.errors import QuotadError, StoreError
from quotad.store.deliveries import Deliveries

log = logging.getLogger("quotad.admin")


@dataclass(frozen=True, slots=True)
class Pace:
    """How often, in seconds."""

    lead_s: float = 4.0
    """Between two times that a process asks to lead, or says that it still does."""
    ttl_s: float = 15.0
    """So long a leader that is silent keeps its place."""
    sweep_s: float = 5.0
    """Between two sweeps."""
    rest: float = 9.0
    """How much longer than it looks at Subjects a sweep rests: with 9, it takes a tenth of the time."""
    poll_s: float = 0.5
    """Between two looks at what is due."""


PACE = Pace()


@dataclass(slots=True)
class Standing:
    """What there is to know of webhooks in this process, for metrics."""

    leads: bool = False
    pending: int = 0
    oldest_pending_s: float = 0.0
    sweep_s: float = 0.0
    """How long the last sweep took, its rests included."""
    subjects: int = 0
    """That it looked at."""
    events: Counter[str] = field(default_factory=lambda: Counter(told=0, given_up=0))
    """Since the start of this process."""
    attempts: Mapping[str, int] = field(default_factory=dict)
    """By what came of them."""


class _DeposedError(QuotadError):
    """Another process leads."""


class Herald:
    """One per process that serves the admin port. For one event loop."""

    def __init__(
        self,
        counters: Counters,
        board: Deliveries,
        directory: Directory,
        sender: Sender,
        monotonic_s: Callable[[], float],
        pace: Pace = PACE,
    ) -> None:
        self.standing = Standing()
        self._board = board
        self._directory = directory
        self._sender = sender
        self._monotonic_s = monotonic_s
        self._pace = pace
        self._name = secrets.token_hex(8)
        self._rested_s = 0.0
        self._courier = Courier(board, directory, sender, self._now_us)
        self._sweep = Sweep(counters, board, self._breathe)
        self._task: asyncio.Task[None] | None = None
        self._troubles: set[str] = set()
        self.standing.attempts = self._courier.attempts

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        """End. What is under way stays due, and another process may lead at once."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _run(self) -> None:
        async with self._sender:
            while True:
                try:
                    with self._told("webhooks wait for a leader"):
                        if await self._directory.webhooks() and await self._ask_to_lead():
                            await self._reign()
                except Exception:
                    log.exception("an error inside quotad ended the delivery of webhooks for a while")
                await asyncio.sleep(self._pace.lead_s)

    async def _ask_to_lead(self) -> bool:
        return await self._board.lead(self._name, round(self._pace.ttl_s * 1000))

    async def _reign(self) -> None:
        log.info("this process delivers webhooks")
        self.standing.leads = True
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._stay())
                tasks.create_task(self._repeat("sweep", self._pace.sweep_s, self._look))
                tasks.create_task(self._repeat("delivery", self._pace.poll_s, self._deliver))
        except* _DeposedError:
            log.info("another process delivers webhooks")
        finally:
            standing = self.standing
            standing.leads, standing.pending = False, 0
            standing.oldest_pending_s = standing.sweep_s = 0.0
            await self._courier.stop()
            await self._board.resign(self._name)

    async def _stay(self) -> None:
        """Raises _DeposedError once this process leads no more, as far as it knows."""
        heard_s = self._monotonic_s()
        while True:
            await asyncio.sleep(self._pace.lead_s)
            try:
                if not await self._ask_to_lead():
                    raise _DeposedError("another one leads")
                heard_s = self._monotonic_s()
            except StoreError as error:
                if self._monotonic_s() - heard_s > self._pace.ttl_s:
                    raise _DeposedError("the store is away") from error

    async def _repeat(self, name: str, every_s: float, do: Callable[[], Awaitable[object]]) -> None:
        while True:
            with self._told(f"webhooks: {name}"):
                await do()
            await asyncio.sleep(every_s)

    async def _look(self) -> None:
        """One sweep."""
        begun_s = self._rested_s = self._monotonic_s()
        webhooks = await self._directory.webhooks()
        swept = await self._sweep.run(self._name, await self._directory.table(), webhooks)
        standing = self.standing
        standing.sweep_s = self._monotonic_s() - begun_s
        standing.subjects = swept.subjects
        standing.events["told"] += swept.events
        if swept.full:
            log.warning("webhooks that take nothing are not looked after: %s", ", ".join(swept.full))

    async def _breathe(self) -> None:
        spent_s = self._monotonic_s() - self._rested_s
        await asyncio.sleep(spent_s * self._pace.rest)
        self._rested_s = self._monotonic_s()

    async def _deliver(self) -> None:
        webhooks = await self._directory.webhooks()
        waiting = await self._courier.turn(self._name, [each for each in webhooks if each.enabled])
        oldest_us = min((each.oldest_us for each in waiting if each.oldest_us), default=0)
        self.standing.pending = sum(each.pending for each in waiting)
        self.standing.oldest_pending_s = (self._now_us() - oldest_us) / 1e6 if oldest_us else 0.0
        self.standing.events["given_up"] = self._courier.given_up

    def _now_us(self) -> int:
        now_us = self._board.now_us()
        if now_us is None:
            raise StoreError("disconnected", "the store's time is not known", executed=False)
        return now_us

    @contextlib.contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """Whatever the store has against it is said once, until it goes well again."""
        try:
            yield
            self._troubles.discard(what)
        except QuotadError as error:
            if isinstance(error, _DeposedError):
                raise
            if what not in self._troubles:
                log.warning("%s: %s", what, error)
            self._troubles.add(what)
