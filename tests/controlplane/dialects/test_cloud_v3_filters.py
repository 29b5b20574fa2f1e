from typing import Any

import pytest

from quotad.controlplane.dialects.cloud_v3_filters import plans_where, secrets_where, services_where
from quotad.controlplane.dialects.fields import DialectError
from quotad.controlplane.operations import Operations
from tests.support.desk import ADMIN, plan, secret, service


def given(**filters: list[str]) -> list[Any]:
    return [{"Name": name, "Values": values} for name, values in filters.items()]


async def names(desk: Operations, **filters: list[str]) -> list[str]:
    _, found = (await desk.records()).plans(plans_where(given(**filters)))
    return [each["usagePlanName"] for each in found]


async def test_plans(desk: Operations) -> None:
    """By id and name, by where they are bound, and by where they are not."""
    first, second = await plan(desk, "first"), await plan(desk, "second")
    service_id = await service(desk, "release", "test")
    await desk.bind_environment(ADMIN, [first], service_id, "release")
    assert await names(desk) == ["first", "second"]
    assert await names(desk, UsagePlanId=[second, "usagePlan-none"]) == ["second"]
    assert await names(desk, UsagePlanName=["first"]) == ["first"]
    assert await names(desk, UsagePlanName=["fir"]) == []
    assert await names(desk, Environment=["release"]) == ["first"]
    assert await names(desk, NotServiceId=[service_id]) == ["second"]
    assert await names(desk, NotServiceId=[service_id], Environment=["test"]) == ["first", "second"]


async def test_secrets(desk: Operations) -> None:
    """By id, name, state, a word in either, and the plan that they do not have."""
    plan_id = await plan(desk)
    first, second = await secret(desk, "a_first"), await secret(desk, "second")
    await desk.bind_secrets(ADMIN, plan_id, [first])
    await desk.disable_secret(ADMIN, second)

    async def ids(**filters: list[str]) -> list[str]:
        _, found = (await desk.records()).secrets(secrets_where(given(**filters)))
        return [each.secret_id for each in found]

    assert await ids(AccessKeyId=[first]) == [first]
    assert await ids(SecretName=["second"]) == [second]
    assert await ids(NotUsagePlanId=[plan_id]) == [second]
    assert await ids(Status=["1"]) == [first]
    assert await ids(Status=["0", "1"]) == [first, second]
    assert await ids(KeyWord=["A_FIRS"]) == [first]
    assert await ids(KeyWord=["%"]) == []


async def test_services(desk: Operations) -> None:
    """By id, name, where they are published, and the plan that they do not have."""
    plan_id = await plan(desk)
    first, second = await service(desk, "release", name="first"), await service(desk, name="second")
    await desk.bind_environment(ADMIN, [plan_id], first, "release")

    async def ids(**filters: list[str]) -> list[str]:
        _, found = (await desk.records()).services(services_where(given(**filters)))
        return [each["serviceId"] for each in found]

    assert await ids(ServiceId=[second]) == [second]
    assert await ids(ServiceName=["first"]) == [first]
    assert await ids(Environment=["release"]) == [first]
    assert await ids(NotUsagePlanId=[plan_id]) == [second]
    assert await ids(NotUsagePlanId=[plan_id], Environment=["test"]) == []


@pytest.mark.parametrize(
    ("filters", "code"),
    [
        (given(AccessKeySecret=["x"]), "InvalidParameterValue.InvalidFilterNotSupportedName"),
        (given(Nonsense=["x"]), "InvalidParameterValue.InvalidFilterNotSupportedName"),
        (given(Status=["2"]), "InvalidParameterValue.NotInOptions"),
        (given(Status=[]), "InvalidParameter"),
        (given(Status=["1"]) * 2, "InvalidParameter"),
        (given(KeyWord=["x"] * 101), "InvalidParameterValue.LimitExceeded"),
        ([{"Name": "Status"}], "InvalidParameter"),
        (["Status"], "InvalidParameter"),
    ],
)
def test_refusals(filters: list[Any], code: str) -> None:
    """An unknown name, a SecretKey, a form that is none: refused, never ignored."""
    with pytest.raises(DialectError) as caught:
        secrets_where(filters)
    assert caught.value.code == code


def test_an_environment_that_is_none() -> None:
    """The same word as everywhere in this dialect."""
    with pytest.raises(DialectError) as caught:
        plans_where(given(Environment=["Release"]))
    assert caught.value.code == "InvalidParameterValue.InvalidEnv"
