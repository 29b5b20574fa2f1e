"""A Subject's use by day and hour, and by Secret: what the store keeps of it, and as rows.

A day is named by its end, Redis microseconds; an hour too, and hours are those of UTC. Units are those
that were used, also if a reset has forgiven them since.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from quotad.core.plans import Subject

DAYS_KEPT = 400
HOURS_KEPT = 8 * 24
HOUR_US = 3_600_000_000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Row = dict[str, Any]


class History(NamedTuple):
    """Use of one Subject, the running day and hour included. What is not there was not used."""

    now_us: int
    """The store's time."""
    days: Mapping[int, int]
    """Day's end to units."""
    hours: Mapping[int, int]
    """Hour's end to units."""


class Portion(NamedTuple):
    """What one Sidecar counted of a Subject's day by Secret, since its last Portion of that day."""

    subject: Subject
    day_end_us: int
    number: int
    """Grows with the Portions of this process; the same one sent again adds nothing."""
    units: Mapping[str, int]
    """SecretId to units."""


def day_of(end_us: int, timezone: str) -> date:
    """The date of the day that ends then, in a zone. Raises ZoneInfoNotFoundError."""
    return datetime.fromtimestamp((end_us - 1) // 1_000_000, ZoneInfo(timezone)).date()


def today(now_us: int, timezone: str) -> date:
    """The date in a zone. Raises ZoneInfoNotFoundError."""
    return datetime.fromtimestamp(now_us // 1_000_000, ZoneInfo(timezone)).date()


def day_rows(days: Mapping[int, int], timezone: str, first: date, last: date) -> list[Row]:
    """A row for each date from ``first`` to ``last``: ``day`` (ISO 8601) and ``used``.

    Days that a changed time zone made end on the same date are added up.
    """
    used: dict[date, int] = {}
    for end_us, units in days.items():
        day = day_of(end_us, timezone)
        used[day] = used.get(day, 0) + units
    return [{"day": day.isoformat(), "used": used.get(day, 0)} for day in dates(first, last)]


def hour_rows(hours: Mapping[int, int], from_us: int, to_us: int) -> list[Row]:
    """A row for each hour of UTC with a part in ``[from_us, to_us)``: ``hour`` (its begin) and ``used``."""
    rows = []
    start_us = from_us // HOUR_US * HOUR_US
    while start_us < to_us:
        begin = _EPOCH + timedelta(microseconds=start_us)
        rows.append({"hour": begin.strftime("%Y-%m-%dT%H:%MZ"), "used": hours.get(start_us + HOUR_US, 0)})
        start_us += HOUR_US
    return rows


def dates(first: date, last: date) -> Iterator[date]:
    """Each date from ``first`` to ``last``, both included."""
    while first <= last:
        yield first
        first += timedelta(days=1)
