"""The examples of the documents that quotad began with, request for request, against `quotad serve`.

What the answers must be is copied from the documents, field by field; what cannot be the same (an id that
they mask, a time of theirs, the text "0" for a number) stands beside them.
"""

import contextlib
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.backends import running_backend
from tests.support.dialects import SignedPort
from tests.support.offices import TOKEN, OfficePort
from tests.support.processes import running_quotad
from tests.support.servers import StoreServer, running_server
from tests.support.shell import control_file
from tests.support.waiting import until_true

UUID = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
COMMON = {"Version": "2018-08-08", "Region": "ap-shanghai-fsi"}
PLAN = "usagePlan-quqxvett"
KEY = "AKIDmyE2z0gvi2p6i9lWr3bbetpTaquaxQ8s8iob"


class World:
    """A sidecar whose admin port is open, an admin's key pair, and callers."""

    def __init__(self, native: OfficePort, caller_port: int, key_id: str, key: str) -> None:
        self.native = native
        self.signed = SignedPort(native.number)
        self.key_id = key_id
        self.key = key
        self._caller_port = caller_port

    async def old(self, path: str, **own: Any) -> dict[str, Any]:
        """A signed GET of the admin."""
        return await self.signed.old(path, self.key_id, self.key, **own)

    async def bind(self, *key_ids: str, plan: str = PLAN) -> dict[str, Any]:
        """The request of the document on BindSecretIds."""
        ids = {f"AccessKeyIds.{at}": key_id for at, key_id in enumerate(key_ids)}
        told = await self.old("/", Action="BindSecretIds", UsagePlanId=plan, **ids, **COMMON)
        assert list(told) == ["Response"]
        assert UUID.fullmatch(told["Response"].pop("RequestId"))
        return dict(told["Response"])

    async def service(self, service_id: str, *environments: str) -> None:
        """A service, published there."""
        await self.native.done(
            "POST", "/v1/services", json={"serviceId": service_id, "serviceName": service_id}
        )
        for each in environments:
            await self.native.done("POST", f"/v1/services/{service_id}/environments/{each}/publish")

    async def plan(self, plan_id: str, name: str, **limits: Any) -> None:
        """A plan with this id."""
        await self.native.done(
            "POST", "/v1/plans", json={"usagePlanId": plan_id, "usagePlanName": name, **limits}
        )

    async def secret(self, secret_id: str, key: str = "a-key-of-the-example") -> None:
        """A custom key pair."""
        given = {"secretName": "example", "secretId": secret_id, "secretKey": key}
        await self.native.done("POST", "/v1/secrets", json=given)

    async def place(self, plan_id: str, service_id: str, environment: str) -> None:
        """Have a plan hold there."""
        given = {"usagePlanIds": [plan_id], "serviceId": service_id, "environment": environment}
        await self.native.done("POST", "/v1/bindings/environments", json=given)

    async def call(self, path: str, secret_id: str, key: str = "a-key-of-the-example") -> int:
        """The status that a caller gets."""
        headers = {"X-Secret-Id": secret_id, "X-Secret-Key": key}
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.get(f"http://127.0.0.1:{self._caller_port}{path}", headers=headers)
        return answer.status_code

    async def becomes(
        self, status: int, path: str, secret_id: str, key: str = "a-key-of-the-example"
    ) -> None:
        """Wait until a caller gets this."""

        async def is_so() -> bool:
            return await self.call(path, secret_id, key) == status

        await until_true(is_so)


