import asyncio
import functools
import tracemalloc
from collections.abc import Iterator, Sequence
from dataclasses import replace
from hashlib import sha1

import pytest

from quotad.errors import StoreError
from quotad.store.link import LinkOptions
from quotad.store.resp import command
from quotad.store.topology import parse
from quotad.store.wire import OpenCall, Wire
from tests.support.fake_server import fake_server
from tests.support.servers import Engine, StoreServer, engines, running_server
from tests.support.sinks import PATIENT, RecordingSink, ask, running_link, with_deadline
from tests.support.waiting import until

SCRIPT = "return redis.call('INCR', KEYS[1])"


@pytest.fixture
def unix_server() -> Iterator[StoreServer]:
    """A server of this test's own on a unix socket."""
    with running_server(unix=True) as server:
        yield server


@pytest.fixture
def tcp_server() -> Iterator[StoreServer]:
    """A server of this test's own on TCP."""
    with running_server() as server:
        yield server


def sha_of(script: str) -> str:
    """What EVALSHA calls a script."""
    return sha1(script.encode(), usedforsecurity=False).hexdigest()


@pytest.mark.parametrize("engine", engines())
@pytest.mark.parametrize("unix", [False, True], ids=["tcp", "unix"])
async def test_a_call_gets_its_reply(engine: Engine, unix: bool) -> None:
    """Over TCP and over a unix socket, from Valkey and from Redis."""
    with running_server(engine, unix=unix) as server:
        async with running_link(server.url) as link:
            assert await ask(link, command("ECHO", "hello")) == b"hello"


async def test_replies_come_in_order_to_whoever_asked(store_server: StoreServer) -> None:
    """Thousands of calls sent in one tick each get their own reply, in the order of sending."""
    order: list[int] = []

    class Counting(RecordingSink):
        def on_reply(self, reply: object) -> None:
            super().on_reply(reply)
            assert isinstance(reply, bytes)
            order.append(int(reply))

    async with running_link(store_server.url) as link:
        sinks = [Counting() for _ in range(4000)]
        for number, sink in enumerate(sinks):
            link.send(command("ECHO", number), sink)
        await sinks[-1].end()
    assert order == list(range(4000))
    assert all(sink.heard == [b"%d" % number] for number, sink in enumerate(sinks))


async def test_nothing_is_heard_before_send_returns(store_server: StoreServer) -> None:
    """Even a refusal reaches the sink only in a later tick."""
    async with running_link(store_server.url, replace(PATIENT, queued_calls=0)) as link:
        sink = RecordingSink()
        link.send(command("PING"), sink)
        assert sink.heard == []
        assert (await sink.failure()).kind == "overflow"


