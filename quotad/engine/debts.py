"""What was admitted without the store (``onStoreFailure: open``), until the store has counted it.

Before a request goes on, the journal holds its Subject's new total of the day; once the store answers
again, grants that nobody waited for pay for what they can, and the rest is replayed.
"""

import json
from collections.abc import Callable, Iterable
from datetime import date
from typing import Any

from quotad.core.plans import Subject, UsagePlan, secret_of_tag
from quotad.core.quota import Replay
from quotad.engine.journal import Journal
from quotad.engine.journal_file import Record

_ABOUT = ("rate_rps", "burst", "day_quota_request", "month_quota_request", "max_request_num")
_MORE = ("timezone", "month_anchor_day", "version")
_READERS: dict[str, Callable[[Any], Any]] = {
    "soft_quotas": frozenset,
    "starts_on": date.fromisoformat,
    "first_period_offset": int,
    "on_crash": str,
}
"""What else a plan may say that a replay needs, and how it is read back."""


class Debt:
    """One day's."""

    __slots__ = ("acknowledged_us", "day_end_us", "in_flight", "noted", "owed", "replayed", "told")

    def __init__(self, day_end_us: int) -> None:
        self.day_end_us = day_end_us
        self.in_flight = 0
        """Admitted, outcome not known yet."""
        self.owed = 0
        """Counted, and neither paid for nor replayed yet."""
        self.replayed = 0
        """What the store has acknowledged; absolute since the process started."""
        self.acknowledged_us = 0
        """When the store said so last; 0: it is to be told again, since it may have forgotten."""
        self.told = 0
        """What the store was told at most, whether it heard or not: it may have counted so many."""
        self.noted = 0
        """What the journal holds: what is replayed if this process dies."""

    @property
    def total(self) -> int:
        """What the store must have counted if every request in flight counts."""
        return self.replayed + self.owed + self.in_flight

    @property
    def payable(self) -> int:
        """What is owed and was never told: of the rest the store may have counted all."""
        return self.replayed + self.owed - self.told

    @property
    def is_untold(self) -> bool:
        """Whether the store does not know of all, or may not."""
        return bool(self.owed or (self.replayed and not self.acknowledged_us))

    def settle(self, counted: bool) -> None:
        """One admitted request's outcome is known."""
        self.in_flight -= 1
        if counted:
            self.owed += 1


class Debts:
    """One Subject's, by day."""

    __slots__ = ("_by_day",)

    def __init__(self) -> None:
        self._by_day: dict[int, Debt] = {}

    def admit(self, journal: Journal | None, subject: Subject, day_end_us: int) -> Debt | None:
        """Note one more request before it is admitted. None when it cannot be noted."""
        debt = self._by_day.get(day_end_us)
        if debt is None:
            debt = Debt(day_end_us)
        total = debt.total + 1
        if journal is not None and total > debt.noted:
            plan = subject.plan
            if not journal.record(subject.tag, plan.usage_plan_id, day_end_us, total, describe(plan)):
                return None
            debt.noted = total
        self._by_day[day_end_us] = debt
        debt.in_flight += 1
        return debt

    def owed(self, day_end_us: int) -> int:
        """What grants of this day may pay for."""
        debt = self._by_day.get(day_end_us)
        return 0 if debt is None else debt.payable

    def pay(self, day_end_us: int, units: int) -> None:
        """Units of this day that were granted to nobody stay charged for what is owed."""
        self._by_day[day_end_us].owed -= units

    @property
    def is_due(self) -> bool:
        """Whether the store is to be told something, or the journal may let go of what came to nothing."""
        return any(debt.is_untold or (debt.noted and not debt.in_flight) for debt in self._by_day.values())

    def tell_again(self, since_us: int) -> None:
        """What the store has acknowledged since then it may have forgotten. Twice is once."""
        for debt in self._by_day.values():
            if debt.acknowledged_us >= since_us:
                debt.acknowledged_us = 0

    def next_replay(self) -> tuple[Debt, Replay] | None:
        """What the store is to be told next, as an absolute total. From now on it may have heard it."""
        for debt in self._by_day.values():
            if debt.is_untold:
                debt.told = debt.replayed + debt.owed
                return debt, Replay(debt.day_end_us, debt.told)
        return None

    def acknowledged(self, debt: Debt, total: int, now_us: int) -> None:
        """The store has counted so many of that day."""
        debt.owed -= total - debt.replayed
        debt.replayed = total
        debt.acknowledged_us = now_us

    def close(self, settled: Callable[[int, int], None]) -> None:
        """Say of which days the journal may let go, and of which total.

        A day's own total is kept: should it see another outage, it goes on from there.
        """
        for debt in self._by_day.values():
            if debt.noted and not debt.in_flight and not debt.owed:
                settled(debt.day_end_us, debt.noted)
                debt.noted = 0


class Unaccounted:
    """A request that was admitted without the store."""

    __slots__ = ("debt", "subject")

    def __init__(self, subject: Subject, debt: Debt) -> None:
        self.subject = subject
        self.debt = debt


def describe(plan: UsagePlan) -> bytes:
    """What a later process needs to know of a plan that its own configuration may lack.

    What plans seldom say stands behind the rest, so that records of all others are read by processes that
    know nothing of it.
    """
    seldom: dict[str, object] = {}
    if plan.soft_quotas:
        seldom["soft_quotas"] = sorted(plan.soft_quotas)
    if plan.starts_on is not None:
        seldom["starts_on"] = plan.starts_on.isoformat()
        seldom["first_period_offset"] = plan.first_period_offset
    if plan.on_crash != "charge":
        seldom["on_crash"] = plan.on_crash
    values = [getattr(plan, name) for name in (*_ABOUT, *_MORE)]
    return json.dumps([*values, seldom] if seldom else values, separators=(",", ":")).encode()


def _plan_of(record: Record) -> UsagePlan:
    """The reverse. Raises ValueError, TypeError."""
    values = json.loads(record.about)
    seldom = values.pop() if len(values) > len(_ABOUT) + len(_MORE) else {}
    known = dict(zip((*_ABOUT, *_MORE), values, strict=True))
    return UsagePlan(
        record.plan_id,
        "",
        **known,
        **{name: _READERS[name](value) for name, value in _items(seldom)},
    )


def _items(seldom: object) -> Iterable[tuple[str, Any]]:
    if not isinstance(seldom, dict) or not seldom.keys() <= _READERS.keys():
        raise ValueError("the plan says what is not known here")
    return seldom.items()


def subject_of(record: Record) -> Subject:
    """The Subject of a dead process's Record. Raises ValueError, TypeError when it cannot be read."""
    plan = _plan_of(record)
    plan_id, service_id, environment, *own = record.tag.split("/")
    secret_id = secret_of_tag(own)
    api_id = next((part.removeprefix(".api.") for part in own if part.startswith(".api.")), "")
    if environment not in ("release", "prepub", "test") or plan_id != record.plan_id:
        raise ValueError("the tag names no Subject")
    return Subject(plan, service_id, environment, secret_id, ".shadow" in own, api_id)  # type: ignore[arg-type]
