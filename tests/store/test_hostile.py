"""A store that lies, at each stage of a connection's life, under the real store and the real Limiter."""

import asyncio
import gc
import os
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path

import pytest

from quotad.config.model import StoreConfig
from quotad.errors import StoreError
from quotad.store.redis_store import RedisStore
from tests.support.batches import call, subject, submit, terms
from tests.support.hostile import LIES, PUSH, SILENT, TRUTHFUL, Lie, Stage, hostile_server, say
from tests.support.ordeals import CLOSED, DEADLINE_S, LOCAL, OPEN, PATIENT_S, UNITS, Ordeal, ordeal
from tests.support.servers import StoreServer, running_server
from tests.support.waiting import until, until_true

FIRST: tuple[Stage, ...] = ("handshake", "script", "time")
"""The stages of a connection before its first call."""


def begun(server: StoreServer, name: str, stage: Stage) -> AbstractAsyncContextManager[Ordeal]:
    """An ordeal for this lie at this stage."""
    if stage == "call" and name in TRUTHFUL:
        return ordeal(server, f"{stage}{name}", apart=True, deadline_s=PATIENT_S)
    return ordeal(server, f"{stage}{name}")


async def suffer(server: StoreServer, name: str, stage: Stage, lie: Lie) -> list[str]:
    """Everything that went wrong while this lie was told at this stage, and afterwards."""
    try:
        async with begun(server, name, stage) as run:
            run.fake.attack(stage, lie)
            if stage in ("handshake", "script"):
                run.fake.hang_up()
            elif stage == "time":
                await until(lambda: run.fake.hits > 0)
            before = dict(run.admitted)
            for _ in range(3):
                await run.ask()
            if stage == "call" and name not in TRUTHFUL:
                run.check_nothing_granted(before)
            run.check_policies()
            await until(lambda: run.fake.hits > 0)
            run.fake.relent()
            if name in SILENT:
                run.fake.hang_up()
            await until_true(run.recovered)
            await until_true(run.exact)
            return run.complaints
    except TimeoutError:
        return ["it did not recover"]


@pytest.mark.parametrize("stage", ["handshake", "script", "reload", "call", "time"])
async def test_no_lie_is_believed_and_none_is_for_ever(store_server: StoreServer, stage: Stage) -> None:
    """Each policy holds to the number, every waiter is heard, the counts are exact afterwards."""
    heard = await asyncio.gather(*[suffer(store_server, name, stage, lie) for name, lie in LIES.items()])
    problems = {name: words for name, words in zip(LIES, heard, strict=True) if words}
    assert problems == {}


NAMED = {
    ("handshake", "status"): "unfit",
    **{(stage, "-NOAUTH"): "noauth" for stage in FIRST},
    **{(stage, "-NOPERM"): "noperm" for stage in FIRST},
    **{(stage, "-WRONGPASS"): "wrongpass" for stage in FIRST},
}
"""What a start ends with an error of this kind for; every other lie it awaits the end of."""


@pytest.mark.parametrize(("stage", "name"), NAMED)
async def test_a_start_names_what_waiting_does_not_mend(
    store_server: StoreServer, stage: Stage, name: str
) -> None:
    """Once the lie was heard in time, the start ends with an error that has its kind."""
    kinds: list[str] = []
    async with hostile_server(store_server) as fake:
        fake.attack(stage, LIES[name])

        async def refused() -> bool:
            """False where the machine stood still, and the server seemed away."""
            store = RedisStore(fake.url, StoreConfig(deadline_s=PATIENT_S), os.urandom(8))
            try:
                await store.start()
            except StoreError as error:
                kinds.append(error.kind)
            else:
                await store.close()
            return bool(kinds)

        await until_true(refused)
    assert kinds == [NAMED[stage, name]]


@pytest.mark.parametrize("stage", FIRST)
async def test_a_lie_at_the_first_connect_is_awaited(store_server: StoreServer, stage: Stage) -> None:
    """A start ends without an error, and all is served once the server is true."""

    async def begin(lie: Lie) -> None:
        async with hostile_server(store_server) as fake:
            fake.attack(stage, lie)
            store = RedisStore(fake.url, StoreConfig(deadline_s=PATIENT_S), os.urandom(8))
            await store.start()
            run = Ordeal(fake, store)
            fake.relent()
            fake.hang_up()
            await until_true(run.recovered)
            await store.close()

    await asyncio.gather(*[begin(lie) for name, lie in LIES.items() if (stage, name) not in NAMED])


