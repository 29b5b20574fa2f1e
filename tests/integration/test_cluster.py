"""A real Cluster whose slots move and whose primaries die while calls keep coming."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Iterator, Sequence

import pytest

from quotad.config.model import StoreConfig
from quotad.core.plans import Subject
from quotad.store.keys import subject_keys
from quotad.store.redis_store import RedisStore
from quotad.store.wire import OpenCall, Wire
from tests.support.batches import call, subject, submit, terms
from tests.support.cluster_load import Load
from tests.support.clusters import Cluster, Migration, Node, running_cluster
from tests.support.clusters import until as wait_until
from tests.support.servers import Engine, engines
from tests.support.waiting import until

PATIENT = StoreConfig(deadline_s=5.0)
BRISK = StoreConfig(deadline_s=0.1)


@contextlib.asynccontextmanager
async def running_store(url: str, config: StoreConfig = PATIENT) -> AsyncIterator[RedisStore]:
    """A started store, closed afterwards."""
    store = RedisStore(url, config, os.urandom(8))
    await store.start()
    try:
        yield store
    finally:
        await store.close()


@pytest.fixture(autouse=True)
async def nothing_is_left() -> AsyncIterator[None]:
    """A store that was closed has no task under way."""
    yield
    assert asyncio.all_tasks() == {asyncio.current_task()}


@contextlib.asynccontextmanager
async def under_load(
    cluster: Cluster, subjects: Sequence[Subject], config: StoreConfig = BRISK
) -> AsyncIterator[tuple[list[RedisStore], list[Load]]]:
    """Two Sidecars that ask for every Subject all the time; at the end all their calls have ended."""
    loads = [Load(), Load()]
    async with contextlib.AsyncExitStack() as stack:
        stores = [await stack.enter_async_context(running_store(cluster.url, config)) for _ in loads]
        async with asyncio.timeout(180), asyncio.TaskGroup() as group:
            for load, store in zip(loads, stores, strict=True):
                group.create_task(load.run(store, subjects, terms()))
            await until(lambda: all(load.answers > len(subjects) for load in loads))
            try:
                yield stores, loads
            finally:
                for load in loads:
                    load.stopping = True


async def heard_again(subjects: Sequence[Subject], loads: Sequence[Load]) -> None:
    """Return when every Sidecar was granted more of each Subject than at the call of this."""
    before = [dict(load.granted) for load in loads]
    await until(
        lambda: all(
            load.granted[each.tag] > seen.get(each.tag, 0)
            for load, seen in zip(loads, before, strict=True)
            for each in subjects
        )
    )


async def counted(cluster: Cluster, subjects: Sequence[Subject], loads: Sequence[Load]) -> list[int]:
    """Per Subject: units in use that nobody was granted, lost answers allowed for; below 0: units lost."""
    async with running_store(cluster.url) as reader:
        usage = await reader.usage(subjects)
    found = []
    for each, use in zip(subjects, usage, strict=True):
        extra = use.day_charged - sum(load.granted[each.tag] for load in loads)
        unheard = sum(load.unheard[each.tag] for load in loads)
        found.append(extra if extra < 0 else max(0, extra - unheard))
    return found


@pytest.fixture(scope="module")
def shared() -> Iterator[Cluster]:
    """One Cluster without replicas for every test that leaves it well."""
    with running_cluster(replicas=0) as cluster:
        yield cluster


@pytest.fixture
def cluster(shared: Cluster) -> Cluster:
    """It, empty."""
    shared.wait_ok()
    shared.flush()
    return shared


def elsewhere(cluster: Cluster, slot: int) -> Migration:
    """The slot's way to the primary after its own."""
    primaries = cluster.primaries()
    place = primaries.index(cluster.owner(slot))
    return Migration(cluster, slot, primaries[(place + 1) % len(primaries)])


def until_owner(cluster: Cluster, slot: int, node: Node) -> None:
    """Return when this node has the slot."""
    wait_until(lambda: cluster.owner(slot) is node)


