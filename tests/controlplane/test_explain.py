from dataclasses import replace
from typing import Any

import pytest

from quotad.controlplane.explain import (
    Finding,
    NotKnownError,
    Place,
    explain_request,
    explanation,
    parse_question,
)
from quotad.controlplane.usage import QueryError
from quotad.core.plans import Api, Binding, EnvironmentRule, Service, UsagePlan
from quotad.core.quota import Usage
from quotad.core.table import PlanTable
from tests.support.samples import NOW_US, OWN, SECRETS, SERVICE, SHARED, TABLE

PLACE = Place("AKIDa", SERVICE.service_id, "release")
DAY_END_US, MONTH_END_US = NOW_US + 1_000_000, NOW_US + 60_000_000
REQUEST_ID = "0123456789ab00000001"


def used(charged: int, held: int = 0) -> Usage:
    """The same use in every window."""
    return Usage(NOW_US, DAY_END_US, charged, held, MONTH_END_US, charged, held, charged, held)


def table(plan: UsagePlan = SHARED, shadow: UsagePlan | None = None, **changes: Any) -> PlanTable:
    """One Secret, changed as told, under one plan and perhaps a shadow."""
    place = ((SERVICE.service_id, PLACE.environment),)
    bindings = [Binding(plan.usage_plan_id, ("AKIDa",), place)]
    if shadow is not None:
        bindings.append(Binding(shadow.usage_plan_id, ("AKIDa",), place, shadow=True))
    secret = replace(SECRETS[0], **changes)
    return PlanTable([SERVICE], [plan] if shadow is None else [plan, shadow], [secret], bindings)


def explained(found: PlanTable, *usages: Usage, place: Place = PLACE) -> dict[str, Any]:
    """What is told of a place."""
    return explanation(found, Finding(found, place, now_s=1000.0), usages)


def test_what_is_left() -> None:
    """An admitted place names its plan, its Subject, every limit, use, and what is left."""
    told = explained(TABLE, used(90, 4))
    assert (told["admitted"], told["reason"], told["limit"], told["comesBackAt"]) == (True, "", "none", None)
    plan = told["plan"]
    assert plan["subject"] == f"usagePlan-shared/{SERVICE.service_id}/release"
    assert (plan["usagePlanId"], plan["scope"], plan["quotaCondition"]) == ("usagePlan-shared", "plan", [])
    assert (plan["timezone"], plan["onStoreFailure"], plan["leaseMax"]) == ("UTC", "closed", 0)
    assert plan["windows"]["day"] == {
        "inUse": 90, "held": 4, "max": 100, "left": 6, "overage": 0, "onBreach": "deny",
        "endsAt": "2026-11-18T11:06:41Z",
    }  # fmt: skip
    assert told["storeTime"] == "2026-11-18T11:06:40Z"


@pytest.mark.parametrize(
    ("changes", "charged", "held", "limit", "comes_back"),
    [
        ({"day_quota_request": 5}, 5, 0, "day", "2026-11-18T11:06:41Z"),
        ({"day_quota_request": 5, "month_quota_request": 4}, 5, 0, "month", "2026-11-18T11:07:40Z"),
        ({"day_quota_request": 5, "max_request_num": 5}, 5, 0, "total", None),
        ({"day_quota_request": 5, "max_request_num": 6}, 5, 0, "day", "2026-11-18T11:06:41Z"),
        ({"day_quota_request": 0}, 0, 0, "day", "2026-11-18T11:06:41Z"),
        ({"rate_rps": 0}, 0, 0, "rate", None),
    ],
)
def test_the_limit_that_would_refuse(
    changes: dict[str, Any], charged: int, held: int, limit: str, comes_back: str | None
) -> None:
    """Of several it is the one that comes back last, with the time of that."""
    told = explained(table(UsagePlan("usagePlan-x", "x", **changes)), used(charged, held))
    found = (told["admitted"], told["reason"], told["limit"], told["comesBackAt"])
    assert found == (False, "quota", limit, comes_back)


@pytest.mark.parametrize("usage", [used(3, 2), used(5)._replace(leased=1)])
def test_the_rest_may_be_held(usage: Usage) -> None:
    """Where only Holds or Leases stand in the way, that is said, and no end of a window."""
    told = explained(table(UsagePlan("usagePlan-x", "x", day_quota_request=5)), usage)
    found = (told["admitted"], told["reason"], told["limit"], told["comesBackAt"])
    assert found == (False, "in_flight", "day", None)


@pytest.mark.parametrize(
    ("found", "place", "reason"),
    [
        (TABLE, replace(PLACE, secret_id="nobody"), "unknown_secret"),
        (table(enabled=False), PLACE, "secret_disabled"),
        (table(expires_at_s=1000.0), PLACE, "secret_expired"),
        (TABLE, replace(PLACE, service_id="service-other"), "unknown_service"),
        (TABLE, replace(PLACE, environment="prepub"), "unpublished"),
        (TABLE, replace(PLACE, environment="test"), "not_bound"),
        (table(replace(SHARED, disabled=True)), PLACE, "plan_disabled"),
    ],
)
def test_why_no_plan(found: PlanTable, place: Place, reason: str) -> None:
    """What stands in the way before any limit is named; a plan that is bound is shown all the same."""
    finding = Finding(found, place, now_s=1000.0)
    told = explanation(found, finding, [used(1)] * len(finding.subjects))
    assert (told["admitted"], told["reason"], bool(told["detail"])) == (False, reason, True)
    assert (told["plan"] is None) is (finding.subject is None)