@pytest.mark.parametrize("words", [b"+OK\r\n", PUSH, b"$-1\r\n", b"$100\r\nabc"])
async def test_words_before_the_first_question(store_server: StoreServer, words: bytes) -> None:
    """A server that speaks without being asked is not believed; it is served again when it stops."""
    async with ordeal(store_server, f"greeting{words!r}") as run:
        run.fake.greeting = words
        run.fake.hang_up()
        before = dict(run.admitted)
        for _ in range(3):
            await run.ask()
        run.check_nothing_granted(before)
        assert run.fake.connections > 2
        run.fake.relent()
        await until_true(run.recovered)
        await until_true(run.exact)
        assert run.complaints == []


async def test_an_answer_in_single_bytes_is_an_answer(store_server: StoreServer) -> None:
    """However it arrives: nothing is refused, nobody falls back on the failure policy."""
    async with ordeal(store_server, "bytes", deadline_s=PATIENT_S) as run:
        run.fake.trickles = True
        for _ in range(3):
            assert all(request.admitted for request in await run.ask())
        assert run.unaccounted == {CLOSED.tag: 0, OPEN.tag: 0, LOCAL.tag: 0}
        assert run.fake.connections == 1
        await until_true(run.exact)


async def test_bytes_that_never_become_a_reply_are_no_life(store_server: StoreServer) -> None:
    """A connection on which a reply grows for ever is left, though something arrives all the time."""
    async with ordeal(store_server, "drip") as run:
        run.fake.attack("call", say(b"$90000000\r\n"))
        before = dict(run.admitted)
        await run.ask(UNITS)

        def drip() -> bool:
            for transport in run.fake.transports:
                transport.write(b"x")
            return run.fake.connections > 1

        await until(drip)
        run.check_nothing_granted(before)
        run.fake.relent()
        await until_true(run.recovered)
        await until_true(run.exact)


async def test_no_answer_is_taken_for_another_calls(store_server: StoreServer) -> None:
    """After a word that is no answer, the answers that follow it are not believed by whoever is next."""
    async with hostile_server(store_server) as fake:
        store = RedisStore(fake.url, StoreConfig(deadline_s=5.0), os.urandom(8))
        await store.start()
        fake.attack("call", say(b""))
        first = submit(store, [call(subject(1), terms(), cost=7)])
        await until(lambda: fake.hits == 1)
        fake.attack("call", lambda run: b"+OK\r\n" + run() * 2)
        second = submit(store, [call(subject(2), terms(day=1), cost=7)])
        errors = [*await first.errors(), *await second.errors()]
        assert [error.executed for error in errors] == [None, None]
        await store.close()


async def test_a_real_server_takes_the_port_of_a_lying_one(store_server: StoreServer) -> None:
    """It is found there, and asked, without a restart."""
    with running_server() as real:
        real.stop()
        async with hostile_server(store_server, real.port) as fake:
            store = RedisStore(fake.url, StoreConfig(deadline_s=DEADLINE_S), os.urandom(8))
            await store.start()
            run = Ordeal(fake, store)
            fake.attack("call", say(b"-CLUSTERDOWN The cluster is down\r\n"))
            await run.ask()
            run.check_nothing_granted({CLOSED.tag: 0, OPEN.tag: 0, LOCAL.tag: 0})
        real.start()
        await until_true(run.recovered)
        await until_true(run.exact)
        await store.close()


async def test_memory_stays_flat_under_every_lie(store_server: StoreServer) -> None:
    """After many thousands of requests no more is kept than after the first thousand."""
    async with AsyncExitStack() as stack:
        runs = []
        for name, lie in LIES.items():
            run = await stack.enter_async_context(ordeal(store_server, f"memory{name}"))
            run.fake.attack("call", lie)
            runs.append(run)

        async def flood(rounds: int) -> None:
            async with asyncio.TaskGroup() as group:
                for run in runs:
                    group.create_task(_rounds(run, rounds))

        await flood(4)
        before = _memory()
        await flood(8)
        grown = [after - at_first for after, at_first in zip(_memory(), before, strict=True)]
        print(f"grown by {grown[0]} bytes and {grown[1]} objects")
        # Less than one object for ten requests, less than a kilobyte for each.
        assert grown[0] < 16 * 2**20
        assert grown[1] < 2000
        assert [run.complaints for run in runs] == [[]] * len(runs)


async def _rounds(run: Ordeal, count: int) -> None:
    for _ in range(count):
        await run.ask(25)


def _memory() -> tuple[int, int]:
    """Bytes resident, and objects that the collector knows."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE"), len(gc.get_objects())
