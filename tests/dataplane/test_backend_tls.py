"""TLS to backends, over real sockets."""

import asyncio
import os
import socket
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from quotad.config.model import UpstreamAddress
from quotad.core.response import ResponseHead
from quotad.dataplane.backend import Backend
from quotad.dataplane.flow import Wheel
from quotad.dataplane.heads import Heads
from quotad.dataplane.spec import Spec, Trust
from quotad.dataplane.upstream import Connection
from tests.support.backends import OK, Seen, read_request, running_backend
from tests.support.dataplane import route, running_plane, until
from tests.support.rawhttp import get, post, raw
from tests.support.tls import Papers, make_papers


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    return make_papers(tmp_path_factory.mktemp("papers"))


@pytest.mark.parametrize("goodbye", [True, False], ids=["said", "cut"])
async def test_a_cut_answer_does_not_look_whole(papers: Papers, goodbye: bool) -> None:
    """RFC 9112, section 9.8: an answer that ends with its connection is whole only after close_notify."""

    async def until_close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nall of it")
        await writer.drain()
        if not goodbye:
            # Below TLS: only the kernel's own socket can be closed without a word.
            with socket.socket(fileno=os.dup(writer.get_extra_info("socket").fileno())) as endpoint:
                endpoint.shutdown(socket.SHUT_WR)
            await reader.read()

    async with (
        running_backend(script=until_close, tls=papers.backend()) as backend,
        running_plane(route(backend.port, **papers.upstream(backend.port)), listen=papers.door()) as plane,
        raw(plane.port, papers.caller()) as caller,
    ):
        await caller.send(get())
        if goodbye:
            assert (await caller.answer()).body == b"all of it"
        else:
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                await caller.answer()
        outcome = await plane.outcomes.until(1)
    assert outcome.reason == ("" if goodbye else "upstream_reset")


