"""Resets, top-ups, history and use per Secret of a real quotad, alone and with workers."""

import asyncio
import json
import signal
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.backends import running_backend
from tests.support.processes import REQUEST, Quotad, running_quotad, write_config
from tests.support.servers import StoreServer
from tests.support.storm import exchange
from tests.support.waiting import until_true

PLACE = {"usagePlanId": "usagePlan-only0001", "serviceId": "service-orders01", "environment": "release"}
OTHER = REQUEST.replace(b"AKIDcaller", b"AKIDother0").replace(b"secretcaller", b"secretother0")


def configured(tmp_path: Path, url: str, backend_port: int, workers: int = 1, **plan: object) -> Path:
    """Three requests a day for two callers; an admin port on loopback; use per Secret is kept."""
    store: dict[str, object] = {"url": url, "secretUsage": True}
    path = write_config(tmp_path / "q.yaml", store, backend_port, {"dayQuotaRequest": 3, **plan}, workers)
    config = json.loads(path.read_text())
    config["admin"] = {"address": "127.0.0.1:0", "unauthenticatedLoopback": True}
    config["secrets"].append({"secretName": "other", "secretId": "AKIDother0", "secretKey": "secretother0"})
    config["bindings"][0]["secretIds"].append("AKIDother0")
    path.write_text(json.dumps(config))
    return path


