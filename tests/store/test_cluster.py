import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator, Callable

import pytest

from quotad.core.plans import Subject
from quotad.errors import StoreError
from quotad.store.cluster import Cluster
from quotad.store.link import LinkOptions
from quotad.store.passage import Passage
from quotad.store.resp import command
from quotad.store.slots import SlotBook
from quotad.store.topology import parse_cluster
from tests.support.batches import subject
from tests.support.fake_cluster import FakeCluster, fake_cluster
from tests.support.servers import running_server
from tests.support.waiting import AT_MOST_S, until

PATIENT = LinkOptions(deadline_s=5.0)
HASTY = LinkOptions(deadline_s=0.05)
ASK = command("DECIDE")
ONE = subject(1)
SLOT = SlotBook().slot(ONE)
OK = b"+OK\r\n"
LRU = "redis_version:7.2.4\r\nmaxmemory:1\r\nmaxmemory_policy:allkeys-lru\r\n"

Say = Callable[[int], bytes | None]
"""A node's place to its answer to a call."""


class Listening:
    """A call's Sink: what came of it, and how often it was late."""

    def __init__(self) -> None:
        self.all: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self.lates = 0

    def on_reply(self, reply: object) -> None:
        self.all.set_result(reply)

    def on_late(self) -> None:
        self.lates += 1

    def on_failed(self, error: StoreError) -> None:
        self.all.set_result(error)

    async def end(self) -> object:
        """The reply, or the error."""
        async with asyncio.timeout(AT_MOST_S):
            return await self.all

    async def error(self) -> tuple[str, bool | None]:
        """Its kind, and whether the call may have run."""
        item = await self.end()
        assert isinstance(item, StoreError)
        return item.kind, item.executed


def send(route: Cluster, to: Subject = ONE) -> Listening:
    sink = Listening()
    route.post(to, ASK, sink)
    route.flush()
    assert not sink.all.done()
    return sink


def made(url: str, options: LinkOptions = PATIENT) -> Cluster:
    loop = asyncio.get_running_loop()
    return Cluster(loop, parse_cluster(url), options, password_file=None, allow_eviction=False)


@contextlib.asynccontextmanager
async def running(
    say: Say, options: LinkOptions = PATIENT, count: int = 2
) -> AsyncIterator[tuple[FakeCluster, Cluster]]:
    """Fake nodes and a route to them; nothing of it is left afterwards."""
    async with fake_cluster(count, lambda place, _command: say(place)) as fake:
        route = made(fake.url, options)
        await route.start()
        try:
            yield fake, route
        finally:
            await route.close()
            assert asyncio.all_tasks() == {asyncio.current_task()}


def moved(fake: FakeCluster, place: int, word: str = "MOVED", slot: int = SLOT) -> bytes:
    return f"-{word} {slot} {fake.address(place)}\r\n".encode()


async def test_moved_is_learned_at_once() -> None:
    """The call goes on to the new owner, the next ones go there straight; the whole map is asked for soon."""
    async with running(lambda _: OK) as (fake, route):
        fake.answer = lambda place, _: OK if place else moved(fake, 1)
        surveys, way = fake.surveys, route.way(ONE)
        assert [await send(route).end() for _ in range(3)] == [b"OK"] * 3
        assert route.way(ONE) != way
        assert (len(fake.heard(0)), len(fake.heard(1)), route.redirects) == (1, 3, 1)
        other = next(each for each in map(subject, range(99)) if SlotBook().slot(each) != SLOT)
        assert await send(route, other).end() == b"OK"
        fake.shares = [(0, 16383, 1)]
        await until(lambda: fake.surveys > surveys)


async def test_nodes_that_send_back_and_forth_are_not_followed_for_ever() -> None:
    """After three redirects the call ends as one that did not run."""
    async with running(lambda _: OK) as (fake, route):
        fake.answer = lambda place, _: moved(fake, 1 - place)
        assert await send(route).error() == ("moved", False)
        assert len(fake.heard(0)) + len(fake.heard(1)) == 4


async def test_ask_is_for_one_call_only() -> None:
    """ASKING and the call go to the other node in this order; the slot stays where it is."""
    async with running(lambda _: OK) as (fake, route):
        fake.answer = lambda place, _: OK if place else moved(fake, 1, "ASK")
        for _ in range(2):
            assert await send(route).end() == b"OK"
        assert fake.heard(0) == [[b"DECIDE"]] * 2
        assert fake.heard(1) == [[b"ASKING"], [b"DECIDE"]] * 2


@pytest.mark.parametrize("word", ["MOVED", "ASK"])
async def test_a_redirect_leads_to_a_node_that_was_not_known(word: str) -> None:
    """A node without slots, as one is that just joined."""
    async with running(lambda _: OK, count=3) as (fake, route):
        fake.answer = lambda place, _: OK if place == 2 else moved(fake, 2, word)
        assert await send(route).end() == b"OK"
        assert fake.heard(2)


