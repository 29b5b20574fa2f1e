"""Every action on plans, through the cloud's own client."""

import re

from quotad.catalog.records import plan_of
from quotad.config.tenant import Limits
from quotad.core.plans import Subject
from tests.support.desk import ADMIN, plan, secret, service
from tests.support.dialects import Cloud, DialectPort, dialect_port
from tests.support.servers import StoreServer


async def made(cloud: Cloud, **more: object) -> str:
    plan_info = await cloud.result("CreateUsagePlan", UsagePlanName="gold", **more)
    return str(plan_info["UsagePlanId"])


async def test_create_and_describe(cloud: Cloud) -> None:
    """A plan is what was asked for; absent limits are -1."""
    info = await cloud.result("CreateUsagePlan", UsagePlanName="gold", UsagePlanDesc="d", MaxRequestNum=5)
    plan_id = info["UsagePlanId"]
    assert plan_id.startswith("usagePlan-")
    assert info == {
        "UsagePlanId": plan_id,
        "UsagePlanName": "gold",
        "UsagePlanDesc": "d",
        "MaxRequestNum": 5,
        "MaxRequestNumPreSec": -1,
        "CreatedTime": info["CreatedTime"],
        "ModifiedTime": info["CreatedTime"],
        "BindSecretIdTotalCount": 0,
        "BindSecretIds": [],
        "BindEnvironmentTotalCount": 0,
        "BindEnvironments": [],
        "Tags": [],
    }
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", info["CreatedTime"])
    assert await cloud.result("DescribeUsagePlan", UsagePlanId=plan_id) == info


async def test_ranges(cloud: Cloud) -> None:
    """MaxRequestNum is -1 or 1 to 99999999, MaxRequestNumPreSec -1 or 1 to 2000; all else has its code."""
    for number in (-1, 1, 99_999_999):
        assert await made(cloud, MaxRequestNum=number)
    for rate in (-1, 1, 2000):
        assert await made(cloud, MaxRequestNumPreSec=rate)
    for given, code in (
        ({"MaxRequestNum": 0}, "InvalidParameterValue.InvalidMaxRequestNum"),
        ({"MaxRequestNum": 100_000_000}, "InvalidParameterValue.InvalidMaxRequestNum"),
        ({"MaxRequestNumPreSec": 2001}, "InvalidParameterValue.RangeExceeded"),
        ({"MaxRequestNumPreSec": -2}, "InvalidParameterValue.RangeExceeded"),
        ({"UsagePlanName": "x" * 51}, "InvalidParameterValue.LengthExceeded"),
        ({"UsagePlanName": "a\tb"}, "InvalidParameter.FormatError"),
        ({"Tags": [{"Key": "k", "Value": "v"}]}, "InvalidParameter"),
    ):
        assert await cloud.code("CreateUsagePlan", **{"UsagePlanName": "n", **given}) == code
    assert await cloud.code("CreateUsagePlan") == "MissingParameter"


async def test_modify(port: DialectPort, cloud: Cloud) -> None:
    """What is absent stays, also what only other dialects know."""
    plan_id = await plan(port.desk, "gold", dayQuotaRequest=7, rateRps=3, usagePlanDesc="d")
    info = await cloud.result("ModifyUsagePlan", UsagePlanId=plan_id, MaxRequestNum=9)
    assert (info["UsagePlanName"], info["UsagePlanDesc"]) == ("gold", "d")
    assert (info["MaxRequestNumPreSec"], info["MaxRequestNum"]) == (3, 9)
    assert (await port.desk.plan(plan_id))["dayQuotaRequest"] == 7
    info = await cloud.result("ModifyUsagePlan", UsagePlanId=plan_id, MaxRequestNum=-1, UsagePlanName="n")
    assert (info["MaxRequestNum"], info["UsagePlanName"]) == (-1, "n")
    assert (
        await cloud.code("ModifyUsagePlan", UsagePlanId="usagePlan-none")
        == "ResourceNotFound.InvalidUsagePlan"
    )


async def test_delete(port: DialectPort, cloud: Cloud) -> None:
    """Not while anything is bound to it; then it is gone."""
    plan_id, secret_id = await made(cloud), await secret(port.desk)
    await cloud.result("BindSecretIds", UsagePlanId=plan_id, AccessKeyIds=[secret_id])
    assert await cloud.code("DeleteUsagePlan", UsagePlanId=plan_id) == "UnsupportedOperation.UsagePlanInUse"
    assert await cloud.result("UnBindSecretIds", UsagePlanId=plan_id, AccessKeyIds=[secret_id]) is True
    assert await cloud.result("DeleteUsagePlan", UsagePlanId=plan_id) is True
    for action in ("DeleteUsagePlan", "DescribeUsagePlan"):
        assert await cloud.code(action, UsagePlanId=plan_id) == "ResourceNotFound.InvalidUsagePlan"


