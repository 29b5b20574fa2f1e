"""A fleet as docs/operations.md has it: a user that only reads for sidecars, another for an admin process."""

import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.backends import running_backend
from tests.support.desk import ADMIN as OPERATOR
from tests.support.desk import operations
from tests.support.processes import Quotad, start_quotad
from tests.support.servers import StoreServer
from tests.support.shell import (
    PLAN_ID,
    SECRET_ID,
    SECRET_KEY,
    SERVICE_ID,
    control_file,
    quotad,
)
from tests.support.users import ADMIN, SIDECAR, by, secured
from tests.support.waiting import until_true

FREE = {"address": "127.0.0.1:0"}
OPEN = {**FREE, "unauthenticatedLoopback": True}
PLACE = {"serviceId": SERVICE_ID, "environment": "release"}
ROUTE = {
    "pathPrefix": "/",
    "service": SERVICE_ID,
    "environment": "release",
    "upstreams": ["http://127.0.0.1:9"],
}
CALLER = {"X-Secret-Id": SECRET_ID, "X-Secret-Key": SECRET_KEY}


@pytest.fixture(scope="module")
def server() -> Iterator[StoreServer]:
    """One that knows both users."""
    with secured() as started:
        yield started


@contextlib.asynccontextmanager
async def running(config: Path, command: str) -> AsyncIterator[Quotad]:
    """A process of quotad."""
    process = await start_quotad(config, command=command)
    try:
        yield process
    finally:
        await process.stop()


def folder(path: Path, name: str) -> Path:
    """A new one."""
    made = path / name
    made.mkdir()
    return made


class Fleet:
    """A sidecar, an admin process, and who speaks with both."""

    def __init__(self, client: httpx.AsyncClient, sidecar: Quotad, admin: Quotad) -> None:
        self._client = client
        self._sidecar = f"http://127.0.0.1:{sidecar.ports['listen']}"
        self._admin = f"http://127.0.0.1:{admin.ports['admin']}/v1"

    async def ask(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """The management API."""
        url = f"{self._admin}{path}"
        return await self._client.request(method, url, json=body)

    async def done(self, method: str, path: str, body: Any = None) -> Any:
        """What must be done answers."""
        answer = await self.ask(method, path, body)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    async def becomes(self, status: int) -> None:
        """Wait until the caller gets this."""

        async def is_so() -> bool:
            return (await self._client.get(f"{self._sidecar}/x", headers=CALLER)).status_code == status

        await until_true(is_so)


@contextlib.asynccontextmanager
async def fleet(path: Path, server: StoreServer) -> AsyncIterator[Fleet]:
    """On an empty store."""
    server.flush()
    async with running_backend() as backend, httpx.AsyncClient() as client:
        store = {"deadlineMs": 5_000}
        serving = control_file(
            folder(path, "sidecar"),
            "",
            store={**store, "url": by(SIDECAR, server)},
            listen=FREE,
            telemetry={**FREE, "accessLog": ""},
            routes=[{**ROUTE, "upstreams": [f"http://127.0.0.1:{backend.port}"]}],
        )
        managing = control_file(
            folder(path, "admin"), "", store={**store, "url": by(ADMIN, server)}, admin=OPEN
        )
        async with running(serving, "serve") as sidecar, running(managing, "admin") as admin:
            yield Fleet(client, sidecar, admin)


async def test_what_the_admins_user_changes_the_sidecars_user_follows(
    server: StoreServer, tmp_path: Path
) -> None:
    """From nothing to a call, a reset, a refusal, and to the end of all counters."""
    async with fleet(tmp_path, server) as world:
        await world.done("POST", "/services", {"serviceId": SERVICE_ID, "serviceName": "orders"})
        await world.done("POST", f"/services/{SERVICE_ID}/environments/release/publish", {})
        plan = {"usagePlanId": PLAN_ID, "usagePlanName": "gold", "dayQuotaRequest": 100}
        await world.done("POST", "/plans", plan)
        pair = {"secretId": SECRET_ID, "secretKey": SECRET_KEY, "secretName": "one"}
        await world.done("POST", "/secrets", pair)
        secrets = {"usagePlanId": PLAN_ID, "secretIds": [SECRET_ID]}
        environments = {"usagePlanIds": [PLAN_ID], **PLACE}
        await world.done("POST", "/bindings/environments", environments)
        await world.done("POST", "/bindings/secrets", secrets)
        await world.becomes(200)
        assert await in_use(world) >= 1
        reset = {"usagePlanId": PLAN_ID, **PLACE, "windows": ["day"], "reason": "a test"}
        await world.done("POST", "/usage/reset", reset)
        assert await in_use(world) == 0
        await world.done("PATCH", f"/plans/{PLAN_ID}", {"dayQuotaRequest": 0})
        await world.becomes(429)
        await world.done("POST", "/bindings/secrets/unbind", secrets)
        await world.becomes(403)
        await world.done("POST", "/bindings/environments/unbind", environments)
        await world.done("DELETE", f"/plans/{PLAN_ID}")

        async def nothing_is_counted() -> bool:
            with server.client() as client:
                return not list(client.scan_iter(f"quotad:{{{PLAN_ID}/*"))

        # They are erased some seconds after the deletion, so that no sidecar makes them anew.
        await until_true(nothing_is_counted, at_most_s=60)


async def in_use(world: Fleet) -> int:
    """Of the plan's day."""
    (row,) = (await world.done("GET", f"/usage?usagePlanId={PLAN_ID}"))["usage"]
    return int(row["windows"]["day"]["inUse"])


async def test_a_sidecars_process_changes_no_record(server: StoreServer, tmp_path: Path) -> None:
    """Its admin port shows them; each change is refused, and says that it is the store's user who may not."""
    server.flush()
    async with operations(by(ADMIN, server)) as desk:
        await desk.create_service(OPERATOR, {"serviceId": SERVICE_ID, "serviceName": "orders"})
        before = await desk.audit(OPERATOR, "", 100)
        config = control_file(
            tmp_path, by(SIDECAR, server), listen=FREE, telemetry=FREE, admin=OPEN, routes=[ROUTE]
        )
        async with running(config, "serve") as sidecar, httpx.AsyncClient() as client:
            world = Fleet(client, sidecar, sidecar)
            found = await world.done("GET", f"/services/{SERVICE_ID}")
            assert found["serviceName"] == "orders"
            for method, path, body in (
                ("POST", "/plans", {"usagePlanName": "gold"}),
                ("POST", "/secrets", {"secretName": "one"}),
                ("POST", f"/services/{SERVICE_ID}/environments/release/publish", {}),
                ("DELETE", f"/services/{SERVICE_ID}", None),
            ):
                refused = await world.ask(method, path, body)
                assert refused.status_code == 403, refused.text
                assert "The store's user may not do that" in refused.json()["detail"]
        assert await desk.audit(OPERATOR, "", 100) == before


def test_commands_under_the_sidecars_user_change_nothing(server: StoreServer, tmp_path: Path) -> None:
    """They end with an error that names what is missing, and no key or password."""
    server.flush()
    config = control_file(tmp_path, by(SIDECAR, server))
    for words, status, said in (
        (("plan", "create", "gold"), 4, "The store's user may not do that"),
        (("forget", "--plan", "usagePlan-gone0001"), 1, "NOPERM"),
    ):
        told = quotad(*words, "-c", config, status=status)
        assert said in told
        assert "of-the-test" not in told
    with server.client() as client:
        assert client.keys("*") == []
