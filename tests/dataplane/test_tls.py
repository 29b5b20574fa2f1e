"""TLS on both sides of the data plane, over real sockets."""

import asyncio
import contextlib
import socket
import ssl
import subprocess
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import requests

from quotad.config.model import Address, Listen, NamedCertificate
from quotad.dataplane.flow import Wheel
from tests.support.backends import OK, read_request, running_backend
from tests.support.dataplane import Plane, route, running_plane, snapshot, until
from tests.support.echoing import EXCHANGES, echo
from tests.support.rawhttp import PAIR, SECRET_ID, SECRET_KEY, get, post, raw
from tests.support.tls import HOUSE, Papers, make_papers


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    return make_papers(tmp_path_factory.mktemp("papers"))


@pytest.mark.parametrize("size", [1, 100, 1 << 20])
async def test_every_framing_through_tls_on_both_sides(papers: Papers, size: int) -> None:
    """Requests and answers of every framing pass, however they are cut, and the backend hears https."""
    async with (
        running_backend(echo, tls=papers.backend()) as backend,
        running_plane(route(backend.port, **papers.upstream(backend.port)), listen=papers.door()) as plane,
        raw(plane.port, papers.caller()) as caller,
    ):
        stream = b"".join(EXCHANGES)
        sending = asyncio.ensure_future(
            caller.send(*(stream[at : at + size] for at in range(0, len(stream), size)))
        )
        answers = [await caller.answer() for _ in EXCHANGES]
        await sending
        assert {answer.status for answer in answers} == {200, 204}
        assert answers[0].body == b"/a|"
        assert backend.seen[0].values(b"x-forwarded-proto") == [b"https"]
        assert backend.seen[0].values(b"forwarded") == [b"for=127.0.0.1;proto=https"]
        connection = caller.writer.get_extra_info("ssl_object")
        assert connection.selected_alpn_protocol() == "http/1.1"
        assert connection.version() == "TLSv1.3"


async def test_real_clients(papers: Papers) -> None:
    """The clients requests and httpx get through, and large bodies pass whole both ways."""
    body = bytes(range(256)) * 20_000
    headers = {"X-Secret-Id": SECRET_ID, "X-Secret-Key": SECRET_KEY}
    authority = str(papers.authority.certificate)

    def use(url: str) -> None:
        with requests.Session() as session:
            session.headers.update(headers)
            for _ in range(3):
                assert session.post(url, data=body, verify=authority, timeout=60).content == b"/|" + body
        with pytest.raises(requests.exceptions.SSLError):
            requests.get(url, timeout=60)

    async with (
        running_backend(echo, tls=papers.backend()) as backend,
        running_plane(route(backend.port, **papers.upstream(backend.port)), listen=papers.door()) as plane,
    ):
        url = f"https://127.0.0.1:{plane.port}/"
        await asyncio.to_thread(use, url)
        async with httpx.AsyncClient(headers=headers, verify=papers.caller()) as client:
            answers = await asyncio.gather(*(client.get(f"{url}{number}") for number in range(30)))
        assert [answer.content for answer in answers] == [b"/%d|" % number for number in range(30)]


