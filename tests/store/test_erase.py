"""Everything of a plan or a Secret is deleted, and nothing else."""

import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack

import pytest

from quotad.config.model import StoreConfig
from quotad.core.history import Portion
from quotad.core.plans import Environment, EnvironmentRule, Subject, UsagePlan
from quotad.core.quota import Replay, TopUp, Window
from quotad.core.table import throttle_of
from quotad.errors import StoreError
from quotad.store.erase import Doomed
from quotad.store.interface import ApisOf
from quotad.store.redis_store import RedisStore
from tests.support.batches import call, submit, terms
from tests.support.clusters import Cluster, running_cluster
from tests.support.fake_server import fake_server
from tests.support.servers import StoreServer

PATIENT = StoreConfig(deadline_s=5.0)
KINDS = {b"s", b"t", b"h", b"j", b"u", b"v", b"x"}
END_US = 1_900_000_000_000_000

PLAN, LONGER = UsagePlan("usagePlan-a", "one"), UsagePlan("usagePlan-aa", "its id begins alike")
OWN = UsagePlan("usagePlan-own", "own", scope="secret")
# SecretIds may read like a service or an environment: what a word of a tag means, its place says.
OF_PLAN = [
    Subject(PLAN, "service-one", "release"),
    Subject(PLAN, "service-two", "test"),
    Subject(PLAN, "service-one", "release", shadow=True),
]
OF_SECRET = [
    Subject(OWN, "service-one", "release", "release"),
    Subject(OWN, "service-two", "test", "release"),
    Subject(OWN, "service-one", "release", "release", shadow=True),
]
HERE: tuple[str, Environment] = ("service-one", "release")
OF_APIS = [
    Subject(LONGER, *HERE, api_id="api-a"),
    Subject(LONGER, *HERE, shadow=True, api_id="api-a"),
    Subject(OWN, "service-one", "test", "other", api_id="api-b"),
    throttle_of("service-one", EnvironmentRule("release", 5, 5), "api-a"),
]
OF_OTHER_APIS = [
    Subject(LONGER, *HERE),
    Subject(LONGER, *HERE, api_id="api-aa"),
    Subject(LONGER, "service-two", "release", api_id="api-a"),
    Subject(OWN, "service-one", "release", "api-a", api_id="api-c"),
    throttle_of("service-one", EnvironmentRule("release", 5, 5)),
]
OTHERS = [
    Subject(LONGER, "service-one", "release"),
    Subject(OWN, "service-one", "release", "usagePlan-a"),
    Subject(OWN, "service-one", "release", "releases"),
    Subject(UsagePlan("x", "x"), "usagePlan-a", "release"),
]

Keys = Callable[[], set[bytes]]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Three primaries."""
    with running_cluster(replicas=0) as started:
        yield started


@pytest.fixture(params=["server", "cluster"])
def place(request: pytest.FixtureRequest) -> Iterator[tuple[str, Keys]]:
    """An empty store: its URL, and all keys in it."""
    with ExitStack() as stack:
        if request.param == "cluster":
            cluster: Cluster = request.getfixturevalue("cluster")
            cluster.flush()
            servers = [node.server for node in cluster.nodes]
            url = cluster.url
        else:
            server: StoreServer = request.getfixturevalue("store_server")
            servers, url = [server], server.url
        clients = [stack.enter_context(server.client()) for server in servers]
        yield url, lambda: {key for client in clients for key in client.keys("*")}


@pytest.fixture
async def store(place: tuple[str, Keys]) -> AsyncIterator[RedisStore]:
    """The store, in which every Subject has all kinds of keys."""
    store = RedisStore(place[0], PATIENT, os.urandom(8))
    await store.start()
    everybody = [*OF_PLAN, *OF_SECRET, *OTHERS]
    plan = terms()
    answers = await submit(store, [call(each, plan) for each in everybody]).answers()
    for each in everybody:
        await store.replay(each, plan, Replay(answers[0].now_us - 3 * 86_400_000_000, 1))
        await store.adjust(each, plan, TopUp(1, Window.TOTAL, 1, 0))
    units = {"release": 2, "AKIDother": 3}
    assert not any(await store.attribute([Portion(each, END_US, 1, units) for each in everybody]))
    yield store
    await store.close()


def tag(key: bytes) -> str:
    return key.partition(b"{")[2].partition(b"}")[0].decode()


async def test_all_of_a_plan_goes(place: tuple[str, Keys], store: RedisStore) -> None:
    """Every key of its Subjects, shadows too; what other plans have stays as it was."""
    keys = place[1]
    before = keys()
    assert {key.rpartition(b":")[2][:1] for key in before} == KINDS
    own = {key for key in before if tag(key) in {each.tag for each in OF_PLAN}}
    assert len(own) == len(KINDS) * len(OF_PLAN)
    assert await store.forget(plan_id="usagePlan-a") == len(own)
    assert keys() == before - own
    assert await store.forget(plan_id="usagePlan-a") == 0


async def test_all_of_a_secret_goes(place: tuple[str, Keys], store: RedisStore) -> None:
    """Every key of its own Subjects, and its share in those that it shares with others."""
    keys = place[1]
    before = keys()
    own = {key for key in before if tag(key) in {each.tag for each in OF_SECRET}}
    shared = len(OF_PLAN) + len(OTHERS)
    assert await store.forget(secret_id="release") == len(own) + shared
    assert keys() == before - own
    for each in (*OF_PLAN, *OTHERS):
        assert (await store.attributed(each, [END_US]))[END_US] == {"AKIDother": 3}


async def test_all_of_some_apis_goes(place: tuple[str, Keys], store: RedisStore) -> None:
    """Every key of the Apis' Subjects, their throttles too, and none of the service's others."""
    for subject in (*OF_APIS, *OF_OTHER_APIS):
        await submit(store, [call(subject, terms())]).answers()
    keys = place[1]
    before = keys()
    own = {key for key in before if tag(key) in {each.tag for each in OF_APIS}}
    assert {tag(key) for key in own} == {each.tag for each in OF_APIS}
    assert await store.forget(apis=ApisOf("service-one", ("api-a", "api-b"))) == len(own)
    assert keys() == before - own


async def test_other_namespaces_stay(store_server: StoreServer) -> None:
    """Also one that this one's name is the beginning of."""
    with store_server.client() as client:
        for name in ("other:{usagePlan-a/s/release}:s", "quotad:x:{usagePlan-a/s/release}:s", "usagePlan-a/"):
            client.set(name, 1)
        store = RedisStore(store_server.url, PATIENT, os.urandom(8))
        await store.start()
        assert await store.forget(plan_id="usagePlan-a") == 0
        assert await store.forget(secret_id="release") == 0
        assert client.dbsize() == 3
        await store.close()