async def test_an_upload_that_breaks_off(papers: Papers) -> None:
    """A caller that hangs up in the middle of its body is heard of by a backend over TLS."""
    heard = asyncio.Event()

    async def patient(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        assert await reader.read() == b"half"
        heard.set()
        writer.write(OK)
        await writer.drain()

    async with (
        running_backend(script=patient, tls=papers.backend()) as backend,
        running_plane(route(backend.port, **papers.upstream(backend.port)), listen=papers.door()) as plane,
    ):
        async with raw(plane.port, papers.caller()) as caller:
            await caller.send(post(b"half").replace(b"Length: 4", b"Length: 8"))
            await until(lambda: backend.open)
            caller.reset()
        await heard.wait()
        await plane.outcomes.until(1)
        assert plane.gate.counted == [True]


Change = Callable[[Papers, Papers], dict[str, object]]

TRUSTS: list[tuple[str, Change, int]] = [
    ("authority", lambda ours, theirs: {"ca": theirs.authority.certificate}, 200),
    ("another authority", lambda ours, theirs: {"ca": ours.authority.certificate}, 502),
    ("the system's", lambda ours, theirs: {"ca": None}, 502),
    ("unverified", lambda ours, theirs: {"ca": None, "verify": False}, 200),
    ("name", lambda ours, theirs: {"ca": theirs.authority.certificate, "server_name": "house.test"}, 200),
    ("wrong name", lambda ours, theirs: {"ca": theirs.authority.certificate, "server_name": "not.test"}, 502),
]


@pytest.mark.parametrize(("change", "status"), [row[1:] for row in TRUSTS], ids=[row[0] for row in TRUSTS])
async def test_backends_are_verified(
    papers: Papers, tmp_path: Path, change: Change, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """A backend must show a valid certificate for its name; the log says once what is wrong with it."""
    theirs = make_papers(tmp_path)
    async with (
        running_backend(tls=theirs.backend()) as backend,
        running_plane(
            route(backend.port, **papers.upstream(backend.port, **change(papers, theirs)))
        ) as plane,
        raw(plane.port) as caller,
    ):
        await caller.send(get())
        assert (await caller.answer()).status == status
        outcome = await plane.outcomes.until(1)
        assert outcome.reason == ("" if status == 200 else "upstream_unreachable")
        assert len(backend.seen) == (status == 200)
        await caller.send(get())
        assert (await caller.answer()).status == status
    said = [
        record.getMessage() for record in caplog.records if "certificate verify failed" in record.getMessage()
    ]
    assert len(said) == (status == 502)


async def test_our_certificate_for_a_backend(papers: Papers) -> None:
    """A backend that asks for a certificate gets the route's, and refuses without one."""
    asks = papers.backend(client_ca=papers.authority.certificate, client_certificates="required")
    ours = {"certificate": papers.client_certificate, "key": papers.client_key}
    async with running_backend(tls=asks) as backend:
        for shown, status in ((ours, 200), ({}, 502)):
            rule = route(backend.port, **papers.upstream(backend.port, **shown))
            async with running_plane(rule) as plane, raw(plane.port) as caller:
                await caller.send(get())
                assert (await caller.answer()).status == status


async def test_a_backend_that_never_ends_the_handshake(papers: Papers) -> None:
    """The time to connect covers the handshake: 504; one that speaks no TLS is 502."""

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(OK)

    for script, connect_timeout_s, status, reason in (
        (silent, 0.2, 504, "upstream_connect_timeout"),
        (plain, 60.0, 502, "upstream_unreachable"),
    ):
        async with running_backend(script=script) as backend:
            rule = route(backend.port, connect_timeout_s=connect_timeout_s, **papers.upstream(backend.port))
            async with running_plane(rule) as plane, raw(plane.port) as caller:
                await caller.send(get())
                assert (await caller.answer()).status == status
                assert (await plane.outcomes.until(1)).reason == reason
            await until(lambda: not backend.open)


async def test_connections_to_a_backend_are_kept(papers: Papers) -> None:
    """One TLS connection serves many requests; one that the backend closed is replaced."""
    answers = iter([OK, OK, OK + b"<close>", OK])

    def reply(seen: Seen) -> bytes:
        return next(answers)

    async with (
        running_backend(reply, tls=papers.backend()) as backend,
        running_plane(route(backend.port, **papers.upstream(backend.port))) as plane,
        raw(plane.port) as caller,
    ):
        for _ in range(4):
            await caller.send(get())
            assert (await caller.answer()).status == 200
        assert backend.connections == 2


class Nobody:
    """A request that waits for a connection, and gives it up at once."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.got: list[str] = []

    def on_connection(self, connection: Connection) -> None:
        self.got.append("connection")
        connection.release(self._clock())

    def on_interim(self, response: ResponseHead) -> None:
        """None is asked for."""

    def on_response(self, response: ResponseHead) -> None:
        """None is asked for."""

    def on_failure(self, key: str) -> None:
        self.got.append(key)


async def one_try(spec: Spec, wheel: Wheel) -> str:
    """What came of one connection; whatever it was, it took one place, and gave back one."""
    backend = Backend(spec, wheel, Heads(1000, 10).responses)
    user = Nobody(wheel.clock)
    assert backend.enter(user) is not None
    await until(lambda: user.got and not backend._opening)
    assert backend._pool.total == len(backend._pool.idle())
    backend.close()
    assert backend._pool.total == 0
    return user.got[0]


async def test_a_handshake_that_ends_at_its_deadline_gives_back_one_place(papers: Papers) -> None:
    """Whenever the time is up, before, at or after the handshake's end, the pool's count stays right."""
    wheel = Wheel(tick_s=0.005)
    wheel.start(asyncio.get_running_loop())
    trust = Trust(papers.caller(), "", "")
    got = Counter[str]()
    async with running_backend(tls=papers.backend()) as place:
        address = UpstreamAddress("127.0.0.1", place.port, tls=True)

        async def within(connect_timeout_s: float) -> str:
            rule = route(1, pool_connections=3, connect_timeout_s=connect_timeout_s)
            return await one_try(Spec(address, rule, trust), wheel)

        begun_s = wheel.clock()
        assert await within(60.0) == "connection"
        # How long one takes on this machine now: deadlines lie before, at and after that.
        takes_s = max(0.005, wheel.clock() - begun_s)
        for number in range(150):
            got[await within(takes_s * number / 50)] += 1
        await until(lambda: not place.open)
    wheel.stop()
    assert set(got) <= {"connection", "upstream_connect_timeout"}
    assert got["upstream_connect_timeout"]
