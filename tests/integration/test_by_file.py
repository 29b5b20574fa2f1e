"""From zero by a file, by commands, by REST, by the cloud's client: the route alone is configured."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx

from tests.support.backends import running_backend
from tests.support.dialects import Cloud
from tests.support.processes import Quotad, running_quotad
from tests.support.servers import StoreServer
from tests.support.shell import (
    PLAN_ID,
    SECRET_ID,
    SECRET_KEY,
    SERVICE_ID,
    control_file,
    file_of,
    quotad,
    wanted,
)
from tests.support.waiting import until_true

HEADERS = {"X-Secret-Id": SECRET_ID, "X-Secret-Key": SECRET_KEY}


@contextlib.asynccontextmanager
async def sidecar_of(folder: Path, url: str, service: str = SERVICE_ID) -> AsyncIterator[tuple[Path, Quotad]]:
    """A configuration in control mode with one route, and a quotad that serves it."""
    async with running_backend() as backend:
        route = {
            "pathPrefix": "/",
            "service": service,
            "environment": "release",
            "upstreams": [f"http://127.0.0.1:{backend.port}"],
        }
        ports = {"address": "127.0.0.1:0"}
        config = control_file(
            folder,
            url,
            listen=ports,
            telemetry={**ports, "accessLog": ""},
            admin={**ports, "unauthenticatedLoopback": True},
            routes=[route],
        )
        async with running_quotad(config) as (sidecar,):
            yield config, sidecar


async def test_from_zero_by_file(store_server: StoreServer, tmp_path: Path) -> None:
    """Published, bound, called, counted, unbound, refused: each step is a file that is applied."""
    async with sidecar_of(tmp_path, store_server.url) as (config, sidecar), httpx.AsyncClient() as client:
        path = tmp_path / "f.yaml"

        async def apply(values: dict[str, Any], becomes: int) -> None:
            quotad("apply", "-c", config, "-f", file_of(path, values), "--prune", "--yes")
            await until_true(lambda: answers(client, sidecar, becomes))

        assert await status(client, sidecar) == 404
        await apply(wanted(), 200)
        await apply(wanted(plans=[{"usagePlanId": PLAN_ID, "dayQuotaRequest": 0}]), 429)
        await apply(wanted(), 200)
        before = await in_use(client, sidecar)
        assert await status(client, sidecar) == 200
        assert await in_use(client, sidecar) == before + 1
        await apply(wanted(bindings=[]), 403)
        await apply({}, 404)


async def test_from_zero_by_commands(store_server: StoreServer, tmp_path: Path) -> None:
    """Each step is a command, and in force within the second that a sidecar needs to hear of it."""
    async with sidecar_of(tmp_path, store_server.url) as (config, sidecar), httpx.AsyncClient() as client:
        (tmp_path / "key").write_text(SECRET_KEY)
        pair = ("--id", SECRET_ID, "--key-file", tmp_path / "key")
        place = f"{SERVICE_ID}/release"

        async def run(*words: object, becomes: int | None = None) -> None:
            quotad(*words, "-c", config)
            if becomes is not None:
                await until_true(lambda: answers(client, sidecar, becomes))

        await run("service", "create", "orders", "--id", SERVICE_ID, becomes=404)
        await run("plan", "create", "gold", "--id", PLAN_ID, "--day", 100)
        await run("secret", "create", "one", *pair)
        await run("service", "publish", SERVICE_ID, "release")
        await run("bind", PLAN_ID, "--at", place, "--secret", SECRET_ID, becomes=200)
        before = await in_use(client, sidecar)
        assert await status(client, sidecar) == 200
        assert await in_use(client, sidecar) == before + 1
        await run("unbind", PLAN_ID, "--secret", SECRET_ID, becomes=403)
        await run("service", "unpublish", SERVICE_ID, "release", becomes=404)


async def test_from_zero_by_rest(store_server: StoreServer, tmp_path: Path) -> None:
    """Each step is a request of the native API, on the port of the sidecar itself."""
    async with sidecar_of(tmp_path, store_server.url) as (_, sidecar), httpx.AsyncClient() as client:

        async def ask(path: str, body: dict[str, Any], becomes: int | None = None) -> None:
            answer = await client.post(f"http://127.0.0.1:{sidecar.ports['admin']}/v1/{path}", json=body)
            assert answer.is_success, answer.text
            if becomes is not None:
                await until_true(lambda: answers(client, sidecar, becomes))

        place = {"serviceId": SERVICE_ID, "environment": "release"}
        held = {"usagePlanId": PLAN_ID, "secretIds": [SECRET_ID]}
        await ask("services", {"serviceId": SERVICE_ID, "serviceName": "orders"}, becomes=404)
        await ask(f"services/{SERVICE_ID}/environments/release/publish", {}, becomes=401)
        await ask("plans", {"usagePlanId": PLAN_ID, "usagePlanName": "gold", "dayQuotaRequest": 100})
        await ask("bindings/environments", {"usagePlanIds": [PLAN_ID], **place})
        await ask("secrets", {"secretName": "one", "secretId": SECRET_ID, "secretKey": SECRET_KEY})
        await ask("bindings/secrets", held, becomes=200)
        before = await in_use(client, sidecar)
        assert await status(client, sidecar) == 200
        assert await in_use(client, sidecar) == before + 1
        await ask("bindings/secrets/unbind", held, becomes=403)
        await ask(f"services/{SERVICE_ID}/environments/release/unpublish", {}, becomes=404)


async def test_from_zero_by_the_clouds_client(store_server: StoreServer, tmp_path: Path) -> None:
    """Each step is an action of the cloud's own client; the route has the service by name."""
    async with (
        sidecar_of(tmp_path, store_server.url, "orders") as (_, sidecar),
        httpx.AsyncClient() as client,
    ):
        url = f"http://127.0.0.1:{sidecar.ports['admin']}/v1/credentials"
        made = (await client.post(url, json={"type": "keyPair", "name": "sdk", "role": "admin"})).json()
        cloud = Cloud(sidecar.ports["admin"], made["credentialId"], made["secretKey"])
        service = (await cloud.do("CreateService", ServiceName="orders", Protocol="http"))["ServiceId"]
        await cloud.do("ReleaseService", ServiceId=service, EnvironmentName="release", ReleaseDesc="first")
        plan = (await cloud.result("CreateUsagePlan", UsagePlanName="gold", MaxRequestNum=100))["UsagePlanId"]
        given = {"AccessKeyId": SECRET_ID, "AccessKeySecret": SECRET_KEY}
        await cloud.do("CreateApiKey", SecretName="one", AccessKeyType="manual", **given)
        place = {
            "UsagePlanIds": [plan],
            "ServiceId": service,
            "Environment": "release",
            "BindType": "SERVICE",
        }
        await cloud.do("BindEnvironment", **place)
        await cloud.do("BindSecretIds", UsagePlanId=plan, AccessKeyIds=[SECRET_ID])
        await until_true(lambda: answers(client, sidecar, 200))

        async def used() -> int:
            page = await cloud.result("DescribeServiceUsagePlan", ServiceId=service)
            (row,) = page["ServiceUsagePlanList"]
            return int(row["InUseRequestNum"])

        before = await used()
        assert await status(client, sidecar) == 200
        assert await used() == before + 1
        await cloud.do("UnBindSecretIds", UsagePlanId=plan, AccessKeyIds=[SECRET_ID])
        await until_true(lambda: answers(client, sidecar, 403))
        await cloud.do("UnReleaseService", ServiceId=service, EnvironmentName="release")
        await until_true(lambda: answers(client, sidecar, 404))


async def status(client: httpx.AsyncClient, sidecar: Quotad) -> int:
    """What the caller gets."""
    return (await client.get(f"http://127.0.0.1:{sidecar.ports['listen']}/x", headers=HEADERS)).status_code


async def answers(client: httpx.AsyncClient, sidecar: Quotad, expected: int) -> bool:
    """Whether the caller gets this."""
    return await status(client, sidecar) == expected


async def in_use(client: httpx.AsyncClient, sidecar: Quotad) -> int:
    """Of the plan's day."""
    found = (await client.get(f"http://127.0.0.1:{sidecar.ports['admin']}/v1/usage")).json()
    number: int = found["usage"][0]["windows"]["day"]["inUse"]
    return number
