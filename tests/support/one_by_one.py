"""A store of which nothing is asked while something is: no answer can be taken for another call's."""

import asyncio
from collections import deque
from collections.abc import Sequence

from quotad.core.plans import Subject
from quotad.core.quota import Answer, Call, Replay, Reset, Terms, TopUp, Usage
from quotad.errors import StoreError
from quotad.store.interface import Batch, Store


class _Turn:
    """Stands in for a Batch, and says when the next one's turn has come."""

    def __init__(self, gate: "OneByOne", batch: Batch) -> None:
        self._gate = gate
        self._batch = batch
        self.calls: Sequence[Call] = batch.calls

    def late(self) -> None:
        """It stays open, so the next one goes on waiting."""
        self._batch.late()

    def done(self, answers: Sequence[Answer | StoreError]) -> None:
        """Tell the Batch, and let the next one go."""
        self._gate.leave()
        self._batch.done(answers)


class OneByOne:
    """``store.interface.Store`` before another: while a call is open, all that comes waits for its end."""

    def __init__(self, inner: Store) -> None:
        self._inner = inner
        self._loop = asyncio.get_running_loop()
        self._taken = False
        self._waiting: deque[asyncio.Future[None] | tuple[Batch, bool]] = deque()

    def submit(self, batch: Batch, settle_only: bool = False) -> None:
        """Pass on, in its turn."""
        self._waiting.append((batch, settle_only))
        self._go_on()

    async def replay(self, subject: Subject, terms: Terms, record: Replay, owner: bytes = b"") -> Usage:
        """The inner store's, in its turn."""
        turn: asyncio.Future[None] = self._loop.create_future()
        self._waiting.append(turn)
        self._go_on()
        try:
            await turn
            return await self._inner.replay(subject, terms, record, owner)
        finally:
            if not turn.cancelled():
                self.leave()

    def leave(self) -> None:
        """The open call is resolved; the next one goes once all that has arrived was read."""
        self._loop.call_soon(self._left)

    def _left(self) -> None:
        self._taken = False
        self._go_on()

    def _go_on(self) -> None:
        while self._waiting and not self._taken:
            item = self._waiting.popleft()
            if isinstance(item, tuple):
                self._taken = True
                batch, settle_only = item
                self._inner.submit(_Turn(self, batch), settle_only)
            elif not item.done():
                self._taken = True
                item.set_result(None)

    def now_us(self) -> int | None:
        """The inner store's."""
        return self._inner.now_us()

    @property
    def reconnects(self) -> int:
        """The inner store's."""
        return self._inner.reconnects

    async def usage(self, subjects: Sequence[Subject]) -> list[Usage]:
        """The inner store's."""
        return await self._inner.usage(subjects)

    async def adjust(self, subject: Subject, terms: Terms, change: TopUp | Reset) -> Usage:
        """The inner store's."""
        return await self._inner.adjust(subject, terms, change)

    async def start(self) -> None:
        """The inner store's."""
        await self._inner.start()

    async def close(self) -> None:
        """The inner store's."""
        await self._inner.close()
