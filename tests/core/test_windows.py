from datetime import UTC, datetime
from zoneinfo import ZoneInfoNotFoundError, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quotad.core.windows import WindowCache, windows

HOUR_US = 3_600_000_000


def us(text: str) -> int:
    """Microseconds of an UTC time, ``2026-11-21T12:00``."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


@pytest.mark.parametrize(
    ("now", "zone", "start", "end"),
    [
        ("2026-11-21T12:00", "UTC", "2026-11-21T00:00", "2026-11-22T00:00"),
        ("2026-11-21T00:00", "UTC", "2026-11-21T00:00", "2026-11-22T00:00"),
        ("2026-11-21T23:59", "Asia/Shanghai", "2026-11-21T16:00", "2026-11-22T16:00"),
        # Clocks forward: 23 hours. Back: 25. By half an hour: 24.5.
        ("2026-03-29T12:00", "Europe/Berlin", "2026-03-28T23:00", "2026-03-29T22:00"),
        ("2026-10-25T12:00", "Europe/Berlin", "2026-10-24T22:00", "2026-10-25T23:00"),
        ("2026-04-04T20:00", "Australia/Lord_Howe", "2026-04-04T13:00", "2026-04-05T13:30"),
        # Midnight was skipped: the day begins at 01:00 local, which is the first instant it has.
        ("2018-11-04T12:00", "America/Sao_Paulo", "2018-11-04T03:00", "2018-11-05T02:00"),
        # Midnight came twice: the day begins at the first.
        ("2018-11-04T12:00", "America/Havana", "2018-11-04T04:00", "2018-11-05T05:00"),
        # At 00:01 clocks went back to 23:01 of yesterday: the day that had begun goes on.
        ("2011-11-06T02:45", "America/St_Johns", "2011-11-06T02:30", "2011-11-07T03:30"),
        # The 30th of December did not exist there: the 29th is followed by the 31st.
        ("2011-12-30T09:59", "Pacific/Apia", "2011-12-29T10:00", "2011-12-30T10:00"),
        ("2011-12-30T10:00", "Pacific/Apia", "2011-12-30T10:00", "2011-12-31T10:00"),
    ],
)
def test_days(now: str, zone: str, start: str, end: str) -> None:
    """A day begins at the first instant that carries its date."""
    made = windows(us(now), zone, 1)
    assert (made.day_start_us, made.day_end_us) == (us(start), us(end))


@pytest.mark.parametrize(
    ("now", "anchor", "start", "end", "next_end"),
    [
        ("2026-11-21T12:00", 1, "2026-11-01T00:00", "2026-12-01T00:00", "2027-01-01T00:00"),
        ("2026-11-21T12:00", 25, "2026-10-25T00:00", "2026-11-25T00:00", "2026-12-25T00:00"),
        ("2026-02-10T00:00", 31, "2026-01-31T00:00", "2026-02-28T00:00", "2026-03-31T00:00"),
        ("2028-02-28T23:59", 30, "2028-01-30T00:00", "2028-02-29T00:00", "2028-03-30T00:00"),
        ("2026-04-30T00:00", 31, "2026-04-30T00:00", "2026-05-31T00:00", "2026-06-30T00:00"),
        ("2026-01-01T00:00", 29, "2025-12-29T00:00", "2026-01-29T00:00", "2026-02-28T00:00"),
    ],
)
def test_months(now: str, anchor: int, start: str, end: str, next_end: str) -> None:
    """A month begins on its anchor day, or on the last day of a shorter month."""
    made = windows(us(now), "UTC", anchor)
    edges = (made.month_start_us, made.month_end_us, made.next_month_end_us)
    assert edges == (us(start), us(end), us(next_end))


@given(
    now_us=st.integers(us("1971-01-01T00:00"), us("2100-01-01T00:00")),
    zone=st.sampled_from(sorted(available_timezones())),
    anchor=st.integers(1, 31),
)
def test_windows_follow_one_another_without_gap(now_us: int, zone: str, anchor: int) -> None:
    """In every zone: now lies inside, each edge is the next window's start, month edges are day edges."""
    made = windows(now_us, zone, anchor)
    assert made.day_start_us <= now_us < made.day_end_us < made.next_day_end_us
    assert made.month_start_us <= made.day_start_us
    assert made.day_end_us <= made.month_end_us < made.next_month_end_us
    following = windows(made.day_end_us, zone, anchor)
    assert (following.day_start_us, following.day_end_us) == (made.day_end_us, made.next_day_end_us)
    next_month = windows(made.month_end_us, zone, anchor)
    assert next_month.day_start_us == next_month.month_start_us == made.month_end_us
    assert next_month.month_end_us == made.next_month_end_us
    assert windows(made.day_end_us - 1, zone, anchor) == windows(made.day_start_us, zone, anchor)


def test_the_cache_answers_the_same_object_within_a_day() -> None:
    """It is made anew only when the day is left, in either direction, and per zone and anchor."""
    cache = WindowCache()
    now_us = us("2026-11-21T12:00")
    made = cache.windows(now_us, "UTC", 1)
    assert cache.windows(now_us + 11 * HOUR_US, "UTC", 1) is made
    assert cache.windows(now_us, "UTC", 2) is not made
    assert cache.windows(now_us, "Asia/Tokyo", 1) is not made
    assert cache.windows(made.day_end_us, "UTC", 1).day_start_us == made.day_end_us
    assert cache.windows(now_us, "UTC", 1) == made


def test_an_unknown_zone_is_an_error() -> None:
    """The configuration checks zones; whoever does not hears of it here."""
    with pytest.raises(ZoneInfoNotFoundError):
        windows(0, "Mars/Olympus", 1)
