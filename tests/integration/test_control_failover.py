"""A real sidecar in control mode while the servers of the records fail, move, or are out of its reach."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
from redis.crc import key_slot

from quotad.errors import StoreError
from quotad.store.control import Write
from quotad.store.keys import CONTROL, control_key
from tests.chaos.proxy import fault_proxy
from tests.integration.test_control_mode import MASTER_KEYS, Fleet
from tests.support.backends import running_backend
from tests.support.catalog import Scribe, plan, secret, service
from tests.support.clusters import running_cluster
from tests.support.control import control_store
from tests.support.processes import running_quotad
from tests.support.sentinels import running_sentinels
from tests.support.servers import StoreServer, running_server
from tests.support.shell import control_file
from tests.support.waiting import until, until_true

SLOT = key_slot(CONTROL.tag.encode())
FREE = {"address": "127.0.0.1:0"}
META = control_key("quotad", "meta")


@contextlib.asynccontextmanager
async def followed(
    folder: Path, url: str, sidecars_url: str = "", min_replicas: int = 0
) -> AsyncIterator[Fleet]:
    """One service, plan and Secret; the sidecar may reach the store by another way than who writes."""
    async with (
        running_backend() as backend,
        httpx.AsyncClient() as client,
        control_store(url, min_replicas=min_replicas) as control,
    ):
        scribe = Scribe(control)
        await scribe.write(service(), plan(), secret("AKIDone"))
        route = {
            "pathPrefix": "/orders",
            "service": "orders",
            "environment": "release",
            "upstreams": [f"http://127.0.0.1:{backend.port}"],
        }
        config = control_file(
            folder,
            "",
            MASTER_KEYS,
            store={"url": sidecars_url or url, "deadlineMs": 5_000},
            listen=FREE,
            telemetry={**FREE, "accessLog": ""},
            routes=[route],
        )
        async with running_quotad(config) as quotads:
            world = Fleet(scribe, client, quotads)
            await world.becomes(200)
            yield world


async def until_written(scribe: Scribe, *writes: Write) -> None:
    """Made by the first server that can."""

    async def made() -> bool:
        try:
            await scribe.write(*writes)
        except (StoreError, AssertionError):
            return False
        return True

    await until_true(made)


async def failures(world: Fleet, reason: str) -> float:
    """How often following failed for this reason."""
    line = f'quotad_control_failures_total{{reason="{reason}"}} '
    (found,) = (each for each in (await world.metrics()).splitlines() if each.startswith(line))
    return float(found.removeprefix(line))


def uid_at(server: StoreServer) -> object:
    """Of the last commit that a server has."""
    with server.client() as client:
        return client.hget(META, "uid")


async def test_commits_that_a_failover_forgets_are_forgotten(tmp_path: Path) -> None:
    """A sidecar that followed them is as the promoted replica is, and takes over what is committed there."""
    with running_sentinels() as group:
        old, (replica,) = group.primary(), group.replicas()
        async with followed(tmp_path, group.url) as world:
            await until(lambda: uid_at(replica) == uid_at(old))
            replica.pause()
            with old.client() as client:
                client.execute_command("CLIENT", "KILL", "TYPE", "replica")
            await world.scribe.write(secret("AKIDone", enabled=False), secret("AKIDlost"))
            await world.becomes(401)
            await world.becomes(200, "AKIDlost")
            old.kill()
            replica.resume()
            await asyncio.to_thread(group.until_switched, old)
            await world.becomes(200)
            await world.becomes(401, "AKIDlost")
            assert await failures(world, "fork") >= 1
            # Under the number of the commit that was lost.
            await until_written(world.scribe, secret("AKIDkept"))
            await world.becomes(200, "AKIDkept")
            assert await world.status("AKIDlost") == 401


async def test_a_change_after_a_failover_is_felt(tmp_path: Path) -> None:
    """On a Cluster whose slot of the records has moved, and whose primary of it then died."""
    with running_cluster() as cluster:
        async with followed(tmp_path, cluster.url, min_replicas=1) as world:
            to = next(node for node in cluster.primaries() if node is not cluster.owner(SLOT))
            await asyncio.to_thread(cluster.migrate, SLOT, to)
            await until_written(world.scribe, secret("AKIDone", enabled=False))
            await world.becomes(401)
            to.server.kill()
            await asyncio.to_thread(cluster.wait_failover, to)
            async with control_store(cluster.url) as control:
                await until_written(Scribe(control), secret("AKIDone"))
            await world.becomes(200)


async def test_a_sidecar_that_was_cut_off_catches_up(tmp_path: Path) -> None:
    """Commit by commit; where the log was cut meanwhile, by reading everything."""
    with running_server() as server:
        async with fault_proxy(("127.0.0.1", server.port)) as proxy:
            way = f"redis://127.0.0.1:{proxy.port}/0"
            async with followed(tmp_path, server.url, way) as world:
                proxy.refuses = True
                proxy.reset()
                await world.scribe.write(secret("AKIDone", enabled=False))
                await world.scribe.write(secret("AKIDtwo"))
                proxy.refuses = False
                await world.becomes(200, "AKIDtwo")
                assert await world.status() == 401
                assert await failures(world, "gap") == 0
                proxy.refuses = True
                proxy.reset()
                await world.scribe.write(secret("AKIDone"))
                # Of 4 MiB the log keeps the newest.
                for number in range(16):
                    big = service(f"service-big{number:02d}", serviceName="big", serviceDesc="x" * 300_000)
                    await world.scribe.write(big)
                await world.scribe.write(secret("AKIDtwo", enabled=False))
                proxy.refuses = False
                await world.becomes(401, "AKIDtwo")
                assert await world.status() == 200
                assert await failures(world, "gap") >= 1
