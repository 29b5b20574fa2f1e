"""Webhooks over several admin processes, their deaths, and a failover of the store."""

import asyncio
import contextlib
import json
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import redis

from quotad.store.keys import webhooks_key
from tests.support.hooked import LOOPBACK, World, world
from tests.support.offices import TOKEN, OfficePort, office
from tests.support.processes import Quotad, start_quotad
from tests.support.receivers import Came, receiver
from tests.support.sentinels import running_sentinels
from tests.support.servers import StoreServer
from tests.support.shell import control_file
from tests.support.waiting import until, until_true

# Of what is compiled an admin process has the store alone, which others try.
pytestmark = pytest.mark.pure
LEADER = webhooks_key("quotad", "leader")


@contextlib.asynccontextmanager
async def admins(url: str, folder: Path, count: int) -> AsyncIterator[list[Quotad]]:
    """So many admin processes on one store, with metrics."""
    admin = {"address": "127.0.0.1:0", "token": TOKEN, **LOOPBACK}
    path = control_file(
        folder,
        url,
        admin=admin,
        telemetry={"address": "127.0.0.1:0", "accessLog": ""},
        store={"url": url, "deadlineMs": 5000},
    )
    started: list[Quotad] = []
    try:
        for _ in range(count):
            started += [await start_quotad(path, command="admin")]
        yield started
    finally:
        for each in started:
            await each.stop()


def leads(process: Quotad) -> bool:
    """Whether its log says that it delivers, the last thing that it said of it."""
    said = [line for line in process.errors if "delivers webhooks" in line]
    return bool(said) and "this process" in said[-1]


async def test_two_admin_processes_tell_each_crossing_once(store_server: StoreServer, tmp_path: Path) -> None:
    """However long both run; when the leader ends the other goes on at once."""
    async with receiver() as found, admins(store_server.url, tmp_path, 2) as processes:
        here = await world(store_server.url, OfficePort(processes[0].ports["admin"]))
        await here.hook(found)
        await here.spend(60)
        await found.until(1)
        await here.spend(25)
        await found.until(2)
        await until(lambda: sum(map(leads, processes)) == 1)
        (leader,) = filter(leads, processes)
        before = store_server.client().get(LEADER)
        await leader.stop()
        assert before is not None
        assert store_server.client().get(LEADER) != before
        (other,) = (each for each in processes if each is not leader)
        here = replace(here, port=OfficePort(other.ports["admin"]))
        await here.spend(15)
        await found.until(3)
        await until(lambda: leads(other))
        assert [each.told[2] for each in found.came] == [50, 80, 100]
        assert len(found.ids) == 3


async def test_what_a_killed_leader_had_begun_is_delivered(store_server: StoreServer, tmp_path: Path) -> None:
    """Killed between the mark and the delivery: by the next leader, once more and under the same id."""
    async with receiver() as found, admins(store_server.url, tmp_path, 2) as processes:
        here = await world(store_server.url, OfficePort(processes[0].ports["admin"]))
        hung: list[Came] = []

        def answer(came: Came) -> int | None:
            hung.append(came)
            return None if len(hung) == 1 else 204

        found.answer = answer
        made = await here.hook(found, thresholds=[50])
        await here.spend(60)
        await found.until(1)
        await until(lambda: any(map(leads, processes)))
        (leader,) = filter(leads, processes)
        await leader.stop(signal.SIGKILL)
        (other,) = (each for each in processes if each is not leader)
        await found.until(2)
        await until(lambda: leads(other))
        assert len(found.ids) == 1
        port = OfficePort(other.ports["admin"])

        async def delivered() -> bool:
            listed = await port.done("GET", f"/v1/webhooks/{made['webhookId']}/deliveries")
            return [each["state"] for each in listed["deliveries"]] == ["delivered"]

        await until_true(delivered)


async def test_a_receiver_that_is_gone_is_disabled(store_server: StoreServer, tmp_path: Path) -> None:
    """410: the webhook says why, the audit log has it, nothing more is sent; another one goes on."""
    admin = {"token": TOKEN, **LOOPBACK}
    async with receiver() as gone, receiver() as other, office(store_server.url, tmp_path, admin) as port:
        here = await world(store_server.url, port)
        gone.answer = lambda came: 410
        made = await here.hook(gone, thresholds=[50, 80])
        await here.hook(other, thresholds=[50, 80])
        await here.spend(60)
        one = f"/v1/webhooks/{made['webhookId']}"

        async def disabled() -> bool:
            return bool((await port.done("GET", one))["disabledReason"] == "gone")

        await until_true(disabled)
        await here.spend(25)
        await other.until(2)
        assert len(gone.came) == 1
        audit = await port.done("GET", "/v1/audit?limit=1")
        assert (audit["audit"][0]["action"], audit["audit"][0]["who"]) == ("ModifyWebhook", "quotad")
        listed = await port.done("GET", one + "/deliveries")
        assert [each["state"] for each in listed["deliveries"]] == ["failed"]


async def replicated(old: StoreServer, replica: StoreServer) -> None:
    """Return when the replica has the records that the primary has."""

    def uid(server: StoreServer) -> bytes | None:
        with contextlib.suppress(redis.exceptions.RedisError), server.client() as client:
            found = client.hget("quotad:{.control}:meta", "uid")
            return found if isinstance(found, bytes) else None
        return None

    await until(lambda: uid(old) is not None and uid(old) == uid(replica))


async def spent(here: World, units: int) -> bool:
    """Whether the store, whoever it is now, took it."""
    try:
        return await here.spend(units) == units
    except (AssertionError, json.JSONDecodeError):
        return False


async def test_what_a_failover_forgets_is_told_under_the_same_id(tmp_path: Path) -> None:
    """Marks, event and use are lost with the primary; a receiver that knows the id sees one event."""
    admin = {"token": TOKEN, **LOOPBACK}
    with running_sentinels() as group:
        old, (replica,) = group.primary(), group.replicas()
        async with receiver() as found, office(group.url, tmp_path, admin) as port:
            here = await world(group.url, port)
            await here.hook(found, thresholds=[50])
            await replicated(old, replica)
            replica.pause()
            with old.client() as client:
                client.execute_command("CLIENT", "KILL", "TYPE", "replica")
            await here.spend(60)
            await found.until(1)
            old.kill()
            replica.resume()
            await asyncio.to_thread(group.until_switched, old)
            await until_true(lambda: spent(here, 60))
            await found.until(2)
            assert len(found.ids) == 1