@contextlib.asynccontextmanager
async def world_on(url: str, folder: Path) -> AsyncIterator[World]:
    """Routes of two services; all else is made by requests."""
    ports = {"address": "127.0.0.1:0"}
    async with running_backend() as backend:
        upstreams = [f"http://127.0.0.1:{backend.port}"]
        places = {"/xx": ("service-XX", "test"), "/shop": ("service-shop", "release")}
        routes = [
            {"pathPrefix": path, "service": service, "environment": environment, "upstreams": upstreams}
            for path, (service, environment) in places.items()
        ]
        config = control_file(
            folder,
            url,
            store={"url": url, "deadlineMs": 5000},
            listen=ports,
            telemetry={**ports, "accessLog": ""},
            admin={**ports, "token": TOKEN},
            routes=routes,
        )
        async with running_quotad(config) as (sidecar,):
            native = OfficePort(sidecar.ports["admin"])
            given = {"type": "keyPair", "name": "documents", "role": "admin"}
            made = await native.done("POST", "/v1/credentials", json=given)
            yield World(native, sidecar.ports["listen"], made["credentialId"], made["secretKey"])


@pytest.fixture
async def world(store_server: StoreServer, tmp_path: Path) -> AsyncIterator[World]:
    """Upon an empty store."""
    async with world_on(store_server.url, tmp_path) as made:
        yield made


async def test_bind_secret_ids(world: World) -> None:
    """The sample request is answered with the sample; what cannot be bound, with the codes of the table."""
    await world.plan(PLAN, "gold")
    for key_id in (KEY, "AKIDother"):
        await world.secret(key_id)
    assert await world.bind(KEY) == {"Result": True}
    bound = "The key has already been bound to a usage plan."
    await world.plan("usagePlan-other", "other")
    await world.service("service-shop", "release")
    for plan in (PLAN, "usagePlan-other"):
        await world.place(plan, "service-shop", "release")
    for code, message, key_ids, plan in (
        ("UnsupportedOperation.AlreadyBindUsagePlan", bound, [KEY], PLAN),
        ("UnsupportedOperation.AlreadyBindUsagePlan", bound, ["AKIDother", KEY], PLAN),
        ("UnsupportedOperation.UnsupportedBindApiKey", bound, [KEY], "usagePlan-other"),
        ("ResourceNotFound.InvalidAccessKeyId", "The key does not exist.", ["AKIDnone"], PLAN),
        ("ResourceNotFound.InvalidUsagePlan", "The usage plan does not exist.", [KEY], "usagePlan-none"),
    ):
        assert await world.bind(*key_ids, plan=plan) == {"Error": {"Code": code, "Message": message}}
    told = await world.native.done("GET", f"/v1/bindings/secrets?usagePlanId={PLAN}")
    assert [each["secretId"] for each in told["bindings"]] == [KEY]


async def test_bind_secret_ids_without_a_store(tmp_path: Path) -> None:
    """The last code of its table, word for word."""
    with running_server() as server:
        async with world_on(server.url, tmp_path) as world:
            await world.plan(PLAN, "gold")
            await world.secret(KEY)
            server.kill()
            assert await world.bind(KEY) == {
                "Error": {
                    "Code": "InternalError.OssException",
                    "Message": "OSS internal request error. Please try again. If the problem persists, please"
                    " contact the intelligent customer service or submit a ticket.",
                }
            }


