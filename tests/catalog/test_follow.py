import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest

from quotad import clock
from quotad.catalog.draft import Reader, Reading
from quotad.catalog.follow import Follower
from quotad.catalog.live import LiveTable
from quotad.store.control import Commit, Write
from quotad.store.keys import control_key
from tests.support.catalog import (
    HERE,
    PLAN_ID,
    ROUTED,
    SERVICE_ID,
    VAULT,
    MemoryControl,
    Scribe,
    key_of,
    plan,
    secret,
    service,
)
from tests.support.control import control_store
from tests.support.servers import StoreServer, running_server
from tests.support.waiting import AT_MOST_S, until


@dataclass
class Followed:
    """A follower at work."""

    follower: Follower
    table: LiveTable

    def callers(self) -> set[str]:
        """Who may call the one service."""
        return set(self.table.callers(*HERE[:2]))  # type: ignore[arg-type]


@contextlib.asynccontextmanager
async def following(
    control: Reader, reading: Reading = ROUTED, loaded: bool = True
) -> AsyncIterator[Followed]:
    """A follower, loaded unless it is not to wait for that."""
    table = LiveTable()
    follower = Follower(control, table, reading, clock.monotonic_s)
    follower.start()
    try:
        if loaded:
            async with asyncio.timeout(AT_MOST_S):
                await follower.loaded.wait()
        yield Followed(follower, table)
    finally:
        await follower.close()


@contextlib.asynccontextmanager
async def world(server: StoreServer) -> AsyncIterator[tuple[Scribe, Followed]]:
    """A real server with one service, one plan and one Secret, and who follows it with a reader's rights."""
    async with control_store(server.url) as writing, control_store(server.url, writes=False) as reading:
        scribe = Scribe(writing)
        await scribe.write(service(), plan(), secret("AKIDone"))
        async with following(reading) as followed:
            yield scribe, followed


@pytest.fixture
def server() -> Iterator[StoreServer]:
    """One of its own, since it is cut, emptied and restarted."""
    with running_server() as started:
        yield started


async def test_it_loads_and_follows(server: StoreServer) -> None:
    """What stands there is loaded; every commit after it is taken over, and the version told."""
    async with world(server) as (scribe, followed):
        assert followed.callers() == {"AKIDone"}
        assert followed.table.secrets["AKIDone"].secret_key == key_of("AKIDone").encode()
        head = await scribe.write(secret("AKIDtwo"), secret("AKIDone", ()))
        await until(lambda: followed.follower.version == head.version)
        assert followed.callers() == {"AKIDtwo"}
        assert "AKIDone" in followed.table.secrets
        head = await scribe.write(plan(rateRps=7))
        await until(lambda: followed.follower.version == head.version)
        assert followed.table.callers(SERVICE_ID, "release")["AKIDtwo"].plan.rate_rps == 7
        assert followed.follower.age_s() < 15
        assert not any(followed.follower.failures.values())


async def test_a_plan_that_is_bound_brings_its_secrets(server: StoreServer) -> None:
    """Bound to a routed service, a plan's Secrets are all there when it is; unbound, they may not call."""
    async with world(server) as (scribe, followed):
        many = [secret(f"AKIDmany{number:04d}", ["plan-many"]) for number in range(700)]
        await scribe.write(plan("plan-many", ()), *many)
        seen: list[int] = []
        followed.follower.on_change = lambda _: seen.append(len(followed.callers()))
        head = await scribe.write(plan("plan-many", [HERE]))
        await until(lambda: followed.follower.version == head.version)
        assert len(followed.callers()) == 701
        assert set(seen) <= {1, 701}
        head = await scribe.write(plan("plan-many", ()))
        await until(lambda: followed.follower.version == head.version)
        assert followed.callers() == {"AKIDone"}


async def test_a_trimmed_log_is_a_reason_to_read_again(server: StoreServer) -> None:
    """Who comes back to a log that does not lead on from what is known reads everything again."""
    async with world(server) as (scribe, followed):
        server.pause()
        await until(lambda: followed.follower.failures["store"] > 0)
        server.resume()
        with server.client() as client:
            await scribe.write(secret("AKIDtwo"))
            client.xtrim(control_key("quotad", "log"), maxlen=0)
        head = await scribe.write(secret("AKIDthree"))
        await until(lambda: followed.follower.version == head.version)
        assert followed.callers() == {"AKIDone", "AKIDtwo", "AKIDthree"}


async def test_a_server_that_restarts_empty(server: StoreServer, caplog: pytest.LogCaptureFixture) -> None:
    """What was known stays in force when all records are gone, and that is said once; new ones replace it."""
    caplog.set_level(logging.INFO, "quotad")
    async with world(server) as (_, followed):
        server.kill()
        await until(lambda: followed.follower.failures["store"] > 0)
        assert followed.callers() == {"AKIDone"}
        server.start()
        await until(lambda: followed.follower.failures["empty"] > 2)
        assert followed.callers() == {"AKIDone"}
        assert sum("there are none any more" in line for line in caplog.messages) == 1
        async with control_store(server.url) as other:
            head = await Scribe(other).write(service(), plan(), secret("AKIDnew"))
        await until(lambda: followed.follower.version == head.version)
        assert followed.callers() == {"AKIDnew"}
        assert "AKIDone" not in followed.table.secrets


async def test_a_cut_connection_is_no_loss(server: StoreServer) -> None:
    """Connections that are killed again and again keep no commit away."""
    async with world(server) as (scribe, followed):
        for number in range(5):
            with server.client() as client:
                client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            await until_written(scribe, secret(f"AKID{number:08d}"))
        await until(lambda: len(followed.callers()) == 6)


