import inspect
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import pytest
from tencentcloud.apigateway.v20180808 import models

from quotad.catalog.vault import Vault
from quotad.clock import wall_s
from quotad.controlplane.desk import Asker
from quotad.controlplane.dialects.cloud_v3 import ACTIONS
from quotad.controlplane.dialects.cloud_v3_call import A_SECOND_AT_MOST
from quotad.controlplane.dialects.signatures import Signed, Tc3Claim, tc3_signature, utc_date
from quotad.controlplane.operations import Operations
from tests.support.control import control_store
from tests.support.desk import MASTER, plan, secret
from tests.support.dialects import KEY, REGION, DialectPort, dialect_port
from tests.support.servers import StoreServer, running_server

WAYS = [
    {"method": method, "signing": signing, "asynchronous": asynchronous}
    for method in ("POST", "GET")
    for signing in (None, "HmacSHA256", "HmacSHA1")
    for asynchronous in (False, True)
]


def sent(port: DialectPort, headers: Mapping[str, str], body: bytes = b"{}") -> dict[str, Any]:
    """A request with a right TC3 signature, and headers on top."""
    stamp = int(wall_s())
    signed = {"content-type": "application/json", "host": f"127.0.0.1:{port.number}"}
    claim = Tc3Claim("AKIDadmin", utc_date(stamp), "apigateway", ("content-type", "host"), "")
    made = tc3_signature(KEY.encode(), claim, str(stamp), Signed("POST", "", signed, body))
    given = {
        **signed,
        "x-tc-timestamp": str(stamp),
        "x-tc-version": "2018-08-08",
        "x-tc-region": REGION,
        "authorization": f"TC3-HMAC-SHA256 Credential=AKIDadmin/{claim.date}/apigateway/tc3_request, "
        f"SignedHeaders=content-type;host, Signature={made}",
        **headers,
    }
    return {"content": body, "headers": {name: value for name, value in given.items() if value}}


async def asked(port: DialectPort, **more: Any) -> str:
    """The error's code, with the form of every answer checked."""
    answer = await port.ask("POST", "/", **more)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    response = answer.json()["Response"]
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", response["RequestId"])
    assert response["RequestId"] == answer.headers["x-request-id"]
    return str(response["Error"]["Code"]) if "Error" in response else ""


@pytest.mark.parametrize("way", WAYS, ids=lambda way: "-".join(str(each) for each in way.values()))
async def test_every_way_to_send_and_sign(port: DialectPort, way: dict[str, Any]) -> None:
    """Sync and async, POST and GET, three signatures: lists, filters, numbers and words of any script."""
    cloud = port.cloud(**way)
    name = "plän / 計画 & more"
    info = await cloud.result("CreateUsagePlan", UsagePlanName=name, MaxRequestNum=7, MaxRequestNumPreSec=-1)
    assert (info["UsagePlanName"], info["MaxRequestNum"]) == (name, 7)
    plan_id, ids = info["UsagePlanId"], [await secret(port.desk) for _ in range(12)]
    assert await cloud.result("BindSecretIds", UsagePlanId=plan_id, AccessKeyIds=ids) is True
    wanted = [{"Name": "UsagePlanName", "Values": ["other", name]}]
    page = await cloud.result("DescribeUsagePlansStatus", Filters=wanted, Limit=5)
    assert page["TotalCount"] == 1
    code = await cloud.code("BindSecretIds", UsagePlanId=plan_id, AccessKeyIds=ids[:1])
    assert code == "UnsupportedOperation.AlreadyBindUsagePlan"
    wrong = port.cloud(key="another-key-altogether", **way)
    assert await wrong.code("DeleteUsagePlan", UsagePlanId=plan_id) == "AuthFailure.SignatureFailure"
    nobody = port.cloud(who="AKIDnobody", **way)
    assert await nobody.code("DeleteUsagePlan", UsagePlanId=plan_id) == "AuthFailure.SecretIdNotFound"


async def test_common_parameters(port: DialectPort) -> None:
    """What is missing or unknown of Action, Version and Region has its code; any Region is taken."""
    action = {"x-tc-action": "DescribeUsagePlansStatus"}
    assert not await asked(port, **sent(port, action))
    assert not await asked(port, **sent(port, {**action, "x-tc-region": "nowhere"}))
    for headers, code in (
        ({}, "MissingParameter"),
        ({**action, "x-tc-version": ""}, "MissingParameter"),
        ({**action, "x-tc-region": ""}, "MissingParameter"),
        ({**action, "x-tc-version": "2018-08-09"}, "NoSuchVersion"),
        ({"x-tc-action": "DescribeNothing"}, "InvalidAction"),
        ({**action, "authorization": ""}, "AuthFailure.InvalidAuthorization"),
        ({**action, "content-type": "text/plain"}, "AuthFailure.SignatureFailure"),
    ):
        assert await asked(port, **sent(port, headers)) == code
    assert await asked(port, content=b"") == "MissingParameter"


