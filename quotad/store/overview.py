"""Keeps the picture of a Cluster current: one survey at a time, soon when asked for, again in trouble."""

import asyncio
import contextlib
import random
from collections.abc import Callable
from typing import Protocol

from quotad.errors import StoreError
from quotad.store.endpoint import Endpoint
from quotad.store.slots import SlotMap
from quotad.store.survey import Surveyor

_IDLE_S = 10.0
"""Between two surveys that nobody asked for."""
_FIRST_GAP_S = 0.020
_LONGEST_GAP_S = 0.150
"""Between two surveys; in lasting trouble this becomes four times as long."""
_CALM_S = 1.0
_LASTING_S = 15.0


class Surveyed(Protocol):
    """Who is surveyed (``cluster.Cluster``)."""

    def known(self) -> frozenset[str]:
        """Addresses to ask."""

    def doubted(self) -> frozenset[str]:
        """Those of them whose own word does not count."""

    def troubled(self) -> bool:
        """Whether some slots have no primary that works."""

    def on_surveyed(self, found: SlotMap, number: int) -> None:
        """Survey ``number`` (they are counted from 1) found this."""

    def on_blind(self, error: StoreError) -> None:
        """A survey found nothing that can be trusted."""


class Overview:
    """Runs surveys. ``login`` is asked before each: a password may change."""

    def __init__(
        self,
        surveyor: Surveyor,
        surveyed: Surveyed,
        login: Callable[[], Endpoint],
        fraction: Callable[[], float] = random.random,
    ) -> None:
        self.begun = 0
        """Surveys begun so far."""
        self.attempted = asyncio.Event()
        """Set once the first has ended, either way."""
        self.last_error: StoreError | None = None
        """Why the latest found nothing; None when it did."""
        self._surveyor = surveyor
        self._surveyed = surveyed
        self._login = login
        self._fraction = fraction
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._due_s = 0.0
        self._gap_s = _FIRST_GAP_S
        self._ended_s = -_CALM_S
        self._calm_s = self._loop.time()
        self._found = 0
        self._news = asyncio.Event()

    def start(self) -> None:
        """Begin with a first survey."""
        self._task = self._loop.create_task(self._run())

    async def stop(self) -> None:
        """No more surveys."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        await self._surveyor.rest()

    def ask(self, within_s: float = 0.0) -> None:
        """Survey soon: after at most so long, and not before the gap since the last one is over."""
        due_s = self._loop.time() + within_s
        if due_s < self._due_s:
            self._due_s = due_s
            self._wake.set()

    async def confirmed(self) -> None:
        """Return when a survey that began after this call has found something."""
        wanted = self.begun + 1
        while self._found < wanted:
            self.ask()
            await self._news.wait()

    async def _run(self) -> None:
        while True:
            await self._pause()
            self._due_s = float("inf")
            self.begun += 1
            try:
                surveyed = self._surveyed
                found = await self._surveyor.ask(surveyed.known(), surveyed.doubted(), self._login())
            except StoreError as error:
                self.last_error = error
                self._surveyed.on_blind(error)
            else:
                self.last_error = None
                self._found = self.begun
                self._surveyed.on_surveyed(found, self.begun)
                self._news.set()
                self._news = asyncio.Event()
            self.attempted.set()
            await self._plan_next()

    async def _plan_next(self) -> None:
        now_s, part = self._loop.time(), 0.7 + 0.3 * self._fraction()
        again = now_s - self._ended_s < _CALM_S
        self._gap_s = min(2 * self._gap_s, _LONGEST_GAP_S) if again else _FIRST_GAP_S
        self._ended_s = now_s
        if self.last_error is not None or self._surveyed.troubled():
            lasting = 4.0 if now_s - self._calm_s > _LASTING_S else 1.0
            self._due_s = min(self._due_s, now_s + part * _LONGEST_GAP_S * lasting)
        else:
            self._calm_s = now_s
            self._due_s = min(self._due_s, now_s + part * _IDLE_S)
            if self._due_s > now_s + _CALM_S:
                await self._surveyor.rest()

    async def _pause(self) -> None:
        while (wait_s := max(self._due_s, self._ended_s + self._gap_s) - self._loop.time()) > 0:
            self._wake.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._wake.wait()
