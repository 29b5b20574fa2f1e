"""Every action on services and environments, through the cloud's own client."""

from typing import Any

import pytest

from tests.support.desk import ADMIN, plan
from tests.support.dialects import Cloud, DialectPort


async def made(cloud: Cloud, name: str = "shop") -> str:
    return str((await cloud.do("CreateService", ServiceName=name, Protocol="http"))["ServiceId"])


async def test_create_and_describe(port: DialectPort, cloud: Cloud) -> None:
    """The answers are flat; a service shows its plans and where it is published."""
    given = {"ServiceName": "shop", "Protocol": "http&https", "ServiceDesc": "d", "NetTypes": ["OUTER"]}
    service = await cloud.do("CreateService", **given)
    service_id = service["ServiceId"]
    assert service_id.startswith("service-")
    assert (service["ServiceName"], service["ServiceDesc"]) == ("shop", "d")
    await cloud.result("ReleaseService", ServiceId=service_id, EnvironmentName="test", ReleaseDesc="r")
    plan_id = await plan(port.desk, "gold", rateRps=5)
    await port.desk.bind_environment(ADMIN, [plan_id], service_id, "test")
    whole = await cloud.do("DescribeService", ServiceId=service_id)
    assert (whole["AvailableEnvironments"], whole["UsagePlanTotalCount"]) == (["test"], 1)
    (row,) = whole["UsagePlanList"]
    assert (row["Environment"], row["UsagePlanId"], row["MaxRequestNumPreSec"]) == ("test", plan_id, 5)
    assert await cloud.code("DescribeService", ServiceId="service-no") == "ResourceNotFound.InvalidService"


async def test_what_is_no_service(cloud: Cloud) -> None:
    """Missing and impossible values, and what is not kept here, are refused."""
    base = {"ServiceName": "n", "Protocol": "http"}
    for given, code in (
        ({"ServiceName": "n"}, "MissingParameter"),
        ({**base, "Protocol": "ftp"}, "InvalidParameterValue.NotInOptions"),
        ({**base, "ServiceName": "x" * 51}, "InvalidParameterValue.LengthExceeded"),
        ({**base, "NetTypes": ["SIDE"]}, "InvalidParameterValue.NotInOptions"),
        ({**base, "InstanceId": "instance-1"}, "InvalidParameter"),
        ({**base, "UniqVpcId": "vpc-1"}, "InvalidParameter"),
    ):
        assert await cloud.code("CreateService", **given) == code


async def test_modify_and_delete(cloud: Cloud) -> None:
    """What is absent stays; a published service stays too."""
    service_id = await made(cloud)
    assert await cloud.do("ModifyService", ServiceId=service_id, ServiceDesc="d") == {}
    whole = await cloud.do("DescribeService", ServiceId=service_id)
    assert (whole["ServiceName"], whole["ServiceDesc"]) == ("shop", "d")
    one = {"ServiceId": service_id, "EnvironmentName": "release"}
    await cloud.result("ReleaseService", **one, ReleaseDesc="r")
    code = await cloud.code("DeleteService", ServiceId=service_id, SkipVerification=1)
    assert code == "UnsupportedOperation.UnsupportedDeleteService"
    assert await cloud.result("UnReleaseService", **one) is True
    assert await cloud.result("DeleteService", ServiceId=service_id) is True
    assert await cloud.code("ModifyService", ServiceId=service_id) == "ResourceNotFound.InvalidService"


async def test_environments(cloud: Cloud) -> None:
    """Three of them, published with a version of their own and unpublished again."""
    service_id = await made(cloud)
    one = {"ServiceId": service_id, "EnvironmentName": "prepub"}
    released = await cloud.result("ReleaseService", **one, ReleaseDesc="first")
    assert released["ReleaseDesc"] == "first"
    page = await cloud.result("DescribeServiceEnvironmentList", ServiceId=service_id)
    assert page["TotalCount"] == 3
    states = {each["EnvironmentName"]: each for each in page["EnvironmentList"]}
    assert {name: each["Status"] for name, each in states.items()} == {"release": 0, "prepub": 1, "test": 0}
    assert states["prepub"]["VersionName"] == released["ReleaseVersion"]
    page = await cloud.result("DescribeServiceEnvironmentList", ServiceId=service_id, Limit=1, Offset=2)
    assert (page["TotalCount"], len(page["EnvironmentList"])) == (3, 1)
    code = await cloud.code("DescribeServiceEnvironmentList", ServiceId="service-no")
    assert code == "ResourceNotFound.InvalidService"
    assert await cloud.result("UnReleaseService", **one) is True
    assert await cloud.code("UnReleaseService", **one) == "InvalidParameterValue.InvalidEnvStatus"
    assert await cloud.code("ReleaseService", **one) == "MissingParameter"
    one["EnvironmentName"] = "Pre"
    assert await cloud.code("ReleaseService", **one, ReleaseDesc="r") == "InvalidParameterValue.InvalidEnv"