def test_an_expiry_that_is_to_come_is_none() -> None:
    """A Secret works up to its expiry."""
    assert explained(table(expires_at_s=1000.5), used(1))["admitted"]


def test_the_shadow_is_told_apart() -> None:
    """A shadow plan shows what it would say, and changes nothing of what holds; alone it grants nothing."""
    both = table(OWN, replace(SHARED, max_request_num=5))
    told = explained(both, used(7), used(7))
    assert (told["admitted"], told["plan"]["usagePlanId"]) == (True, "usagePlan-own")
    shadow = told["shadow"]
    assert (shadow["shadow"], shadow["admitted"], shadow["limit"]) == (True, False, "total")
    place = ((SERVICE.service_id, PLACE.environment),)
    only = PlanTable([SERVICE], [OWN], SECRETS, [Binding(OWN.usage_plan_id, ("AKIDa",), place, shadow=True)])
    told = explained(only, used(7))
    assert (told["reason"], told["plan"], told["shadow"]["admitted"]) == ("not_bound", None, True)


async def knows(request_id: str) -> dict[str, Any] | None:
    """What sidecars remember of some ids."""
    missing = {"ab00000001": "", "ab00000002": "aged_out", "ab00000003": "not_refused"}.get(request_id[10:])
    if missing is None:
        return None
    return {"requestId": request_id, **({"missing": missing} if missing else {"limit": "day"})}


async def test_a_request() -> None:
    """A refusal that is remembered is told; for any other the reason why there is nothing to tell."""
    assert (await explain_request(knows, REQUEST_ID))["limit"] == "day"
    for last, words in (("2", "aged out"), ("3", "did not refuse"), ("4", "another sidecar, 0123456789ab,")):
        with pytest.raises(NotKnownError, match=words):
            await explain_request(knows, REQUEST_ID[:-1] + last)


def test_questions_are_read() -> None:
    """A place in any order, or a request id."""
    asked = [("environment", "release"), ("serviceId", SERVICE.service_id), ("secretId", "AKIDa")]
    assert parse_question(asked) == PLACE
    assert parse_question([("requestId", REQUEST_ID)]) == REQUEST_ID


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ([], "secretId is missing"),
        ([("secretId", "a")], "serviceId is missing"),
        ([("secretId", "a"), ("serviceId", ""), ("environment", "test")], "serviceId is missing"),
        ([("secretId", "a"), ("serviceId", "b"), ("environment", "prod")], "environment must be one of"),
        ([("secretId", "a"), ("secretId", "a")], "more than once"),
        ([("secret", "a")], "Unknown query parameter"),
        ([("requestId", REQUEST_ID), ("secretId", "a")], "stands alone"),
        ([("requestId", "x")], "none of quotad's"),
    ],
)
def test_a_bad_question_is_refused(asked: list[tuple[str, str]], words: str) -> None:
    """Nothing is guessed, and what was sent is not echoed."""
    with pytest.raises(QueryError, match=words):
        parse_question(asked)


def test_a_service_of_another_environment_is_named_first() -> None:
    """An environment in which a service is not published has no plan, whatever is bound."""
    only_test = Service(SERVICE.service_id, "orders", environments=("test",))
    found = PlanTable(
        [only_test],
        [SHARED],
        SECRETS,
        [Binding(SHARED.usage_plan_id, ("AKIDa",), ((SERVICE.service_id, "release"),))],
    )
    assert explained(found, used(1))["reason"] == "unpublished"


def test_the_throttle_and_the_default_are_told() -> None:
    """What holds for all callers stands beside the plan; one that admits nothing refuses."""
    assert (explained(TABLE, used(0))["throttle"], explained(TABLE, used(0))["byDefault"]) == (None, False)

    def ruled(*rules: EnvironmentRule, bound: bool = True) -> dict[str, Any]:
        place = ((SERVICE.service_id, PLACE.environment),)
        bindings = [Binding(SHARED.usage_plan_id, ("AKIDa",), place)] if bound else []
        return explained(
            PlanTable([replace(SERVICE, rules=rules)], [SHARED], [SECRETS[0]], bindings), used(0)
        )

    told = ruled(EnvironmentRule("release", 5, 10))
    assert (told["admitted"], told["throttle"]) == (True, {"rateRps": 5, "burst": 10})
    told = ruled(EnvironmentRule("release", 0, 0))
    assert (told["admitted"], told["reason"], told["limit"]) == (False, "throttle", "rate")
    own = replace(SERVICE, apis=(Api("api-a", "a", "GET", "/a", (EnvironmentRule("release", 0, 0),)),))
    single = PlanTable(
        [own],
        [SHARED],
        [SECRETS[0]],
        [Binding(SHARED.usage_plan_id, ("AKIDa",), ((SERVICE.service_id, PLACE.environment),))],
    )
    assert explained(single, used(0))["apiThrottle"] is None
    told = explained(single, used(0), place=replace(PLACE, api_id="api-a"))
    assert (told["admitted"], told["reason"], told["limit"]) == (False, "api_throttle", "rate")
    assert (told["throttle"], told["apiThrottle"]) == (None, {"rateRps": 0, "burst": 0})
    told = ruled(EnvironmentRule("release", default_plan_id=SHARED.usage_plan_id), bound=False)
    assert (told["admitted"], told["byDefault"]) == (True, True)
    assert told["plan"]["usagePlanId"] == SHARED.usage_plan_id
