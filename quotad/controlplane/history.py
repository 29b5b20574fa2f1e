"""``GET /v1/usage/history``: use by day or hour; and use by Secret where Secrets share counters.

Query: ``usagePlanId``, ``serviceId``, ``environment``, ``apiId``, ``secretId`` (all exact), ``shadow`` (true:
those of shadow plans, else of enforcing ones), ``unit`` (day or hour), ``from`` and ``to``, ``limit`` (1 to
100, default 100) and ``offset``.

Days are dates in the plan's time zone, both ends included, the last 30 unless said otherwise; hours are those
of UTC that ``[from, to)`` has a part in (RFC 3339), the last 24 unless said otherwise. What is no longer kept
(400 days, 8 days of hours) or still to come has no row; what was not used has one with 0.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Literal, Protocol

from quotad.controlplane.change import instant_us
from quotad.controlplane.subjects import find
from quotad.controlplane.usage import PAGE_LENGTH, QueryError, UsageQuery, check_id, flag, parse_query
from quotad.core.history import DAYS_KEPT, HOUR_US, HOURS_KEPT, History, day_rows, hour_rows, today
from quotad.core.plans import Subject
from quotad.core.quota import Usage
from quotad.core.table import Table
from quotad.core.usage_rows import Page, Row, identity, stamp

DAYS_SHOWN = 30
HOURS_SHOWN = 24

_OWN = ("secretId", "shadow", "unit", "from", "to")


class Past(Protocol):
    """The verbs of ``store.interface.Books`` that are needed here."""

    async def history(self, subjects: Sequence[Subject]) -> list[History]:
        """Use of each Subject by day and hour. Raises StoreError."""

    async def attributed(
        self, subject: Subject, day_ends_us: Sequence[int], secret_id: str = ""
    ) -> dict[int, Mapping[str, int]]:
        """By day: SecretId to units. Raises StoreError."""


@dataclass(frozen=True, slots=True)
class HistoryQuery:
    """What was asked for."""

    filters: UsageQuery
    secret_id: str = ""
    shadow: bool = False
    unit: Literal["day", "hour"] = "day"
    first: date | None = None
    last: date | None = None
    from_us: int | None = None
    to_us: int | None = None

    def rows(self, history: History, timezone: str) -> list[Row]:
        """The rows of one Subject."""
        now_us = history.now_us
        if self.unit == "hour":
            to_us = now_us + 1 if self.to_us is None else min(self.to_us, now_us + 1)
            from_us = to_us - HOURS_SHOWN * HOUR_US if self.from_us is None else self.from_us
            return hour_rows(history.hours, max(from_us, now_us - HOURS_KEPT * HOUR_US), to_us)
        present = today(now_us, timezone)
        last = present if self.last is None else min(self.last, present)
        first = last - timedelta(days=DAYS_SHOWN - 1) if self.first is None else self.first
        oldest = present - timedelta(days=DAYS_KEPT - 1)
        return day_rows(history.days, timezone, max(first, oldest), last)


def parse_history(parameters: Iterable[tuple[str, str]]) -> HistoryQuery:
    """Read the query's (name, value) pairs. Raises QueryError: nothing is guessed or clamped."""
    given: dict[str, str] = {}
    rest: list[tuple[str, str]] = []
    for name, value in parameters:
        if name not in _OWN:
            rest.append((name, value))
        elif name in given:
            raise QueryError(f"{name} is given more than once.")
        else:
            given[name] = value
    filters = parse_query(rest)
    if filters.limit > PAGE_LENGTH or filters.by_secret:
        raise QueryError(
            f"limit must be a whole number from 1 to {PAGE_LENGTH}, and bySecret is not known here."
        )
    check_id(given, "secretId")
    secret_id, shadow = given.get("secretId", ""), flag(given, "shadow")
    if given.get("unit") == "hour":
        from_us, to_us = (_instant(given, name) for name in ("from", "to"))
        if from_us is not None and to_us is not None and from_us > to_us:
            raise QueryError("from is after to.")
        return HistoryQuery(filters, secret_id, shadow, "hour", from_us=from_us, to_us=to_us)
    if given.get("unit") != "day":
        raise QueryError("unit must be day or hour.")
    first, last = (_date(given, name) for name in ("from", "to"))
    if first is not None and last is not None and first > last:
        raise QueryError("from is after to.")
    return HistoryQuery(filters, secret_id, shadow, first=first, last=last)


def select_history(table: Table, query: HistoryQuery, *, by_secret: bool) -> Page:
    """The Subjects that were asked for, in the order of the bindings. Raises QueryError.

    ``by_secret``: whether use by Secret is kept where Secrets share counters; else a Secret has none there.
    """
    filters = query.filters
    sought = replace(filters.sought, secret_id=query.secret_id, shadow=query.shadow)
    total, asked = find(table, sought, filters.limit, filters.offset)
    if query.secret_id and any(not subject.secret_id for subject in asked):
        if not by_secret:
            raise QueryError("The Secrets of such a plan share counters, and store.secretUsage is off.")
        if query.unit == "hour" or query.shadow:
            raise QueryError(
                "Where Secrets share counters, use by Secret is kept by day, and not of shadows."
            )
    return Page(asked, total, filters.limit, filters.offset)


async def history_document(table: Table, page: Page, query: HistoryQuery, past: Past) -> Row:
    """The body of an answer, in the frame of ``/v1/usage``. Raises StoreError."""
    histories = await past.history(page.subjects)
    rows = []
    for subject, history in zip(page.subjects, histories, strict=True):
        found = identity(table, subject)
        shown = history
        if query.secret_id and not subject.secret_id:
            found["secretId"] = query.secret_id
            shares = await past.attributed(subject, sorted(history.days), query.secret_id)
            days = {end_us: sum(units.values()) for end_us, units in shares.items()}
            shown = history._replace(days=days)
        zone = subject.plan.timezone
        rows.append({**found, "timezone": zone, "unit": query.unit, "history": query.rows(shown, zone)})
    return {
        "totalCount": page.total_count,
        "limit": page.limit,
        "offset": page.offset,
        "storeTime": stamp(histories[0].now_us) if histories else None,
        "usage": rows,
    }


async def by_secret_rows(table: Table, subject: Subject, usage: Usage, past: Past) -> list[Row]:
    """Use of the running day by Secret, the busiest first, of a Subject that several share.

    Raises StoreError.
    """
    if not usage.day_end_us:
        return []
    shares = (await past.attributed(subject, [usage.day_end_us]))[usage.day_end_us]
    rows = []
    for secret_id, units in sorted(shares.items(), key=lambda item: (-item[1], item[0])):
        secret = table.secrets.get(secret_id)
        name = secret.secret_name if secret is not None else ""
        rows.append({"secretId": secret_id, "secretName": name, "day": units})
    return rows


def _date(given: Mapping[str, str], name: str) -> date | None:
    text = given.get(name)
    if text is None:
        return None
    try:
        found = date.fromisoformat(text) if len(text) == len("2026-11-22") else None
    except ValueError:
        found = None
    if found is None or not 1970 < found.year < 2200:
        raise QueryError(f"{name} must be a date like 2026-11-22.")
    return found


def _instant(given: Mapping[str, str], name: str) -> int | None:
    text = given.get(name)
    if text is None:
        return None
    return instant_us(text, lambda: QueryError(f"{name} must be an RFC 3339 time like 2026-11-22T10:00:00Z."))
