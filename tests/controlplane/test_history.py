from collections.abc import Mapping, Sequence
from datetime import date

import pytest

from quotad.controlplane.history import (
    HistoryQuery,
    by_secret_rows,
    history_document,
    parse_history,
    select_history,
)
from quotad.controlplane.usage import QueryError, UsageQuery
from quotad.core.history import HOUR_US, History
from quotad.core.plans import Subject
from tests.support.samples import NOW_US, TABLE, usage

DAY_US = 24 * HOUR_US
MIDNIGHT_US = NOW_US // DAY_US * DAY_US
"""2026-11-18 00:00 UTC."""

(SHARED, *OWN) = TABLE.subjects()


def parsed(**given: str) -> HistoryQuery:
    return parse_history((name.rstrip("_"), value) for name, value in given.items())


class Past:
    """Seven requests each day for three days, the running one too; two Secrets."""

    history_of = History(
        NOW_US,
        {MIDNIGHT_US + day * DAY_US: 7 for day in (-1, 0, 1)},
        {NOW_US // HOUR_US * HOUR_US + hour * HOUR_US: 2 for hour in (0, 1)},
    )

    async def history(self, subjects: Sequence[Subject]) -> list[History]:
        return [self.history_of] * len(subjects)

    async def attributed(
        self, subject: Subject, day_ends_us: Sequence[int], secret_id: str = ""
    ) -> dict[int, Mapping[str, int]]:
        units = {"AKIDa": 3, "AKIDb": 3, "AKIDgone": 1}
        if secret_id:
            units = {secret_id: units[secret_id]}
        return dict.fromkeys(day_ends_us, units)


def test_what_is_asked_for() -> None:
    """Filters and page as in /v1/usage, Secret, shadow, unit and range."""
    assert parsed(unit="day") == HistoryQuery(UsageQuery())
    query = parsed(
        usagePlanId="a",
        serviceId="b",
        environment="test",
        secretId="AKIDa",
        shadow="true",
        unit="day",
        from_="2026-01-31",
        to="2026-02-01",
        limit="7",
        offset="3",
    )
    assert query == HistoryQuery(
        UsageQuery("a", "b", "test", 7, 3), "AKIDa", True, "day", date(2026, 1, 31), date(2026, 2, 1)
    )
    query = parsed(unit="hour", from_="1970-01-01T00:00:01Z", to="1970-01-01T01:00:02+01:00")
    assert (query.from_us, query.to_us) == (1_000_000, 2_000_000)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"unit": "week"},
        {"unit": "day", "limit": "101"},
        {"unit": "day", "bySecret": "true"},
        {"unit": "day", "shadow": "yes"},
        {"unit": "day", "other": "x"},
        {"unit": "day", "from_": "2026-02-30"},
        {"unit": "day", "from_": "20260230"},
        {"unit": "day", "to": "9999-12-31"},
        {"unit": "day", "to": "2026-11-22T10:00:00Z"},
        {"unit": "day", "from_": "2026-02-02", "to": "2026-02-01"},
        {"unit": "hour", "from_": "2026-02-01"},
        {"unit": "hour", "from_": "2026-11-22T10:00:00"},
        {"unit": "hour", "from_": "2026-11-22T10:00:01Z", "to": "2026-11-22T10:00:00Z"},
    ],
)
def test_what_is_not_understood_is_refused(given: dict[str, str]) -> None:
    """Nothing is guessed or clamped."""
    with pytest.raises(QueryError):
        parsed(**given)


def test_nothing_is_given_twice() -> None:
    """Neither a parameter of its own nor one of /v1/usage."""
    for twice in ("unit", "limit"):
        with pytest.raises(QueryError, match="more than once"):
            parse_history([("unit", "day"), ("limit", "1"), (twice, "day")])


def test_days_that_are_shown() -> None:
    """30 with today unless said otherwise; nothing that is to come, nothing older than is kept."""

    def shown(query: HistoryQuery) -> tuple[str, str, int]:
        rows = query.rows(Past.history_of, "UTC")
        return rows[0]["day"], rows[-1]["day"], len(rows)

    assert shown(parsed(unit="day")) == ("2026-10-20", "2026-11-18", 30)
    assert shown(parsed(unit="day", from_="2026-11-17")) == ("2026-11-17", "2026-11-18", 2)
    assert shown(parsed(unit="day", to="2026-11-17")) == ("2026-10-19", "2026-11-17", 30)
    assert shown(parsed(unit="day", from_="2020-01-01", to="2100-01-01")) == ("2025-10-15", "2026-11-18", 400)
    assert parsed(unit="day", from_="2026-11-19").rows(Past.history_of, "UTC") == []
    rows = parsed(unit="day", from_="2026-11-16").rows(Past.history_of, "UTC")
    assert [row["used"] for row in rows] == [7, 7, 7]