async def test_bodies(port: DialectPort) -> None:
    """No JSON, an unknown field and too much of it are refused in the form that the client reads."""
    action = {"x-tc-action": "DescribeUsagePlansStatus"}
    for body, code in (
        (b"[]", "InvalidParameter"),
        (b'{"Limit": 1, "Limit": 2}', "InvalidParameter"),
        (b'{"Limits": 1}', "UnknownParameter"),
        (b'{"Limit": "1"}', "InvalidParameter"),
        (b'{"Limit": 1e999}', "InvalidParameter"),
        (b'{"Limit": ' + b"9" * 5000 + b"}", "InvalidParameter"),
        (rb'{"Filters": [{"Name": "UsagePlanName", "Values": ["\ud800"]}]}', "InvalidParameter"),
        (b" " * 70_000, "RequestSizeLimitExceeded"),
    ):
        assert await asked(port, **sent(port, action, body)) == code


async def test_roles(port: DialectPort) -> None:
    """Who may only read changes nothing; who operates makes no key."""
    reader, operator = port.cloud("AKIDread"), port.cloud("AKIDoperate")
    assert (await reader.result("DescribeUsagePlansStatus"))["TotalCount"] == 0
    assert await reader.code("CreateUsagePlan", UsagePlanName="n") == "UnauthorizedOperation"
    await operator.result("CreateUsagePlan", UsagePlanName="n")
    assert await operator.code("CreateApiKey", SecretName="n") == "UnauthorizedOperation"


async def test_the_rate_of_an_action(port: DialectPort, store_server: StoreServer) -> None:
    """20 requests of one key and action in a window, over all admin processes; others go on."""
    async with dialect_port(store_server.url) as other:
        cloud = other.cloud()
        # The first to count opens the window: this one stays open for the test.
        await port.control.tally("v3:AKIDadmin:DescribeUsagePlansStatus", 60_000, A_SECOND_AT_MOST - 1)
        await cloud.result("DescribeUsagePlansStatus")
        assert await cloud.code("DescribeUsagePlansStatus") == "RequestLimitExceeded"
        assert await port.cloud().code("DescribeUsagePlansStatus") == "RequestLimitExceeded"
        await cloud.result("DescribeServicesStatus")
        await port.cloud("AKIDread").result("DescribeUsagePlansStatus")


async def test_a_request_can_be_found_in_the_audit(port: DialectPort) -> None:
    """A change's record has the RequestId that the client was told."""
    body = json.dumps({"UsagePlanName": "gold"}).encode()
    answer = await port.ask("POST", "/", **sent(port, {"x-tc-action": "CreateUsagePlan"}, body))
    [(_, record), *_] = await port.control.audit("", 1)
    assert record["requestId"] == answer.json()["Response"]["RequestId"]
    assert (record["action"], record["who"], record["address"]) == (
        "CreateUsagePlan",
        "AKIDadmin",
        "127.0.0.1",
    )


async def test_the_store_away() -> None:
    """The code that the cloud has for it, and its words."""
    with running_server() as server:
        async with dialect_port(server.url) as port:
            await plan(port.desk)
            server.kill()
            answer = await port.ask("POST", "/", **sent(port, {"x-tc-action": "DescribeUsagePlansStatus"}))
            error = answer.json()["Response"]["Error"]
    assert error["Code"] == "InternalError.OssException"
    assert error["Message"].startswith("OSS internal request error. Please try again.")


class Broken(Operations):
    """Fails in a way that nobody foresaw."""

    async def create_plan(self, asker: Asker, given: Any) -> Any:
        raise RuntimeError("a key: secretexample")


async def test_an_error_inside(store_server: StoreServer, caplog: pytest.LogCaptureFixture) -> None:
    """The client reads a code and nothing of what went wrong."""
    async with control_store(store_server.url) as control:
        desk = Broken(control, Vault(MASTER))
        async with dialect_port(store_server.url, operations=desk) as port:
            assert await port.cloud().code("CreateUsagePlan", UsagePlanName="n") == "InternalError"
    assert "a request of Cloud API 3.0 failed" in caplog.text


async def test_the_seed_documents_request(port: DialectPort) -> None:
    """The example of BindSecretIds, as a query in the older form, is answered as the document has it."""
    desk = port.desk
    await desk.create_plan(Asker("t"), {"usagePlanId": "usagePlan-quqxvett", "usagePlanName": "seed"})
    key_id = "AKIDmyE2z0gvi2p6i9lWr3bbetpTaquaxQ8s8iob"
    given = {"secretName": "seed", "secretId": key_id, "secretKey": "seed-secret-key"}
    await desk.create_secret(Asker("t"), given)
    cloud = port.cloud(method="GET", signing="HmacSHA256")
    asked = {"UsagePlanId": "usagePlan-quqxvett", "AccessKeyIds": [key_id]}
    assert await cloud.do("BindSecretIds", **asked) == {"Result": True}
    assert await cloud.code("BindSecretIds", **asked) == "UnsupportedOperation.AlreadyBindUsagePlan"