async def test_create_usage_plan(world: World) -> None:
    """The sample request makes a plan that has the sample's ten fields, and the syntax block's fourteen."""
    sample = {
        "monthQuotaRequest": 10,
        "dayQuotaRequest": 5,
        "rateRps": 2,
        "quotaCondition": "2xx",
        "usagePlanDescription": "usage plan",
        "usagePlanName": "usageplan000",
    }
    admin = {"who": world.key_id, "key": world.key}
    answer = await world.signed.plans("POST", "/usage-plans", sample, **admin)
    assert (answer.status_code, list(answer.json())) == (201, ["usagePlan"])
    made = answer.json()["usagePlan"]
    masked = {name: made.pop(name) for name in ("tenantId", "usagePlanId")}
    assert all(isinstance(text, str) and text for text in masked.values())
    beside = {name: made.pop(name) for name in ("modifier", "permission", "disabled", "actionName")}
    assert {name: type(value) for name, value in beside.items()} == {
        "modifier": str,
        "permission": str,
        "disabled": bool,
        "actionName": str,
    }
    assert made == {
        "rateRps": 2,
        "usagePlanName": "usageplan000",
        "usagePlanDescription": "usage plan",
        "dayQuotaRequest": 5,
        "quotaCondition": "2xx",
        "monthQuotaRequest": 10,
        "domainCode": "PUB",
        "associatedStagesCount": 0,
    }
    # The syntax block has placeholders, of which one breaks a rule of its own field.
    block = {"monthQuotaRequest": 1, "dayQuotaRequest": 6, "usagePlanDescription": "usagePlanDescription"}
    named = {"usagePlanName": "usagePlanName", "quotaCondition": "quotaCondition", "rateRps": 0}
    answer = await world.signed.plans("POST", "/usage-plans", {**block, **named}, **admin)
    assert (answer.status_code, answer.json()["error"]["errorCode"]) == (400, "100")
    only_name = await world.signed.plans("POST", "/usage-plans", {"usagePlanName": "n"}, **admin)
    assert only_name.status_code == 201
    found = await world.native.done("GET", f"/v1/plans/{masked['usagePlanId']}")
    assert (found["dayQuotaRequest"], found["quotaCondition"]) == (5, ["2xx"])


async def test_describe_service_usage_plan(world: World) -> None:
    """The sample's two plans, of which one was called ten times, are told as the sample tells them."""
    await world.service("service-XX", "prepub", "test")
    for plan, number, environment, limits in (
        ("usagePlan-XX", 1, "prepub", {}),
        ("usagePlan-XXX", 2, "test", {"maxRequestNum": 100}),
    ):
        words = {"usagePlanDesc": f"usagePlanDesc{number}", "rateRps": 100}
        await world.plan(plan, f"usagePlanName{number}", **words, **limits)
        await world.place(plan, "service-XX", environment)
    await world.secret("AKIDcaller")
    assert await world.bind("AKIDcaller", plan="usagePlan-XXX") == {"Result": True}
    await world.becomes(200, "/xx/1", "AKIDcaller")
    assert [await world.call("/xx/1", "AKIDcaller") for _ in range(9)] == [200] * 9
    asked = {"Action": "DescribeServiceUsagePlan", "serviceId": "service-XX"}
    told = await world.old("/v2/index.php", **asked)
    for row in told["usagePlanList"]:
        assert TIME.fullmatch(row.pop("createdTime"))
        assert TIME.fullmatch(row.pop("modifiedTime"))
    same = {"maxRequestNumPreSec": 100}
    first = {
        "usagePlanId": "usagePlan-XX",
        "usagePlanName": "usagePlanName1",
        "usagePlanDesc": "usagePlanDesc1",
        "environment": "Pre",
        "inUseRequestNum": 0,
        "maxRequestNum": -1,
        **same,
    }
    second = {
        "usagePlanId": "usagePlan-XXX",
        "usagePlanName": "usagePlanName2",
        "usagePlanDesc": "usagePlanDesc2",
        "environment": "Test",
        "inUseRequestNum": 10,
        "maxRequestNum": 100,
        **same,
    }
    head = {"code": 0, "message": "", "codeDesc": "Success", "totalCount": 2}
    assert told == {**head, "usagePlanList": [first, second]}
    for own, rows, total in (
        ({"searchEnvironment": "Test"}, ["usagePlan-XXX"], 1),
        ({"searchEnvironment": "Release"}, [], 0),
        ({"offset": 1}, ["usagePlan-XXX"], 2),
        ({"limit": 1}, ["usagePlan-XX"], 2),
    ):
        part = await world.old("/v2/index.php", **asked, **own)
        assert ([row["usagePlanId"] for row in part["usagePlanList"]], part["totalCount"]) == (rows, total)
    assert (await world.old("/v2/index.php", **asked, limit=101))["code"] != 0


