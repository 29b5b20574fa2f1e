"""A store between the engine and a real one that loses, delays or repeats what passes through it."""

import asyncio
from collections.abc import Sequence

from quotad.core.plans import Subject
from quotad.core.quota import Answer, Call, Replay, Reset, Terms, TopUp, Usage
from quotad.errors import StoreError
from quotad.store.interface import Batch, Store


class _Intercepted:
    """Stands in for a Batch and keeps its answers until they are passed on or dropped."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self.answers: Sequence[Answer | StoreError] | None = None
        self.calls: Sequence[Call] = batch.calls

    def late(self) -> None:
        """The inner store is never late in these tests."""

    def done(self, answers: Sequence[Answer | StoreError]) -> None:
        """Keep what the inner store said."""
        self.answers = answers


class FaultyStore:
    """``fault`` says what becomes of the next submits; ``settle_held`` ends what is held back.

    ``none``         passes through
    ``lose_call``    never reaches the store, and that is known
    ``lose_reply``   is executed, but the connection breaks before the answer
    ``hold_call``    is past its deadline and is executed only when released
    ``hold_reply``   is executed now, past its deadline, and answered when released
    """

    def __init__(self, inner: Store) -> None:
        self.inner = inner
        self.fault = "none"
        self.submitted = 0
        self.reconnected = 0
        self._held: list[tuple[Batch, bool, _Intercepted | None]] = []

    def submit(self, batch: Batch, settle_only: bool = False) -> None:
        """Pass on, or spoil, as ``fault`` says."""
        self.submitted += 1
        loop = asyncio.get_running_loop()
        count = len(batch.calls)
        if self.fault == "none":
            self.inner.submit(batch, settle_only)
        elif self.fault == "lose_call":
            loop.call_soon(batch.done, [StoreError("disconnected", "lost", executed=False)] * count)
        elif self.fault == "lose_reply":
            self.inner.submit(_Intercepted(batch), settle_only)
            loop.call_soon(batch.done, [StoreError("broken", "lost", executed=None)] * count)
        elif self.fault == "hold_call":
            self._held.append((batch, settle_only, None))
            loop.call_soon(batch.late)
        else:
            kept = _Intercepted(batch)
            self.inner.submit(kept, settle_only)
            self._held.append((batch, settle_only, kept))
            loop.call_soon(batch.late)

    def let_go(self) -> None:
        """Execute or answer everything that was held back, oldest first."""
        held, self._held = self._held, []
        for batch, settle_only, kept in held:
            if kept is None:
                self.inner.submit(batch, settle_only)
            else:
                assert kept.answers is not None
                batch.done(kept.answers)

    def break_held(self) -> None:
        """The connection breaks under what was held back: nobody will ever know."""
        held, self._held = self._held, []
        for batch, _, _ in held:
            batch.done([StoreError("broken", "lost", executed=None)] * len(batch.calls))

    def now_us(self) -> int | None:
        """The inner store's."""
        return self.inner.now_us()

    async def usage(self, subjects: Sequence[Subject]) -> list[Usage]:
        """The inner store's."""
        return await self.inner.usage(subjects)

    @property
    def reconnects(self) -> int:
        """So often as a test says."""
        return self.reconnected

    async def replay(self, subject: Subject, terms: Terms, record: Replay, owner: bytes = b"") -> Usage:
        """The inner store's; lost like any other."""
        if self.fault != "none":
            raise StoreError("disconnected", "lost", executed=False)
        return await self.inner.replay(subject, terms, record, owner)

    async def adjust(self, subject: Subject, terms: Terms, change: TopUp | Reset) -> Usage:
        """The inner store's."""
        return await self.inner.adjust(subject, terms, change)

    async def start(self) -> None:
        """The inner store's."""
        await self.inner.start()

    async def close(self) -> None:
        """The inner store's."""
        await self.inner.close()