async def test_tryagain_is_tried_again() -> None:
    """While a Subject's keys are on two nodes; also when the redirects there are many."""
    async with running(lambda _: OK) as (fake, route):
        left = [b"-TRYAGAIN Multiple keys request during rehashing of slot\r\n"] * 5

        def answer(place: int, words: list[bytes]) -> bytes:
            if place == 0:
                return moved(fake, 1, "ASK")
            return left.pop() if left and words[0] != b"ASKING" else OK

        fake.answer = answer
        assert await send(route).end() == b"OK"
        assert len(fake.heard(0)) == 6


async def test_tryagain_ends_with_the_deadline() -> None:
    """A migration that does not go on: late once, and then known not to have run."""
    async with running(lambda _: b"-TRYAGAIN\r\n", HASTY) as (_, route):
        sink = send(route)
        assert await sink.error() == ("tryagain", False)
        assert sink.lates <= 1
        assert not route._paused


@pytest.mark.parametrize("word", ["CLUSTERDOWN", "MASTERDOWN", "READONLY", "LOADING", "OOM", "BUSY"])
async def test_a_refusal_did_not_run(word: str) -> None:
    """Each is told as itself; and what makes another node likely has the map asked for."""
    async with running(lambda _: f"-{word} no\r\n".encode()) as (fake, route):
        assert await send(route).error() == (word.lower(), False)
        fake.shares = [(0, 16383, 1)]
        fake.answer = lambda place, _: OK if place else f"-{word} no\r\n".encode()
        if word not in ("OOM", "BUSY"):
            await until(lambda: route.ready and route._map.owners[SLOT] == fake.address(1))
            assert await send(route).end() == b"OK"


@pytest.mark.parametrize("to", ["127.0.0.1:0", "127.0.0.1:99999", "no such host:1", ""])
async def test_a_redirect_to_nowhere_ends_the_call(to: str) -> None:
    """It did not run, and nothing else is harmed."""
    async with running(lambda _: f"-MOVED {SLOT} {to}\r\n".encode()) as (fake, route):
        kind, executed = await send(route).error()
        assert (kind, executed) == ("moved", False)
        fake.answer = lambda _place, _command: OK
        assert await send(route).end() == b"OK"


async def test_a_lying_node_does_not_make_us_connect_to_the_world() -> None:
    """However many addresses it names, few are tried, and none is kept."""
    ports = iter(range(1, 1000))
    say: Say = lambda _: f"-MOVED {SLOT} 127.0.0.1:{next(ports)}\r\n".encode()  # noqa: E731
    async with running(say, HASTY) as (fake, route):
        for sink in [send(route) for _ in range(100)]:
            await sink.end()
        assert len(route._nodes) < 40
        fake.answer = lambda _place, _command: OK
        await until(lambda: route._nodes.keys() == {fake.address(0)})
        assert await send(route).end() == b"OK"


async def test_a_late_node_is_believed_when_it_is_named_again() -> None:
    """Its late answer is an answer: it was its slot's owner all the time."""
    async with running(lambda _: b"", HASTY) as (fake, route):
        sink = send(route)
        await until(lambda: sink.lates == 1)
        (transport, *_) = [each for each in fake.nodes[0].transports if len(fake.heard(0))]
        link = route._nodes[fake.address(0)].link
        await until(lambda: link._wire is not None and link._wire.trusted)
        for transport in fake.nodes[0].transports:
            transport.write(OK)
        assert await sink.end() == b"OK"


async def test_a_late_node_whose_slots_are_another_s_is_left() -> None:
    """What it says then, woken up, is not heard: the call may have run, the next goes to the new owner."""
    async with running(lambda place: OK if place else b"", HASTY) as (fake, route):
        fake.epochs = [1, 9]
        sink = send(route)
        fake.shares = [(0, 16383, 1)]
        # On a busy machine the news may be here before the call is late; then the link asks for a last word.
        del fake.nodes[0].login[b"TIME"]
        kind, executed = await sink.error()
        assert executed is None, kind
        assert await send(route).end() == b"OK"
        assert route._nodes.keys() == {fake.address(1)}
        assert route.reconnects == 1


async def test_a_broken_connection_is_made_anew_only_to_an_owner() -> None:
    """The topology is asked first; who lost the slots meanwhile is not asked again."""
    async with running(lambda place: OK if place else None, HASTY) as (fake, route):
        fake.epochs = [1, 9]
        fake.shares = [(0, 16383, 1)]
        connections = fake.nodes[0].connections
        assert await send(route).error() == ("broken", None)
        await until(lambda: route.ready and route._nodes.keys() == {fake.address(1)})
        assert await send(route).end() == b"OK"
        store_connections = [each for each in fake.nodes[0].commands if each[0] == b"SCRIPT"]
        assert not store_connections
        assert fake.nodes[0].connections <= connections + 1


