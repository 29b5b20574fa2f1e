"""The store contract over the plain-Python reference: for tests of whoever uses a store.

Several MemoryStores upon one Reference are several sidecars upon one server.
"""

import asyncio
from collections.abc import Callable, Sequence

from quotad.core.plans import Subject
from quotad.core.quota import Answer, Call, Replay, Reset, Terms, TopUp, Usage
from quotad.core.reference import Reference, WindowsUnfitError
from quotad.errors import StoreError
from quotad.store.interface import Batch


class MemoryStore:
    """``store.interface.Store`` without a server; its time is ``clock_us``, Redis microseconds."""

    def __init__(
        self,
        reference: Reference,
        clock_us: Callable[[], int],
        sidecar_id: bytes,
        hold_us: int = 60_000_000,
    ) -> None:
        self.reference = reference
        self.sidecar_id = sidecar_id
        self.damaged: set[str] = set()
        """Tags of Subjects whose state cannot be read: they answer for themselves."""
        self._clock_us = clock_us
        self._hold_us = hold_us

    def submit(self, batch: Batch, settle_only: bool = False) -> None:
        """Decide at once, answer with the next turn of the loop."""
        serve = self.reference.settle if settle_only else self.reference.reserve
        now_us = self._clock_us()
        answers: list[Answer | StoreError] = [
            self._broken(call) or serve(now_us, self.sidecar_id, self._hold_us, call) for call in batch.calls
        ]
        asyncio.get_running_loop().call_soon(batch.done, answers)

    def now_us(self) -> int | None:
        """The clock's time."""
        return self._clock_us()

    async def usage(self, subjects: Sequence[Subject]) -> list[Usage]:
        """What each Subject has in use now."""
        now_us = self._clock_us()
        return [self.reference.usage(now_us, subject) for subject in subjects]

    @property
    def reconnects(self) -> int:
        """There is nothing to connect to."""
        return 0

    async def replay(self, subject: Subject, terms: Terms, record: Replay, owner: bytes = b"") -> Usage:
        """See ``Store.replay``."""
        return self._change(
            lambda: self.reference.replay(
                self._clock_us(), owner or self.sidecar_id, self._hold_us, subject, terms, record
            )
        )

    async def adjust(self, subject: Subject, terms: Terms, change: TopUp | Reset) -> Usage:
        """See ``Store.adjust``."""
        return self._change(
            lambda: self.reference.adjust(self._clock_us(), self._hold_us, subject, terms, change)
        )

    @staticmethod
    def _change(change: Callable[[], Usage]) -> Usage:
        try:
            return change()
        except WindowsUnfitError:
            raise StoreError(
                "script", "the windows sent do not contain the present", executed=False
            ) from None

    async def start(self) -> None:
        """There is nothing to connect to."""

    async def close(self) -> None:
        """There is nothing to disconnect from."""

    def _broken(self, call: Call) -> StoreError | None:
        if call.subject.tag in self.damaged:
            return StoreError("script", "the Subject's state cannot be read", executed=False)
        return None
