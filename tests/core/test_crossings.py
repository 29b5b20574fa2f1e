from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quotad.core.crossings import (
    FORECAST,
    Marks,
    Reading,
    concerns,
    decide,
    event_id,
    outlook,
    pack_marks,
    readings,
    unpack_marks,
)
from quotad.core.plans import Subject, UsagePlan, Webhook
from quotad.core.quota import Usage

DAY_US = 86_400_000_000
START_US = 20_000 * DAY_US
HOOK = Webhook("webhook-a", "w", "https://r.example/", b"k" * 32)


def day(used: int, limit: int = 100) -> Reading:
    """Of a plan's day."""
    return Reading("day", used, limit, False, START_US, START_US + DAY_US)


def told(webhook: Webhook, reading: Reading, marks: Marks, at: float = 0.5) -> tuple[Marks, list[str]]:
    """What is decided at a part of the day."""
    return decide(webhook, reading, marks, START_US + int(DAY_US * at))


def usage(**values: int) -> Usage:
    """Counters at noon, with open windows."""
    ends = {"day_end_us": START_US + DAY_US, "month_end_us": START_US + 9 * DAY_US}
    zeros = dict.fromkeys(("day_charged", "day_open", "month_charged", "month_open"), 0)
    totals = {"total_charged": 0, "total_open": 0}
    return Usage(**{"now_us": START_US + DAY_US // 2, **ends, **zeros, **totals, **values})


def test_each_threshold_that_is_reached_is_told_once() -> None:
    """Several at once are told the lowest first; what stands is not told again."""
    marks, names = told(HOOK, day(49), {})
    assert (marks, names) == ({}, [])
    marks, names = told(HOOK, day(80), marks)
    assert names == ["50", "80"]
    assert told(HOOK, day(99), marks) == (marks, [])
    marks, names = told(HOOK, day(100), marks)
    assert (names, marks) == (["100"], {"50": 1, "80": 1, "100": 1})


@pytest.mark.parametrize(("used", "limit", "names"), [(1, 2, ["50"]), (499, 1000, []), (500, 1000, ["50"])])
def test_a_threshold_is_reached_exactly(used: int, limit: int, names: list[str]) -> None:
    """At its percent, not a unit before."""
    assert told(HOOK, day(used, limit), {})[1] == names


def test_what_falls_far_enough_can_be_told_again() -> None:
    """More than five points below, as after a reset or a top-up, a threshold is armed; not by a unit less."""
    marks, _ = told(HOOK, day(80), {})
    assert told(HOOK, day(79), marks) == (marks, [])
    assert told(HOOK, day(75), marks) == (marks, [])
    after, names = told(HOOK, day(74), marks)
    assert (names, after) == ([], {"50": 1, "80": 2})
    again, names = told(HOOK, day(81), after)
    assert (names, again) == (["80"], {"50": 1, "80": 3})
    assert told(HOOK, day(0), marks)[0] == {"50": 2, "80": 2}
    low = replace(HOOK, thresholds=(1,))
    marks, _ = told(low, day(1), {})
    assert told(low, day(0), marks)[0] == {"1": 2}


def test_only_windows_that_are_asked_for_are_told() -> None:
    """A webhook of months hears of no day."""
    assert told(replace(HOOK, windows=("month",)), day(100), {}) == ({}, [])


@given(st.lists(st.integers(0, 120), max_size=30))
def test_between_two_tellings_use_has_fallen(used: list[int]) -> None:
    """However use goes, a threshold is told again only after it was well below."""
    marks: Marks = {}
    since: dict[str, int] = {}
    for units in used:
        since = {name: min(lowest, units) for name, lowest in since.items()}
        marks, names = told(HOOK, day(units), marks)
        for name in names:
            assert units >= int(name)
            assert since.get(name, -1) < int(name) - 5
            since[name] = units
    assert all(count > 0 for count in marks.values())


def test_a_forecast_is_linear_from_the_windows_start() -> None:
    """Use so far times the window by what of it is over; the quota ends where that line meets it."""
    found = outlook(day(60), START_US + DAY_US // 2)
    assert found is not None
    assert found.projected == 120
    assert found.runs_out_us == START_US + DAY_US // 2 + 40 * (DAY_US // 2) // 60


@pytest.mark.parametrize(
    ("reading", "at"),
    [
        (day(90), 0.05),
        (day(0), 0.5),
        (day(100), 0.5),
        (Reading("total", 5, 10, False, 0, 0), 0.5),
    ],
    ids=["too early", "nothing used", "used up", "no window"],
)
def test_without_enough_to_go_by_there_is_no_forecast(reading: Reading, at: float) -> None:
    """Nothing is foretold of the first tenth of a window, of what is over, or of a total."""
    assert outlook(reading, START_US + int(DAY_US * at)) is None


def test_a_forecast_is_told_once_and_again_after_it_was_well_off() -> None:
    """Told above the limit, armed again below nine tenths of it, silent in between."""
    hook = replace(HOOK, thresholds=(100,), forecast=True)
    marks, names = told(hook, day(60), {}, 0.5)
    assert (marks, names) == ({FORECAST: 1}, [FORECAST])
    assert told(hook, day(60), marks, 0.62) == (marks, [])
    off, names = told(hook, day(60), marks, 0.7)
    assert (off, names) == ({FORECAST: 2}, [])
    assert told(hook, day(90), off, 0.8)[1] == [FORECAST]
    assert told(HOOK, day(60), {}, 0.5)[1] == ["50"]


def test_readings_are_of_open_windows_with_a_limit() -> None:
    """Units ahead are not used yet, top-ups raise a limit, a soft one counts, none and 0 say nothing."""
    plan = UsagePlan(
        "p",
        "p",
        day_quota_request=100,
        month_quota_request=1000,
        max_request_num=0,
        soft_quotas=frozenset(("month",)),
    )
    subject = Subject(plan, "s", "release")
    found = list(readings(subject, usage(day_charged=30, month_charged=40, leased=10, day_raised=50)))
    assert [(each.window, each.used, each.limit, each.soft) for each in found] == [
        ("day", 20, 150, False),
        ("month", 30, 1000, True),
    ]
    assert (found[0].start_us, found[0].end_us) == (START_US, START_US + DAY_US)
    assert list(readings(subject, usage(day_end_us=0, month_end_us=0))) == []
    bought = Subject(replace(plan, max_request_num=10), "s", "release")
    assert list(readings(bought, usage(total_charged=4)))[-1] == Reading("total", 4, 10, False, 0, 0)
    assert list(readings(Subject(UsagePlan("p", "p"), "s", "release"), usage(day_charged=5))) == []


def test_a_webhook_concerns_its_plans() -> None:
    """All plans or those that it names, while it is enabled; no shadow."""
    subject = Subject(UsagePlan("gold", "g"), "s", "release")
    assert concerns(HOOK, subject)
    assert concerns(replace(HOOK, plan_ids=("gold",)), subject)
    assert not concerns(replace(HOOK, plan_ids=("silver",)), subject)
    assert not concerns(replace(HOOK, enabled=False), subject)
    assert not concerns(HOOK, replace(subject, shadow=True))


def test_an_id_names_one_crossing() -> None:
    """The same for the same, another one for another webhook, Subject, window, threshold or time."""
    one = Subject(UsagePlan("gold", "g"), "s", "release")
    other = Subject(UsagePlan("gold", "g"), "s", "test")
    tomorrow = day(80)._replace(end_us=START_US + 2 * DAY_US)
    ids = [
        event_id("webhook-a", one, day(80), "80", 1),
        event_id("webhook-b", one, day(80), "80", 1),
        event_id("webhook-a", other, day(80), "80", 1),
        event_id("webhook-a", one, tomorrow, "80", 1),
        event_id("webhook-a", one, day(80), "50", 1),
        event_id("webhook-a", one, day(80), "80", 3),
    ]
    assert len(set(ids)) == len(ids)
    assert event_id("webhook-a", one, day(99), "80", 1) == ids[0]


def test_marks_are_read_as_they_were_packed() -> None:
    """Nothing is empty, whatever is odd was never told."""
    marks = {"webhook-b": {"80": 1}, "webhook-a": {"50": 2, FORECAST: 1}}
    packed = pack_marks(marks)
    assert unpack_marks(packed.encode()) == marks
    assert pack_marks({"webhook-a": {}}) == ""
    for odd in (None, b"", b"[", b"[]", b'{"a":1}', b'{"a":{"b":"c"}}'):
        assert unpack_marks(odd) == {}
