import asyncio
import contextlib
import socket
import sys
from collections.abc import AsyncIterator
from math import inf
from typing import cast

import pytest

from quotad.dataplane.resolver import (
    ASK_S,
    MOST,
    SHORTEST_S,
    Answer,
    Name,
    Resolver,
    ask_by_dns,
    ask_system,
    best_ask,
)
from tests.support.dataplane import until


class Zone:
    """What names resolve to, as the test says."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer | OSError] = {}
        self.asked: list[str] = []

    async def ask(self, host: str) -> Answer:
        self.asked.append(host)
        answer = self.answers[host]
        if isinstance(answer, OSError):
            raise answer
        return answer


@pytest.mark.parametrize(
    ("ttl_s", "again_s"), [(inf, 30.0), (60.0, 30.0), (7.0, 7.0), (0.1, SHORTEST_S), (0.0, SHORTEST_S)]
)
async def test_how_long_an_answer_is_believed(ttl_s: float, again_s: float) -> None:
    """As long as it says, but not longer than the route does, nor all too short."""
    zone = Zone()
    zone.answers["a.test"] = (("10.0.0.2", "10.0.0.1"), ttl_s)
    name = Name("a.test", 30.0, zone.ask, lambda: 0.0)
    assert await name.ask() == again_s
    assert name.addresses == ("10.0.0.1", "10.0.0.2")


async def test_watchers_hear_of_changes_only() -> None:
    """Another order is no change; other addresses are; so many as there are, up to a bound."""
    zone, told = Zone(), []
    name = Name("a.test", 30.0, zone.ask, lambda: 0.0)
    name.watchers.append(lambda: told.append(name.addresses))
    many = tuple(f"10.0.{each}.1" for each in range(2 * MOST))
    for addresses in (("1.1.1.1", "2.2.2.2"), ("2.2.2.2", "1.1.1.1", "1.1.1.1"), ("2.2.2.2",), many):
        zone.answers["a.test"] = (addresses, inf)
        await name.ask()
    assert told[:2] == [("1.1.1.1", "2.2.2.2"), ("2.2.2.2",)]
    assert [len(each) for each in told[2:]] == [MOST]


async def test_a_name_that_stops_resolving_keeps_its_addresses(caplog: pytest.LogCaptureFixture) -> None:
    """Without an answer, or with an empty one, the last one stands; the log says so, not every time."""
    zone, now_s = Zone(), 0.0
    name = Name("a.test", 30.0, zone.ask, lambda: now_s)
    zone.answers["a.test"] = (("1.1.1.1",), inf)
    await name.ask()
    zone.answers["a.test"] = OSError("no such name")
    assert [await name.ask() for _ in range(3)] == [ASK_S] * 3
    zone.answers["a.test"] = ((), inf)
    await name.ask()
    assert name.addresses == ("1.1.1.1",)
    said = [record.getMessage() for record in caplog.records]
    assert said == ["the addresses of a.test are not known: no such name"]


async def test_a_name_is_asked_for_once_however_many_want_it() -> None:
    """Names are shared, asked for while somebody watches, and forgotten after."""
    zone = Zone()
    zone.answers["a.test"] = (("1.1.1.1",), inf)
    resolver = Resolver(lambda: 0.0, zone.ask)
    name = resolver.name("a.test", 30.0)
    assert resolver.name("a.test", 30.0) is name is not resolver.name("a.test", 60.0)
    name.watchers.append(lambda: None)
    await until(lambda: name.addresses)
    resolver.let_go(name)
    assert resolver.name("a.test", 30.0) is name
    name.watchers.clear()
    resolver.let_go(name)
    assert resolver.name("a.test", 30.0) is not name
    resolver.close()


async def test_the_systems_resolver() -> None:
    """It knows localhost, tells no TTL, and its errors are those of the network."""
    addresses, ttl_s = await ask_system("localhost")
    assert "127.0.0.1" in addresses
    assert ttl_s == inf
    for name in ("a..test", "x" * 300):
        with pytest.raises(OSError):
            await ask_system(name)


class NameServer(asyncio.DatagramProtocol):
    """Answers every question of an address with one, and with a TTL."""

    def __init__(self) -> None:
        self.address = "10.1.2.3"
        self.ttl_s = 17
        self.known = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        end = data.index(b"\0", 12) + 5
        question, kind = data[12:end], data[end - 4 : end - 2]
        answers = b""
        if self.known and kind == b"\0\1":
            answers = b"\xc0\x0c\0\1\0\1" + self.ttl_s.to_bytes(4, "big")
            answers += b"\0\4" + socket.inet_aton(self.address)
        flags = b"\x81\x80" if self.known else b"\x81\x83"
        head = data[:2] + flags + b"\0\1" + bool(answers).to_bytes(2, "big") + b"\0\0\0\0"
        self.transport.sendto(head + question + answers, addr)


@contextlib.asynccontextmanager
async def name_server() -> AsyncIterator[tuple[NameServer, int]]:
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(NameServer, ("127.0.0.1", 0))
    try:
        yield server, transport.get_extra_info("sockname")[1]
    finally:
        transport.close()


async def test_dns_tells_how_long() -> None:
    """With aiodns an answer comes with its TTL, and a name that is none is an error of the network."""
    async with name_server() as (server, port):
        ask = ask_by_dns(nameservers=["127.0.0.1"], udp_port=port, tcp_port=port)
        assert await ask("backend.test") == (("10.1.2.3",), 17.0)
        server.address, server.ttl_s = "10.1.2.4", 5
        assert await ask("backend.test") == (("10.1.2.4",), 5.0)
        server.known = False
        with pytest.raises(OSError, match="not found"):
            await ask("backend.test")


def test_without_aiodns_the_system_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra is optional."""
    monkeypatch.setitem(sys.modules, "aiodns", None)
    assert best_ask() is ask_system