async def test_lists(port: DialectPort, cloud: Cloud) -> None:
    """Pages of 20 unless it is said otherwise, the total beside them, and filters."""
    ids = [await plan(port.desk, f"p{number}") for number in range(22)]
    page = await cloud.result("DescribeUsagePlansStatus")
    assert (page["TotalCount"], len(page["UsagePlanStatusSet"])) == (22, 20)
    page = await cloud.result("DescribeUsagePlansStatus", Limit=100, Offset=21)
    assert [each["UsagePlanId"] for each in page["UsagePlanStatusSet"]] == ids[21:]
    wanted = [{"Name": "UsagePlanName", "Values": ["p3", "p5"]}]
    page = await cloud.result("DescribeUsagePlansStatus", Filters=wanted, Limit=1)
    assert (page["TotalCount"], page["UsagePlanStatusSet"][0]["UsagePlanName"]) == (2, "p3")
    assert await cloud.code("DescribeUsagePlansStatus", Limit=101) == "InvalidParameterValue.LimitExceeded"
    wrong = [{"Name": "ApiId", "Values": ["x"]}]
    code = await cloud.code("DescribeUsagePlansStatus", Filters=wrong)
    assert code == "InvalidParameterValue.InvalidFilterNotSupportedName"


async def test_secrets_of_a_plan(port: DialectPort, cloud: Cloud) -> None:
    """Id, name and state of each; a plan's own answer names them too."""
    plan_id, ids = await made(cloud), [await secret(port.desk, f"n{each}") for each in range(3)]
    await cloud.result("BindSecretIds", UsagePlanId=plan_id, AccessKeyIds=ids)
    await port.desk.disable_secret(ADMIN, ids[1])
    page = await cloud.result("DescribeUsagePlanSecretIds", UsagePlanId=plan_id, Limit=50)
    assert page["TotalCount"] == 3
    assert {(each["AccessKeyId"], each["Status"]) for each in page["AccessKeyList"]} == {
        (ids[0], 1),
        (ids[1], 0),
        (ids[2], 1),
    }
    info = await cloud.result("DescribeUsagePlan", UsagePlanId=plan_id)
    assert (info["BindSecretIdTotalCount"], set(info["BindSecretIds"])) == (3, set(ids))
    code = await cloud.code("DescribeUsagePlanSecretIds", UsagePlanId="usagePlan-none")
    assert code == "ResourceNotFound.InvalidUsagePlan"


async def test_binding_secrets(port: DialectPort, cloud: Cloud) -> None:
    """All keys or none, and the code for each thing that stands in the way, in either order."""
    first, second = await made(cloud), await made(cloud)
    key, other = await secret(port.desk), await secret(port.desk)
    service_id = await service(port.desk, "release")

    async def code(plan_id: str, *ids: str) -> str:
        return await cloud.code("BindSecretIds", UsagePlanId=plan_id, AccessKeyIds=list(ids))

    assert await code("usagePlan-none", key) == "ResourceNotFound.InvalidUsagePlan"
    assert await code(first, key, "AKIDnone") == "ResourceNotFound.InvalidAccessKeyId"
    assert await code(first) == "MissingParameter"
    assert (await cloud.result("DescribeUsagePlanSecretIds", UsagePlanId=first))["TotalCount"] == 0
    assert await cloud.result("BindSecretIds", UsagePlanId=first, AccessKeyIds=[key]) is True
    assert await code(first, other, key) == "UnsupportedOperation.AlreadyBindUsagePlan"
    for plan_id in (first, second):
        await port.desk.bind_environment(ADMIN, [plan_id], service_id, "release")
    assert await code(second, key) == "UnsupportedOperation.UnsupportedBindApiKey"
    assert (
        await cloud.code("UnBindSecretIds", UsagePlanId=second, AccessKeyIds=[key])
        == "ResourceNotFound.InvalidAccessKeyId"
    )