async def test_a_slot_that_nobody_owns_fails_alone() -> None:
    """Within the deadline an owner may turn up; else the call did not run."""
    async with running(lambda _: OK, HASTY) as (fake, route):
        fake.shares = [(0, SLOT - 1, 0), (SLOT + 1, 16383, 0)]
        route.renew(ONE, "readonly")
        await until(lambda: not route._map.complete)
        assert await send(route).error() == ("clusterdown", False)
        assert not route.ready
        await until(lambda: any(node.link.ready for node in route._nodes.values()))
        other = next(each for each in map(subject, range(99)) if SlotBook().slot(each) != SLOT)
        assert await send(route, other).end() == b"OK"
        fake.shares = [(0, 16383, 0)]
        await until(lambda: route.ready)
        assert await send(route).end() == b"OK"


async def test_calls_wait_for_a_cluster_that_is_away() -> None:
    """Start ends, and what is asked before somebody is there goes out once somebody is."""
    async with running(lambda _: OK) as (fake, _):
        fake.well = [False, False]
        waiting = made(fake.url)
        await waiting.start()
        sink = send(waiting)
        hasty = made(fake.url, HASTY)
        await hasty.start()
        assert await send(hasty).error() == ("clusterdown", False)
        fake.well = [True, True]
        assert await sink.end() == b"OK"
        await waiting.close()
        await hasty.close()


async def test_too_much_does_not_wait() -> None:
    """What waits for an owner is bounded, like what waits for a connection."""
    async with running(lambda _: OK) as (fake, _):
        fake.well = [False, False]
        route = made(fake.url, LinkOptions(deadline_s=5.0, queued_calls=3))
        await route.start()
        sinks = [send(route) for _ in range(5)]
        assert [await each.error() for each in sinks[3:]] == [("overflow", False)] * 2
        await route.close()
        assert [await each.error() for each in sinks[:3]] == [("closed", False)] * 3


async def test_close_ends_every_call() -> None:
    """Those that were sent, those between two nodes, and those that come after it."""
    async with running(lambda _: b"", HASTY) as (fake, route):
        # Else the answer to what close itself asks would be taken for that of the call.
        del fake.nodes[0].login[b"TIME"]
        sent = send(route)
        await route.close()
        assert await sent.error() == ("closed", None)
        assert await send(route).error() == ("closed", False)
        assert not route.ready
    async with running(lambda _: b"-TRYAGAIN\r\n") as (_, route):
        paused = send(route)
        await until(lambda: bool(route._paused))
        await route.close()
        assert (await paused.error())[1] is False


async def test_the_time_is_that_of_the_clock_ahead() -> None:
    """Nodes may differ; it never goes back."""
    async with fake_cluster(2, lambda _place, _command: OK) as fake:
        fake.shares = [(0, 8191, 0), (8192, 16383, 1)]
        fake.nodes[1].login[b"TIME"] = b"*2\r\n$10\r\n1700000100\r\n$1\r\n0\r\n"
        route = made(fake.url)
        assert route.now_us() is None
        await route.start()
        now_us = route.now_us()
        assert now_us is not None
        assert now_us >= 1_700_000_100_000_000
        fake.shares = [(0, 16383, 0)]
        route.renew(ONE, "readonly")
        await until(lambda: len(route._nodes) == 1)
        assert (route.now_us() or 0) >= now_us
        await route.close()


@pytest.mark.parametrize("place", [0, 1])
async def test_every_node_must_be_fit(place: int) -> None:
    """One that may throw counters away ends the start, whichever it is; nothing stays open."""
    async with fake_cluster(2, lambda _place, _command: OK) as fake:
        fake.shares = [(0, 8191, 0), (8192, 16383, 1)]
        fake.nodes[place].login[b"INFO"] = f"${len(LRU)}\r\n{LRU}\r\n".encode()
        with pytest.raises(StoreError, match="may throw counters away"):
            await made(fake.url).start()
        assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_server_that_is_no_cluster_ends_the_start() -> None:
    """It would count, but not as the URL says."""
    with running_server() as server:
        with pytest.raises(StoreError, match="no node of a Redis Cluster"):
            await made(server.url.replace("redis://", "redis+cluster://").removesuffix("/0")).start()
        assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_nothing_is_kept_of_calls_that_ended() -> None:
    """After thousands of redirected, refused and answered calls no trace of them is left."""
    async with running(lambda _: OK) as (fake, route):
        replies = {0: b"-TRYAGAIN\r\n", 1: b"-CLUSTERDOWN\r\n", 2: OK}
        turn = iter(range(10**6))
        fake.answer = lambda place, _: replies[next(turn) % 3] if place else moved(fake, 1, "ASK")
        for _ in range(20):
            for sink in [send(route) for _ in range(100)]:
                await sink.end()
        assert not route._paused
        assert not route._parked
        gc.collect()
        # An outbox lets go of an answered call when the next one comes.
        assert sum(isinstance(each, Passage) for each in gc.get_objects()) <= len(fake.nodes)
