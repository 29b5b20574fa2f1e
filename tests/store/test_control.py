import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

import pytest

from quotad.errors import StoreError
from quotad.store import records
from quotad.store.control import WRITES_AT_MOST, Change, ControlStore, Head, Write
from tests.chaos.proxy import FaultProxy, fault_proxy
from tests.support.control import (
    all_members,
    committed,
    control_store,
    everything,
    increment,
    is_chain,
    secret,
    whole_log,
)
from tests.support.servers import Engine, StoreServer, every_engine, running_server
from tests.support.waiting import until, until_true

EMPTY = Head(0, "")


@pytest.fixture
async def store(store_server: StoreServer) -> AsyncIterator[ControlStore]:
    """A store on an empty server."""
    async with control_store(store_server.url) as started:
        yield started


@pytest.fixture(scope="module")
def tcp_server() -> Iterator[StoreServer]:
    """One that a proxy can stand before."""
    with running_server() as server:
        yield server


@contextlib.asynccontextmanager
async def behind_proxy(server: StoreServer) -> AsyncIterator[tuple[ControlStore, FaultProxy]]:
    """A store whose connections can be broken, on an empty server."""
    server.flush()
    async with (
        fault_proxy(("127.0.0.1", server.port)) as proxy,
        control_store(f"redis://127.0.0.1:{proxy.port}") as store,
    ):
        yield store, proxy


def whole(base: Head) -> Change:
    """A change that has something of everything."""
    writes = [
        Write("service", "service-aaaaaaaa", {"serviceName": "Zürich"}),
        Write("plan", "usagePlan-aaaaaaaa", {"modified": 1_700_000_000_123_456}),
        secret(1),
        secret(2),
    ]
    members = [("usagePlan-aaaaaaaa", write.id, True) for write in writes[2:]]
    return Change(base, writes, members, {"who": "me"}, ("d1", {"status": 201}))


async def test_where_nothing_is_nothing_is_read(store: ControlStore) -> None:
    """Every reading verb answers an empty server."""
    assert await store.head() == EMPTY
    assert await store.since(0) == []
    assert await store.get("plan", ["usagePlan-aaaaaaaa"]) == [None]
    assert await store.get("plan", []) == []
    assert await everything(store, "secret") == {}
    assert await all_members(store, "usagePlan-aaaaaaaa") == set()
    assert await store.audit("", 10) == []
    assert await store.once("d1") is None
    await until(lambda: store.connected)
    assert store.now_us() is not None


@pytest.mark.parametrize("engine", every_engine())
async def test_a_commit_does_all_that_it_says(engine: Engine) -> None:
    """Records, members, log, audit and answer are there together, on every kind of server."""
    with running_server(engine) as server:
        async with control_store(server.url) as store:
            change = whole(EMPTY)
            head = await store.commit(change)
            assert head is not None
            assert head == await store.head() == (head.version, change.uid)
            assert await store.since(0) == [(head.version, "", change.uid, change.writes)]
            assert await store.since(head.version) == []
            for write in change.writes:
                assert await store.get(write.kind, [write.id]) == [write.record]
            assert await all_members(store, "usagePlan-aaaaaaaa") == {"AKID00000001", "AKID00000002"}
            assert [record for _, record in await store.audit("", 10)] == [{"who": "me"}]
            assert await store.once("d1") == {"status": 201}
            taken = [("usagePlan-aaaaaaaa", "AKID00000001", False)]
            gone = Change(head, [Write("secret", "AKID00000001", None)], taken)
            assert await store.commit(gone) == Head(head.version + 1, gone.uid)
            assert await everything(store, "secret") == {"AKID00000002": change.writes[3].record}
            assert await all_members(store, "usagePlan-aaaaaaaa") == {"AKID00000002"}


