from dataclasses import replace
from datetime import date

from quotad.core.plans import Subject, UsagePlan
from quotad.core.quota import Usage
from quotad.core.usage_rows import Page, document, row
from tests.support.samples import NOW_US, OWN, SERVICE, SHARED, TABLE, usage


def test_row_of_a_shared_plan() -> None:
    """Every member of a row, units and names as documented."""
    subject = Subject(SHARED, SERVICE.service_id, "release")
    used = Usage(NOW_US, NOW_US + 1_000_000, 3, 1, NOW_US + 60_000_000, 5, 1, 11, 2, leased=1)
    assert row(TABLE, subject, used) == {
        "usagePlanId": "usagePlan-shared",
        "usagePlanName": "shared",
        "serviceId": SERVICE.service_id,
        "serviceName": "orders",
        "environment": "release",
        "inUseRequestNum": 11,
        "maxRequestNum": 1000,
        "held": 2,
        "leased": 1,
        "windows": {
            "day": {
                "inUse": 3,
                "held": 1,
                "max": 100,
                "left": 96,
                "overage": 0,
                "onBreach": "deny",
                "endsAt": "2026-11-18T11:06:41Z",
            },
            "month": {
                "inUse": 5,
                "held": 1,
                "max": -1,
                "left": -1,
                "overage": 0,
                "onBreach": "deny",
                "endsAt": "2026-11-18T11:07:40Z",
            },
            "total": {
                "inUse": 11,
                "held": 2,
                "max": 1000,
                "left": 987,
                "overage": 0,
                "onBreach": "deny",
                "endsAt": None,
            },
        },
        "rate": {"rateRps": 5, "burst": 5},
    }


def test_row_of_a_secret() -> None:
    """Under scope: secret a row names the Secret, never its key; no open window has no end."""
    subject = Subject(OWN, SERVICE.service_id, "test", "AKIDc")
    entry = row(TABLE, subject, Usage(NOW_US, 0, 0, 0, 0, 0, 0, 0, 0))
    assert (entry["secretId"], entry["secretName"]) == ("AKIDc", "namec")
    assert entry["windows"]["day"]["endsAt"] is None
    assert "kkkk" not in str(entry)


def test_burst_defaults_to_the_rate() -> None:
    """A plan without a burst shows its rate as burst, as it is enforced."""
    plan = UsagePlan("usagePlan-x", "x", rate_rps=9)
    entry = row(TABLE, Subject(plan, SERVICE.service_id, "release"), usage())
    assert entry["rate"] == {"rateRps": 9, "burst": 9}


def test_numbers_up_to_the_largest() -> None:
    """Quotas of 2**53 - 1 come out whole."""
    plan = UsagePlan("usagePlan-x", "x", max_request_num=2**53 - 1)
    entry = row(TABLE, Subject(plan, SERVICE.service_id, "release"), usage(2**53 - 2, 1))
    assert (entry["maxRequestNum"], entry["inUseRequestNum"]) == (2**53 - 1, 2**53 - 2)


def test_an_empty_page() -> None:
    """Beyond the end there are no rows and no store time."""
    assert document(TABLE, Page([], 3, 100, 9), []) == {
        "totalCount": 3,
        "limit": 100,
        "offset": 9,
        "storeTime": None,
        "usage": [],
    }


def test_a_page_has_a_row_for_each_subject() -> None:
    """The rows stand in the order of the Subjects, and the store's time is told."""
    subjects = list(TABLE.subjects())
    shown = document(TABLE, Page(subjects, 3, 100), [usage()] * 3)
    assert [found["usagePlanId"] for found in shown["usage"]] == [
        each.plan.usage_plan_id for each in subjects
    ]
    assert shown["storeTime"] == "2026-11-18T11:06:40Z"


def test_a_shadow_is_marked() -> None:
    """The row of a shadow plan says so; no other has the member."""
    assert row(TABLE, Subject(SHARED, SERVICE.service_id, "release", shadow=True), usage())["shadow"] is True
    assert "shadow" not in row(TABLE, Subject(SHARED, SERVICE.service_id, "release"), usage())


def test_the_month_shows_the_limit_in_force() -> None:
    """In a plan's first period the month's limit is the smaller one, as callers see it in headers."""
    plan = UsagePlan(
        "usagePlan-x", "x", month_quota_request=9, first_period_offset=4, starts_on=date(2026, 11, 30)
    )
    subject = Subject(plan, SERVICE.service_id, "release")
    assert row(TABLE, subject, usage())["windows"]["month"]["max"] == 5


def test_top_ups_raise_what_is_shown() -> None:
    """A window's max and what is left of it have the top-ups in them; unlimited stays unlimited."""
    subject = next(TABLE.subjects())
    used = Usage(NOW_US, NOW_US + 1, 99, 0, NOW_US + 2, 99, 0, 999, 0, 0, 10, 20, 30)
    entry = row(TABLE, subject, used)
    shown = {name: (window["max"], window["left"]) for name, window in entry["windows"].items()}
    assert shown == {"day": (110, 11), "month": (-1, -1), "total": (1030, 31)}
    assert entry["maxRequestNum"] == 1030


def test_a_soft_quota_shows_what_is_beyond_it() -> None:
    """With its top-ups, and never a negative rest; the quota that denies beside it has no overage."""
    plan = replace(SHARED, month_quota_request=5, soft_quotas=frozenset({"month", "total"}))
    used = usage(7, 2)._replace(total_raised=3)
    shown = row(TABLE, Subject(plan, SERVICE.service_id, "release"), used)
    windows = shown["windows"]
    assert [(windows[name]["max"], windows[name]["left"], windows[name]["overage"]) for name in windows] == [
        (100, 91, 0),
        (5, 0, 4),
        (1003, 994, 0),
    ]
    assert [windows[name]["onBreach"] for name in windows] == ["deny", "allow", "allow"]
    assert shown["maxRequestNum"] == 1003
