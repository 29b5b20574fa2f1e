"""Plans and what they are bound to."""

from typing import Any

import pytest

from quotad.controlplane.operations import Operations
from quotad.controlplane.refusal import Reason
from quotad.controlplane.replica import Page, Where
from tests.support.desk import ADMIN, plan, refused, secret, service, violations


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"rateRps": -2}, "rateRps"),
        ({"rateRps": 2**31}, "rateRps"),
        ({"dayQuotaRequest": 2**53}, "dayQuotaRequest"),
        ({"dayQuotaRequest": "5"}, "dayQuotaRequest"),
        ({"burst": 5}, "burst"),
        ({"timezone": "Mars/Phobos"}, "timezone"),
        ({"quotaCondition": ["6xx"]}, "quotaCondition[0]"),
        ({"scope": "tenant"}, "scope"),
        ({"usagePlanName": "x" * 51}, "usagePlanName"),
        ({"firstPeriodOffset": 5}, "firstPeriodOffset"),
        ({"onStoreFailure": "maybe"}, "onStoreFailure"),
    ],
)
async def test_what_makes_no_plan(desk: Operations, values: dict[str, Any], field: str) -> None:
    """Each rule of a plan is refused by name, at making and at changing, and nothing is changed."""
    plan_id = await plan(desk)
    before = await desk.plan(plan_id)
    assert await refused(plan(desk, **values)) == (Reason.INVALID, field)
    assert await refused(desk.modify_plan(ADMIN, plan_id, values)) == (Reason.INVALID, field)
    assert await desk.plan(plan_id) == before
    assert (await desk.plans(Where(), Page()))[0] == 1


async def test_a_changed_plan_has_a_higher_version(desk: Operations) -> None:
    """What is not given stays, None takes a value back, and sidecars tell the newer limits by the version."""
    plan_id = await plan(desk, rateRps=5, dayQuotaRequest=10)
    first = await desk.plan(plan_id)
    second = await desk.modify_plan(ADMIN, plan_id, {"dayQuotaRequest": 20})
    assert (second["rateRps"], second["dayQuotaRequest"]) == (5, 20)
    assert second["version"] > first["version"]
    third = await desk.modify_plan(ADMIN, plan_id, {"rateRps": None})
    assert "rateRps" not in third
    assert third["version"] > second["version"]
    assert (await desk.modify_plan(ADMIN, plan_id, {"dayQuotaRequest": 20}))["version"] == third["version"]


async def test_a_plan_in_use_is_not_deleted(desk: Operations) -> None:
    """Bound to a Secret, to an environment, or as a default, it stays."""
    plan_id, secret_id, service_id = await plan(desk), await secret(desk), await service(desk, "release")
    await desk.bind_secrets(ADMIN, plan_id, [secret_id])
    assert (await refused(desk.delete_plan(ADMIN, plan_id)))[0] is Reason.PLAN_IN_USE
    await desk.unbind_secrets(ADMIN, plan_id, [secret_id])
    await desk.bind_environment(ADMIN, [plan_id], service_id, "release")
    assert (await refused(desk.delete_plan(ADMIN, plan_id)))[0] is Reason.PLAN_IN_USE
    await desk.unbind_environment(ADMIN, [plan_id], service_id, "release")
    await desk.set_default_plan(ADMIN, service_id, "release", plan_id)
    assert (await refused(desk.delete_plan(ADMIN, plan_id)))[0] is Reason.PLAN_IN_USE
    await desk.set_default_plan(ADMIN, service_id, "release", None)
    await desk.delete_plan(ADMIN, plan_id)
    assert (await refused(desk.plan(plan_id)))[0] is Reason.NO_PLAN


async def test_one_plan_of_a_secret_in_an_environment(desk: Operations) -> None:
    """Whichever side is bound last is refused, with a reason of its own; a shadow plan may stand beside."""
    one, two = await plan(desk, "one"), await plan(desk, "two")
    secret_id, service_id = await secret(desk), await service(desk, "release", "test")
    await desk.bind_secrets(ADMIN, one, [secret_id])
    await desk.bind_environment(ADMIN, [one, two], service_id, "release")
    assert (await refused(desk.bind_secrets(ADMIN, two, [secret_id])))[0] is Reason.SECRET_CONFLICT
    await desk.bind_environment(ADMIN, [one], service_id, "test")
    await desk.unbind_environment(ADMIN, [two], service_id, "release")
    await desk.bind_secrets(ADMIN, two, [secret_id])
    asked = desk.bind_environment(ADMIN, [two], service_id, "test")
    assert (await refused(asked))[0] is Reason.ENVIRONMENT_CONFLICT
    await desk.bind_environment(ADMIN, [two], service_id, "test", shadow=True)
    assert violations(await desk.records()) == []


async def test_two_plans_of_one_request_exclude_each_other(desk: Operations) -> None:
    """Plans that share a Secret cannot be bound to one environment in one request either."""
    one, two = await plan(desk, "one"), await plan(desk, "two")
    secret_id, service_id = await secret(desk), await service(desk, "release")
    await desk.bind_secrets(ADMIN, one, [secret_id])
    await desk.bind_secrets(ADMIN, two, [secret_id])
    asked = desk.bind_environment(ADMIN, [one, two], service_id, "release")
    assert (await refused(asked))[0] is Reason.ENVIRONMENT_CONFLICT
    assert (await desk.reaches())[0] == 0


async def test_several_are_bound_whole_or_not_at_all(desk: Operations) -> None:
    """One that is unknown, or bound already, keeps all others from being bound."""
    plan_id, secret_ids = await plan(desk), [await secret(desk) for _ in range(3)]
    asked = desk.bind_secrets(ADMIN, plan_id, [*secret_ids, "AKIDunknown"])
    assert await refused(asked) == (Reason.NO_SECRET, "secretId")
    await desk.bind_secrets(ADMIN, plan_id, secret_ids[:1])
    asked = desk.bind_secrets(ADMIN, plan_id, secret_ids)
    assert await refused(asked) == (Reason.ALREADY_BOUND, "secretIds")
    total, holders = (await desk.records()).holders(plan_id)
    assert (total, holders[0].secret_id) == (1, secret_ids[0])
    asked = desk.unbind_secrets(ADMIN, plan_id, secret_ids)
    assert await refused(asked) == (Reason.NO_BINDING, "secretIds")