async def test_many_subjects_are_decided_where_they_live(cluster: Cluster) -> None:
    """A Batch over all nodes is answered once, in order; each Subject lies on its slot's owner."""
    plan, count = terms(), 300
    of = [subject(each) for each in range(count)]
    async with running_store(cluster.url) as store:
        await until(lambda: store.connected)
        batch = submit(store, [call(each, plan, cost=place + 1) for place, each in enumerate(of)])
        assert [answer.granted for answer in await batch.answers()] == list(range(1, count + 1))
        assert batch.heard == ["done"]
        assert [use.day_charged for use in await store.usage(of)] == list(range(1, count + 1))
        assert store.redirects == store.reconnects == 0
    for node in cluster.primaries():
        keys = node.ask("KEYS", "*")
        assert isinstance(keys, list)
        here = [each for each in of if subject_keys("quotad", each).state in keys]
        assert here
        assert all(cluster.owner(cluster.slot(each)) is node for each in here)


@pytest.mark.pure  # Replaces Wire.write.
async def test_a_tick_is_one_write_per_node(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many Subjects are asked for and settled in it."""
    writes: list[int] = []
    write = Wire.write

    def noted(wire: Wire, calls: Sequence[OpenCall]) -> None:
        writes.append(len(calls))
        write(wire, calls)

    async with running_store(cluster.url) as store:
        monkeypatch.setattr(Wire, "write", noted)
        told = submit(store, [call(subject(each), terms()) for each in range(50)], settle_only=True)
        asked = submit(store, [call(subject(each), terms()) for each in range(50, 100)])
        await told.answers()
        await asked.answers()
        assert len(writes) == 3
        assert sum(writes) == 100


async def test_a_slot_that_moved_is_found_again(cluster: Cluster) -> None:
    """MOVED is followed at once, the next call goes straight to the new owner, and nothing is lost."""
    one, plan = subject(1), terms(day=10)
    async with running_store(cluster.url) as store:
        (answer,) = await submit(store, [call(one, plan, cost=3)]).answers()
        await asyncio.to_thread(cluster.migrate, cluster.slot(one), elsewhere(cluster, cluster.slot(one)).to)
        (answer,) = await submit(store, [call(one, plan, 2, cost=3)]).answers()
        assert (answer.granted, answer.day_charged) == (3, 6)
        (answer,) = await submit(store, [call(one, plan, 3, cost=9)]).answers()
        assert (answer.granted, answer.day_charged) == (4, 10)
        # None when a survey happened to come first.
        assert store.redirects <= 1
        await until(lambda: store.connected)


@pytest.mark.parametrize("engine", engines())
async def test_a_slot_half_way_is_decided_where_its_keys_are(engine: Engine) -> None:
    """Before any key moved at the source, after the last at the target (ASK); between the two it waits."""
    one, plan = subject(1), terms()
    state, total = subject_keys("quotad", one)
    with running_cluster(engine, primaries=2, replicas=0) as cluster:
        async with running_store(cluster.url) as store:
            await submit(store, [call(one, plan)]).answers()
            migration = elsewhere(cluster, cluster.slot(one))
            migration.begin()
            (answer,) = await submit(store, [call(one, plan, 2)]).answers()
            assert (answer.day_charged, store.redirects) == (2, 0)
            migration.move(state)
            between = submit(store, [call(one, plan, 3)])
            await asyncio.sleep(0.02)
            assert between.heard == []
            migration.move(total)
            assert (await between.answers())[0].day_charged == 3
            redirects = store.redirects
            (answer,) = await submit(store, [call(one, plan, 4)]).answers()
            assert (answer.day_charged, store.redirects) == (4, redirects + 1)
            migration.finish()
            (answer,) = await submit(store, [call(one, plan, 5)]).answers()
            assert (answer.day_charged, answer.total_charged) == (5, 5)


@pytest.mark.parametrize("engine", engines())
async def test_slots_that_move_under_load_lose_and_double_nothing(engine: Engine) -> None:
    """What is in use at the end is what was granted, for each Subject, moved key by key while asked for."""
    subjects = [subject(each) for each in range(10)]
    with running_cluster(engine, replicas=0) as cluster:
        # Patient: no answer may be late because the machine stood still.
        async with under_load(cluster, subjects, PATIENT) as (stores, loads):
            for each in subjects:
                migration = await asyncio.to_thread(elsewhere, cluster, cluster.slot(each))
                await asyncio.to_thread(migration.begin)
                for key in await asyncio.to_thread(migration.keys):
                    await asyncio.to_thread(migration.move, key)
                await asyncio.to_thread(migration.finish)
            await heard_again(subjects, loads)
            assert all(store.redirects >= len(subjects) for store in stores)
            assert all(store.reconnects == 0 for store in stores)
        assert await counted(cluster, subjects, loads) == [0] * len(subjects)
        assert not sum(sum(load.unheard.values()) for load in loads)


async def test_slots_that_move_all_at_once_lose_and_double_nothing() -> None:
    """Valkey's own migration hands a whole range over in one step; nobody waits between two nodes."""
    subjects = [subject(each) for each in range(20)]
    with running_cluster("valkey", replicas=0) as cluster:
        async with under_load(cluster, subjects) as (stores, loads):
            source, target, _ = await asyncio.to_thread(cluster.primaries)
            first, last = await asyncio.to_thread(cluster.share, source)
            source.ask("CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", first, last, "NODE", target.node_id)
            await asyncio.to_thread(until_owner, cluster, first, target)
            await heard_again(subjects, loads)
            assert any(store.redirects for store in stores)
        assert await counted(cluster, subjects, loads) == [0] * len(subjects)
        assert not any(kind in ("tryagain", "ask") for load in loads for kind, _ in load.errors)


@pytest.mark.parametrize("engine", engines())
async def test_a_killed_primary_is_replaced_under_load(engine: Engine) -> None:
    """Calls end with errors until its replica is promoted, then are answered; nothing is counted twice."""
    subjects = [subject(each) for each in range(9)]
    with running_cluster(engine) as cluster:
        async with under_load(cluster, subjects) as (stores, loads):
            dead = cluster.owner(cluster.slot(subjects[1]))
            await asyncio.to_thread(cluster.die, dead)
            await asyncio.to_thread(cluster.wait_failover, dead)
            await heard_again(subjects, loads)
            await until(lambda: all(store.connected for store in stores))
            assert all(load.errors for load in loads)
        lost = [min(0, each) for each in await counted(cluster, subjects, loads)]
        assert [max(0, each) for each in await counted(cluster, subjects, loads)] == [0] * len(subjects)
        # Replication is not waited for: what the dead one had not passed on is lost, about one write each.
        assert sum(lost) >= -len(subjects) * len(loads)


async def test_a_primary_that_wakes_up_after_its_failover_grants_nothing() -> None:
    """Stopped, replaced, woken: nobody hears it any more; what is in use is what was granted."""
    subjects = [subject(each) for each in range(9)]
    with running_cluster() as cluster:
        async with under_load(cluster, subjects) as (stores, loads):
            asleep = cluster.owner(cluster.slot(subjects[1]))
            async with loads[0].held(), loads[1].held():
                # By its next answer it has passed on to its replica what it granted before.
                asleep.ask("PING")
                asleep.server.pause()
            await asyncio.to_thread(cluster.wait_failover, asleep)
            await heard_again(subjects, loads)
            assert all(load.unheard for load in loads)
            asleep.server.resume()
            await heard_again(subjects, loads)
            await asyncio.to_thread(cluster.wait_ok)
            await until(lambda: all(store.connected for store in stores))
        assert await counted(cluster, subjects, loads) == [0] * len(subjects)


async def test_a_cluster_that_is_down_as_a_whole_comes_back() -> None:
    """All its nodes killed and started again, without replicas: the store finds them again."""
    one = subject(1)
    with running_cluster(replicas=0) as cluster:
        async with running_store(cluster.url, BRISK) as store:
            await submit(store, [call(one, terms())]).answers()
            for node in cluster.nodes:
                await asyncio.to_thread(node.server.kill)
            await until(lambda: not store.connected)
            await submit(store, [call(one, terms(), 2)]).errors()
            for node in cluster.nodes:
                await asyncio.to_thread(node.server.start)
            await until(lambda: store.connected)
            load = Load()
            asking = asyncio.ensure_future(load.run(store, [one], terms()))
            # A node that was cut off takes no calls for a while, well as it looks to the others.
            await heard_again([one], [load])
            load.stopping = True
            await asking


async def test_a_password_is_given_to_every_node() -> None:
    """The one in the URL; a wrong one ends the start."""
    with running_cluster(primaries=2, replicas=0, password="secret-of-the-test") as cluster:
        async with running_store(cluster.url) as store:
            batch = submit(store, [call(subject(each), terms()) for each in range(20)])
            await batch.answers()
        wrong = RedisStore(cluster.url.replace("secret-of", "not-that-of"), PATIENT, os.urandom(8))
        with pytest.raises(Exception, match="refused the login"):
            await wrong.start()