async def test_working_with_a_usage_plan(world: World) -> None:
    """Both kinds of secret, a plan, both bindings, calls with the pair; then the note at its end."""
    ask, post = world.native, "POST"
    await world.service("service-shop", "release")
    auto = await ask.done(post, "/v1/secrets", json={"secretName": "auto_1"})
    assert re.fullmatch("[A-Za-z0-9_-]{5,50}", auto["secretId"])
    assert re.fullmatch("[A-Za-z0-9_-]{10,50}", auto["secretKey"])
    custom = {"secretName": "custom-1", "secretId": "fiver", "secretKey": "ten-chars_"}
    await ask.done(post, "/v1/secrets", json=custom)
    for wrong in (
        {"secretName": "no-hyphen"},
        {"secretName": "x" * 51},
        {**custom, "secretId": "four"},
        {**custom, "secretId": "x" * 51},
        {**custom, "secretId": "other", "secretKey": "nine-char"},
        {**custom, "secretId": "other", "secretKey": "x" * 51},
        {**custom, "secretId": "with space"},
    ):
        await ask.refused(400, post, "/v1/secrets", json=wrong)
    for plan in ("usagePlan-one", "usagePlan-two"):
        await world.plan(plan, plan, dayQuotaRequest=100)
    keys = {"secretIds": [auto["secretId"], "fiver"]}
    await ask.done(post, "/v1/bindings/secrets", json={"usagePlanId": "usagePlan-one", **keys})
    await world.place("usagePlan-one", "service-shop", "release")
    await world.becomes(200, "/shop/1", "fiver", "ten-chars_")
    assert await world.call("/shop/1", auto["secretId"], auto["secretKey"]) == 200
    assert await world.call("/shop/1", "fiver", "another-key") == 401
    await ask.done(post, "/v1/bindings/secrets", json={"usagePlanId": "usagePlan-two", **keys})
    place = {"usagePlanIds": ["usagePlan-two"], "serviceId": "service-shop", "environment": "release"}
    told = await ask.refused(409, post, "/v1/bindings/environments", json=place)
    assert told["code"] == "environment_has_other_plan"
    assert await world.call("/shop/1", "fiver", "ten-chars_") == 200


async def test_two_keys_side_by_side(world: World) -> None:
    """Callers pass with either key of an api-key; one made anew at once ends the old one, and only that."""
    admin = {"who": world.key_id, "key": world.key}
    await world.service("service-shop", "release")
    await world.plan(PLAN, "gold")
    await world.place(PLAN, "service-shop", "release")
    answer = await world.signed.plans("POST", "/api-keys", {"apiKeyName": "apiKey-001"}, **admin)
    made = answer.json()["apiKey"]
    key_id, primary, secondary = made["apiKeyId"], made["primaryKey"], made["secondaryKey"]
    await world.native.done("POST", "/v1/bindings/secrets", json={"usagePlanId": PLAN, "secretIds": [key_id]})
    await world.becomes(200, "/shop", key_id, primary)
    assert await world.call("/shop", key_id, secondary) == 200
    answer = await world.signed.plans("PATCH", f"/api-keys/{key_id}", {"keyType": "PRIMARY"}, **admin)
    fresh = answer.json()["apiKey"]["primaryKey"]
    await world.becomes(200, "/shop", key_id, fresh)
    assert await world.call("/shop", key_id, primary) == 401
    assert await world.call("/shop", key_id, secondary) == 200
    overlap = {"which": "secondary", "overlapSeconds": 3600}
    turned = await world.native.done("POST", f"/v1/secrets/{key_id}/rotate", json=overlap)
    await world.becomes(200, "/shop", key_id, turned["secondaryKey"])
    for key in (fresh, secondary):
        assert await world.call("/shop", key_id, key) == 200
    await world.native.done("DELETE", f"/v1/secrets/{key_id}/secondary-key")
    await world.becomes(401, "/shop", key_id, turned["secondaryKey"])
    assert await world.call("/shop", key_id, secondary) == 401
    assert await world.call("/shop", key_id, fresh) == 200
