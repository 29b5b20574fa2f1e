"""PROXY headers and trusted hops, over real sockets."""

import pytest

from quotad.config.model import Address, Listen
from tests.support.backends import running_backend
from tests.support.dataplane import route, running_plane
from tests.support.rawhttp import get, raw
from tests.support.tls import make_papers

PROXIED = Listen(Address("127.0.0.1", 0), proxy_protocol=True)
HOME = ("127.0.0.0/8",)
LINE = b"PROXY TCP4 203.0.113.7 127.0.0.1 50000 443\r\n"
BINARY = (
    b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x13"  # a TLV of four bytes follows the addresses
    + bytes([203, 0, 113, 7, 127, 0, 0, 1, 0, 1, 0, 2])
    + b"\x04\x00\x04noop"
)
LOCAL = b"\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00"


@pytest.mark.parametrize("size", [1, 20, 1 << 16])
@pytest.mark.parametrize(
    ("header", "client"),
    [
        (LINE, "203.0.113.7"),
        (BINARY, "203.0.113.7"),
        (LOCAL, "127.0.0.1"),
        (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
    ],
)
async def test_a_proxy_header(header: bytes, client: str, size: int) -> None:
    """However it comes, its source is the caller, in the log and for the backend; requests follow at once."""
    async with (
        running_backend() as backend,
        running_plane(route(backend.port), listen=PROXIED) as plane,
        raw(plane.port) as caller,
    ):
        stream = header + get() + get()
        await caller.send(*(stream[at : at + size] for at in range(0, len(stream), size)))
        assert [(await caller.answer()).status for _ in range(2)] == [200, 200]
        assert [outcome.client for outcome in plane.outcomes.all] == [client] * 2
        assert backend.seen[0].values(b"x-forwarded-for") == [client.encode()]


async def test_a_proxy_header_before_tls(tmp_path_factory: pytest.TempPathFactory) -> None:
    """It comes before the handshake, also in one segment with it."""
    papers = make_papers(tmp_path_factory.mktemp("papers"))
    listen = papers.door(proxy_protocol=True)
    async with running_backend() as backend, running_plane(route(backend.port), listen=listen) as plane:
        async with raw(plane.port, papers.caller(), LINE) as caller:
            await caller.send(get())
            assert (await caller.answer()).status == 200
        assert backend.seen[0].values(b"forwarded") == [b"for=203.0.113.7;proto=https"]
        async with raw(plane.port, papers.caller(), BINARY) as caller:
            await caller.send(get())
            assert (await caller.answer()).status == 200
        assert {outcome.client for outcome in plane.outcomes.all} == {"203.0.113.7"}


@pytest.mark.parametrize(
    "first", [get(), b"PROXY TCP4 nonsense\r\n", BINARY[:12] + b"\x11", LINE[:-2] + b"\n", b"\r\n\r\n\r\n"]
)
async def test_no_proxy_header(first: bytes) -> None:
    """Who does not begin with one is closed without a word, and nothing is counted."""
    async with (
        running_backend() as backend,
        running_plane(route(backend.port), listen=PROXIED) as plane,
        raw(plane.port) as caller,
    ):
        await caller.send(first)
        assert await caller.is_closed()
        assert (plane.outcomes.all, backend.seen) == ([], [])


async def test_half_a_proxy_header() -> None:
    """It has its time."""
    quick = Listen(Address("127.0.0.1", 0), proxy_protocol=True, head_timeout_s=0.02)
    async with (
        running_backend() as backend,
        running_plane(route(backend.port), listen=quick) as plane,
        raw(plane.port) as caller,
    ):
        await caller.send(LINE[:-1])
        assert await caller.is_closed()


@pytest.mark.parametrize(("networks", "served"), [((), True), (HOME, True), (("10.0.0.0/8",), False)])
async def test_who_may_send_a_proxy_header(networks: tuple[str, ...], served: bool) -> None:
    """Where proxies are named, only they may connect."""
    listen = Listen(Address("127.0.0.1", 0), proxy_protocol=True, trusted_proxies=networks)
    async with (
        running_backend() as backend,
        running_plane(route(backend.port), listen=listen) as plane,
        raw(plane.port) as caller,
    ):
        if served:
            await caller.send(LINE + get())
            assert (await caller.answer()).status == 200
        else:
            assert await caller.is_closed()


async def test_the_source_of_a_header_is_trusted_like_a_peer() -> None:
    """Behind a PROXY header the fields of a trusted source are believed, those of others are not."""
    listen = Listen(Address("127.0.0.1", 0), proxy_protocol=True, trusted_proxies=(*HOME, "203.0.113.7/32"))
    said = b"X-Forwarded-For: 198.51.100.1\r\n"
    async with running_backend() as backend, running_plane(route(backend.port), listen=listen) as plane:
        for header, client in ((LINE, "198.51.100.1"), (LINE.replace(b"113.7", b"113.8"), "203.0.113.8")):
            async with raw(plane.port) as caller:
                await caller.send(header + get("/", said))
                assert (await caller.answer()).status == 200
            assert plane.outcomes.all[-1].client == client


SPOOFED = (
    b"X-Forwarded-For: 6.6.6.6, 198.51.100.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: a.example\r\n"
    b"Forwarded: for=6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\nX_Forwarded_For: 6.6.6.6\r\nX-Forwarded-Port: 1\r\n"
    b"X-Forwarded-Prefix: /a\r\n"
)


async def test_an_untrusted_peer_cannot_speak_for_others() -> None:
    """By default every field about hops is replaced by what we see ourselves."""
    async with (
        running_backend() as backend,
        running_plane(route(backend.port)) as plane,
        raw(plane.port) as caller,
    ):
        await caller.send(get("/", SPOOFED))
        await caller.answer()
        (seen,) = backend.seen
        assert (await plane.outcomes.until(1)).client == "127.0.0.1"
    assert seen.values(b"x-forwarded-for") == [b"127.0.0.1"]
    assert seen.values(b"x-forwarded-proto") == [b"http"]
    assert seen.values(b"x-forwarded-host") == [b"example.test"]
    assert seen.values(b"forwarded") == [b"for=127.0.0.1;proto=http"]
    assert b"6.6.6.6" not in seen.head
    assert (seen.values(b"x-forwarded-port"), seen.values(b"x-forwarded-prefix")) == ([], [])


async def test_a_trusted_peer_is_believed() -> None:
    """Its one family is believed and added to; trust is the connection's, never that of equal bytes."""
    listen = Listen(Address("127.0.0.1", 0), trusted_proxies=HOME)
    async with running_backend() as backend, running_plane(route(backend.port), listen=listen) as plane:
        async with raw(plane.port) as caller:
            for sent in (SPOOFED, SPOOFED, b"X-Forwarded-Proto: https\r\n", b""):
                await caller.send(get("/", sent))
                assert (await caller.answer()).status == 200
        async with running_plane(route(backend.port)) as other, raw(other.port) as caller:
            await caller.send(get("/", SPOOFED))
            await caller.answer()
    first, again, proto, plain, untrusted = backend.seen
    assert first.values(b"x-forwarded-for") == [b"6.6.6.6, 198.51.100.1, 127.0.0.1"]
    assert first.values(b"x-forwarded-proto") == [b"https"]
    assert first.values(b"x-forwarded-host") == [b"a.example"]
    assert first.values(b"host") == [b"example.test"]
    assert first.values(b"forwarded") == [b"for=6.6.6.6, for=198.51.100.1;proto=https, for=127.0.0.1"]
    assert first.values(b"x-real-ip") == []
    assert again.values(b"x-forwarded-host") == [b"a.example"]
    assert proto.values(b"forwarded") == [b"for=127.0.0.1;proto=https"]
    assert proto.values(b"x-forwarded-host") == [b"example.test"]
    assert plain.values(b"forwarded") == [b"for=127.0.0.1;proto=http"]
    assert untrusted.values(b"x-forwarded-host") == [b"example.test"]
    assert [outcome.client for outcome in plane.outcomes.all] == ["198.51.100.1"] * 2 + ["127.0.0.1"] * 2
