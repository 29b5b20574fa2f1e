"""From zero by a file: the route alone stands in the configuration."""

from pathlib import Path

import httpx

from tests.support.backends import running_backend
from tests.support.processes import Quotad, running_quotad
from tests.support.servers import StoreServer
from tests.support.shell import SECRET_ID, SECRET_KEY, SERVICE_ID, control_file, file_of, quotad, wanted
from tests.support.waiting import until_true

HEADERS = {"X-Secret-Id": SECRET_ID, "X-Secret-Key": SECRET_KEY}


async def test_from_zero_by_file(store_server: StoreServer, tmp_path: Path) -> None:
    """Published, bound, called, counted, unbound, refused: each step is a file that is applied."""
    async with running_backend() as backend, httpx.AsyncClient() as client:
        route = {
            "pathPrefix": "/",
            "service": SERVICE_ID,
            "environment": "release",
            "upstreams": [f"http://127.0.0.1:{backend.port}"],
        }
        ports = {"address": "127.0.0.1:0"}
        config = control_file(
            tmp_path,
            store_server.url,
            listen=ports,
            telemetry={**ports, "accessLog": ""},
            admin={**ports, "unauthenticatedLoopback": True},
            routes=[route],
        )
        async with running_quotad(config) as (sidecar,):
            assert await status(client, sidecar) == 404
            for file, becomes in (
                (wanted(), 200),
                (wanted(plans=[{"usagePlanId": "usagePlan-gold01", "dayQuotaRequest": 0}]), 429),
                (wanted(), 200),
            ):
                quotad("apply", "-c", config, "-f", file_of(tmp_path / "f.yaml", file))
                await until_true(lambda becomes=becomes: answers(client, sidecar, becomes))  # type: ignore[misc]
            before = await in_use(client, sidecar)
            assert await status(client, sidecar) == 200
            assert await in_use(client, sidecar) == before + 1
            quotad("apply", "-c", config, "-f", file_of(tmp_path / "f.yaml", wanted(bindings=[])))
            await until_true(lambda: answers(client, sidecar, 403))
            quotad("apply", "-c", config, "-f", file_of(tmp_path / "f.yaml", {}), "--prune", "--yes")
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
