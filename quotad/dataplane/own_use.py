"""What callers may know of their own use: few reads of the store, however many ask.

A Subject is read at most once a second; who asks meanwhile gets what was read, or waits for the read
under way. A failed read is remembered as long, so that an absent store is not hammered.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from quotad.clock import MonotonicClock
from quotad.core.plans import Subject
from quotad.core.quota import Usage
from quotad.errors import StoreError

FRESH_S = 1.0
"""How long what was read is told again."""

ASKED_PER_S = 10
"""How often one caller may ask within a second."""

READ_WITHIN_S = 1.0

REMEMBERED = 10_000
"""Subjects whose numbers are kept."""

ReadUsage = Callable[[Sequence[Subject]], Awaitable[list[Usage]]]
"""``store.interface.Store.usage``."""


class Asker(Protocol):
    """A request that asks what is in use."""

    gone: bool
    """True once nobody wants to know any more."""

    def on_use(self, usages: list[Usage] | None) -> None:
        """One each for the Subjects asked for; None: the store did not say.

        Called once, never from within ``OwnUse.ask``; not called at all when ``gone``.
        """


class _Known:
    """What was read of one Subject, or will be."""

    __slots__ = ("asked_s", "reading", "usage", "wanted")

    def __init__(self, asked_s: float) -> None:
        self.asked_s = asked_s
        self.reading = True
        self.usage: Usage | None = None
        self.wanted: list[_Question] = []


class _Question:
    """One request's, until all that it wants to know is there."""

    __slots__ = ("_asker", "known", "left")

    def __init__(self, asker: Asker) -> None:
        self._asker = asker
        self.known: list[_Known] = []
        self.left = 0

    def answer(self) -> None:
        if self._asker.gone:
            return
        usages = [known.usage for known in self.known if known.usage is not None]
        self._asker.on_use(usages if len(usages) == len(self.known) else None)


class OwnUse:
    """Reads what is in use, on behalf of callers. Lives on one event loop."""

    def __init__(self, read: ReadUsage, clock: MonotonicClock) -> None:
        self._read_usage = read
        self._clock = clock
        self._known: dict[str, _Known] = {}
        self._reads: set[asyncio.Task[None]] = set()
        self._second = -1
        self._asked: dict[str, int] = {}

    def admits(self, secret_id: str) -> bool:
        """Whether this caller may ask once more; counts it."""
        second = int(self._clock())
        if second != self._second:
            self._second = second
            self._asked.clear()
        asked = self._asked[secret_id] = self._asked.get(secret_id, 0) + 1
        return asked <= ASKED_PER_S

    def ask(self, subjects: Sequence[Subject], asker: Asker) -> None:
        """Ask what each of the Subjects has in use."""
        now_s = self._clock()
        question = _Question(asker)
        unknown: list[tuple[Subject, _Known]] = []
        for subject in subjects:
            known = self._known.get(subject.tag)
            if known is None or (not known.reading and now_s - known.asked_s >= FRESH_S):
                known = self._remember(subject.tag, _Known(now_s))
                unknown.append((subject, known))
            if known.reading:
                known.wanted.append(question)
                question.left += 1
            question.known.append(known)
        loop = asyncio.get_running_loop()
        if unknown:
            read = loop.create_task(self._read(unknown))
            self._reads.add(read)
            read.add_done_callback(self._reads.discard)
        if not question.left:
            loop.call_soon(question.answer)

    async def close(self) -> None:
        """Give up the reads that are under way."""
        reads = tuple(self._reads)
        for read in reads:
            read.cancel()
        if reads:
            await asyncio.wait(reads)

    def _remember(self, tag: str, known: _Known) -> _Known:
        if len(self._known) >= REMEMBERED:
            self._known = {tag: known for tag, known in self._known.items() if known.reading}
        self._known[tag] = known
        return known

    async def _read(self, wanted: list[tuple[Subject, _Known]]) -> None:
        try:
            async with asyncio.timeout(READ_WITHIN_S):
                usages = await self._read_usage([subject for subject, _ in wanted])
            for (_, known), usage in zip(wanted, usages, strict=True):
                known.usage = usage
        except (StoreError, TimeoutError):
            return  # the store counts its errors itself
        finally:
            for _, known in wanted:
                self._tell(known)

    @staticmethod
    def _tell(known: _Known) -> None:
        known.reading = False
        questions, known.wanted = known.wanted, []
        for question in questions:
            question.left -= 1
            if not question.left:
                question.answer()