async def test_the_way_that_the_seed_document_describes(port: DialectPort) -> None:
    """Both kinds of secret, a plan, a published environment, both bindings; then the note at its end."""
    cloud = port.cloud()
    auto = await cloud.result("CreateApiKey", SecretName="caller_1", AccessKeyType="auto")
    given = {"AccessKeyId": "caller-2", "AccessKeySecret": "caller-2-key"}
    await cloud.result("CreateApiKey", SecretName="caller-2", AccessKeyType="manual", **given)
    ids = [auto["AccessKeyId"], "caller-2"]
    service_id = (await cloud.do("CreateService", ServiceName="shop", Protocol="http"))["ServiceId"]
    place = {"ServiceId": service_id, "Environment": "release"}
    plans = [
        (await cloud.result("CreateUsagePlan", UsagePlanName=name, MaxRequestNum=100))["UsagePlanId"]
        for name in ("one", "two")
    ]
    await cloud.result("ReleaseService", ServiceId=service_id, EnvironmentName="release", ReleaseDesc="first")
    for plan_id in plans:
        assert await cloud.result("BindSecretIds", UsagePlanId=plan_id, AccessKeyIds=ids)
    bind = {"BindType": "SERVICE", **place}
    assert await cloud.result("BindEnvironment", UsagePlanIds=plans[:1], **bind)
    code = await cloud.code("BindEnvironment", UsagePlanIds=plans[1:], **bind)
    assert code == "UnsupportedOperation.UnsupportedBindEnvironment"
    await port.spend(plans[0], service_id, "release", 6)
    page = await cloud.result("DescribeServiceUsagePlan", ServiceId=service_id)
    assert [(row["UsagePlanName"], row["InUseRequestNum"]) for row in page["ServiceUsagePlanList"]] == [
        ("one", 6)
    ]
    assert await cloud.result("UnBindEnvironment", UsagePlanIds=plans[:1], **bind)
    assert (await cloud.result("DescribeServiceUsagePlan", ServiceId=service_id))["TotalCount"] == 0


async def test_nothing_that_is_sent_breaks_it(port: DialectPort) -> None:
    """Bytes that are no UTF-8, odd ids and empty values are refused with a code that says so."""
    odd = "/v2/index.php", "/"
    for target in odd:
        for query in (
            "%ff=1",
            "SecretId=%ff",
            "a.0=1&a=2",
            "SecretId=%00&Nonce=1&Timestamp=1&Signature=%ed%a0%80",
        ):
            answer = await port.ask("GET", f"{target}?{query}")
            assert answer.status_code == 200
            assert "Internal" not in answer.text
    for name in ("x-tc-action", "x-tc-region", "authorization", "x-tc-timestamp"):
        headers = [("content-type", "application/json"), (name, b"\xff\xfe")]
        answer = await port.ask("POST", "/", headers=headers, content=b"{}")
        assert "Internal" not in answer.text
    answer = await port.ask("GET", "/api/v1/usage-plans/a", headers=[("x-ncp-iam-access-key", b"\xff")])
    assert answer.status_code == 401


def _fields(model: str) -> set[str]:
    made = getattr(models, model)()
    return {name[1:] for name in vars(made)} - {"RequestId"}


def _types(model: str) -> dict[str, str]:
    """What kind of object each field of an answer is."""
    kind = getattr(models, model)
    found = {}
    for name in _fields(model):
        match = re.search(r":rtype:.*?(?:models\.|list of )(\w+)", inspect.getdoc(getattr(kind, name)) or "")
        found[name] = match[1] if match else ""
    return found


@pytest.mark.parametrize("name", ACTIONS)
def test_every_field_of_the_client_is_known(name: str) -> None:
    """No field that the cloud's client can send or read is forgotten, none is made up."""
    action = ACTIONS[name]
    assert {field.name for field in action.fields} == _fields(f"{name}Request")
    model = f"{name}Response"
    if not action.flat:
        model = _types(model)["Result"]
        assert bool(model) == bool(action.shown), model
        if action.listed[1]:
            assert set(action.listed) == _fields(model)
            model = _types(model)[action.listed[1]]
    if model:
        assert {row.name for row in action.shown} | set(action.absent) == _fields(model)


def test_every_action_is_there() -> None:
    """All that docs/dialects.md says are done."""
    assert len(ACTIONS) == 33


async def test_other_methods(port: DialectPort) -> None:
    """Only POST and GET are served."""
    assert (await port.ask("PUT", "/")).status_code == 405
    assert (await port.ask("GET", f"/?Action={quote('x y')}")).json()["Response"]["Error"]["Code"]