async def ask(quotad: Quotad, request: bytes = REQUEST) -> int:
    """The status of one request on a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", quotad.ports["listen"])
    try:
        return (await exchange(reader, writer, request))[0]
    finally:
        writer.close()


async def admin(
    quotad: Quotad, method: str, target: str, body: object = None, key: str = ""
) -> httpx.Response:
    """An answer of the admin port."""
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.request(
            method,
            f"http://127.0.0.1:{quotad.ports['admin']}/v1/usage{target}",
            json=body,
            headers={"Idempotency-Key": key} if key else {},
        )


async def post(quotad: Quotad, verb: str, key: str = "", **members: object) -> dict[str, Any]:
    """What a reset or a top-up that must succeed answers."""
    answer = await admin(quotad, "POST", f"/{verb}", {**PLACE, "reason": "test", **members}, key)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("lease", [None, {"max": 2, "ttlMs": 500}])
async def test_a_reset_acts_at_every_process(
    workers: int, lease: dict[str, int] | None, tmp_path: Path, store_server: StoreServer
) -> None:
    """A quota that is used up lets requests through again, without a restart, as often as it has room."""
    extra = {} if lease is None else {"lease": lease}
    async with running_backend() as backend:
        config = configured(tmp_path, store_server.url, backend.port, workers, **extra)
        async with running_quotad(config, 2) as (one, two):

            async def used_up() -> bool:
                return {await ask(each) for each in (one, two, one, two)} == {429}

            await until_true(used_up)
            told = await post(one, "reset", windows=["day"])
            assert told["reset"] == {"windows": ["day"]}
            assert told["usage"]["windows"]["day"]["inUse"] == told["usage"]["leased"]

            async def passes() -> bool:
                return await ask(two) == 200

            async def all_used() -> bool:
                # A process that knew of no room may say so for a second more.
                return await used_up() and (lease is not None or len(backend.seen) >= 6)

            await until_true(passes)
            await until_true(all_used)
            assert len(backend.seen) <= 6


async def test_a_top_up_acts_at_every_process(tmp_path: Path, store_server: StoreServer) -> None:
    """Exactly so many requests more, once for a key that is sent twice."""
    async with running_backend() as backend:
        config = configured(tmp_path, store_server.url, backend.port)
        async with running_quotad(config, 2) as (one, two):

            async def used_up() -> bool:
                return {await ask(each) for each in (one, two, one, two)} == {429}

            await until_true(used_up)
            for _ in range(2):
                told = await post(one, "top-up", "key-1", window="day", amount=2, until="windowEnd")
                assert told["topUp"] == {"window": "day", "amount": 2, "until": "windowEnd"}

            async def passes() -> bool:
                return await ask(two) == 200

            async def all_used() -> bool:
                # A process that knew of no room may say so for a second more.
                return await used_up() and len(backend.seen) >= 5

            await until_true(passes)
            await until_true(all_used)
            assert len(backend.seen) == 5
            assert [json.loads(line)["event"] for line in audit(tmp_path)] == ["asked", "done"]


def audit(tmp_path: Path) -> list[str]:
    return (tmp_path / "quotad-audit.jsonl").read_text().splitlines()


async def test_use_per_secret_and_history(tmp_path: Path, store_server: StoreServer) -> None:
    """Both say what each caller used today, about a second later, and after the end at once."""
    async with running_backend() as backend:
        config = configured(tmp_path, store_server.url, backend.port)
        async with running_quotad(config) as (quotad,):
            assert [await ask(quotad, each) for each in (REQUEST, OTHER, REQUEST, OTHER)] == [
                200,
                200,
                200,
                429,
            ]

            async def told() -> bool:
                (row,) = (await admin(quotad, "GET", "?bySecret=true")).json()["usage"]
                return [(each["secretId"], each["day"]) for each in row["bySecret"]] == [
                    ("AKIDcaller", 2),
                    ("AKIDother0", 1),
                ]

            await until_true(told)
            (row,) = (await admin(quotad, "GET", "/history?unit=day")).json()["usage"]
            assert (len(row["history"]), row["history"][-1]["used"]) == (30, 3)
            (row,) = (await admin(quotad, "GET", "/history?unit=day&secretId=AKIDother0")).json()["usage"]
            assert [day["used"] for day in row["history"]] == [0] * 29 + [1]
            await post(quotad, "reset", windows=["day"])
            assert await ask(quotad, OTHER) in (200, 429)
        counted = len(backend.seen) - 2
        async with running_quotad(config) as (quotad,):
            (row,) = (await admin(quotad, "GET", "/history?unit=day&secretId=AKIDother0")).json()["usage"]
            assert row["history"][-1]["used"] == counted


async def test_a_killed_process_loses_no_counter(tmp_path: Path, store_server: StoreServer) -> None:
    """After kill -9 at most what was not told yet is in no Secret's use; the quota knows all of it."""
    async with running_backend() as backend:
        config = configured(tmp_path, store_server.url, backend.port)
        async with running_quotad(config) as (quotad,):
            assert [await ask(quotad) for _ in range(3)] == [200] * 3
            await quotad.stop(signal.SIGKILL)
        async with running_quotad(config) as (quotad,):
            (row,) = (await admin(quotad, "GET", "?bySecret=true")).json()["usage"]
            assert row["windows"]["day"]["inUse"] == 3
            assert sum(each["day"] for each in row["bySecret"]) <= 3
            assert await ask(quotad) == 429


async def test_what_is_configured_is_not_deleted(tmp_path: Path, store_server: StoreServer) -> None:
    """Only after a reload without the plan its counters go, with every key of it."""
    async with running_backend() as backend:
        path = configured(tmp_path, store_server.url, backend.port)
        async with running_quotad(path) as (quotad,):
            assert await ask(quotad) == 200
            target = "?usagePlanId=usagePlan-only0001"
            assert (await admin(quotad, "DELETE", target)).status_code == 409
            assert (await admin(quotad, "DELETE", "?secretId=AKIDcaller")).status_code == 409
            config = json.loads(path.read_text())
            path.write_text(json.dumps({**config, "plans": [], "bindings": []}))
            quotad.process.send_signal(signal.SIGHUP)
            await quotad.until_said("reloaded")

            async def gone() -> bool:
                answer = await admin(quotad, "DELETE", target)
                assert answer.status_code == 200
                with store_server.client() as client:
                    return not client.keys("*usagePlan-only0001*")

            await until_true(gone)
        assert {json.loads(line)["action"] for line in audit(tmp_path)} == {"forget"}
