"""A link in whose place another server may stand: doubt, and what is believed again."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from quotad.errors import StoreError
from quotad.store.endpoint import Endpoint
from quotad.store.link import Link, LinkOptions
from quotad.store.resp import command
from tests.support.fake_server import FakeServer, fake_server
from tests.support.sinks import RecordingSink, ask
from tests.support.waiting import AT_MOST_S, until

HASTY = 0.25


@dataclass
class Topology:
    """Says where the server is: the last of ``places``. Counts how often it was doubted."""

    places: list[int] = field(default_factory=list)
    doubts: int = 0

    async def locate(self) -> Endpoint:
        return Endpoint(host="127.0.0.1", port=self.places[-1])

    def doubt(self) -> None:
        self.doubts += 1


@contextlib.asynccontextmanager
async def doubting(topology: Topology, deadline_s: float = HASTY) -> AsyncIterator[Link]:
    """A link that has somebody to ask."""
    options = LinkOptions(deadline_s=deadline_s, stuck_s=60.0, heartbeat_s=60.0, doubt=topology.doubt)
    link = Link(asyncio.get_running_loop(), topology.locate, options)
    link.start()
    assert await link.wait_ready(AT_MOST_S), link.last_error
    try:
        yield link
    finally:
        await link.close()


def say(fake: FakeServer, reply: bytes) -> None:
    """Write to the only connection."""
    next(iter(fake.transports)).write(reply)


async def test_after_a_missed_deadline_nothing_is_believed_until_the_topology_was_asked() -> None:
    """Replies stay unread and calls unwritten; once the address is confirmed both go on."""
    async with fake_server(lambda _: b"") as fake:
        topology = Topology([fake.port])
        async with doubting(topology) as link:
            first = RecordingSink()
            link.send(command("GET", "first"), first)
            await first.was_late.wait()
            assert topology.doubts == 1
            fake.answer = lambda _: b"+OK\r\n"
            say(fake, b"+OK\r\n")
            error = await ask(link, command("GET", "second"))
            assert isinstance(error, StoreError)
            assert (error.kind, error.executed) == ("deadline", False)
            assert first.heard == ["late"]
            assert [b"GET", b"second"] not in fake.commands
            link.confirm("127.0.0.1", fake.port)
            assert await first.end() == b"OK"
            assert await ask(link, command("GET", "third")) == b"OK"
            assert (topology.doubts, link.reconnects) == (1, 0)


async def test_a_server_that_was_replaced_is_left_with_its_replies_unread() -> None:
    """What it says is no reply, however soon it says it; calls go on at the new one at once."""
    async with fake_server(lambda _: b"") as old, fake_server(lambda _: b"+new\r\n") as new:
        topology = Topology([old.port])
        async with doubting(topology) as link:
            sinks = [RecordingSink(), RecordingSink()]
            for sink in sinks:
                link.send(command("PING"), sink)
            await sinks[0].was_late.wait()
            say(old, b"+old\r\n+old\r\n")
            topology.places.append(new.port)
            link.confirm("127.0.0.1", new.port)
            failures = [await sink.failure() for sink in sinks]
            assert {(error.kind, error.executed) for error in failures} == {("failover", None)}
            await until(lambda: link.ready)
            assert await ask(link, command("PING")) == b"new"


async def test_news_of_another_server_cut_a_healthy_connection() -> None:
    """Nobody doubted: the old server answers still, but is not the one that counts."""
    async with fake_server(lambda _: b"+old\r\n") as old, fake_server(lambda _: b"+new\r\n") as new:
        topology = Topology([old.port])
        async with doubting(topology) as link:
            link.confirm("127.0.0.1", old.port)
            assert await ask(link, command("PING")) == b"old"
            topology.places.append(new.port)
            link.confirm("127.0.0.1", new.port)
            await until(lambda: new.connections == 1 and link.ready)
            assert await ask(link, command("PING")) == b"new"


async def test_an_attempt_that_hangs_is_given_up_for_the_new_server() -> None:
    """The old one takes connections and is silent; the news do not wait for the attempt's time-out."""
    async with fake_server(lambda _: b"") as old, fake_server(lambda _: b"+new\r\n") as new:
        old.login.clear()
        topology = Topology([old.port])
        options = LinkOptions(deadline_s=HASTY, connect_timeout_s=60.0, doubt=topology.doubt)
        link = Link(asyncio.get_running_loop(), topology.locate, options)
        link.start()
        await until(lambda: old.connections == 1)
        assert isinstance(await ask(link, command("PING")), StoreError)
        assert topology.doubts == 1
        topology.places.append(new.port)
        link.confirm("127.0.0.1", new.port)
        await until(lambda: link.ready)
        assert await ask(link, command("PING")) == b"new"
        await link.close()


async def test_news_that_come_while_it_is_looked_for_are_looked_for_again() -> None:
    """An answer that is older than the news is not followed."""
    async with fake_server(lambda _: b"+old\r\n") as old, fake_server(lambda _: b"+new\r\n") as new:
        topology = Topology([old.port])
        asked = asyncio.Event()
        go_on = asyncio.Event()

        async def slow() -> Endpoint:
            found = await topology.locate()
            asked.set()
            await go_on.wait()
            return found

        link = Link(asyncio.get_running_loop(), slow, LinkOptions(deadline_s=5.0, doubt=topology.doubt))
        go_on.set()
        link.start()
        assert await link.wait_ready(AT_MOST_S)
        go_on.clear()
        asked.clear()
        link.renew("readonly")
        await asked.wait()
        topology.places.append(new.port)
        link.confirm("127.0.0.1", new.port)
        go_on.set()
        await until(lambda: link.ready)
        assert await ask(link, command("PING")) == b"new"
        assert old.connections == 1
        await link.close()


async def test_without_a_topology_a_late_reply_is_just_late() -> None:
    """A server whose address stands in the URL is believed: there is no other."""
    async with fake_server(lambda _: b"") as fake:
        topology = Topology([fake.port])
        options = LinkOptions(deadline_s=HASTY, stuck_s=60.0, heartbeat_s=60.0)
        link = Link(asyncio.get_running_loop(), topology.locate, options)
        link.start()
        assert await link.wait_ready(AT_MOST_S)
        sink = RecordingSink()
        link.send(command("PING"), sink)
        await sink.was_late.wait()
        say(fake, b"+OK\r\n")
        assert await sink.end() == b"OK"
        await link.close()