@pytest.mark.pure  # Replaces Wire.write.
async def test_calls_of_one_tick_go_out_in_one_write(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many calls are sent in one tick, the connection is written to once."""
    writes: list[int] = []
    write = Wire.write

    def counted(wire: Wire, calls: Sequence[OpenCall]) -> None:
        writes.append(len(calls))
        write(wire, calls)

    async with fake_server(lambda _: b"+PONG\r\n") as fake, running_link(fake.url) as link:
        monkeypatch.setattr(Wire, "write", counted)
        sinks = [RecordingSink() for _ in range(16)]
        for sink in sinks:
            link.send(command("PING"), sink)
        assert [await sink.end() for sink in sinks] == [b"PONG"] * 16
        assert writes == [16]


async def test_the_deadline_holds_when_the_server_stops(unix_server: StoreServer) -> None:
    """With a stopped server each call is late once and ends as one that may have run."""
    async with running_link(unix_server.url, with_deadline(0.05)) as link:
        unix_server.pause()
        sink = RecordingSink()
        link.send(command("INCR", "n"), sink)
        failure = await sink.failure()
        assert sink.heard == ["late", failure]
        assert (failure.kind, failure.executed) == ("stuck", None)
        unix_server.resume()
        await until(lambda: link.ready)
        assert await ask(link, command("INCR", "n")) == 2


async def test_a_late_reply_is_still_delivered(unix_server: StoreServer) -> None:
    """A call past its deadline stays open: what the server says later reaches the sink."""
    options = replace(PATIENT, deadline_s=0.05, stuck_s=60.0)
    async with running_link(unix_server.url, options) as link:
        unix_server.pause()
        sink = RecordingSink()
        link.send(command("INCR", "n"), sink)
        await sink.was_late.wait()
        unix_server.resume()
        assert await sink.end() == 1
        assert sink.heard == ["late", 1]
        assert link.reconnects == 0


async def test_memory_stays_flat_while_the_server_is_stopped(unix_server: StoreServer) -> None:
    """A flood against a stopped server is refused at the bounds; every call ends, nothing piles up."""
    options = LinkOptions(deadline_s=0.02, queued_calls=200, queued_bytes=2_000_000, late_calls=50)
    payload = command("SET", "k", "x" * 10_000)
    ends: list[str] = []

    class Ending(RecordingSink):
        def on_reply(self, reply: object) -> None:
            ends.append("reply")

        def on_failed(self, error: StoreError) -> None:
            ends.append(error.kind)

    def ended(count: int) -> bool:
        return len(ends) >= count

    async with running_link(unix_server.url, options) as link:
        unix_server.pause()
        tracemalloc.start()
        held = []
        for sent in range(1000, 31_000, 1000):
            for _ in range(1000):
                link.send(payload, Ending())
            await until(functools.partial(ended, sent - 500))
            held.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
        unix_server.resume()
        await until(lambda: len(ends) == 30_000)
    assert max(held) < held[0] + 4_000_000
    assert set(ends) <= {"reply", "overflow", "deadline", "disconnected", "stuck", "broken"}


async def test_it_reconnects_after_a_kill(tcp_server: StoreServer) -> None:
    """Calls during the outage fail as never run; after the restart they pass, without a new link."""
    async with running_link(tcp_server.url, with_deadline(0.1)) as link:
        assert await ask(link, command("PING")) == b"PONG"
        tcp_server.kill()
        await until(lambda: not link.ready)
        error = await ask(link, command("PING"))
        assert isinstance(error, StoreError)
        assert (error.kind, error.executed) == ("disconnected", False)
        tcp_server.start()
        await until(lambda: link.ready)
        assert await ask(link, command("PING")) == b"PONG"
        assert link.reconnects == 1


async def test_calls_wait_for_the_connection() -> None:
    """What is sent before the server is there goes out once it is, within its deadline."""
    with running_server() as server:
        server.stop()
        async with running_link(server.url, with_deadline(15.0), ready=False) as link:
            sink = RecordingSink()
            link.send(command("ECHO", "waited"), sink)
            await until(lambda: link.last_error is not None)
            server.start()
            assert await sink.end() == b"waited"


async def test_a_break_after_the_write_may_have_run() -> None:
    """The server takes the call and breaks the connection: nobody knows whether it ran."""
    async with fake_server(lambda _: None) as fake, running_link(fake.url) as link:
        error = await ask(link, command("INCR", "n"))
        assert isinstance(error, StoreError)
        assert (error.kind, error.executed) == ("broken", None)
        await until(lambda: link.ready)


async def test_forgotten_scripts_are_loaded_again(store_server: StoreServer) -> None:
    """After SCRIPT FLUSH the same calls pass, each exactly once, and nobody hears of it."""
    async with running_link(store_server.url, replace(PATIENT, scripts=(SCRIPT,))) as link:
        call = command("EVALSHA", sha_of(SCRIPT), 1, "n")
        assert await ask(link, call) == 1
        with store_server.client() as client:
            client.script_flush()
        sinks = [RecordingSink() for _ in range(10)]
        for sink in sinks:
            link.send(call, sink)
        assert sorted([await sink.end() for sink in sinks], key=str) == sorted(range(2, 12), key=str)
        with store_server.client() as client:
            client.script_flush()
        assert await ask(link, call) == 12
        assert link.reconnects == 0


async def test_a_script_that_stays_unknown_fails(store_server: StoreServer) -> None:
    """A call of a script that the link does not have is repeated once and then fails as never run."""
    async with running_link(store_server.url, replace(PATIENT, scripts=(SCRIPT,))) as link:
        error = await ask(link, command("EVALSHA", "0" * 40, 0))
        assert isinstance(error, StoreError)
        assert (error.kind, error.executed) == ("noscript", False)


@pytest.mark.parametrize(
    ("reply", "kind", "executed", "connections"),
    [
        (b"-READONLY You can't write against a read only replica.\r\n", "readonly", False, 2),
        (b"-LOADING Redis is loading the dataset in memory\r\n", "loading", False, 1),
        (b"-OOM command not allowed when used memory > 'maxmemory'.\r\n", "oom", False, 1),
        (b"-BUSY Redis is busy running a script.\r\n", "busy", False, 1),
        (b"-NOAUTH Authentication required.\r\n", "noauth", False, 2),
        (b"-ERR Error running script: boom\r\n", "script", None, 1),
    ],
    ids=["readonly", "loading", "oom", "busy", "noauth", "script"],
)
async def test_error_replies(reply: bytes, kind: str, executed: bool | None, connections: int) -> None:
    """Each error reply has its kind, says whether the call ran, and renews the connection if that helps."""
    async with fake_server(lambda _: reply) as fake, running_link(fake.url) as link:
        error = await ask(link, command("INCR", "n"))
        assert isinstance(error, StoreError)
        assert (error.kind, error.executed) == (kind, executed)
        await until(lambda: link.ready and fake.connections == connections)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (b"?what\r\n", "protocol"),
        (b"$5\r\nabc", "stuck"),
        (b"*3\r\n:1\r\n", "stuck"),
        (b"+OK\r\n+OK\r\n", None),
        (b"", "stuck"),
    ],
    ids=["no RESP", "cut bulk", "cut array", "one reply too many", "silence"],
)
async def test_garbage_never_hangs(reply: bytes, kind: str | None) -> None:
    """Whatever a server says, each call ends, and the link connects again."""
    # Without heartbeats: their replies would fill the gap.
    options = replace(PATIENT, stuck_s=0.2, heartbeat_s=60.0, deadline_s=0.1)
    async with fake_server(lambda _: reply) as fake, running_link(fake.url, options) as link:
        end = await ask(link, command("INCR", "n"))
        if kind is None:
            assert end == b"OK"
        else:
            assert isinstance(end, StoreError)
            assert (end.kind, end.executed) == (kind, None)
        fake.answer = lambda _: b":7\r\n"
        await until(lambda: link.ready and fake.connections > 1)
        assert await ask(link, command("INCR", "n")) == 7


async def test_a_sink_that_raises_harms_nobody_else(store_server: StoreServer) -> None:
    """The replies after the one whose receiver fails are delivered, and the failure is reported."""
    told: list[str] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _loop, context: told.append(str(context["exception"])))

    class Broken(RecordingSink):
        def on_reply(self, reply: object) -> None:
            raise RuntimeError("boom")

    async with running_link(store_server.url) as link:
        link.send(command("PING"), Broken())
        assert await ask(link, command("ECHO", "next")) == b"next"
    assert told == ["boom"]


async def test_a_wrong_password_is_no_secret_and_no_loop() -> None:
    """Calls fail with the reason, and no text shows the password."""
    with running_server(password="right-one") as server:
        url = server.url.replace("right-one", "wrong-one")
        async with running_link(url, with_deadline(0.2), ready=False) as link:
            await link.wait_attempt()
            error = await ask(link, command("PING"))
            assert isinstance(error, StoreError)
            assert (error.kind, error.executed) == ("wrongpass", False)
            assert "wrong-one" not in f"{error} {link.last_error!r} {parse(url)!r} {parse(url)}"


async def test_it_logs_in_with_a_password() -> None:
    """With the right password calls pass."""
    with running_server(password="right-one") as server:
        async with running_link(server.url) as link:
            assert await ask(link, command("PING")) == b"PONG"


async def test_a_loading_server_is_awaited() -> None:
    """While the server reads its data the link is not ready and says why; then it connects."""
    async with fake_server(lambda _: b":1\r\n") as fake:
        loaded = fake.login[b"SCRIPT"]
        fake.login[b"SCRIPT"] = b"-LOADING Redis is loading the dataset in memory\r\n"
        options = replace(PATIENT, scripts=(SCRIPT,), deadline_s=0.1)
        async with running_link(fake.url, options, ready=False) as link:
            await link.wait_attempt()
            error = await ask(link, command("INCR", "n"))
            assert isinstance(error, StoreError)
            assert (error.kind, error.executed) == ("loading", False)
            fake.login[b"SCRIPT"] = loaded
            await until(lambda: link.ready)
            assert await ask(link, command("INCR", "n")) == 1


async def test_it_keeps_the_servers_time(store_server: StoreServer) -> None:
    """The time is heard at connect, goes on, and is asked again by the heartbeat."""
    async with running_link(store_server.url, replace(PATIENT, heartbeat_s=0.02)) as link:
        with store_server.client() as client:
            seconds, micros = client.time()
        first_us = link.now_us()
        assert first_us is not None
        assert abs(first_us - (seconds * 1_000_000 + micros)) < 2_000_000
        with store_server.client() as client:
            calls = client.info("commandstats")["cmdstat_time"]["calls"]
            await until(lambda: client.info("commandstats")["cmdstat_time"]["calls"] > calls + 2)
        second_us = link.now_us()
        assert second_us is not None
        assert second_us > first_us


async def test_close_lets_open_calls_end(store_server: StoreServer) -> None:
    """Calls sent before close get their replies; later ones fail as never run."""
    async with running_link(store_server.url) as link:
        sink, after = RecordingSink(), RecordingSink()
        link.send(command("ECHO", "last"), sink)
        await link.close()
        assert sink.heard == [b"last"]
        link.send(command("PING"), after)
        assert (await after.failure()).kind == "closed"


async def test_close_without_a_server_ends() -> None:
    """A link that never connected closes, and what waited hears that it never ran."""
    with running_server() as server:
        server.stop()
        async with running_link(server.url, ready=False) as link:
            sink = RecordingSink()
            link.send(command("PING"), sink)
            await link.close()
            failure = await sink.failure()
            assert (failure.kind, failure.executed) == ("closed", False)
