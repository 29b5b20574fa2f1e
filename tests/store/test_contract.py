"""The store contract over real servers; over memory it runs in test_memory_store."""

import os
from collections.abc import AsyncIterator, Iterator

import pytest

from quotad.config.model import StoreConfig
from quotad.core.plans import Subject
from quotad.store.interface import Store
from quotad.store.keys import subject_keys
from quotad.store.redis_store import RedisStore
from tests.store.contract import Damage, StoreContract
from tests.support.clusters import Cluster, running_cluster
from tests.support.servers import StoreServer, engines, every_engine, running_server

PATIENT = StoreConfig(deadline_s=5.0)


@pytest.fixture(scope="module", params=every_engine())
def each_server(request: pytest.FixtureRequest) -> Iterator[StoreServer]:
    """One of each kind for the whole suite."""
    with running_server(request.param, unix=True) as server:
        yield server


class TestRedisStore(StoreContract):
    @pytest.fixture
    def server(self, each_server: StoreServer) -> StoreServer:
        """It, empty."""
        each_server.flush()
        return each_server

    @pytest.fixture
    async def store(self, server: StoreServer) -> AsyncIterator[Store]:
        """As the suite asks."""
        store = RedisStore(server.url, PATIENT, os.urandom(8))
        await store.start()
        yield store
        await store.close()

    @pytest.fixture
    async def other(self, server: StoreServer) -> AsyncIterator[Store]:
        """As the suite asks."""
        store = RedisStore(server.url, PATIENT, os.urandom(8))
        await store.start()
        yield store
        await store.close()

    @pytest.fixture
    def damage(self, server: StoreServer) -> Damage:
        """A string where the hash should be."""

        def spoil(subject: Subject) -> None:
            with server.client() as client:
                client.set(subject_keys(PATIENT.namespace, subject).state, b"no hash")

        return spoil


@pytest.fixture(scope="module", params=engines())
def each_cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """One of each kind for the whole suite: the Subjects of the suite lie on all three of its nodes."""
    with running_cluster(request.param, replicas=0) as cluster:
        yield cluster


class TestRedisStoreOnCluster(StoreContract):
    @pytest.fixture
    def cluster(self, each_cluster: Cluster) -> Cluster:
        """It, empty."""
        each_cluster.flush()
        return each_cluster

    @pytest.fixture
    async def store(self, cluster: Cluster) -> AsyncIterator[Store]:
        """As the suite asks."""
        store = RedisStore(cluster.url, PATIENT, os.urandom(8))
        await store.start()
        yield store
        await store.close()

    @pytest.fixture
    async def other(self, cluster: Cluster) -> AsyncIterator[Store]:
        """As the suite asks."""
        store = RedisStore(cluster.url, PATIENT, os.urandom(8))
        await store.start()
        yield store
        await store.close()

    @pytest.fixture
    def damage(self, cluster: Cluster) -> Damage:
        """A string where the hash should be."""

        def spoil(subject: Subject) -> None:
            owner = cluster.owner(cluster.slot(subject, PATIENT.namespace))
            owner.ask("SET", subject_keys(PATIENT.namespace, subject).state.decode(), "no hash")

        return spoil
