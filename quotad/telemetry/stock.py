"""What the Subjects that this process serves have in use, as the store says: for the stock metrics.

A store that is away or slow neither fails nor holds up a scrape: the old values stand and their age grows.
"""

import asyncio
from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple, Protocol

from quotad.clock import MonotonicClock
from quotad.core.breach import is_soft, overage, raised, softened
from quotad.core.first_period import month_limit_at
from quotad.core.plans import QUOTA_WINDOWS, UNLIMITED, Subject
from quotad.core.quota import Usage
from quotad.errors import StoreError
from quotad.telemetry.metrics import Recorder

REFRESH_S = 1.0
"""The store is asked at most this often, however many scrapers there are."""
WAIT_S = 0.25
"""How long a scrape waits for fresh values."""


class UsageReader(Protocol):
    """The verb of ``store.interface.Store`` that is needed here."""

    async def usage(self, subjects: Sequence[Subject]) -> list[Usage]:
        """What each Subject has in use now. Raises StoreError."""


class StockRow(NamedTuple):
    """One window of one plan in one place; Subjects of ``scope: secret`` are summed up."""

    plan_id: str
    service_id: str
    environment: str
    window: str
    in_use: int
    maximum: int
    held: int
    leased: int = 0
    """Of those in use: taken ahead by sidecars, and not spent yet."""
    overage: int | None = None
    """Of those in use or held: beyond a soft quota. None: it is none."""
    api_id: str = ""


class Stock:
    """The last heard stock values, refreshed by scrapes."""

    def __init__(self, reader: UsageReader, recorder: Recorder, monotonic_s: MonotonicClock) -> None:
        self._reader = reader
        self._recorder = recorder
        self._monotonic_s = monotonic_s
        self._asked_s: float | None = None
        self._heard_s: float | None = None
        self._reading: asyncio.Future[None] | None = None
        self.rows: list[StockRow] = []
        self.shadow_rows: list[StockRow] = []
        """The same for shadow plans, apart: they are no use of anything."""

    def age_s(self) -> float | None:
        """Seconds since the store was last heard; None: never."""
        return None if self._heard_s is None else self._monotonic_s() - self._heard_s

    async def refresh(self) -> None:
        """Ask the store unless that was done a moment ago, and wait for it at most ``WAIT_S``."""
        now_s = self._monotonic_s()
        if self._reading is None and (self._asked_s is None or now_s - self._asked_s >= REFRESH_S):
            self._asked_s = now_s
            self._reading = asyncio.ensure_future(self._read())
        if self._reading is not None:
            await asyncio.wait((self._reading,), timeout=WAIT_S)

    async def close(self) -> None:
        """Give up a read that is under way."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait((self._reading,))

    async def _read(self) -> None:
        try:
            served = [group for _, group in self._recorder.served()]
            shadowed = list(self._recorder.shadowed())
            subjects = [subject for group in (*served, *shadowed) for subject in group]
            usages = iter(await self._reader.usage(subjects) if subjects else [])
            self.rows, self.shadow_rows = (
                [row for group in part for row in stock_rows(group, list(islice(usages, len(group))))]
                for part in (served, shadowed)
            )
            self._heard_s = self._monotonic_s()
        except StoreError:
            return  # the store counts its errors itself; here only the age grows
        finally:
            self._reading = None


def stock_rows(subjects: Sequence[Subject], usages: Sequence[Usage]) -> list[StockRow]:
    """Sum up Subjects of one plan and place into a row per window.

    The limit is summed too, so that use never seems to pass it; unlimited stays -1.
    """
    if not subjects:
        return []
    first = subjects[0]
    plan = first.plan
    months = month_limit_at(plan, usages[0].now_us)
    limits = {"day": plan.day_quota_request, "month": months, "total": plan.max_request_num}
    counted = {
        "day": [(usage.day_charged, usage.day_open, usage.day_raised) for usage in usages],
        "month": [(usage.month_charged, usage.month_open, usage.month_raised) for usage in usages],
        "total": [(usage.total_charged, usage.total_open, usage.total_raised) for usage in usages],
    }
    leased = sum(usage.leased for usage in usages)
    rows = []
    for window in QUOTA_WINDOWS:
        counts, limit = counted[window], softened(plan, window, limits[window])
        beyond = sum(overage(raised(limit, more), charged + held) for charged, held, more in counts)
        whole = limits[window] * len(subjects) + sum(more for _, _, more in counts)
        rows.append(
            StockRow(
                plan_id=plan.usage_plan_id,
                service_id=first.service_id,
                environment=first.environment,
                window=window,
                in_use=sum(charged for charged, _, _ in counts),
                maximum=UNLIMITED if limit == UNLIMITED else whole,
                held=sum(held for _, held, _ in counts),
                leased=leased,
                overage=beyond if is_soft(limit) else None,
                api_id=first.api_id,
            )
        )
    return rows
