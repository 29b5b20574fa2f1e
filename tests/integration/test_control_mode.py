"""Real `quotad serve` processes that have their services, plans and Secrets from the store."""

import contextlib
import json
import signal
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from quotad.clock import wall_s
from tests.support.backends import running_backend
from tests.support.catalog import HERE, PLAN_ID, SERVICE_ID, Scribe, key_of, plan, secret, service
from tests.support.control import control_store
from tests.support.processes import Quotad, running_quotad
from tests.support.servers import StoreServer, running_server
from tests.support.waiting import until_true

MASTER_KEYS = "k1:" + b64encode(b"1" * 32).decode()


@dataclass
class Fleet:
    """Sidecars, a client, and who writes the records."""

    scribe: Scribe
    client: httpx.AsyncClient
    quotads: list[Quotad]

    async def status(self, secret_id: str = "AKIDone", key: str = "", at: int = 0) -> int:
        """What one request of this Secret gets."""
        headers = {"X-Secret-Id": secret_id, "X-Secret-Key": key or key_of(secret_id)}
        url = f"http://127.0.0.1:{self.quotads[at].ports['listen']}/orders/1"
        return (await self.client.get(url, headers=headers)).status_code

    async def becomes(self, status: int, secret_id: str = "AKIDone", key: str = "") -> None:
        """Wait until every sidecar answers this."""
        for at in range(len(self.quotads)):
            await until_true(lambda at=at: self._is(status, secret_id, key, at))  # type: ignore[misc]

    async def ready(self, at: int = 0) -> tuple[int, str]:
        """What ``/readyz`` says."""
        answer = await self.client.get(f"http://127.0.0.1:{self.quotads[at].ports['telemetry']}/readyz")
        return answer.status_code, answer.text

    async def metrics(self) -> str:
        """One scrape."""
        return (await self.client.get(f"http://127.0.0.1:{self.quotads[0].ports['telemetry']}/metrics")).text

    async def _is(self, status: int, secret_id: str, key: str, at: int) -> bool:
        return await self.status(secret_id, key, at) == status


def written(folder: Path, url: str, backend_port: int, workers: int = 1) -> Path:
    """A configuration in control mode; its one route names the service by its name."""
    (folder / "master.keys").write_text(MASTER_KEYS + "\n")
    config = {
        "workers": workers,
        "listen": {"address": "127.0.0.1:0"},
        "telemetry": {"address": "127.0.0.1:0", "accessLog": ""},
        "admin": {"address": "127.0.0.1:0", "unauthenticatedLoopback": True},
        "store": {"deadlineMs": 5000, "url": url},
        "control": {"masterKeys": "file:master.keys"},
        "routes": [
            {
                "pathPrefix": "/orders",
                "service": "orders",
                "environment": "release",
                "upstreams": [f"http://127.0.0.1:{backend_port}"],
            }
        ],
    }
    path = folder / "quotad.yaml"
    path.write_text(json.dumps(config))
    return path


@contextlib.asynccontextmanager
async def fleet(folder: Path, server: StoreServer, count: int = 1, workers: int = 1) -> AsyncIterator[Fleet]:
    """Sidecars on one store and one backend."""
    async with running_backend() as backend, httpx.AsyncClient() as client:
        config = written(folder, server.url, backend.port, workers)
        async with running_quotad(config, count) as quotads, control_store(server.url) as control:
            yield Fleet(Scribe(control), client, quotads)


@pytest.fixture
def server() -> Iterator[StoreServer]:
    """One of its own."""
    with running_server() as started:
        yield started


async def test_from_nothing_to_a_call_and_back(tmp_path: Path, server: StoreServer) -> None:
    """Published, bound, called, unbound: each step comes into force at both sidecars."""
    async with fleet(tmp_path, server, 2) as world:
        assert await world.ready() == (200, "ready\n")
        assert await world.status() == 404
        await world.scribe.write(service(published=()))
        await world.scribe.write(plan(), secret("AKIDone"))
        assert await world.status() == 404
        await world.scribe.write(service())
        await world.becomes(200)
        assert await world.status(key="another-key") == 401
        for write, status in (
            (secret("AKIDone", ()), 403),
            (secret("AKIDone"), 200),
            (plan(places=()), 403),
            (plan(disabled=True), 403),
            (plan(), 200),
            (secret("AKIDone", enabled=False), 401),
            (secret("AKIDone"), 200),
            (secret("AKIDone", expiresAt=1), 401),
            (secret("AKIDone"), 200),
            (service(published=("test",)), 404),
        ):
            await world.scribe.write(write)
            await world.becomes(status)
        head = await world.scribe.write(service())
        await world.becomes(200)
        assert f'quotad_config_version{{version="{head.version}"}} 1.0' in await world.metrics()


