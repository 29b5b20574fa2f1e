"""Every action on services and environments, through the cloud's own client."""

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
