from calendar import monthrange
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quotad.core.quota import Windows
from quotad.core.windows import WindowCache, day_start_us, windows

SECOND_US = 1_000_000
HOUR_US = 3_600_000_000
DAY_S = 86_400
ZONES = sorted(available_timezones())


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
        ("2026-10-03T20:00", "Australia/Lord_Howe", "2026-10-03T13:30", "2026-10-04T13:00"),
        # By two hours, over midnight of the zone's own night.
        ("2026-03-29T12:00", "Antarctica/Troll", "2026-03-29T00:00", "2026-03-29T22:00"),
        # Midnight was skipped: the day begins at 01:00 local, which is the first instant it has.
        ("2018-11-04T12:00", "America/Sao_Paulo", "2018-11-04T03:00", "2018-11-05T02:00"),
        ("2026-03-29T12:00", "Asia/Beirut", "2026-03-28T22:00", "2026-03-29T21:00"),
        ("2018-11-04T02:59", "America/Sao_Paulo", "2018-11-03T03:00", "2018-11-04T03:00"),
        # The gap began before midnight: the day begins at 00:30 local, at the end of the gap.
        ("1919-03-31T12:00", "America/Toronto", "1919-03-31T04:30", "1919-04-01T04:00"),
        ("1919-03-31T04:29", "America/Toronto", "1919-03-30T05:00", "1919-03-31T04:30"),
        # 23:00 came twice: the hour before midnight still belongs to the day.
        ("2018-02-18T02:30", "America/Sao_Paulo", "2018-02-17T02:00", "2018-02-18T03:00"),
        ("2026-10-24T20:30", "Asia/Beirut", "2026-10-23T21:00", "2026-10-24T22:00"),
        # Midnight came twice: the day begins at the first.
        ("2018-11-04T12:00", "America/Havana", "2018-11-04T04:00", "2018-11-05T05:00"),
        # At 00:01 clocks went back to 23:01 of yesterday: the day that had begun goes on.
        ("2011-11-06T02:45", "America/St_Johns", "2011-11-06T02:30", "2011-11-07T03:30"),
        # The 30th of December did not exist there: the 29th is followed by the 31st.
        ("2011-12-30T09:59", "Pacific/Apia", "2011-12-29T10:00", "2011-12-30T10:00"),
        ("2011-12-30T10:00", "Pacific/Apia", "2011-12-30T10:00", "2011-12-31T10:00"),
        # Clocks went back by 23 hours: the date that was over began again, and its day went on.
        ("1969-09-30T20:00", "Pacific/Kwajalein", "1969-09-29T13:00", "1969-10-01T12:00"),
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
        # February of leap years, and of 2000 and 2100, which are one and none.
        ("2028-02-29T00:00", 29, "2028-02-29T00:00", "2028-03-29T00:00", "2028-04-29T00:00"),
        ("2028-02-28T00:00", 31, "2028-01-31T00:00", "2028-02-29T00:00", "2028-03-31T00:00"),
        ("2027-02-28T00:00", 29, "2027-02-28T00:00", "2027-03-29T00:00", "2027-04-29T00:00"),
        ("2000-02-29T00:00", 30, "2000-02-29T00:00", "2000-03-30T00:00", "2000-04-30T00:00"),
        ("2100-02-28T00:00", 30, "2100-02-28T00:00", "2100-03-30T00:00", "2100-04-30T00:00"),
    ],
)
def test_months(now: str, anchor: int, start: str, end: str, next_end: str) -> None:
    """A month begins on its anchor day, or on the last day of a shorter month."""
    made = windows(us(now), "UTC", anchor)
    edges = (made.month_start_us, made.month_end_us, made.next_month_end_us)
    assert edges == (us(start), us(end), us(next_end))


@pytest.mark.parametrize(
    ("now", "zone", "anchor", "start", "end"),
    [
        # The month's first day is one of 25 hours, or of 23.
        ("2026-10-25T12:00", "Europe/Berlin", 25, "2026-10-24T22:00", "2026-11-24T23:00"),
        ("2026-03-29T12:00", "Europe/Berlin", 29, "2026-03-28T23:00", "2026-04-28T22:00"),
        ("2018-11-04T03:00", "America/Sao_Paulo", 4, "2018-11-04T03:00", "2018-12-04T02:00"),
        # No 30th of December: the month begins with the 31st; anchored there it is none the shorter.
        ("2011-12-30T10:00", "Pacific/Apia", 30, "2011-12-30T10:00", "2012-01-29T10:00"),
        ("2011-12-30T10:00", "Pacific/Apia", 31, "2011-12-30T10:00", "2012-01-30T10:00"),
        ("2011-12-30T09:59", "Pacific/Apia", 30, "2011-11-30T10:00", "2011-12-30T10:00"),
    ],
)
def test_months_of_a_zone(now: str, zone: str, anchor: int, start: str, end: str) -> None:
    """A month begins where the day of its anchor does, whatever clocks do on that day."""
    made = windows(us(now), zone, anchor)
    assert (made.month_start_us, made.month_end_us) == (us(start), us(end))


def offset(second: int, zone: str) -> timedelta | None:
    """How far the zone's clocks are from UTC."""
    return datetime.fromtimestamp(second, ZoneInfo(zone)).utcoffset()


def next_change(second: int, zone: str) -> int:
    """The second at which clocks of the zone next change, or ``second`` if they do not within 13 months."""
    days = range(second, second + 400 * DAY_S, DAY_S)
    below = next((day for day in days if offset(day, zone) != offset(day + DAY_S, zone)), None)
    if below is None:
        return second
    before, above = offset(below, zone), below + DAY_S
    while above - below > 1:
        middle = (below + above) // 2
        below, above = (middle, above) if offset(middle, zone) == before else (below, middle)
    return above