async def test_the_first_version_is_the_stores_time(store: ControlStore) -> None:
    """In milliseconds, so that versions grow even after everything was deleted."""
    first = await committed(store, secret(1))
    assert abs(first.version - (store.now_us() or 0) // 1000) < 60_000


async def test_after_everything_was_deleted_versions_still_grow(
    store: ControlStore, store_server: StoreServer
) -> None:
    """A follower of the old history cannot take the new one for a part of it."""
    first = await committed(store, secret(1))
    store_server.flush()
    assert await store.head() == EMPTY
    await until(lambda: (store.now_us() or 0) // 1000 > first.version)
    second = await committed(store, secret(2))
    assert second.version > first.version
    assert [commit.prev for commit in await store.since(first.version)] == [""]


async def test_of_two_changes_from_one_state_one_is_made(store: ControlStore) -> None:
    """The other one does nothing at all."""
    base = await committed(store, secret(1))
    first, second = Change(base, [secret(2)]), whole(base)
    assert await store.commit(first) == Head(base.version + 1, first.uid)
    assert await store.commit(second) is None
    assert await store.head() == Head(base.version + 1, first.uid)
    assert sorted(await everything(store, "secret")) == ["AKID00000001", "AKID00000002"]
    assert await all_members(store, "usagePlan-aaaaaaaa") == set()
    assert await store.audit("", 10) == []
    assert await store.once("d1") is None


async def test_a_change_is_made_once_however_often_it_is_sent(store: ControlStore) -> None:
    """Its own Head is answered, also when others came after it."""
    change = whole(EMPTY)
    head = await store.commit(change)
    assert head is not None
    assert await store.commit(change) == head
    later = await committed(store, secret(3))
    assert await store.commit(change) == head
    assert await store.head() == later
    assert len(await whole_log(store)) == 2
    assert len(await store.audit("", 10)) == 1


async def test_a_commit_whose_answer_is_lost_is_made_once(tcp_server: StoreServer) -> None:
    """It is asked again on the next connection, and finds itself."""
    async with behind_proxy(tcp_server) as (store, proxy):
        await committed(store, secret(1))
        base = await store.head()
        for number in range(2, 6):
            await until(lambda: store.connected)
            proxy.cut_after_write()
            change = Change(base, [secret(number)])
            assert await store.commit(change) == Head(base.version + 1, change.uid)
            base = Head(base.version + 1, change.uid)
        log = await whole_log(store)
        assert len(log) == 5
        assert is_chain(log)


async def test_who_cannot_know_whether_it_was_made_may_commit_again(tcp_server: StoreServer) -> None:
    """The error says that nobody knows; the same change is then made once, by whoever sends it."""
    async with behind_proxy(tcp_server) as (store, proxy), control_store(tcp_server.url) as other:
        change = Change(await store.head(), [secret(1)])
        proxy.cut_after_write()
        proxy.refuses = True
        with pytest.raises(StoreError) as unknown:
            await store.commit(change)
        assert unknown.value.executed is None
        head = await other.commit(change)
        assert head == await other.head()
        assert len(await whole_log(other)) == 1


async def test_a_cancelled_commit_is_made_whole_or_not(store: ControlStore) -> None:
    """Whenever it is cancelled: record, member, log and audit agree."""
    for number in range(40):
        write, base = secret(number), await store.head()
        change = Change(base, [write], [("usagePlan-a", write.id, True)], {"n": number})
        task = asyncio.ensure_future(store.commit(change))
        for _ in range(number % 8):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    made = set(await everything(store, "secret"))
    log = await whole_log(store)
    assert (
        await all_members(store, "usagePlan-a") == made == {write.id for each in log for write in each.writes}
    )
    assert len(await store.audit("", 100)) == len(log)
    assert is_chain(log)


async def test_each_commit_stands_on_the_one_before(store: ControlStore) -> None:
    """More than one reading of the log fetches: 100 at a time, in order."""
    for number in range(230):
        await committed(store, secret(number))
    assert len(await store.since(0)) == 100
    log = await whole_log(store)
    assert len(log) == 230
    assert is_chain(log)
    assert log[0].prev == ""


async def test_the_log_is_trimmed_and_a_gap_is_seen(store: ControlStore) -> None:
    """It keeps 4 MiB of what is newest; who was away for longer sees that the first is not the next."""
    first = last = await committed(store, Write("plan", "usagePlan-a", {"text": ""}))
    for _ in range(20):
        last = await committed(store, Write("plan", "usagePlan-a", {"text": "x" * 300_000}))
    log = await store.since(first.version)
    assert log[0].version > first.version + 1
    assert log[0].prev != first.uid
    assert len(log) == 4 * 1024 * 1024 // 300_100
    assert is_chain(log)
    assert Head(log[-1].version, log[-1].uid) == last


async def test_the_last_commit_stays_in_the_log_whatever_its_size(store: ControlStore) -> None:
    """Else nobody could follow it, nor find out that it was made."""
    base = await committed(store, secret(1))
    plans = [Write("plan", f"usagePlan-{each}", {"text": "x" * 300_000}) for each in range(20)]
    change = Change(base, plans)
    head = await store.commit(change)
    assert head is not None
    assert [commit.uid for commit in await store.since(0)] == [change.uid]
    assert await store.commit(change) == head
    later = await committed(store, secret(2))
    assert [commit.uid for commit in await store.since(0)] == [later.uid]
    # Whether it was made cannot be told any more; it is not made again.
    assert await store.commit(change) is None
    assert await store.head() == later


async def test_thousands_are_read_in_pages(store: ControlStore) -> None:
    """All of them, none at once; by name likewise."""
    base = EMPTY
    for start in range(0, 5_000, WRITES_AT_MOST):
        writes = [secret(number) for number in range(start, start + WRITES_AT_MOST)]
        made = await store.commit(Change(base, writes, [("usagePlan-a", each.id, True) for each in writes]))
        assert made is not None
        base = made
    pages = [page async for page in store.records("secret")]
    assert len(pages) > 5
    assert {name: record["created"] for page in pages for name, record in page} == {
        f"AKID{number:08d}": number for number in range(5_000)
    }
    sets = [page async for page in store.members(["usagePlan-a"])]
    assert len(sets) > 3
    assert {name for page in sets for name in page} == {f"AKID{number:08d}" for number in range(5_000)}
    asked = [f"AKID{number:08d}" for number in range(3_900, 5_100)]
    found = await store.get("secret", asked)
    assert [record and record["created"] for record in found] == [*range(3_900, 5_000), *[None] * 100]


async def test_pages_may_hold_any_text(store: ControlStore) -> None:
    """Also such as looks like the beginning of a huge reply, wherever the network cuts the page."""
    text = "=1234567890 *999999999999 $123456789 "
    writes = [Write("plan", f"usagePlan-{each}", {"text": text * 500}) for each in range(100)]
    assert await store.commit(Change(EMPTY, writes)) is not None
    assert await everything(store, "plan") == {write.id: write.record for write in writes}
    assert (await store.since(0))[0].writes == writes


@pytest.mark.parametrize(
    "writes",
    [
        [secret(number) for number in range(WRITES_AT_MOST + 1)],
        [Write("route", "route-1", {})],
        [Write("plan", 'a"b', {})],
        [Write("plan", "a/b", {})],
        [Write("plan", "", {})],
        [Write("plan", "usagePlan-a", {"rate": float("nan")})],
        [Write("plan", "usagePlan-a", {"text": "\ud800"})],
        [Write("plan", "usagePlan-a", {"text": "x" * records.RECORD_BYTES["plan"]})],
        [Write("plan", f"usagePlan-{each}", {"text": "x" * 300_000}) for each in range(29)],
    ],
    ids=["many", "kind", "quote", "slash", "empty", "nan", "surrogate", "large", "large in all"],
)
async def test_what_cannot_be_kept_is_refused(store: ControlStore, writes: list[Write]) -> None:
    """Before anything is sent."""
    with pytest.raises(ValueError):
        await store.commit(Change(EMPTY, writes))
    assert await store.head() == EMPTY


async def test_odd_names_are_refused(store: ControlStore) -> None:
    """No key is made of what could name another one."""
    with pytest.raises(ValueError):
        await store.commit(Change(EMPTY, [], [("a}b", "AKID00000001", True)]))
    with pytest.raises(ValueError):
        await store.commit(Change(EMPTY, [], once=("a b", {})))
    with pytest.raises(ValueError):
        await store.once("a b")
    with pytest.raises(ValueError):
        await store.tally("a/b", 1000)
    with pytest.raises(ValueError):
        await store.get("route", ["x"])
    with pytest.raises(ValueError):
        await store.audit("+", 1)
    with pytest.raises(ValueError):
        await store.since(0, 1_001)


async def test_a_waiting_reader_is_woken(store: ControlStore, store_server: StoreServer) -> None:
    """By the commit itself; other calls are answered while it waits."""
    base = await committed(store, secret(1))
    with store_server.client() as client:
        waiting = asyncio.ensure_future(store.since(base.version, 1_000))
        await until(lambda: client.info("clients")["blocked_clients"] == 1)
        assert await store.head() == base
        assert not waiting.done()
        made = await committed(store, secret(2))
    assert [(commit.version, commit.uid) for commit in await waiting] == [made]


async def test_a_reader_waits_no_longer_than_it_said(store: ControlStore) -> None:
    """Nothing comes: it is told so."""
    assert await store.since(0, 1) == []


async def test_a_request_that_has_its_answer_makes_no_second_change(
    store: ControlStore, store_server: StoreServer
) -> None:
    """Whoever computed it anew is sent back, and finds the answer; it is kept for a day."""
    head = await store.commit(whole(EMPTY))
    assert head is not None
    again = Change(head, [secret(7)], once=("d1", {"status": 500}))
    assert await store.commit(again) is None
    assert await store.once("d1") == {"status": 201}
    with store_server.client() as client:
        assert 0 < client.pttl("quotad:{.control}:once:d1") <= 24 * 3600 * 1000


async def test_audit_is_read_newest_first_in_pages(store: ControlStore) -> None:
    """Changes and notes alike; a page goes on where the one before ended."""
    for number in range(5):
        await store.note({"n": number})
    base = await store.head()
    await store.commit(Change(base, [], audit={"n": 5}))
    newest = await store.audit("", 4)
    oldest = await store.audit(newest[-1][0], 4)
    assert [record["n"] for _, record in newest + oldest] == [5, 4, 3, 2, 1, 0]


async def test_a_tally_is_one_for_all(store: ControlStore, store_server: StoreServer) -> None:
    """Two processes count together; the window begins with the first and ends by itself."""
    async with control_store(store_server.url) as other:
        assert await store.tally("login:::1", 60_000) == 1
        assert await other.tally("login:::1", 1) == 2
        assert await other.tally("login:::1", 60_000, 5) == 7
        assert await store.tally("another", 60_000, 0) == 0
        with store_server.client() as client:
            assert 0 < client.pttl("quotad:{.control}:tally:login:::1") <= 60_000
        assert await store.tally("short", 1) == 1

        async def over() -> bool:
            return await store.tally("short", 1) == 1

        await until_true(over)


async def test_eight_writers_lose_nothing(store_server: StoreServer) -> None:
    """Each reads, computes and commits; what is counted in the end is what they counted."""
    async with contextlib.AsyncExitStack() as stack:
        writers = [await stack.enter_async_context(control_store(store_server.url)) for _ in range(8)]
        lost = await asyncio.gather(*(increment(writer, 25) for writer in writers))
        assert sum(lost) > 0
        assert await writers[0].get("plan", ["counter"]) == [{"count": 200}]
        log = await whole_log(writers[1])
        assert len(log) == 200
        assert is_chain(log)
