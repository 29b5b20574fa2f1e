from collections.abc import Mapping

import pytest

from quotad.config import plan_checks, schema
from quotad.config.document import Document


def plans(*fields: Mapping[str, object]) -> dict[int, schema.PlanSection]:
    """Plans with these fields, as in a file."""
    sections = [{"usagePlanId": f"plan-{at}", **given} for at, given in enumerate(fields)]
    return {at: schema.PlanSection.model_validate(given) for at, given in enumerate(sections)}


def refused(fields: Mapping[str, object]) -> list[str]:
    """The fields of one plan that do not go with the others."""
    document = Document()
    plan_checks.plans_mean_something(plans(fields), document)
    return [problem.path.removeprefix("plans[0].") for problem in document.problems]


@pytest.mark.parametrize(
    ("fields", "paths"),
    [
        ({"burst": 5}, ["burst"]),
        ({"burst": 0}, ["burst"]),
        ({"burst": -1}, []),
        ({"burst": 5, "rateRps": 0}, []),
    ],
)
def test_a_burst_needs_a_rate(fields: Mapping[str, object], paths: list[str]) -> None:
    """A burst alone would limit nothing."""
    assert refused(fields) == paths


@pytest.mark.parametrize(
    ("fields", "paths"),
    [
        ({}, []),
        ({"rateRps": 5}, []),
        ({"lease": {"max": 1_000_000}}, []),
        ({"onStoreFailure": {"local": {"units": 2**31 - 1}}}, []),
        ({"rateRps": 5, "lease": {"max": 5}, "onStoreFailure": {"local": {"units": 5}}}, []),
        ({"rateRps": 5, "lease": {"max": 6}}, ["lease.max"]),
        ({"rateRps": 5, "burst": 6, "lease": {"max": 6}}, []),
        ({"rateRps": 5, "burst": 4, "lease": {"max": 5}}, ["lease.max"]),
        ({"rateRps": 5, "onStoreFailure": {"local": {"units": 6}}}, ["onStoreFailure"]),
        ({"rateRps": 5, "onStoreFailure": {"open": {"budget": 6}}}, []),
        (
            {"rateRps": 0, "lease": {"max": 1}, "onStoreFailure": {"local": {"units": 1}}},
            ["lease.max", "onStoreFailure"],
        ),
    ],
)
def test_units_ahead_come_out_of_the_bucket(fields: Mapping[str, object], paths: list[str]) -> None:
    """What a process holds ahead is at most the burst; without a rate there is no bucket."""
    assert refused(fields) == paths


@pytest.mark.parametrize(
    ("fields", "paths"),
    [
        ({"monthQuotaRequest": 9, "firstPeriodOffset": 9, "startsOn": "2026-11-15"}, []),
        ({"monthQuotaRequest": 0, "firstPeriodOffset": 0, "startsOn": "2026-11-15"}, []),
        ({"monthQuotaRequest": 9, "firstPeriodOffset": 10, "startsOn": "2026-11-15"}, ["firstPeriodOffset"]),
        ({"monthQuotaRequest": 9, "firstPeriodOffset": 0}, ["firstPeriodOffset"]),
        ({"monthQuotaRequest": 9, "startsOn": "2026-11-15"}, ["startsOn"]),
        ({"dayQuotaRequest": 9, "firstPeriodOffset": 0, "startsOn": "2026-11-15"}, ["firstPeriodOffset"]),
        ({"firstPeriodOffset": 5}, ["firstPeriodOffset"] * 2),
    ],
)
def test_first_periods(fields: Mapping[str, object], paths: list[str]) -> None:
    """An offset and a start need each other, and a month quota that is large enough."""
    assert refused(fields) == paths


@pytest.mark.parametrize(
    ("store", "plan_ids"),
    [
        ({"url": "redis://h"}, ["plan-1", "plan-3"]),
        ({"url": "redis://h", "journal": None, "embedded": None}, ["plan-1", "plan-3"]),
        ({"url": "redis://h", "journal": "outages"}, []),
        ({"embedded": {"dir": "data"}}, []),
    ],
)
def test_open_is_journalled(store: Mapping[str, object], plan_ids: list[str]) -> None:
    """Every plan that says open needs a place for its journal, and is named; other policies need none."""
    document = Document()
    policies = ("closed", {"open": {"budget": 1}}, {"local": {"units": 1}}, {"open": {"budget": 2}})
    sections = plans(*({"onStoreFailure": policy} for policy in policies))
    plan_checks.open_is_journalled(sections, store, document)
    assert [problem.path for problem in document.problems] == [
        f"plans[{plan_id[-1]}].onStoreFailure" for plan_id in plan_ids
    ]
    assert [problem.message.split()[3] for problem in document.problems] == plan_ids
