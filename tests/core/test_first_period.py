from datetime import UTC, date, datetime

import pytest

from quotad.core.first_period import month_limit, month_limit_at
from quotad.core.plans import UsagePlan
from quotad.core.windows import windows


def limit_at(now: str, timezone: str, anchor: int, starts_on: date | None, offset: int = 400) -> int:
    """The month limit of a plan of 1,000 at an UTC instant."""
    plan = UsagePlan(
        "p",
        "p",
        month_quota_request=1000,
        timezone=timezone,
        month_anchor_day=anchor,
        first_period_offset=offset,
        starts_on=starts_on,
    )
    now_us = int(datetime.fromisoformat(now).replace(tzinfo=UTC).timestamp()) * 1_000_000
    made = windows(now_us, timezone, anchor)
    limit = month_limit(plan, made.month_start_us, made.month_end_us)
    assert month_limit_at(plan, now_us) == limit
    return limit


@pytest.mark.parametrize(
    ("now", "timezone", "anchor", "starts_on", "limit"),
    [
        # The whole of the month that holds the start, and no other.
        ("2026-10-31T23:59", "UTC", 1, date(2026, 11, 15), 1000),
        ("2026-11-01T00:00", "UTC", 1, date(2026, 11, 15), 600),
        ("2026-11-30T23:59", "UTC", 1, date(2026, 11, 15), 600),
        ("2026-12-01T00:00", "UTC", 1, date(2026, 11, 15), 1000),
        # A start on an edge belongs to the month that begins there, in the plan's own zone.
        ("2026-11-15T00:00", "UTC", 1, date(2026, 11, 1), 600),
        ("2026-10-31T22:59", "Europe/Berlin", 1, date(2026, 11, 1), 1000),
        ("2026-10-31T23:00", "Europe/Berlin", 1, date(2026, 11, 1), 600),
        # Months that begin on another day.
        ("2026-11-21T12:00", "UTC", 25, date(2026, 11, 24), 600),
        ("2026-11-21T12:00", "UTC", 25, date(2026, 11, 25), 1000),
        ("2027-02-28T00:00", "UTC", 31, date(2027, 2, 28), 600),
        ("2027-02-27T23:59", "UTC", 31, date(2027, 2, 28), 1000),
        # The zone has no such day: the plan begins with the next one, which begins a month here.
        ("2011-12-30T09:59", "Pacific/Apia", 30, date(2011, 12, 30), 1000),
        ("2011-12-30T10:00", "Pacific/Apia", 30, date(2011, 12, 30), 600),
        ("2026-11-21T12:00", "UTC", 1, None, 1000),
    ],
)
def test_the_month_that_contains_the_start(
    now: str, timezone: str, anchor: int, starts_on: date | None, limit: int
) -> None:
    """The offset is subtracted in the month that contains the plan's first day, and nowhere else."""
    assert limit_at(now, timezone, anchor, starts_on) == limit


@pytest.mark.parametrize(("offset", "limit"), [(0, 1000), (1, 999), (1000, 0), (1001, 0)])
def test_it_never_falls_below_zero(offset: int, limit: int) -> None:
    """An offset as large as the quota, or larger, leaves nothing; -1 would be without limit."""
    assert limit_at("2026-11-21T12:00", "UTC", 1, date(2026, 11, 15), offset) == limit


def test_unlimited_stays_unlimited() -> None:
    """Nothing is subtracted from a quota that is none."""
    plan = UsagePlan("p", "p", first_period_offset=5, starts_on=date(2026, 11, 15))
    assert month_limit(plan, 0, 2**53) == -1
