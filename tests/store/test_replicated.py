import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest

from quotad.errors import StoreError
from quotad.store.link import Link, LinkOptions
from quotad.store.resp import command
from quotad.store.wire import UnreadableError
from tests.support.fake_server import FakeServer, fake_server
from tests.support.sentinels import wait_until
from tests.support.servers import StoreServer, running_server
from tests.support.sinks import PATIENT, RecordingSink, ask, running_link
from tests.support.waiting import until

ONE = replace(PATIENT, min_replicas=1)
HASTY = replace(ONE, deadline_s=0.25, stuck_s=60.0)
EAGER = ("--repl-diskless-sync-delay", "0")


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[StoreServer, StoreServer]]:
    """A primary, and a replica that is linked to it."""
    with running_server(extra=EAGER) as primary, running_server() as replica:
        with replica.client() as client:
            client.replicaof("127.0.0.1", primary.port)
            wait_until(lambda: client.info("replication")["master_link_status"] == "up")
        yield primary, replica


@contextlib.asynccontextmanager
async def scripted(options: LinkOptions) -> AsyncIterator[tuple[FakeServer, Link, list[bytes]]]:
    """A link to a server that says OK to everything but WAIT, to which it says what stands in the list.

    When nothing stands there it is silent, like a real one, which runs nothing while it waits.
    """
    waits: list[bytes] = []
    waiting = False

    def answer(words: list[bytes]) -> bytes:
        nonlocal waiting
        if words == [b"WAIT", b"0", b"0"]:
            waiting = False
            return b":0\r\n"
        if words[0] == b"WAIT" and not waiting:
            waiting = not waits
            return waits.pop(0) if waits else b""
        return b"" if waiting else b"+OK\r\n"

    async with fake_server(answer) as fake, running_link(fake.url, options) as link:
        yield fake, link, waits


def sent(link: Link, *words: str, durable: bool = True) -> RecordingSink:
    """One call on its way."""
    sink = RecordingSink()
    link.send(command(*words), sink, durable)
    return sink


async def test_a_reply_counts_once_a_replica_has_it(pair: tuple[StoreServer, StoreServer]) -> None:
    """Calls of many ticks pass, each with its own reply, while the replica follows."""
    primary, replica = pair
    async with running_link(primary.url, ONE) as link:
        for number in range(1, 50):
            sinks = [sent(link, "INCR", "followed") for _ in range(3)]
            assert [await sink.end() for sink in sinks] == [3 * number - 2, 3 * number - 1, 3 * number]
            with replica.client() as client:
                assert int(client.get("followed") or 0) >= 3 * number


async def test_without_the_replica_a_call_may_be_forgotten(pair: tuple[StoreServer, StoreServer]) -> None:
    """A stopped replica: late, then ``unreplicated``, which says that it ran; once it goes on calls pass."""
    primary, replica = pair
    async with running_link(primary.url, HASTY) as link:
        replica.pause()
        try:
            sink = sent(link, "INCR", "stopped")
            error = await sink.failure()
            assert (error.kind, error.executed) == ("unreplicated", None)
            assert "0 of 1 replicas" in str(error)
        finally:
            replica.resume()
        with primary.client() as client:
            assert client.get("stopped") == b"1"
        await until(lambda: link.ready)
        async with running_link(primary.url, ONE) as patient:
            assert await ask(patient, command("INCR", "stopped")) == 2


async def test_a_replica_that_lags_delays_the_reply(pair: tuple[StoreServer, StoreServer]) -> None:
    """Nothing is heard before the replica has it; then every call is, in order."""
    primary, replica = pair
    async with running_link(primary.url, ONE) as link:
        replica.pause()
        try:
            first = sent(link, "INCR", "lagging")
            with primary.client() as client:
                await until(lambda: client.get("lagging") == b"1")
            second = sent(link, "INCR", "lagging")
            async with running_link(primary.url, ONE) as other:
                assert await sent(other, "ECHO", "there", durable=False).end() == b"there"
            assert first.heard == second.heard == []
        finally:
            replica.resume()
        assert (await first.end(), await second.end()) == (1, 2)


async def test_a_write_ends_with_one_wait() -> None:
    """However many calls a tick has, WAIT is asked once, for the deadline's time; questions ask for none."""
    async with scripted(ONE) as (fake, link, waits):
        waits.append(b":1\r\n")
        fake.commands.clear()
        sinks = [sent(link, "PING") for _ in range(3)]
        assert [await sink.end() for sink in sinks] == [b"OK"] * 3
        assert fake.commands == [[b"PING"]] * 3 + [[b"WAIT", b"1", b"5000"]]
        assert await sent(link, "PING", durable=False).end() == b"OK"
        assert fake.commands[4:] == [[b"PING"]]