@pytest.mark.parametrize(
    ("plan_id", "secret_id"), [("", ""), ("a", "b"), ("a*", ""), ("a/b", ""), ("", "[a]"), ("", "ä")]
)
def test_exactly_one_is_named(plan_id: str, secret_id: str) -> None:
    """Nothing, two things, and what could match more than itself are refused."""
    with pytest.raises(ValueError, match="one plan, one Secret, or Apis"):
        Doomed("quotad", plan_id, secret_id)


@pytest.mark.parametrize(
    "apis",
    [ApisOf("a", ()), ApisOf("", ("a",)), ApisOf("a", ("",)), ApisOf("a", ("b*",)), ApisOf("a/b", ("c",))],
)
def test_apis_are_named_by_their_ids(apis: ApisOf) -> None:
    """All of a service's are not meant by none, and no id matches more than itself; nothing stands beside."""
    for plan_id in ("", "plan"):
        with pytest.raises(ValueError, match="one plan, one Secret, or Apis"):
            Doomed("quotad", plan_id, apis=apis)
    with pytest.raises(ValueError, match="one plan, one Secret, or Apis"):
        Doomed("quotad", "plan", apis=ApisOf("a", ("b",)))


@pytest.mark.parametrize(
    "key", [b"quotad:{usagePlan-a/s}:s", b"quotad:{usagePlan-a/s/release}", b"quotad:usagePlan-a/s/release:s"]
)
def test_keys_of_no_subject_stay(key: bytes) -> None:
    """What has not the form of a Subject's key is none."""
    assert Doomed("quotad", "usagePlan-a").deletion(key) == ()


async def test_without_the_right_it_says_so(store_server: StoreServer) -> None:
    """A user that may not SCAN is told that, and nothing is deleted."""
    with store_server.client() as client:
        client.execute_command("ACL", "SETUSER", "noscan", "reset", "on", ">x", "~*", "+@all", "-scan")
        url = store_server.url.replace("unix://", "unix://noscan:x@")
        store = RedisStore(url, PATIENT, os.urandom(8))
        await store.start()
        with pytest.raises(StoreError) as refused:
            await store.forget(plan_id="usagePlan-a")
        assert refused.value.kind == "noperm"
        await store.close()
        client.execute_command("ACL", "DELUSER", "noscan")


async def test_keys_that_come_back_are_given_up_on() -> None:
    """Where somebody makes keys as fast as they are deleted, it ends and says so."""

    def answer(words: list[bytes]) -> bytes:
        if words[0] == b"SCAN":
            key = b"quotad:{usagePlan-a/s/release}:s"
            return b"*2\r\n$1\r\n0\r\n*1\r\n$%d\r\n%b\r\n" % (len(key), key)
        return b":1\r\n"

    async with fake_server(answer) as fake:
        store = RedisStore(fake.url, PATIENT, os.urandom(8))
        await store.start()
        with pytest.raises(StoreError) as given_up:
            await store.forget(plan_id="usagePlan-a")
        assert given_up.value.kind == "busy"
        await store.close()
