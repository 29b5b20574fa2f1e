from datetime import date

from quotad.core.history import HOUR_US, day_of, day_rows, hour_rows, today
from quotad.core.windows import day_start_us

NOON_US = 1_795_003_200_000_000
"""2026-11-18 12:00 UTC."""


def test_a_day_is_known_by_its_end() -> None:
    """The end of a day is the beginning of the next one, in the zone's own time."""
    for zone in ("UTC", "Asia/Tokyo", "America/New_York"):
        assert day_of(day_start_us(date(2026, 11, 2), zone), zone) == date(2026, 11, 1)
    assert (today(NOON_US, "UTC"), today(NOON_US, "Asia/Tokyo")) == (date(2026, 11, 18), date(2026, 11, 18))
    assert today(NOON_US + 4 * HOUR_US, "Asia/Tokyo") == date(2026, 11, 19)


def test_days_without_use_are_there() -> None:
    """Every date of the range has a row, whatever length its day had; what lies outside has none."""
    zone = "Europe/Berlin"
    days = {day_start_us(date(2026, 10, day + 1), zone): day for day in (23, 25, 27)}
    assert day_rows(days, zone, date(2026, 10, 24), date(2026, 10, 27)) == [
        {"day": "2026-10-24", "used": 0},
        {"day": "2026-10-25", "used": 25},
        {"day": "2026-10-26", "used": 0},
        {"day": "2026-10-27", "used": 27},
    ]


def test_two_days_of_one_date_are_added() -> None:
    """A changed time zone may end two days on one date."""
    end = day_start_us(date(2026, 11, 2), "UTC")
    rows = day_rows({end: 3, end - 5 * HOUR_US: 4}, "UTC", date(2026, 11, 1), date(2026, 11, 1))
    assert rows == [{"day": "2026-11-01", "used": 7}]


def test_hours_are_those_that_the_range_touches() -> None:
    """An hour that has only a part in the range is shown whole; one that only touches its end is not."""
    hours = {NOON_US: 1, NOON_US + HOUR_US: 2, NOON_US + 2 * HOUR_US: 3}
    assert hour_rows(hours, NOON_US - 1, NOON_US + HOUR_US) == [
        {"hour": "2026-11-18T11:00Z", "used": 1},
        {"hour": "2026-11-18T12:00Z", "used": 2},
    ]
    assert hour_rows(hours, NOON_US, NOON_US) == []
