import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from standardwebhooks import Webhook as Verifier

from quotad.clock import monotonic_s, wall_s
from quotad.config.certificates import client_context, server_context
from quotad.config.model import ListenTls, UpstreamTls
from quotad.controlplane.hooks.sender import Fence, ForbiddenAddressError, Sender
from quotad.core.deliveries import Delivery
from quotad.core.plans import Webhook
from tests.support.certificates import Authority
from tests.support.receivers import receiver

KEY = b"k" * 32
EVENT = Delivery("event-1", "webhook.ping", '{"type":"webhook.ping"}', 1, 1)
LOOPBACK = ("127.0.0.0/8",)


def hook(url: str) -> Webhook:
    """A webhook with this URL."""
    return Webhook("webhook-a", "w", url, KEY)


def now_us() -> int:
    """The time."""
    return round(wall_s() * 1e6)


@contextlib.asynccontextmanager
async def sender(
    networks: tuple[str, ...] = LOOPBACK, ca: Path | None = None, attempt_s: float = 60.0
) -> AsyncIterator[Sender]:
    """An open one."""
    tls = client_context(UpstreamTls(ca=ca))
    async with Sender(Fence(networks), tls, now_us, monotonic_s, attempt_s) as opened:
        yield opened


async def test_an_event_is_posted_with_its_signature() -> None:
    """The body as it is, under its id, verified by the specification's own client."""
    async with receiver() as found, sender() as posting:
        answered = await posting.post(hook(found.url), EVENT)
    (came,) = found.came
    assert (answered.attempt.status, answered.attempt.error, answered.retry_after_us) == (204, "", 0)
    assert (came.body, came.id) == (EVENT.body.encode(), "event-1")
    assert came.headers["Content-Type"] == "application/json"
    assert came.headers["User-Agent"].startswith("quotad/")
    assert Verifier(KEY).verify(came.body, dict(came.headers)) == {"type": "webhook.ping"}


@pytest.mark.parametrize("status", [200, 301, 302, 307, 308, 404, 410, 500])
async def test_a_status_is_told_and_no_redirect_followed(status: int) -> None:
    """Whatever Location says."""
    async with receiver() as found, sender() as posting:
        found.answer = lambda came: status
        found.headers = {"Location": found.url, "Retry-After": "7"}
        answered = await posting.post(hook(found.url), EVENT)
    assert (answered.attempt.status, answered.retry_after_us) == (status, 7_000_000)
    assert len(found.came) == 1


@pytest.mark.parametrize(
    ("text", "wait_us"),
    [("0", 0), ("12", 12_000_000), ("99999999", 86_400_000_000), ("-1", 0), ("Wed, 21 Oct", 0), ("", 0)],
)
async def test_a_wait_that_is_asked_for_is_bounded(text: str, wait_us: int) -> None:
    """Seconds, a day at most; what is none is none."""
    async with receiver() as found, sender() as posting:
        found.headers = {"Retry-After": text}
        assert (await posting.post(hook(found.url), EVENT)).retry_after_us == wait_us


async def test_who_does_not_answer_is_left() -> None:
    """After the attempt's time."""
    async with receiver() as found, sender(attempt_s=0.2) as posting:
        found.answer = lambda came: None
        answered = await posting.post(hook(found.url), EVENT)
    assert (answered.attempt.status, answered.attempt.error) == (0, "no answer within 0.2 s")
    assert len(found.came) == 1


async def test_an_endless_answer_is_not_read() -> None:
    """The head says all; what follows is cut off."""

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            while True:
                writer.write(b"x" * 65536)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(flood, "127.0.0.1", 0)
    number = server.sockets[0].getsockname()[1]
    async with server, sender() as posting:
        answered = await posting.post(hook(f"http://127.0.0.1:{number}/"), EVENT)
    assert answered.attempt.status == 200


async def test_why_nobody_was_reached_is_told_without_the_url() -> None:
    """Nobody listens, the name is not known, what answers is no HTTP."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        number = closed.getsockname()[1]
        async with sender() as posting:
            refused = await posting.post(hook(f"http://127.0.0.1:{number}/token-in-it"), EVENT)
            unknown = await posting.post(hook("http://nowhere.invalid/token-in-it"), EVENT)
    assert refused.attempt.status == unknown.attempt.status == 0
    assert refused.attempt.error.startswith("no connection")
    assert unknown.attempt.error == "its name is not known"

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-nonsense\r\n")
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    number = server.sockets[0].getsockname()[1]
    async with server, sender() as posting:
        odd = await posting.post(hook(f"http://127.0.0.1:{number}/token-in-it"), EVENT)
    assert odd.attempt.error.startswith("no answer")
    for each in (refused, unknown, odd):
        assert "token-in-it" not in each.attempt.error


async def test_a_certificate_must_be_trusted(tmp_path: Path) -> None:
    """By the authorities that the file names, for the name that is called."""
    authority = Authority(tmp_path)
    right, other = authority.issue("right"), authority.issue("other", "other.example")
    for files, ca, error in (
        (right, authority.certificate, ""),
        (right, None, "its certificate is not trusted"),
        (other, authority.certificate, "its certificate is not trusted"),
    ):
        async with receiver(server_context(ListenTls(*files))) as found, sender(ca=ca) as posting:
            attempt = (await posting.post(hook(found.url), EVENT)).attempt
        assert attempt.error.startswith(error)
        assert attempt.status == (0 if error else 204)


async def test_only_public_addresses_are_called_unless_named() -> None:
    """By the address that is called, whatever its name; nothing is sent to another one."""
    async with receiver() as found, sender(networks=()) as posting:
        for url in (found.url, found.url.replace("127.0.0.1", "localhost")):
            attempt = (await posting.post(hook(url), EVENT)).attempt
            assert attempt.status == 0
            assert "no public address, and admin.webhooks.networks does not have it" in attempt.error
        assert found.came == []


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("127.0.0.1", False),
        ("10.1.2.3", True),
        ("10.2.0.1", False),
        ("169.254.169.254", False),
        ("192.168.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("100.64.0.1", False),
        ("::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:10.1.0.1", True),
        ("::ffff:8.8.8.8", True),
        ("fe80::1%eth0", False),
        ("fd00::5", True),
    ],
)
def test_the_fence(address: str, allowed: bool) -> None:
    """Public ones and those of the named networks, also as IPv6 writes IPv4."""
    fence = Fence(("10.1.0.0/16", "fd00::/8"))
    assert fence.allows(address) == allowed
    if not allowed:
        with pytest.raises(ForbiddenAddressError):
            fence.open_socket((socket.AF_INET, socket.SOCK_STREAM, 0, "", (address, 80)))