async def test_binding_environments(port: DialectPort, cloud: Cloud) -> None:
    """Only published ones, only one plan of each key, and the code for each thing in the way."""
    first, second, key = await made(cloud), await made(cloud), await secret(port.desk)
    service_id = await service(port.desk, "release")
    for plan_id in (first, second):
        await port.desk.bind_secrets(ADMIN, plan_id, [key])

    def place(*plan_ids: str, **more: str) -> dict[str, object]:
        return {
            "UsagePlanIds": list(plan_ids),
            "BindType": "SERVICE",
            "Environment": "release",
            "ServiceId": service_id,
            **more,
        }

    bind, unbind = "BindEnvironment", "UnBindEnvironment"
    refused = "UnsupportedOperation.UnsupportedBindEnvironment"
    assert await cloud.code(bind, **place(first, second)) == refused
    assert await cloud.code(bind, **place(first, Environment="test")) == refused
    assert await cloud.code(bind, **place(first, Environment="Release")) == "InvalidParameterValue.InvalidEnv"
    assert await cloud.code(bind, **place(first, ServiceId="service-no")) == "ResourceNotFound.InvalidService"
    assert await cloud.code(bind, **place("usagePlan-no")) == "ResourceNotFound.InvalidUsagePlan"
    assert await cloud.code(bind, **place(first, BindType="ALL")) == "InvalidParameterValue.NotInOptions"
    assert await cloud.result(bind, **place(first)) is True
    assert await cloud.code(bind, **place(second)) == refused
    assert await cloud.code(unbind, **place(second)) == "UnsupportedOperation.UnsupportedUnBindEnvironment"
    info = await cloud.result("DescribeUsagePlan", UsagePlanId=first)
    assert info["BindEnvironments"] == [{"EnvironmentName": "release", "ServiceId": service_id}]
    assert await cloud.result(unbind, **place(first)) is True


async def test_use_of_each_place(port: DialectPort, cloud: Cloud) -> None:
    """InUseRequestNum is what the store has counted, row by row, by plan and by service."""
    first, second = await made(cloud, MaxRequestNum=100), await made(cloud)
    service_id = await service(port.desk, "release", "prepub", name="shop")
    for plan_id, places in ((first, ("release", "prepub")), (second, ("release",))):
        for each in places:
            await port.desk.bind_environment(ADMIN, [plan_id], service_id, each)
    await port.spend(first, service_id, "release", 10)
    page = await cloud.result("DescribeUsagePlanEnvironments", UsagePlanId=first)
    assert page["TotalCount"] == 2
    assert [(each["Environment"], each["InUseRequestNum"]) for each in page["EnvironmentList"]] == [
        ("release", 10),
        ("prepub", 0),
    ]
    page = await cloud.result("DescribeServiceUsagePlan", ServiceId=service_id, Limit=2, Offset=1)
    assert (page["TotalCount"], len(page["ServiceUsagePlanList"])) == (3, 2)
    page = await cloud.result("DescribeServiceUsagePlan", ServiceId=service_id)
    row = next(
        each
        for each in page["ServiceUsagePlanList"]
        if (each["UsagePlanId"], each["Environment"]) == (first, "release")
    )
    assert {name: row[name] for name in ("ServiceName", "InUseRequestNum", "MaxRequestNum", "Path")} == {
        "ServiceName": "shop",
        "InUseRequestNum": 10,
        "MaxRequestNum": 100,
        "Path": "",
    }
    assert (
        await cloud.code("DescribeServiceUsagePlan", ServiceId="service-no")
        == "ResourceNotFound.InvalidService"
    )


async def test_tenant_limits(store_server: StoreServer) -> None:
    """The cloud's own numbers, where they are asked for, have the cloud's codes."""
    async with dialect_port(store_server.url, Limits(plans=1, secrets_per_plan=1)) as port:
        cloud, ids = port.cloud(), [await secret(port.desk), await secret(port.desk)]
        plan_id = await made(cloud)
        code = await cloud.code("CreateUsagePlan", UsagePlanName="n")
        assert code == "LimitExceeded.UsagePlanLimitExceeded"
        code = await cloud.code("BindSecretIds", UsagePlanId=plan_id, AccessKeyIds=ids)
        assert code == "LimitExceeded.AccessKeyCountInUsagePlanLimitExceeded"


async def service_with_apis(port: DialectPort, *paths: str) -> tuple[str, list[str]]:
    """Published in release."""
    service_id = await service(port.desk, "release", "test")
    made_ = [
        await port.desk.create_api(ADMIN, service_id, {"apiName": path[1:], "path": path, "method": "GET"})
        for path in paths
    ]
    return service_id, [api["apiId"] for api in made_]


