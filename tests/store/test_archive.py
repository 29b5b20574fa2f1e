"""History and use per Secret over real servers, one and a Cluster."""

import os
from collections.abc import AsyncIterator, Iterator

import pytest

from quotad.config.model import StoreConfig
from quotad.core.history import DAYS_KEPT, HOUR_US, History, Portion
from quotad.core.quota import Reset, Terms, Window
from quotad.core.windows import windows
from quotad.errors import StoreError
from quotad.store.archive import DAYS_AT_ONCE
from quotad.store.redis_store import RedisStore
from quotad.store.route import SUBJECTS_PER_CALL
from tests.support.batches import call, subject, submit, terms
from tests.support.clusters import Cluster, running_cluster
from tests.support.servers import StoreServer, every_engine, running_server

PATIENT = StoreConfig(deadline_s=5.0)
DAY_US = 86_400_000_000


@pytest.fixture(scope="module", params=every_engine())
def each_server(request: pytest.FixtureRequest) -> Iterator[StoreServer]:
    """One of each kind."""
    with running_server(request.param, unix=True) as server:
        yield server


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Three primaries."""
    with running_cluster(replicas=0) as started:
        yield started


class Suite:
    """What must hold on one server as on a Cluster."""

    @pytest.fixture
    def store(self) -> RedisStore:
        """The store under test, started, empty."""
        raise NotImplementedError

    async def test_history_has_what_goes_on(self, store: RedisStore) -> None:
        """Use of the running day and hour, per Subject in their order; nothing of one never used."""
        of = [subject(each) for each in range(SUBJECTS_PER_CALL + 3)]
        used = [(each, cost) for cost, each in enumerate(of) if cost % 2]
        await submit(store, [call(each, today(store), cost=cost) for each, cost in used]).answers()
        found = await store.history(of)
        for cost, history in enumerate(found):
            assert sum(history.days.values()) == sum(history.hours.values()) == (cost if cost % 2 else 0)
            assert all(history.now_us < end <= history.now_us + HOUR_US for end in history.hours)
            assert all(history.now_us < end <= history.now_us + 2 * DAY_US for end in history.days)
        assert await store.history([]) == []

    async def test_a_reset_is_no_loss_of_history(self, store: RedisStore) -> None:
        """What a reset forgives stays in the day's history."""
        plan = today(store)
        await submit(store, [call(subject(1), plan, cost=5)]).answers()
        usage = await store.adjust(subject(1), plan, Reset(1, frozenset(Window)))
        assert (usage.day_charged, usage.total_charged) == (0, 0)
        (history,) = await store.history([subject(1)])
        assert history.days == {usage.day_end_us: 5}

    async def test_a_portion_counts_once(self, store: RedisStore) -> None:
        """Sent again, or late after a later one, it adds nothing; each day and each Sidecar counts apart."""
        now_us = store.now_us()
        assert now_us is not None
        one, end = subject(1), now_us + DAY_US
        first = Portion(one, end, 1, {"AKIDa": 2, "AKIDb": 3})
        second = Portion(one, end, 2, {"AKIDa": 10})
        for portion in (first, first, second, first, second, Portion(one, end + DAY_US, 1, {"AKIDa": 1})):
            assert await store.attribute([portion]) == [None]
        shares = await store.attributed(one, [end, end + DAY_US, end + 2 * DAY_US])
        assert shares == {
            end: {"AKIDa": 12, "AKIDb": 3},
            end + DAY_US: {"AKIDa": 1},
            end + 2 * DAY_US: {},
        }
        assert await store.attributed(one, [end, end + DAY_US], "AKIDb") == {
            end: {"AKIDb": 3},
            end + DAY_US: {},
        }
        assert await store.attributed(one, []) == await store.attributed(one, [], "AKIDb") == {}

    async def test_many_portions_at_once(self, store: RedisStore) -> None:
        """More Subjects than a script call takes, and more days than are read at once."""
        now_us = store.now_us()
        assert now_us is not None
        ends = [now_us + day * DAY_US for day in range(DAYS_AT_ONCE + 2)]
        portions = [
            Portion(subject(each), ends[each % len(ends)], 1, {"AKIDa": each})
            for each in range(SUBJECTS_PER_CALL + 5)
        ]
        assert await store.attribute(portions) == [None] * len(portions)
        shares = await store.attributed(subject(9), ends)
        assert shares == {end: {"AKIDa": 9} if place == 9 else {} for place, end in enumerate(ends)}
        assert await store.attribute([]) == []