@st.composite
def places(draw: st.DrawFn) -> tuple[int, str]:
    """An instant and a zone: anywhere, or within 30 hours of a change of its clocks."""
    zone = draw(st.sampled_from(ZONES))
    second = draw(st.integers(us("1971-01-01T00:00") // SECOND_US, us("2100-01-01T00:00") // SECOND_US))
    if draw(st.booleans()):
        second = next_change(second, zone) + draw(st.integers(-30 * 3600, 30 * 3600))
    return second * SECOND_US + draw(st.integers(0, SECOND_US - 1)), zone


@given(place=places(), anchor=st.integers(1, 31))
def test_windows_follow_one_another_without_gap(place: tuple[int, str], anchor: int) -> None:
    """In every zone: now lies inside, each edge is the next window's start, month edges are day edges."""
    now_us, zone = place
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
    assert windows(made.month_start_us, zone, anchor).month_end_us == made.month_end_us


@given(place=places())
def test_a_day_begins_with_the_first_instant_of_its_date(place: tuple[int, str]) -> None:
    """Minute by minute: no clock showed the date before the day begins, none a later one while it lasts."""
    now_us, zone = place
    made = windows(now_us, zone, 1)
    start, end = made.day_start_us // SECOND_US, made.day_end_us // SECOND_US
    today = local_date(start, zone)
    assert all(local_date(second, zone) < today for second in range(start - 1, start - 2 * DAY_S, -60))
    assert all(local_date(second, zone) <= today for second in range(end - 1, start, -60))
    assert local_date(end, zone) > today
    assert day_start_us(today, zone) == made.day_start_us


def local_date(second: int, zone: str) -> date:
    """What clocks of the zone say."""
    return datetime.fromtimestamp(second, ZoneInfo(zone)).date()


def anchors(first: date, last: date, anchor: int) -> list[date]:
    """Every date from ``first`` to ``last`` on which a month is to begin."""
    days = (first + timedelta(days=at) for at in range((last - first).days + 1))
    return [day for day in days if day.day == min(anchor, monthrange(day.year, day.month)[1])]


@given(place=places(), anchor=st.integers(1, 31))
def test_a_month_begins_once_with_its_anchor(place: tuple[int, str], anchor: int) -> None:
    """Of the dates that pass from one edge to the next, only the first is, or follows a skipped, anchor."""
    now_us, zone = place
    made = windows(now_us, zone, anchor)
    start, end = made.month_start_us // SECOND_US, made.month_end_us // SECOND_US
    before, first = local_date(start - 1, zone), local_date(start, zone)
    last, after = local_date(end - 1, zone), local_date(end, zone)
    assert len(anchors(before + timedelta(days=1), first, anchor)) == 1
    assert anchors(first + timedelta(days=1), last, anchor) == []
    assert len(anchors(last + timedelta(days=1), after, anchor)) == 1
    assert 27 <= (after - first).days <= 32


def walk(start: str, zone: str, anchor: int, days: int) -> Iterator[Windows]:
    """The windows of so many days in turn."""
    now_us = us(start)
    for _ in range(days):
        made = windows(now_us, zone, anchor)
        yield made
        now_us = made.day_end_us


@pytest.mark.parametrize(
    ("start", "zone", "lost"),
    [
        ("2011-06-01T12:00", "Pacific/Apia", [date(2011, 12, 30)]),
        ("2018-01-01T12:00", "America/Sao_Paulo", []),
        ("2026-01-01T12:00", "Asia/Beirut", []),
        ("2026-01-01T12:00", "Australia/Lord_Howe", []),
        ("2026-01-01T12:00", "Africa/Casablanca", []),
        ("1993-06-01T12:00", "Pacific/Kwajalein", [date(1993, 8, 21)]),
        ("1994-06-01T12:00", "Pacific/Kiritimati", [date(1994, 12, 31)]),
        ("1969-06-01T12:00", "Pacific/Kwajalein", []),
    ],
)
@pytest.mark.parametrize("anchor", [1, 29, 31])
def test_two_years_of_days(start: str, zone: str, lost: list[date], anchor: int) -> None:
    """Each date has one day, in order, but for those that the zone lost; months hold whole days."""
    made = list(walk(start, zone, anchor, 730))
    dates = [local_date(window.day_start_us // SECOND_US, zone) for window in made]
    whole = [dates[0] + timedelta(days=at) for at in range((dates[-1] - dates[0]).days + 1)]
    assert dates == [day for day in whole if day not in lost]
    assert [window.next_day_end_us for window in made[:-1]] == [window.day_end_us for window in made[1:]]
    month_ends = [window.month_end_us for window in made]
    assert month_ends == sorted(month_ends)
    assert set(month_ends[:-40]) <= {window.day_end_us for window in made}


@pytest.mark.parametrize(
    ("day", "zone", "start"),
    [
        (date(2026, 11, 15), "UTC", "2026-11-15T00:00"),
        (date(2026, 11, 15), "Asia/Kathmandu", "2026-11-14T18:15"),
        (date(2018, 11, 4), "America/Sao_Paulo", "2018-11-04T03:00"),
        (date(2011, 12, 30), "Pacific/Apia", "2011-12-30T10:00"),
        (date(2011, 12, 31), "Pacific/Apia", "2011-12-30T10:00"),
        (date(1971, 1, 1), "Pacific/Apia", "1971-01-01T11:00"),
        (date(9998, 12, 31), "Pacific/Apia", "9998-12-30T11:00"),
    ],
)
def test_where_a_day_begins(day: date, zone: str, start: str) -> None:
    """Any date has a beginning; one that the zone skipped begins where the next one does."""
    assert day_start_us(day, zone) == us(start)


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