def test_hours_that_are_shown() -> None:
    """The last 24 with the running one unless said otherwise; nothing to come, nothing older than 8 days."""

    def shown(query: HistoryQuery) -> tuple[str, str, int]:
        rows = query.rows(Past.history_of, "Asia/Tokyo")
        return rows[0]["hour"], rows[-1]["hour"], len(rows)

    assert shown(parsed(unit="hour")) == ("2026-11-17T11:00Z", "2026-11-18T11:00Z", 25)
    assert shown(parsed(unit="hour", from_="2026-11-18T10:30:00Z")) == (
        "2026-11-18T10:00Z",
        "2026-11-18T11:00Z",
        2,
    )
    assert shown(parsed(unit="hour", from_="2020-01-01T00:00:00Z", to="2100-01-01T00:00:00Z"))[0] == (
        "2026-11-10T11:00Z"
    )
    rows = parsed(unit="hour", from_="2026-11-18T09:00:00Z").rows(Past.history_of, "UTC")
    assert [row["used"] for row in rows] == [0, 2, 2]


def test_subjects_that_are_meant() -> None:
    """By filter and Secret, enforcing ones unless shadows are asked for, a page of them."""

    def meant(by_secret: bool = True, **given: str) -> list[str]:
        page = select_history(TABLE, parsed(unit="day", **given), by_secret=by_secret)
        return [subject.tag for subject in page.subjects]

    assert meant() == [SHARED.tag, *(subject.tag for subject in OWN)]
    assert meant(shadow="true") == []
    assert meant(limit="1", offset="1") == [OWN[0].tag]
    assert meant(secretId="AKIDc") == meant(by_secret=False, secretId="AKIDc") == [OWN[0].tag]
    assert meant(secretId="AKIDa") == [SHARED.tag]
    with pytest.raises(QueryError, match="secretUsage is off"):
        meant(by_secret=False, secretId="AKIDa")
    with pytest.raises(QueryError, match="kept by day"):
        select_history(TABLE, parsed(unit="hour", secretId="AKIDa"), by_secret=True)


async def test_the_document() -> None:
    """In the frame of /v1/usage: whose it is, the zone, the unit, the rows."""
    query = parsed(unit="day", from_="2026-11-17")
    page = select_history(TABLE, query, by_secret=False)
    told = await history_document(TABLE, page, query, Past())
    assert (told["totalCount"], told["storeTime"]) == (3, "2026-11-18T11:06:40Z")
    first, second, _ = told["usage"]
    assert (first["usagePlanId"], first["timezone"], first["unit"]) == ("usagePlan-shared", "UTC", "day")
    assert first["history"] == [{"day": "2026-11-17", "used": 7}, {"day": "2026-11-18", "used": 7}]
    assert (second["secretId"], "secretId" in first) == ("AKIDc", False)


async def test_the_document_of_a_secret() -> None:
    """Where Secrets share counters it is the Secret's part of them."""
    query = parsed(unit="day", from_="2026-11-18", secretId="AKIDa")
    page = select_history(TABLE, query, by_secret=True)
    (row,) = (await history_document(TABLE, page, query, Past()))["usage"]
    assert (row["secretId"], row["history"]) == ("AKIDa", [{"day": "2026-11-18", "used": 3}])


async def test_an_empty_page() -> None:
    """Has no time of the store."""
    query = parsed(unit="day", usagePlanId="none")
    told = await history_document(TABLE, select_history(TABLE, query, by_secret=True), query, Past())
    assert (told["totalCount"], told["usage"], told["storeTime"]) == (0, [], None)


async def test_todays_use_by_secret() -> None:
    """The busiest first, also of a Secret that is no longer there; nothing before the day has begun."""
    rows = await by_secret_rows(TABLE, SHARED, usage(), Past())
    assert rows == [
        {"secretId": "AKIDa", "secretName": "namea", "day": 3},
        {"secretId": "AKIDb", "secretName": "nameb", "day": 3},
        {"secretId": "AKIDgone", "secretName": "", "day": 1},
    ]
    assert await by_secret_rows(TABLE, SHARED, usage()._replace(day_end_us=0), Past()) == []
