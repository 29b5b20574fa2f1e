"""The control records when the server, or what stands in it, is not as it should be."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from quotad.config.model import StoreConfig
from quotad.errors import StoreError
from quotad.store.control import Change, ControlStore, Head
from tests.support.control import all_members, committed, control_store, everything, secret
from tests.support.fake_server import fake_server
from tests.support.servers import StoreServer, free_port, running_server
from tests.support.waiting import until

PLACE = "quotad:{.control}"
VERBS: dict[str, Callable[[ControlStore], Awaitable[object]]] = {
    "head": lambda store: store.head(),
    "records": lambda store: everything(store, "plan"),
    "members": lambda store: all_members(store, "usagePlan-a"),
    "get": lambda store: store.get("plan", ["usagePlan-a"]),
    "since": lambda store: store.since(0),
    "audit": lambda store: store.audit("", 1),
    "once": lambda store: store.once("d1"),
    "commit": lambda store: store.commit(Change(Head(0, ""), [secret(1)])),
    "tally": lambda store: store.tally("x", 1),
}


async def test_a_server_that_is_away_is_awaited() -> None:
    """Starting is no error; calls surely did not run; once it is there they do."""
    port = free_port()
    store = ControlStore(f"redis://127.0.0.1:{port}", StoreConfig())
    await store.start()
    assert not store.connected
    with pytest.raises(StoreError) as refusal:
        await store.commit(Change(Head(0, ""), [secret(1)]))
    assert (refusal.value.kind, refusal.value.executed) == ("disconnected", False)
    await store.close()


async def test_an_unfit_server_ends_the_start() -> None:
    """A wrong password is not awaited, and nothing is left behind."""
    with running_server(password="right") as server:
        store = ControlStore(f"redis://:wrong@127.0.0.1:{server.port}", StoreConfig())
        with pytest.raises(StoreError) as refusal:
            await store.start()
        assert refusal.value.kind == "wrongpass"
        assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_it_goes_on_after_a_restart() -> None:
    """A server that lost everything is read as empty; scripts are loaded anew."""
    with running_server() as server:
        async with control_store(server.url) as store:
            first = await committed(store, secret(1))
            await asyncio.to_thread(server.restart)
            await until(lambda: store.connected)
            assert await store.head() == Head(0, "")
            assert (await committed(store, secret(2))).version > first.version


async def test_pages_of_two_connections_are_not_mixed(store_server: StoreServer) -> None:
    """Another server may have another order: who reads is told, and begins again."""
    async with control_store(store_server.url) as store:
        writes = [secret(number) for number in range(1_000)]
        members = [("usagePlan-a", f"{write.id}-{'x' * 60}", True) for write in writes] * 2
        assert await store.commit(Change(Head(0, ""), writes, members)) is not None
        pages = store.records("secret")
        await anext(pages)
        with store_server.client() as client:
            client.client_kill_filter(_type="normal", skipme=True)
        await until(lambda: store._calling.reconnects == 1)
        with pytest.raises(StoreError) as refusal:
            await anext(pages)
        assert refusal.value.kind == "failover"
        assert len(await everything(store, "secret")) == 1_000
        assert len(await all_members(store, "usagePlan-a")) == 1_000


@pytest.mark.parametrize("value", ["not json", "[1]", "7", b"\xff"])
async def test_a_record_that_is_none_is_said_to_be_unreadable(store_server: StoreServer, value: str) -> None:
    """Nothing is guessed."""
    with store_server.client() as client:
        client.hset(f"{PLACE}:plan", "usagePlan-a", value)
        client.xadd(f"{PLACE}:log", {"prev": "", "uid": "x", "writes": value}, id="5-1")
        client.xadd(f"{PLACE}:audit", {"record": value})
        client.set(f"{PLACE}:once:d1", value)
    async with control_store(store_server.url) as store:
        for verb in ("records", "get", "since", "audit", "once"):
            with pytest.raises(StoreError) as refusal:
                await VERBS[verb](store)
            assert refusal.value.kind == "reply"


async def test_records_of_another_format_are_left_alone(store_server: StoreServer) -> None:
    """A later quotad made them: this one neither follows nor changes them."""
    async with control_store(store_server.url) as store:
        head = await committed(store, secret(1))
        with store_server.client() as client:
            client.hset(f"{PLACE}:meta", "format", "2")
        with pytest.raises(StoreError) as unread:
            await store.head()
        with pytest.raises(StoreError) as unmade:
            await store.commit(Change(head, [secret(2)]))
        for refusal in (unread.value, unmade.value):
            assert (refusal.kind, refusal.executed) == ("format", False)


@pytest.mark.parametrize("verb", sorted(VERBS))
@pytest.mark.parametrize("said", [b"+OK\r\n", b"*1\r\n$1\r\nx\r\n", b"*2\r\n:9\r\n:9\r\n"])
async def test_whoever_answers_something_else_is_not_believed(verb: str, said: bytes) -> None:
    """Every verb says that it cannot read it."""
    async with fake_server(lambda _: said) as fake, control_store(fake.url) as store:
        with pytest.raises(StoreError) as refusal:
            await VERBS[verb](store)
        assert refusal.value.kind == "reply"


async def test_a_silent_server_is_given_up_within_the_deadline() -> None:
    """Nobody knows then whether it ran."""
    async with fake_server(lambda _: b"") as fake, control_store(fake.url) as store:
        with pytest.raises(StoreError) as refusal:
            await store.head()
        assert refusal.value.executed is None


async def test_an_outcome_that_the_log_forgot_is_not_made_up() -> None:
    """Answered late and then asked again: the log has gone on, so the first trouble is told."""
    answers = iter([None, b"*1\r\n:2\r\n"])
    async with fake_server(lambda _: next(answers)) as fake, control_store(fake.url) as store:
        with pytest.raises(StoreError) as refusal:
            await store.commit(Change(Head(7, "x"), [secret(1)]))
        assert (refusal.value.kind, refusal.value.executed) == ("broken", None)
    async with fake_server(lambda _: b"*1\r\n:2\r\n") as fake, control_store(fake.url) as store:
        assert await store.commit(Change(Head(7, "x"), [secret(1)])) is None