async def test_throttles(cloud: Cloud) -> None:
    """Set for several environments at once, shown, and taken away with -1."""
    service_id = await made(cloud)
    modify, places = "ModifyServiceEnvironmentStrategy", ["release", "test"]

    async def shown() -> dict[str, int]:
        page = await cloud.result("DescribeServiceEnvironmentStrategy", ServiceId=service_id)
        return {each["EnvironmentName"]: each["Strategy"] for each in page["EnvironmentList"]}

    assert await cloud.result(modify, ServiceId=service_id, Strategy=50, EnvironmentNames=places) is True
    assert await shown() == {"release": 50, "prepub": -1, "test": 50}
    await cloud.result(modify, ServiceId=service_id, Strategy=-1, EnvironmentNames=["test"])
    assert await shown() == {"release": 50, "prepub": -1, "test": -1}
    code = await cloud.code(modify, ServiceId=service_id, Strategy=0, EnvironmentNames=places)
    assert code == "InvalidParameterValue.RangeExceeded"
    code = await cloud.code(modify, ServiceId=service_id, Strategy=5, EnvironmentNames=["prod"])
    assert code == "InvalidParameterValue.InvalidEnv"


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_throttles_of_apis(port: DialectPort, asynchronous: bool) -> None:
    """Set for several Apis at once or for none, shown by Api and environment, and taken away with -1."""
    cloud = port.cloud(asynchronous=asynchronous)
    service_id = await made(cloud)
    ids = []
    for name in ("a", "b", "c"):
        given = {"apiName": name, "path": f"/{name}/{{id}}", "method": "GET"}
        ids.append((await port.desk.create_api(ADMIN, service_id, given))["apiId"])
    modify = {"ServiceId": service_id, "EnvironmentName": "release", "Strategy": 50, "ApiIds": ids[:2]}
    assert await cloud.result("ModifyApiEnvironmentStrategy", **modify) is True

    async def shown(**more: Any) -> dict[str, dict[str, int]]:
        page = await cloud.result("DescribeApiEnvironmentStrategy", ServiceId=service_id, **more)
        return {
            row["ApiId"]: {each["EnvironmentName"]: each["Quota"] for each in row["EnvironmentStrategySet"]}
            for row in page["ApiEnvironmentStrategySet"]
        }

    bounded, free = ({"release": rate, "prepub": -1, "test": -1} for rate in (50, -1))
    assert await shown() == {ids[0]: bounded, ids[1]: bounded, ids[2]: free}
    assert await shown(EnvironmentNames=["test", "release"], ApiId=ids[1]) == {
        ids[1]: {"release": 50, "test": -1}
    }
    page = await cloud.result("DescribeApiEnvironmentStrategy", ServiceId=service_id, Limit=1, Offset=1)
    (row,) = page["ApiEnvironmentStrategySet"]
    assert (page["TotalCount"], row["ApiId"], row["ApiName"]) == (3, ids[1], "b")
    assert (row["Path"], row["Method"]) == ("/b/{id}", "GET")
    assert (await port.desk.api(service_id, ids[0]))["throttles"] == {"release": {"rateRps": 50, "burst": 50}}
    assert await cloud.result("ModifyApiEnvironmentStrategy", **{**modify, "Strategy": -1}) is True
    assert await shown(ApiId=ids[0]) == {ids[0]: free}


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_what_is_no_throttle_of_an_api(port: DialectPort, asynchronous: bool) -> None:
    """Each thing that can be wrong has its code, and changes no Api."""
    cloud = port.cloud(asynchronous=asynchronous)
    service_id = await made(cloud)
    api_id = (await port.desk.create_api(ADMIN, service_id, {"apiName": "a", "path": "/a"}))["apiId"]
    right = {"ServiceId": service_id, "EnvironmentName": "test", "Strategy": 5, "ApiIds": [api_id]}
    for wrong, code in (
        ({"ServiceId": "service-no"}, "ResourceNotFound.InvalidService"),
        ({"ApiIds": [api_id, "api-no"]}, "ResourceNotFound.InvalidApi"),
        ({"ApiIds": []}, "MissingParameter"),
        ({"EnvironmentName": "prod"}, "InvalidParameterValue.InvalidEnv"),
        ({"Strategy": 0}, "InvalidParameterValue.RangeExceeded"),
        ({"Strategy": 2**31}, "InvalidParameterValue.RangeExceeded"),
        ({"Strategy": "fast"}, "InvalidParameter"),
        ({"Strategy": None}, "MissingParameter"),
    ):
        assert await cloud.code("ModifyApiEnvironmentStrategy", **{**right, **wrong}) == code
    asked = {"ServiceId": service_id}
    for wrong, code in (
        ({"ServiceId": "service-no"}, "ResourceNotFound.InvalidService"),
        ({"ApiId": "api-no"}, "ResourceNotFound.InvalidApi"),
        ({"EnvironmentNames": ["Release"]}, "InvalidParameterValue.InvalidEnv"),
        ({"Limit": 101}, "InvalidParameterValue.LimitExceeded"),
        ({"ServiceId": None}, "MissingParameter"),
    ):
        assert await cloud.code("DescribeApiEnvironmentStrategy", **{**asked, **wrong}) == code
    reader = port.cloud("AKIDread", asynchronous=asynchronous)
    assert await reader.code("ModifyApiEnvironmentStrategy", **right) == "UnauthorizedOperation"
    assert await reader.result("DescribeApiEnvironmentStrategy", **asked)
    assert "throttles" not in await port.desk.api(service_id, api_id)


async def test_lists(cloud: Cloud) -> None:
    """Pages and filters."""
    ids = [await made(cloud, name) for name in ("a", "b", "c")]
    await cloud.result("ReleaseService", ServiceId=ids[1], EnvironmentName="test", ReleaseDesc="r")
    page = await cloud.result("DescribeServicesStatus", Limit=2)
    assert (page["TotalCount"], [each["ServiceId"] for each in page["ServiceSet"]]) == (3, ids[:2])
    wanted = [{"Name": "Environment", "Values": ["test"]}]
    page = await cloud.result("DescribeServicesStatus", Filters=wanted)
    assert [(each["ServiceId"], each["AvailableEnvironments"]) for each in page["ServiceSet"]] == [
        (ids[1], ["test"])
    ]
    wrong = [{"Name": "IpVersion", "Values": ["IPv4"]}]
    code = await cloud.code("DescribeServicesStatus", Filters=wrong)
    assert code == "InvalidParameterValue.InvalidFilterNotSupportedName"