async def test_plans_of_single_apis(port: DialectPort, cloud: Cloud) -> None:
    """Bound with BindType API, listed apart from those of environments, with what each Api has used."""
    service_id, (one, two) = await service_with_apis(port, "/one", "/two")
    plan_id, none = await made(cloud, MaxRequestNum=9), await made(cloud)
    place = {"UsagePlanIds": [plan_id], "ServiceId": service_id, "Environment": "release"}
    single = {**place, "BindType": "API", "ApiIds": [one, two]}
    bind, unbind = "BindEnvironment", "UnBindEnvironment"
    for wrong in ({**place, "BindType": "API"}, {**place, "ApiIds": [one]}):
        assert await cloud.code(bind, **wrong) == "InvalidParameterValue.InvalidApiIds"
    assert await cloud.code(bind, **{**single, "ApiIds": ["api-no"]}) == "ResourceNotFound.InvalidApi"
    assert await cloud.result(bind, **single) is True
    limits = plan_of(await port.desk.plan(plan_id)).plan
    await port.spend_of(Subject(limits, service_id, "release", api_id=two), 3)
    listed = await cloud.result("DescribeApiUsagePlan", ServiceId=service_id)
    rows = [
        (row["ApiId"], row["ApiName"], row["Path"], row["Method"], row["InUseRequestNum"])
        for row in listed["ApiUsagePlanList"]
    ]
    assert (listed["TotalCount"], sorted(rows)) == (
        2,
        sorted([(one, "one", "/one", "GET", 0), (two, "two", "/two", "GET", 3)]),
    )
    assert listed["ApiUsagePlanList"][0]["UsagePlanId"] == plan_id
    paged = await cloud.result("DescribeApiUsagePlan", ServiceId=service_id, Limit=1, Offset=1)
    assert (paged["TotalCount"], len(paged["ApiUsagePlanList"])) == (2, 1)
    assert await cloud.code("DescribeApiUsagePlan", ServiceId="no") == "ResourceNotFound.InvalidService"
    assert (await cloud.result("DescribeServiceUsagePlan", ServiceId=service_id))["TotalCount"] == 0
    environments = "DescribeUsagePlanEnvironments"
    apis = await cloud.result(environments, UsagePlanId=plan_id, BindType="API")
    assert [row["ApiId"] for row in apis["EnvironmentList"]] == [
        row["ApiId"] for row in listed["ApiUsagePlanList"]
    ]
    assert (await cloud.result(environments, UsagePlanId=plan_id))["TotalCount"] == 0
    info = await cloud.result("DescribeUsagePlan", UsagePlanId=plan_id)
    assert info["BindEnvironments"] == [{"EnvironmentName": "release", "ServiceId": service_id}]
    assert info["BindEnvironmentTotalCount"] == 1
    others = await cloud.result(
        "DescribeUsagePlansStatus", Filters=[{"Name": "NotApiId", "Values": [one, "api-no"]}]
    )
    assert [each["UsagePlanId"] for each in others["UsagePlanStatusSet"]] == [none]
    whole = {**place, "UsagePlanIds": [none], "BindType": "SERVICE"}
    assert await cloud.code(bind, **whole) == "UnsupportedOperation.UnsupportedBindEnvironment"
    described = await cloud.do("DescribeService", ServiceId=service_id)
    assert (described["ApiTotalCount"], described["UsagePlanTotalCount"]) == (2, 1)
    assert [each["Path"] for each in described["ApiIdStatusSet"]] == ["/one", "/two"]
    assert await cloud.code("DeleteUsagePlan", UsagePlanId=plan_id) == "UnsupportedOperation.UsagePlanInUse"
    assert await cloud.result(unbind, **single) is True
    assert await cloud.code(unbind, **single) == "UnsupportedOperation.UnsupportedUnBindEnvironment"


async def test_demotion(port: DialectPort, cloud: Cloud) -> None:
    """A plan of an environment goes to each Api; refused without Apis, unbound, or not alone."""
    service_id, ids = await service_with_apis(port, "/one", "/two")
    empty = await service(port.desk, "release")
    plan_id, other = await made(cloud), await made(cloud)
    demote = "DemoteServiceUsagePlan"
    place = {"UsagePlanId": plan_id, "ServiceId": service_id, "Environment": "release"}
    nowhere = "UnsupportedOperation.NoUsagePlanEnv"
    assert await cloud.code(demote, **place) == nowhere
    for each in (plan_id, other):
        bound = {"UsagePlanIds": [each], "ServiceId": service_id, "Environment": "release"}
        await cloud.result("BindEnvironment", **bound)
    assert await cloud.code(demote, **{**place, "ServiceId": empty}) == "ResourceNotFound.InvalidApi"
    unpublished = {**place, "Environment": "prepub"}
    assert await cloud.code(demote, **unpublished) == "UnsupportedOperation.UnsupportedBindEnvironment"
    assert await cloud.code(demote, **place) == nowhere
    await cloud.result("UnBindEnvironment", UsagePlanIds=[other], ServiceId=service_id, Environment="release")
    assert await cloud.result(demote, **place) is True
    listed = await cloud.result("DescribeApiUsagePlan", ServiceId=service_id)
    assert sorted(row["ApiId"] for row in listed["ApiUsagePlanList"]) == sorted(ids)
    assert await cloud.code(demote, **place) == nowhere
