from collections.abc import AsyncIterator

import pytest

from quotad.errors import StoreError
from quotad.store.endpoint import Endpoint
from quotad.store.resp import bulk
from quotad.store.survey import Surveyor
from tests.support.clusters import running_cluster
from tests.support.fake_cluster import fake_cluster
from tests.support.fake_server import fake_server

NOBODY: frozenset[str] = frozenset()
LOGIN = Endpoint()


@pytest.fixture
async def surveyor() -> AsyncIterator[Surveyor]:
    """One without TLS."""
    made = Surveyor({})
    yield made
    await made.rest()


async def refusal(surveyor: Surveyor, address: str, login: Endpoint = LOGIN) -> str:
    """The kind of what a survey of this one node ends with."""
    with pytest.raises(StoreError) as refused:
        await surveyor.ask([address], NOBODY, login)
    assert refused.value.executed is False
    assert login.password not in str(refused.value) or not login.password
    return refused.value.kind


async def test_a_real_cluster_says_who_owns_what(surveyor: Surveyor) -> None:
    """Any node will do to find all primaries and replicas, with a password; a wrong one is named as such."""
    login = Endpoint(password="secret-of-the-test")
    with running_cluster(primaries=2, replicas=1, password=login.password) as cluster:
        for node in cluster.nodes:
            found = await surveyor.ask([node.address], NOBODY, login)
            assert found.complete
            assert found.addresses == {node.address for node in cluster.nodes[:2]}
            assert found.others == {node.address for node in cluster.nodes[2:]}
        first = cluster.nodes[0].address
        assert await refusal(surveyor, first) == "noauth"
        assert await refusal(surveyor, first, Endpoint(password="a-wrong-one")) == "wrongpass"


async def test_a_server_that_is_no_cluster_is_unfit(surveyor: Surveyor) -> None:
    """A standalone server is never taken for one, and where nobody listens nobody is."""
    async with fake_server(lambda _: b"-ERR This instance has cluster support disabled\r\n") as fake:
        assert await refusal(surveyor, f"127.0.0.1:{fake.port}") == "unfit"
        address = f"127.0.0.1:{fake.port}"
    assert await refusal(surveyor, address) == "disconnected"


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (b"-NOPERM this user has no permissions\r\n", "noperm"),
        (b"-LOADING the dataset\r\n", "disconnected"),
        (b"+OK\r\n", "protocol"),
        (b":1\r\n", "protocol"),
        (b"*0\r\n", "protocol"),
        (b"$-1\r\n", "protocol"),
        (b"!nonsense", "disconnected"),
        (None, "disconnected"),
        (b"", "disconnected"),
    ],
)
async def test_a_lying_or_silent_server_is_refused(
    surveyor: Surveyor, reply: bytes | None, kind: str
) -> None:
    """Whatever it answers, the survey ends, with a StoreError."""
    async with fake_server(lambda _: reply) as fake:
        assert await refusal(surveyor, f"127.0.0.1:{fake.port}") == kind


async def test_a_node_that_is_not_well_is_outvoted(surveyor: Surveyor) -> None:
    """It may have lost touch with the majority; alone it is no view at all."""
    async with fake_cluster(2, lambda _place, _command: None) as cluster:
        cluster.well[1] = False
        both = [cluster.address(0), cluster.address(1)]
        assert (await surveyor.ask(both, NOBODY, LOGIN)).addresses == {cluster.address(0)}
        assert await refusal(surveyor, cluster.address(1)) == "clusterdown"


async def test_who_is_in_doubt_is_asked_only_when_there_is_no_other(surveyor: Surveyor) -> None:
    """It may be stopped, and everybody else would wait for it."""
    async with fake_cluster(2, lambda _place, _command: None) as cluster:
        both = {cluster.address(0), cluster.address(1)}
        await surveyor.ask(both, frozenset({cluster.address(0)}), LOGIN)
        assert cluster.nodes[0].commands == []
        assert (await surveyor.ask(both, frozenset(both), LOGIN)).complete


async def test_a_stopped_node_holds_up_nobody(surveyor: Surveyor) -> None:
    """The answers of the others are enough."""
    async with fake_cluster(3, lambda _place, _command: None) as cluster:
        cluster.nodes[2].answer = lambda _command: b""
        nodes = [cluster.address(place) for place in range(3)]
        assert (await surveyor.ask(nodes, NOBODY, LOGIN)).complete
        assert cluster.nodes[2].commands


async def test_connections_are_kept_until_it_rests(surveyor: Surveyor) -> None:
    """Surveys in trouble come many a second; in calm times nothing stays open."""
    async with fake_cluster(1, lambda _place, _command: None) as cluster:
        for _ in range(3):
            await surveyor.ask([cluster.address(0)], NOBODY, LOGIN)
        assert cluster.nodes[0].connections == 1
        await surveyor.rest()
        await surveyor.ask([cluster.address(0)], NOBODY, LOGIN)
        assert cluster.nodes[0].connections == 2


async def test_a_new_password_is_used_at_once(surveyor: Surveyor) -> None:
    """It may have been changed without a restart."""
    async with fake_cluster(1, lambda _place, _command: None) as cluster:
        node = cluster.nodes[0]
        node.login[b"AUTH"] = b"+OK\r\n"
        for password in ("one", "two", "two"):
            await surveyor.ask([cluster.address(0)], NOBODY, Endpoint(password=password))
        given = [command[-1] for command in node.commands if command[0] == b"AUTH"]
        assert given == [b"one", b"two"]


async def test_no_more_than_some_nodes_are_asked() -> None:
    """In a large Cluster a few are chosen by lot."""
    async with fake_cluster(10, lambda _place, _command: bulk(b"")) as cluster:
        surveyor = Surveyor({})
        await surveyor.ask([cluster.address(place) for place in range(10)], NOBODY, LOGIN)
        assert cluster.surveys == 6
        await surveyor.rest()