async def until_written(scribe: Scribe, write: Write) -> None:
    """A commit by whoever was cut off too."""
    async with asyncio.timeout(AT_MOST_S):
        while True:
            with contextlib.suppress(Exception):
                await scribe.write(write)
                return
            await asyncio.sleep(0.01)


async def test_a_store_that_is_away_at_first(server: StoreServer) -> None:
    """Nothing is loaded, and nobody is told otherwise, until the store is there."""
    server.kill()
    async with (
        control_store(server.url, writes=False) as reading,
        following(reading, loaded=False) as followed,
    ):
        await until(lambda: followed.follower.failures["store"] > 0)
        assert not followed.table.loaded
        assert followed.table.entrance(SERVICE_ID, "release") == ("", "not_loaded")
        server.start()
        await until(followed.follower.loaded.is_set)
        assert followed.follower.version == 0
        assert followed.table.entrance(SERVICE_ID, "release") == ("", "no_route")


async def test_a_commit_that_a_failover_lost() -> None:
    """Records that went back, and another commit under the same version, are seen and read anew."""
    control = MemoryControl()
    control.write(service(), plan(), secret("AKIDone"))
    kept = control.at, [*control.log], {kind: {**all_} for kind, all_ in control.kept.items()}
    async with following(control) as followed:
        control.write(secret("AKIDlost"))
        await until(lambda: followed.callers() == {"AKIDone", "AKIDlost"})
        control.at, control.log, control.kept = kept
        control.write(secret("AKIDkept"))
        await until(lambda: followed.callers() == {"AKIDone", "AKIDkept"})
        assert followed.follower.failures["fork"] > 0
        assert "AKIDlost" not in followed.table.secrets


async def test_what_is_committed_while_it_loads() -> None:
    """Whatever others commit between the pages of a load is in the table that the load makes."""
    control = MemoryControl()
    control.write(service(), plan(), secret("AKIDone"), plan("plan-two", ()), secret("AKIDtwo", ["plan-two"]))
    control.meanwhile = [
        [secret("AKIDone", ())],
        [secret("AKIDthree")],
        [plan("plan-two", [HERE])],
        [secret("AKIDtwo", [])],
        [secret("AKIDtwo", ["plan-two"])],
        [Write("plan", PLAN_ID, None), secret("AKIDthree", ())],
        [secret("AKIDfour", ["plan-two"])],
    ]
    async with following(control) as followed:
        await until(lambda: followed.follower.version == control.at.version and not control.meanwhile)
        assert followed.callers() == {"AKIDtwo", "AKIDfour"}


async def test_more_routes_are_followed_when_told() -> None:
    """After a reload that names another service its Secrets are read too."""
    control = MemoryControl()
    there = ("service-there", "release", False)
    control.write(service(), plan(), secret("AKIDone"))
    control.write(
        service("service-there", serviceName="there"),
        plan("plan-there", [there]),
        secret("AKIDthere", ["plan-there"]),
    )
    async with following(control) as followed:
        assert set(followed.table.secrets) == {"AKIDone"}
        followed.follower.serve(Reading(frozenset((SERVICE_ID, "there")), VAULT))
        await until(lambda: set(followed.table.secrets) == {"AKIDone", "AKIDthere"})


async def test_an_unreadable_record_stops_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """What cannot be read is counted, named once and left out; all else is served."""
    control = MemoryControl()
    bad = Write("secret", "AKIDbad", {**(secret("AKIDbad").record or {}), "secretKey": "k9.a.b"})
    control.write(service(), plan(), secret("AKIDone"), bad)
    async with following(control) as followed:
        assert followed.callers() == {"AKIDone"}
        assert followed.follower.failures["record"] == 1
        assert [line for line in caplog.messages if "AKIDbad" in line]


async def test_an_error_of_ours_is_survived(caplog: pytest.LogCaptureFixture) -> None:
    """Should something break inside, it is said, and everything is read again."""
    control = MemoryControl()
    control.write(service(), plan(), secret("AKIDone"))
    async with following(control) as followed:
        broken = control.log
        control.log = None  # type: ignore[assignment]
        await until(lambda: followed.follower.failures["internal"] > 1)
        assert followed.callers() == {"AKIDone"}
        control.log = broken
        control.write(secret("AKIDtwo"))
        await until(lambda: followed.callers() == {"AKIDone", "AKIDtwo"})
    assert any("are read again" in line for line in caplog.messages)


async def test_it_tells_how_old_its_knowledge_is() -> None:
    """While the store is away age grows; when it is back nothing is missed."""
    control = MemoryControl()
    control.write(service(), plan(), secret("AKIDone"))
    async with following(control) as followed:
        control.away = True
        await until(lambda: followed.follower.failures["store"] > 1)
        first = followed.follower.age_s()
        await until(lambda: followed.follower.age_s() > first)
        control.away = False
        control.write(secret("AKIDtwo"))
        await until(lambda: followed.callers() == {"AKIDone", "AKIDtwo"})


async def test_it_ends_though_a_cancel_is_swallowed() -> None:
    """An answer that comes in the turn of the cancel does not make it go on for ever."""
    control = MemoryControl()
    control.write(service(), plan(), secret("AKIDone"))
    swallowed: list[int] = []
    wait = control.since

    async def since(version: int, wait_ms: int = 0) -> list[Commit]:
        try:
            return await wait(version, wait_ms)
        except asyncio.CancelledError:
            swallowed.append(1)
            if len(swallowed) > 1:
                raise
            return []

    control.since = since  # type: ignore[method-assign]
    async with following(control) as followed:
        await until(lambda: followed.follower.version == control.at.version)
    assert len(swallowed) == 2
