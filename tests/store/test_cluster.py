import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Iterator

import pytest

from quotad.config.model import StoreConfig
from quotad.core.quota import Answer
from quotad.store.redis_store import RedisStore
from tests.support.batches import call, subject, submit, terms
from tests.support.clusters import Cluster, running_cluster

PATIENT = StoreConfig(deadline_s=5.0)


@contextlib.asynccontextmanager
async def running_store(url: str, config: StoreConfig = PATIENT) -> AsyncIterator[RedisStore]:
    """A started store, closed afterwards; no task of it is left."""
    store = RedisStore(url, config, os.urandom(8))
    await store.start()
    try:
        yield store
    finally:
        await store.close()
        assert asyncio.all_tasks() == {asyncio.current_task()}


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


async def test_many_subjects_are_decided_where_they_live(cluster: Cluster) -> None:
    """A Batch over all nodes is answered once, in order; each Subject lies on its slot's owner."""
    plan, count = terms(), 300
    of = [subject(each) for each in range(count)]
    async with running_store(cluster.url) as store:
        assert store.connected
        batch = submit(store, [call(each, plan, cost=place + 1) for place, each in enumerate(of)])
        assert [answer.granted for answer in await batch.answers()] == list(range(1, count + 1))
        assert batch.heard == ["done"]
        assert [use.day_charged for use in await store.usage(of)] == list(range(1, count + 1))
        assert store.stats.calls == count + 1
        assert store.redirects == store.reconnects == 0
    sizes = [node.ask("DBSIZE") for node in cluster.primaries()]
    assert sum(map(int, map(str, sizes))) == 2 * count
    assert all(sizes)


async def test_a_slot_that_moved_is_found_again(cluster: Cluster) -> None:
    """MOVED is followed at once, the next call goes straight to the new owner, and nothing is lost."""
    one, plan = subject(1), terms(day=10)
    slot = cluster.slot(one)
    target = next(node for node in cluster.primaries() if node is not cluster.owner(slot))
    async with running_store(cluster.url) as store:
        (answer,) = await submit(store, [call(one, plan, cost=3)]).answers()
        assert answer.granted == 3
        await asyncio.to_thread(cluster.migrate, slot, target)
        (answer,) = await submit(store, [call(one, plan, 2, cost=3)]).answers()
        assert (answer.granted, answer.day_charged) == (3, 6)
        (answer,) = await submit(store, [call(one, plan, 3, cost=9)]).answers()
        assert (answer.granted, answer.day_charged) == (4, 10)
        assert store.redirects == 1
        assert store.connected
    assert isinstance(answer, Answer)