async def test_a_rotation_overlaps(tmp_path: Path, server: StoreServer) -> None:
    """While two keys hold both pass; when the overlap has ended by itself the old one does not."""
    async with fleet(tmp_path, server) as world:
        await world.scribe.write(service(), plan(), secret("AKIDone"))
        await world.becomes(200)
        until_us = int((wall_s() + 3) * 1e6)
        await world.scribe.write(
            secret("AKIDone", key="the-new-key", previous=key_of("AKIDone"), previousUntil=until_us)
        )
        await world.becomes(200, key="the-new-key")
        assert await world.status() == 200
        await world.becomes(401)
        assert wall_s() * 1e6 >= until_us
        assert await world.status(key="the-new-key") == 200


async def test_workers_follow_each_for_itself(tmp_path: Path, server: StoreServer) -> None:
    """Every worker takes a change over; usage and explanation know what the records say."""
    async with fleet(tmp_path, server, workers=2) as world:
        assert await world.ready() == (200, "ready: 2 of 2 workers\n")
        await world.scribe.write(service(), plan(scope="secret", dayQuotaRequest=1000), secret("AKIDone"))
        for _ in range(20):
            await world.becomes(200)
        admin = f"http://127.0.0.1:{world.quotads[0].ports['admin']}"
        usage = (await world.client.get(f"{admin}/v1/usage")).json()
        (row,) = usage["usage"]
        assert (row["usagePlanId"], row["secretName"]) == (PLAN_ID, "name-AKIDone")
        place = {"secretId": "AKIDone", "serviceId": SERVICE_ID, "environment": "release"}
        told = (await world.client.get(f"{admin}/v1/explain", params=place)).json()
        assert (told["admitted"], told["plan"]["usagePlanName"]) == (True, "gold")
        await until_true(lambda: in_use_is_told(world))
        await world.scribe.write(secret("AKIDone", ()))
        for _ in range(20):
            await world.becomes(403)
        text = await world.metrics()
        assert "quotad_control_age_seconds" in text
        # A store that stands still with the machine may be one; nothing else may have gone wrong.
        assert 'quotad_control_failures_total{reason="store"}' in text
        for reason in ("gap", "fork", "record", "internal"):
            assert f'quotad_control_failures_total{{reason="{reason}"}} 0.0' in text
        assert "master" not in "".join(world.quotads[0].errors)


async def in_use_is_told(world: Fleet) -> bool:
    """Whether a scrape tells of the one Subject that was served."""
    place = f'environment="{HERE[1]}",plan="{PLAN_ID}",service="{SERVICE_ID}"'
    return f'quotad_max_request_num{{{place},window="day"}} 1000.0' in await world.metrics()


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_store_that_is_away_at_start(tmp_path: Path, server: StoreServer, workers: int) -> None:
    """Not ready and 503 until the store is there and the records are read; then as if nothing had been."""
    async with control_store(server.url) as control:
        await Scribe(control).write(service(), plan(), secret("AKIDone"))
    with server.client() as client:
        client.save()
    server.kill()
    async with running_backend() as backend, httpx.AsyncClient() as http:
        config = written(tmp_path, server.url, backend.port, workers)
        async with running_quotad(config) as quotads:
            world = Fleet(None, http, quotads)  # type: ignore[arg-type]
            status, words = await world.ready()
            assert status == 503, words
            assert await world.status() == 503
            server.start()
            await world.becomes(200)
            await until_true(lambda: is_ready(world))


async def is_ready(world: Fleet) -> bool:
    return (await world.ready())[0] == 200


async def test_a_reload_names_more(tmp_path: Path, server: StoreServer) -> None:
    """A route that comes with SIGHUP finds its service in the records; what was served goes on."""
    async with fleet(tmp_path, server) as world:
        there = ("service-maps", "release", False)
        await world.scribe.write(service(), plan(), secret("AKIDone"))
        await world.scribe.write(
            service("service-maps", serviceName="maps"),
            plan("plan-maps", [there]),
            secret("AKIDmaps", ["plan-maps"]),
            plan("plan-maps", [there]),
            secret("AKIDmaps", ["plan-maps"]),
        )
        await world.becomes(200)
        assert await world.status("AKIDmaps") == 401
        path = tmp_path / "quotad.yaml"
        path.write_text(path.read_text().replace('"service": "orders"', '"service": "maps"'))
        world.quotads[0].process.send_signal(signal.SIGHUP)
        await world.becomes(200, "AKIDmaps")