class TestOnOneServer(Suite):
    @pytest.fixture
    async def store(self, each_server: StoreServer) -> AsyncIterator[RedisStore]:
        """See Suite."""
        each_server.flush()
        store = RedisStore(each_server.url, PATIENT, os.urandom(8))
        await store.start()
        yield store
        await store.close()


class TestOnACluster(Suite):
    @pytest.fixture
    async def store(self, cluster: Cluster) -> AsyncIterator[RedisStore]:
        """See Suite."""
        cluster.flush()
        store = RedisStore(cluster.url, PATIENT, os.urandom(8))
        await store.start()
        yield store
        await store.close()


def today(store: RedisStore) -> Terms:
    now_us = store.now_us()
    assert now_us is not None
    return terms()._replace(windows=windows(now_us, "UTC", 1))


async def running(server: StoreServer) -> RedisStore:
    store = RedisStore(server.url, PATIENT, os.urandom(8))
    await store.start()
    return store


async def test_two_sidecars_add_up(store_server: StoreServer) -> None:
    """Numbers are each Sidecar's own."""
    one, two = await running(store_server), await running(store_server)
    portion = Portion(subject(1), 2 * 10**15, 1, {"AKIDa": 4})
    assert await one.attribute([portion]) == await two.attribute([portion]) == [None]
    assert (await two.attributed(subject(1), [2 * 10**15]))[2 * 10**15] == {"AKIDa": 8}
    await one.close()
    await two.close()


async def test_what_is_kept_goes_by_itself(store_server: StoreServer) -> None:
    """Use per Secret stays 400 days after its day, the marks two days after it."""
    store = await running(store_server)
    now_us = store.now_us()
    assert now_us is not None
    end = now_us + DAY_US
    await store.attribute([Portion(subject(1), end, 1, {"AKIDa": 4})])
    with store_server.client() as client:
        lives = {key: client.pexpiretime(key) * 1000 for key in client.keys("*")}
    base = f"quotad:{{{subject(1).tag}}}"
    assert lives == {
        f"{base}:u{end}".encode(): (end + DAYS_KEPT * DAY_US) // 1000 * 1000,
        f"{base}:v{end}".encode(): (end + 2 * DAY_US) // 1000 * 1000,
    }
    await store.close()


async def test_a_broken_subject_harms_only_itself(store_server: StoreServer) -> None:
    """Its Portion fails, its neighbours' are counted; its history is a StoreError."""
    store = await running(store_server)
    with store_server.client() as client:
        client.set(f"quotad:{{{subject(2).tag}}}:v5", "no hash")
        client.set(f"quotad:{{{subject(2).tag}}}:h", "no hash")
    first, broken, last = await store.attribute(
        [Portion(subject(each), 5, 1, {"AKIDa": 4}) for each in (1, 2, 3)]
    )
    assert (first, last) == (None, None)
    assert isinstance(broken, StoreError)
    with pytest.raises(StoreError):
        await store.history([subject(1), subject(2)])
    assert isinstance((await store.history([subject(1)]))[0], History)
    await store.close()


async def test_a_day_of_many_secrets_is_small(store_server: StoreServer) -> None:
    """What docs/operations.md says of memory: 50 bytes per Secret and day with 100, 80 with 10,000."""
    store = await running(store_server)
    for count, at_most in ((100, 50), (10_000, 80)):
        one, end = subject(count), 2 * 10**15
        names = [f"AKID{each:036d}" for each in range(count)]
        for start in range(0, count, 500):
            portion = Portion(one, end, start + 1, dict.fromkeys(names[start : start + 500], 123_456))
            assert await store.attribute([portion]) == [None]
        with store_server.client() as client:
            size = client.memory_usage(f"quotad:{{{one.tag}}}:u{end}", samples=0)
        assert size is not None
        assert size / count <= at_most
    await store.close()
