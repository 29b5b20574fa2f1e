"""The control records where servers take each other's place: under Sentinels and on a Cluster."""

import asyncio
from collections.abc import Iterator

import pytest
from redis.crc import key_slot

from quotad.errors import StoreError
from quotad.store.control import Change, Commit, Head
from quotad.store.keys import CONTROL, control_key
from tests.support.clusters import Cluster, Migration, running_cluster
from tests.support.control import (
    committed,
    control_store,
    everything,
    increment,
    is_chain,
    secret,
    whole_log,
)
from tests.support.sentinels import running_sentinels
from tests.support.servers import Engine, StoreServer, engines
from tests.support.waiting import AT_MOST_S, until, until_true

SLOT = key_slot(CONTROL.tag.encode())


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Three primaries with a replica each."""
    with running_cluster() as running:
        yield running


def uid_at(server: StoreServer) -> str:
    """Of the last commit that a server has, be it a replica."""
    with server.client() as client:
        return str(client.hget("quotad:{.control}:meta", "uid") or b"", "ascii")


async def test_commits_that_a_failover_forgets_are_seen() -> None:
    """The next commit has the same version on another uid: the chain of who knew the lost one is broken."""
    with running_sentinels() as group:
        old, (replica,) = group.primary(), group.replicas()
        async with control_store(group.url) as store:
            base = await committed(store, secret(1))
            await until(lambda: uid_at(replica) == base.uid)
            replica.pause()
            with old.client() as client:
                client.execute_command("CLIENT", "KILL", "TYPE", "replica")
            lost = await committed(store, secret(2))
            old.kill()
            replica.resume()
            await asyncio.to_thread(group.until_switched, old)

            async def found() -> bool:
                try:
                    return await store.head() == base
                except StoreError:
                    return False

            await until_true(found)
            made = await committed(store, secret(3))
            assert made.version == lost.version
            assert made.uid != lost.uid
            assert await store.since(lost.version, 1) == []
            (entry,) = await store.since(base.version)
            assert (entry.version, entry.prev, entry.uid) == (made.version, base.uid, made.uid)
            assert sorted(await everything(store, "secret")) == ["AKID00000001", "AKID00000003"]


async def test_a_waiting_reader_follows_to_the_new_primary() -> None:
    """It hears that its wait broke, and then of the commit that was made after the failover."""
    with running_sentinels() as group:
        old, (replica,) = group.primary(), group.replicas()
        async with control_store(group.url) as store:
            base = await committed(store, secret(1))
            await until(lambda: uid_at(replica) == base.uid)
            broken: list[str] = []

            async def follow() -> list[Commit]:
                while True:
                    try:
                        if heard := await store.since(base.version, 1_000):
                            return heard
                    except StoreError as error:
                        broken.append(error.kind)

            following = asyncio.ensure_future(follow())
            old.kill()
            await asyncio.to_thread(group.until_switched, old)
            change = Change(base, [secret(2)])

            async def made() -> bool:
                try:
                    return await store.commit(change) == Head(base.version + 1, change.uid)
                except StoreError:
                    return False

            await until_true(made)
            async with asyncio.timeout(AT_MOST_S):
                heard = await following
            assert [commit.uid for commit in heard] == [change.uid]
            assert broken


async def test_with_replicas_to_wait_for_a_commit_alone_is_not_known() -> None:
    """It stands in the store, but may be forgotten; committed again once a replica follows, it is made."""
    with running_sentinels() as group:
        (replica,) = group.replicas()
        async with control_store(group.url, min_replicas=1) as store:
            change = Change(await store.head(), [secret(1)])
            replica.pause()
            with pytest.raises(StoreError) as unknown:
                await store.commit(change)
            assert unknown.value.executed is None
            replica.resume()
            await asyncio.to_thread(group.until_healthy)
            head = await store.commit(change)
            assert head is not None
            assert head.uid == change.uid == uid_at(replica)
            assert len(await whole_log(store)) == 1


async def test_a_cluster_keeps_them_in_one_slot(cluster: Cluster) -> None:
    """Writers elsewhere than the reader lose nothing; what is waited for comes."""
    cluster.flush()
    async with control_store(cluster.url) as one, control_store(cluster.url) as other:
        await asyncio.gather(increment(one, 10), increment(other, 10))
        assert await one.get("plan", ["counter"]) == [{"count": 20}]
        assert is_chain(await whole_log(other))
        head = await one.head()
        waiting = asyncio.ensure_future(one.since(head.version, 1_000))
        made = await committed(other, secret(1))
        assert [Head(commit.version, commit.uid) for commit in await waiting] == [made]
        assert await other.tally("x", 60_000) + await one.tally("x", 60_000) == 3


@pytest.mark.parametrize("engine", engines())
async def test_commits_wait_while_their_slot_moves(engine: Engine) -> None:
    """None is made with some of the keys on one node and some on the other; reads go on."""
    with running_cluster(engine, primaries=2, replicas=0) as cluster:
        async with control_store(cluster.url) as store:
            base = await committed(store, secret(1))
            to = next(node for node in cluster.primaries() if node is not cluster.owner(SLOT))
            migration = Migration(cluster, SLOT, to)
            migration.begin()
            migration.move(control_key("quotad", "meta"))
            assert await store.head() == base
            # Sent back and forth until its time is over: what it was told last may be any.
            ends = {("ask", False), ("tryagain", False), ("deadline", None)}
            with pytest.raises(StoreError) as refusal:
                await store.commit(Change(base, [secret(2)]))
            assert (refusal.value.kind, refusal.value.executed) in ends
            migration.move()
            with pytest.raises(StoreError) as refusal:
                await store.commit(Change(base, [secret(2)]))
            assert (refusal.value.kind, refusal.value.executed) in ends
            migration.finish()
            made = await committed(store, secret(3))
            assert made.version == base.version + 1
            assert sorted(await everything(store, "secret")) == ["AKID00000001", "AKID00000003"]
            assert is_chain(await whole_log(store))


async def test_pages_from_two_nodes_are_not_mixed(cluster: Cluster) -> None:
    """Each node has an order of its own: who reads begins again."""
    cluster.flush()
    async with control_store(cluster.url) as store:
        head = await store.head()
        assert await store.commit(Change(head, [secret(number) for number in range(1_000)])) is not None
        pages = store.records("secret")
        await anext(pages)
        to = next(node for node in cluster.primaries() if node is not cluster.owner(SLOT))
        await asyncio.to_thread(cluster.migrate, SLOT, to)
        with pytest.raises(StoreError) as refusal:
            await anext(pages)
        assert refusal.value.kind == "failover"
        assert len(await everything(store, "secret")) == 1_000