@pytest.mark.debian
async def test_what_openssl_says(papers: Papers) -> None:
    """TLS 1.1, weak suites and renegotiation are refused; 1.2 has forward secrecy."""

    def s_client(port: int, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *arguments],
            input=b"",
            capture_output=True,
            timeout=600,
            check=False,
        )

    async with (
        running_backend() as backend,
        running_plane(route(backend.port), listen=papers.door()) as plane,
    ):
        old = await asyncio.to_thread(s_client, plane.port, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0")
        weak = await asyncio.to_thread(s_client, plane.port, "-tls1_2", "-cipher", "AES128-SHA:ECDHE+SHA")
        good = await asyncio.to_thread(s_client, plane.port, "-tls1_2", "-alpn", "h2,http/1.1")
    assert b"Cipher is (NONE)" in old.stdout
    assert b"Cipher is (NONE)" in weak.stdout
    assert b"Cipher is ECDHE-" in good.stdout
    assert b"ALPN protocol: http/1.1" in good.stdout
    assert b"Secure Renegotiation IS supported" in good.stdout


@pytest.mark.parametrize(
    "first", [get(), b"\x00" * 400, b"\x16\x03\x01\x00\x05hello"], ids=["http", "zeros", "half"]
)
async def test_who_speaks_no_tls_is_sent_away(papers: Papers, first: bytes) -> None:
    """Plain HTTP and garbage are not answered and not counted; no time passes before the end."""
    async with (
        running_backend() as backend,
        running_plane(route(backend.port), listen=papers.door()) as plane,
        raw(plane.port) as caller,
    ):
        await caller.send(first)
        # At most an alert.
        with contextlib.suppress(ConnectionResetError):
            assert len(await caller.rest()) <= 7
        assert plane.outcomes.all == []
        assert plane.listener.connections == 0


async def test_who_never_ends_the_handshake_is_sent_away(papers: Papers) -> None:
    """A handshake has its time, and only so many go on at once; who is through is not counted."""
    tls = papers.listen(handshake_timeout_s=50.0, max_handshakes=2)
    now_s = 1000.0
    wheel = Wheel(tick_s=0.005, clock=lambda: now_s)
    async with (
        running_backend() as backend,
        running_plane(route(backend.port), listen=papers.door(tls), wheel=wheel) as plane,
        raw(plane.port, papers.caller()) as inside,
        raw(plane.port) as silent,
        raw(plane.port) as slow,
    ):
        await slow.send(b"\x16\x03\x01")
        async with raw(plane.port) as third:
            assert await third.is_closed()
        now_s += 51.0
        assert await silent.is_closed()
        assert await slow.is_closed()
        await inside.send(get())
        assert (await inside.answer()).status == 200
        async with raw(plane.port, papers.caller()) as late:
            await late.send(get())
            assert (await late.answer()).status == 200


async def test_many_handshakes_at_once(papers: Papers) -> None:
    """Each gets its turn."""
    async with (
        running_backend() as backend,
        running_plane(route(backend.port), listen=papers.door()) as plane,
    ):

        async def one() -> int:
            async with raw(plane.port, papers.caller()) as caller:
                await caller.send(get())
                return (await caller.answer()).status

        assert await asyncio.gather(*(one() for _ in range(60))) == [200] * 60


async def test_backpressure_through_tls(papers: Papers) -> None:
    """Who takes nothing is sent nothing more: the backend is held up, and all arrives in the end."""
    total, piece = 64 << 20, b"x" * (1 << 20)
    sent = [0]

    async def fast(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % total)
        for _ in range(total // len(piece)):
            writer.write(piece)
            await writer.drain()
            sent[0] += len(piece)

    async with (
        running_backend(script=fast, tls=papers.backend()) as backend,
        running_plane(route(backend.port, **papers.upstream(backend.port)), listen=papers.door()) as plane,
        raw(plane.port, papers.caller()) as caller,
    ):
        await caller.send(get())
        last, same = 0, 0
        while same < 300:
            await asyncio.sleep(0)
            same, last = (same + 1 if sent[0] == last else 0), sent[0]
        assert sent[0] < total // 2
        assert len((await caller.answer()).body) == total


async def test_a_refused_long_body_is_answered(papers: Papers) -> None:
    """The answer to a request that is still being sent arrives, then comes the end of the connection."""
    async with (
        running_backend() as backend,
        running_plane(route(backend.port), listen=papers.door()) as plane,
        raw(plane.port, papers.caller()) as caller,
    ):
        await caller.send(post(b"x" * 10**6).replace(b"secret-key", b"public-key"))
        answer = await caller.answer()
        assert (answer.status, answer.values(b"connection")) == (401, [b"close"])
        assert await caller.is_closed()


@pytest.mark.parametrize("demand", ["optional", "required"])
async def test_client_certificates(papers: Papers, demand: str, tmp_path: Path) -> None:
    """Required: none gets through without one; optional: one that is shown must be valid."""
    strangers = make_papers(tmp_path)
    tls = papers.listen(client_ca=papers.authority.certificate, client_certificates=demand)
    async with (
        running_backend() as backend,
        running_plane(route(backend.port), listen=papers.door(tls)) as plane,
    ):

        async def status(context: ssl.SSLContext) -> int:
            try:
                async with raw(plane.port, context) as caller:
                    await caller.send(get())
                    return (await caller.answer()).status
            except (ssl.SSLError, ConnectionError, asyncio.IncompleteReadError):
                return 0

        foreign = papers.caller()
        foreign.load_cert_chain(strangers.client_certificate, strangers.client_key)
        assert await status(papers.caller(shown=True)) == 200
        assert await status(papers.caller()) == (200 if demand == "optional" else 0)
        assert await status(foreign) == 0


async def shown_to(plane: Plane, papers: Papers, name: str) -> set[str]:
    """The names in the certificate that a caller is shown who asks for ``name``."""
    context = papers.caller()
    context.check_hostname = False
    async with raw(plane.port, context, name=name) as caller:
        shown = caller.writer.get_extra_info("peercert")
    return {value for _, value in shown["subjectAltName"]}


async def test_certificates_by_name(papers: Papers) -> None:
    """Each name gets its own certificate, in any case; others, and no name, the first."""
    other, wild = (
        papers.authority.issue("other", "other.test"),
        papers.authority.issue("wild", "*.w.test"),
    )
    named = (NamedCertificate(("other.test",), *other), NamedCertificate(("*.w.test", "plain.test"), *wild))
    tls = papers.listen(certificates=named)
    async with (
        running_backend() as backend,
        running_plane(route(backend.port), listen=papers.door(tls)) as plane,
    ):
        for name, shown in (
            ("other.test", "other.test"),
            ("OTHER.test", "other.test"),
            ("a.w.test", "*.w.test"),
            ("plain.test", "*.w.test"),
            ("a.b.w.test", "house.test"),
            ("w.test", "house.test"),
            ("house.test", "house.test"),
            ("127.0.0.1", "house.test"),
        ):
            assert shown in await shown_to(plane, papers, name)


async def test_new_certificates_without_a_dropped_connection(papers: Papers, tmp_path: Path) -> None:
    """After a reload new callers see the new certificate, and who is connected stays so."""
    first = papers.authority.issue("first", *HOUSE)
    second = papers.authority.issue("second", *HOUSE, "second.test")
    certificate, key = tmp_path / "tls.crt", tmp_path / "tls.key"

    def install(pair: tuple[Path, Path]) -> None:
        certificate.write_bytes(pair[0].read_bytes())
        key.write_bytes(pair[1].read_bytes())

    install(first)
    tls = replace(papers.listen(), certificate=certificate, key=key)
    async with running_backend() as backend:
        rule = route(backend.port)
        async with (
            running_plane(rule, listen=papers.door(tls)) as plane,
            raw(plane.port, papers.caller()) as caller,
        ):
            await caller.send(get())
            assert (await caller.answer()).status == 200
            install(second)
            assert "second.test" not in await shown_to(plane, papers, "house.test")
            plane.holder.current = snapshot(rule, tls=tls)
            assert "second.test" in await shown_to(plane, papers, "house.test")
            await caller.send(get())
            assert (await caller.answer()).status == 200


async def test_drain_over_tls(papers: Papers) -> None:
    """Idle callers go soon, who was in the handshake is served once, what is in flight ends whole."""
    async with (
        running_backend() as backend,
        running_plane(route(backend.port), listen=papers.door()) as plane,
        raw(plane.port) as arriving,
        raw(plane.port, papers.caller()) as idle,
        raw(plane.port, papers.caller()) as busy,
    ):
        plane.gate.held = True
        await busy.send(get())
        await until(lambda: plane.gate.asked)
        draining = asyncio.ensure_future(plane.listener.drain(5.0))
        assert await idle.is_closed()
        await arriving.writer.start_tls(papers.caller(), server_hostname="127.0.0.1")
        await arriving.send(get())
        await until(lambda: plane.gate.asked == 2)
        plane.gate.open()
        for caller in (busy, arriving):
            answer = await caller.answer()
            assert (answer.status, answer.values(b"connection")) == (200, [b"close"])
            assert await caller.is_closed()
        await draining
        assert plane.listener.connections == 0


async def test_requests_in_one_record(papers: Papers) -> None:
    """Requests sent together are answered in order, also when reading was paused meanwhile."""
    async with (
        running_backend(echo) as backend,
        running_plane(route(backend.port), listen=papers.door(head_bytes=1024)) as plane,
        raw(plane.port, papers.caller()) as caller,
    ):
        count = 600
        sending = asyncio.ensure_future(caller.send(b"".join(get(f"/{number}") for number in range(count))))
        assert [(await caller.answer()).body for _ in range(count)] == [b"/%d|" % n for n in range(count)]
        await sending


async def test_a_caller_may_close_its_side(papers: Papers) -> None:
    """A request whose caller then says that no more will come is answered all the same."""
    go = asyncio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        await go.wait()
        writer.write(OK)
        await writer.drain()

    def ask(port: int) -> bytes:
        with subprocess.Popen(
            ["openssl", "s_client", "-quiet", "-connect", f"127.0.0.1:{port}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as client:
            return client.communicate(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n%b\r\n" % PAIR, 30)[
                0
            ]

    async with (
        running_backend(script=slow) as backend,
        running_plane(route(backend.port), listen=papers.door()) as plane,
    ):
        asking = asyncio.ensure_future(asyncio.to_thread(ask, plane.port))
        await until(lambda: backend.open)
        go.set()
        assert (await asking).endswith(b"\r\n\r\nok")


def test_the_plain_port_is_plain() -> None:
    """Without being told to, quotad speaks plain HTTP and asks for no PROXY header."""
    listen = Listen(Address("127.0.0.1", 0))
    assert (listen.tls, listen.proxy_protocol, listen.trusted_proxies) == (None, False, ())


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("size", [100_000, 400_000, 4_000_000])
async def test_the_last_answer_arrives(papers: Papers, version: ssl.TLSVersion, size: int) -> None:
    """Who is refused in the middle of a long body gets the answer whole, and its end by close_notify."""
    context = papers.caller()
    context.maximum_version = version

    def push(port: int) -> bytes:
        with (
            socket.create_connection(("127.0.0.1", port), 10) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1") as tls,
        ):
            tls.sendall(post(b"x" * size).replace(b"secret-key", b"public-key"))
            said = b""
            while data := tls.recv(65_536):
                said += data
            return said

    async with (
        running_backend() as backend,
        running_plane(route(backend.port), listen=papers.door()) as plane,
    ):
        said = await asyncio.to_thread(push, plane.port)
        assert said.startswith(b"HTTP/1.1 401 ")
        assert said.endswith(b"}")