async def test_two_writes_are_under_way_at_most() -> None:
    """A third waits for the first one's WAIT, and what waited goes out together."""
    async with scripted(ONE) as (fake, link, _):
        fake.commands.clear()
        for number in range(5):
            link.post(command("ECHO", number), RecordingSink())
            link.flush()
        await until(lambda: len(fake.commands) == 4)
        next(iter(fake.transports)).write(b":1\r\n")
        await until(lambda: len(fake.commands) == 8)
        assert [words[0] for words in fake.commands] == [b"ECHO", b"WAIT"] * 2 + [b"ECHO"] * 3 + [b"WAIT"]


async def test_after_an_unreadable_reply_no_other_of_the_write_is_believed() -> None:
    """Nor is any later one: the connection is made anew."""

    class Puzzled(RecordingSink):
        def on_reply(self, reply: object) -> None:
            super().on_reply(reply)
            raise UnreadableError

    async with scripted(ONE) as (_, link, waits):
        waits.append(b":1\r\n")
        sinks = [RecordingSink(), Puzzled(), RecordingSink()]
        for sink in sinks:
            link.send(command("PING"), sink)
        assert [await sink.end() for sink in sinks[:2]] == [b"OK", b"OK"]
        error = await sinks[2].failure()
        assert (error.kind, error.executed) == ("protocol", None)
        await until(lambda: link.reconnects == 1)


@pytest.mark.parametrize("said", [b":0\r\n", b"+one\r\n", b"-UNBLOCKED instance state changed\r\n"])
async def test_whatever_is_no_count_is_no_replica(said: bytes) -> None:
    """Too few, nonsense or a refusal: the calls of this write are ``unreplicated``; the next one's pass."""
    async with scripted(ONE) as (_, link, waits):
        waits.extend([said, b":2\r\n"])
        sinks = [sent(link, "PING") for _ in range(2)]
        errors = [await sink.failure() for sink in sinks]
        assert {(error.kind, error.executed) for error in errors} == {("unreplicated", None)}
        assert await sent(link, "PING").end() == b"OK"


async def test_a_late_wait_is_late() -> None:
    """The reply is there, but not the WAIT's: the call is late once, then hears its reply."""
    async with scripted(HASTY) as (fake, link, _):
        sink = sent(link, "PING")
        await sink.was_late.wait()
        assert sink.heard == ["late"]
        next(iter(fake.transports)).write(b":1\r\n")
        assert await sink.end() == b"OK"
        assert sink.heard == ["late", b"OK"]


async def test_a_refused_call_does_not_wait() -> None:
    """An error reply is told at once: nothing was written that a replica could have."""
    async with scripted(ONE) as (fake, link, _):
        fake.answer = lambda words: b"-OOM\r\n" if words[0] == b"PING" else b""
        error = await sent(link, "PING").failure()
        assert (error.kind, error.executed) == ("oom", False)


async def test_a_break_before_the_wait_may_have_run() -> None:
    """Calls that have their reply but no WAIT, and those behind them, end once each as perhaps executed."""
    async with scripted(ONE) as (fake, link, _):
        first = [sent(link, "PING") for _ in range(2)]
        await until(lambda: fake.commands.count([b"WAIT", b"1", b"5000"]) == 1)
        second = sent(link, "PING")
        await until(lambda: fake.commands.count([b"WAIT", b"1", b"5000"]) == 2)
        next(iter(fake.transports)).abort()
        errors = [await sink.failure() for sink in [*first, second]]
        assert {(error.kind, error.executed) for error in errors} == {("broken", None)}
        assert [len(sink.heard) for sink in [*first, second]] == [1, 1, 1]
        await until(lambda: link.ready)


async def test_a_login_without_the_right_to_wait_is_refused() -> None:
    """It is said at connect, not by every call."""
    async with (
        fake_server(lambda _: b"-NOPERM no right to 'wait'\r\n") as fake,
        running_link(fake.url, ONE, ready=False) as link,
    ):
        await link.wait_attempt()
        assert isinstance(link.last_error, StoreError)
        assert link.last_error.kind == "noperm"
        assert "WAIT" in str(link.last_error)
