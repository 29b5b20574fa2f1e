"""Use per Secret where several Secrets share a Subject: counted here, told to the store once a second.

It decides nothing. What a killed process had not told yet is in no Secret's use: about a second of it.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from itertools import islice
from typing import Protocol

from quotad.core.history import Portion
from quotad.core.plans import Subject
from quotad.core.verdict import Verdict
from quotad.engine.debts import Unaccounted
from quotad.errors import StoreError

TELL_EVERY_S = 1.0
SECRETS_PER_PORTION = 100
PORTIONS_AT_ONCE = 1024
"""Of more Subjects, the rest waits for the next time: the store has other things to do."""

_Key = tuple[str, int]


class Teller(Protocol):
    """The verb of ``store.interface.Books`` that is needed here."""

    async def attribute(self, portions: Sequence[Portion]) -> list[StoreError | None]:
        """Add to use per Secret. Raises StoreError."""


class Share:
    """What was counted of one Subject's day, and not told yet."""

    __slots__ = ("day_end_us", "subject", "told", "units")

    def __init__(self, subject: Subject, day_end_us: int) -> None:
        self.subject = subject
        self.day_end_us = day_end_us
        self.units: dict[str, int] = {}
        self.told: Portion | None = None
        """On its way, or perhaps arrived: goes again as it is until the store has acknowledged it."""


class ShareBook:
    """Use per Secret of one process (``dataplane.plane.Shares``). Lives on one event loop."""

    def __init__(self, store: Teller) -> None:
        self._store = store
        self._shares: dict[_Key, Share] = {}
        self._number = 0
        self._telling: asyncio.Task[None] | None = None

    def count(self, verdict: Verdict, secret_id: str) -> None:
        """One unit was used by a request of this Secret; the verdict is not settled yet."""
        answer, subject = verdict.answer, verdict.subject
        if answer is not None:
            day_end_us = answer.day_end_us
        elif isinstance(verdict.unit, Unaccounted):
            day_end_us = verdict.unit.debt.day_end_us
        else:
            return
        key = (subject.tag, day_end_us)
        share = self._shares.get(key)
        if share is None:
            share = self._shares[key] = Share(subject, day_end_us)
        units = share.units
        units[secret_id] = units.get(secret_id, 0) + 1

    def start(self) -> None:
        """Tell the store from now on."""
        self._telling = asyncio.get_running_loop().create_task(self._tell_on())

    async def close(self, within_s: float) -> bool:
        """Tell what is left. False when the store did not take it in time."""
        if self._telling is not None:
            self._telling.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._telling
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while self._shares and await self.tell():
                    pass
        return not self._shares

    async def tell(self) -> bool:
        """Tell the store what was counted. False when it did not take all of what it was told."""
        shares = list(islice(self._shares.values(), PORTIONS_AT_ONCE))
        portions = [self._portion(share) for share in shares]
        try:
            errors = await self._store.attribute(portions)
        except StoreError:
            return False
        for share, error in zip(shares, errors, strict=True):
            if error is None:
                share.told = None
            # The next ones get their turn, whatever became of these.
            key = (share.subject.tag, share.day_end_us)
            del self._shares[key]
            if share.told is not None or share.units:
                self._shares[key] = share
        return not any(errors)

    async def _tell_on(self) -> None:
        while True:
            await asyncio.sleep(TELL_EVERY_S)
            if self._shares:
                await self.tell()

    def _portion(self, share: Share) -> Portion:
        if share.told is None:
            units = share.units
            if len(units) > SECRETS_PER_PORTION:
                names = list(islice(units, SECRETS_PER_PORTION))
                told = {name: units.pop(name) for name in names}
            else:
                told, share.units = units, {}
            self._number += 1
            share.told = Portion(share.subject, share.day_end_us, self._number, told)
        return share.told
