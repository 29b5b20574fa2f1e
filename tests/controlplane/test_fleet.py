from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from quotad.controlplane.fleet import ALIVE_US, MINUTE_US, SHOWN, FleetView
from quotad.errors import StoreError
from tests.support.samples import NOW_US, SERVICE, SHARED, TABLE

BEGIN_US = NOW_US // MINUTE_US * MINUTE_US
ROW = [SHARED.usage_plan_id, SERVICE.service_id, "release"]
ANY = ("", "", "")


class Told:
    """A store in which Sidecars have told something."""

    def __init__(self) -> None:
        self.time_us: int | None = NOW_US
        self.records: dict[str, Mapping[str, Any]] = {}
        self.by_minute: dict[int, list[Mapping[str, Any]]] = {}
        self.asked: list[int] = []

    @property
    def notices(self) -> "Told":
        return self

    def now_us(self) -> int | None:
        return self.time_us

    async def sidecars(self, now_us: int) -> dict[str, Mapping[str, Any]]:
        return self.records

    async def minutes(self, begins_us: Sequence[int]) -> list[list[Mapping[str, Any]]]:
        self.asked = list(begins_us)
        return [self.by_minute.get(each, []) for each in begins_us]


async def test_who_lives() -> None:
    """Whoever was heard within 15 s; the living first; numbers that are not told are 0."""
    told = Told()
    told.records = {
        "dead": {"host": "a", "heardAt": NOW_US - ALIVE_US},
        "live": {"host": "b", "heardAt": NOW_US - ALIVE_US + 1, "held": 4},
    }
    rows = (await FleetView(told).sidecars())["sidecars"]
    assert [(row["sidecarId"], row["alive"], row["held"]) for row in rows] == [
        ("live", True, 4),
        ("dead", False, 0),
    ]


async def test_the_last_hour() -> None:
    """60 minutes, the running one last; what several Sidecars brought is added up, of the place asked for."""
    told = Told()
    one = {"row": [[*ROW, "", 5], [*ROW, "day", 2], ["other", *ROW[1:], "", 9], ["of", "later"]]}
    told.by_minute = {
        BEGIN_US: [one, {"row": [[*ROW, "", 1], [*ROW, "day", 1]]}],
        BEGIN_US - MINUTE_US: [one],
    }
    view = FleetView(told)
    minutes = (await view.activity((SHARED.usage_plan_id, "", "")))["minutes"]
    assert len(minutes) == SHOWN
    assert [(each["admitted"], each["denied"]) for each in minutes[-3:]] == [
        (0, []),
        (5, [{"limit": "day", "count": 2}]),
        (6, [{"limit": "day", "count": 3}]),
    ]
    assert (await view.activity(ANY))["minutes"][-1]["admitted"] == 15


async def test_minutes_that_are_over_are_read_once() -> None:
    """Only those that may still change are asked for again, and those that are new."""
    told = Told()
    view = FleetView(told)
    await view.activity(ANY)
    assert len(told.asked) == SHOWN
    told.time_us = BEGIN_US + MINUTE_US
    await view.activity(ANY)
    assert told.asked == [BEGIN_US - MINUTE_US, BEGIN_US, BEGIN_US + MINUTE_US]


async def test_who_is_refused() -> None:
    """The most refused first, by limit, with names, over all Sidecars and minutes."""
    told = Told()
    first = {"who": [["AKIDa", *ROW, "day", 2], ["AKIDb", *ROW, "rate", 1]]}
    told.by_minute = {BEGIN_US - MINUTE_US: [first], BEGIN_US: [{"who": [["AKIDb", *ROW, "rate", 4]]}]}
    view = FleetView(told)
    rows = await view.refused(TABLE, ANY, "")
    assert [(row["secretId"], row["limit"], row["count"]) for row in rows] == [
        ("AKIDb", "rate", 5),
        ("AKIDa", "day", 2),
    ]
    assert rows[0]["usagePlanName"] == SHARED.usage_plan_name
    assert [row["secretId"] for row in await view.refused(TABLE, ANY, "AKIDa")] == ["AKIDa"]
    assert await view.refused(TABLE, ("other", "", ""), "") == []


async def test_a_store_that_was_not_heard() -> None:
    """Without its time nothing can be said."""
    told = Told()
    told.time_us = None
    with pytest.raises(StoreError):
        await FleetView(told).sidecars()
