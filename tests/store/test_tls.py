"""TLS to a real server. Debian's Redis has it; the Valkey from PyPI has not."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from quotad.config.model import StoreConfig
from quotad.errors import StoreError
from quotad.store.redis_store import RedisStore
from quotad.store.resp import command
from quotad.store.sentinel import SentinelLocator
from quotad.store.topology import parse_sentinels
from tests.support.certificates import Authority
from tests.support.servers import ServerOptions, StoreServer
from tests.support.sinks import ask, running_link
from tests.support.waiting import until

pytestmark = pytest.mark.debian


class Configured(StoreServer):
    """A Sentinel with a file of its own."""

    def _arguments(self) -> list[str]:
        return [str(self.directory / "sentinel.conf"), "--sentinel"]


@dataclass(frozen=True)
class TlsServer:
    """A running server that takes TLS only, for 127.0.0.1 or for ``store.test``."""

    server: StoreServer
    authority: Authority

    def url(self, **words: object) -> str:
        """With these ssl_ parameters beside its authority's."""
        words = {"ssl_ca_certs": self.authority.certificate, **words}
        query = "&".join(f"{name}={value}" for name, value in words.items())
        return f"rediss://127.0.0.1:{self.server.port}/0?{query}"


@contextlib.contextmanager
def tls_server(folder: Path, *extra: str, identity: str = "127.0.0.1") -> Iterator[TlsServer]:
    """In this folder; ended afterwards."""
    authority = Authority(folder)
    certificate, key = authority.issue("server", identity)
    server = StoreServer(folder, ServerOptions("redis"))
    options = (
        "--port",
        "0",
        "--tls-port",
        str(server.port),
        "--tls-ca-cert-file",
        str(authority.certificate),
    )
    files = ("--tls-cert-file", str(certificate), "--tls-key-file", str(key))
    server.options = ServerOptions(
        "redis", extra=(*options, *files, *(extra or ("--tls-auth-clients", "no")))
    )
    try:
        server.start()
        yield TlsServer(server, authority)
    finally:
        server.kill()


@pytest.fixture
def tls(tmp_path: Path) -> Iterator[TlsServer]:
    """A server that asks for no certificate of ours."""
    with tls_server(tmp_path) as started:
        yield started


async def refusal(url: str) -> StoreError:
    """Why a store on this URL does not start."""
    store = RedisStore(url, StoreConfig(url=url), os.urandom(8))
    with pytest.raises(StoreError) as refused:
        await store.start()
    assert refused.value.kind == "tls"
    assert refused.value.executed is False
    return refused.value


async def test_calls_pass_over_tls(tls: TlsServer) -> None:
    """The server's certificate verifies against the authority of the URL; large replies come whole."""
    async with running_link(tls.url()) as link:
        assert await ask(link, command("SET", "large", "x" * 1_000_000)) == b"OK"
        assert await ask(link, command("GET", "large")) == b"x" * 1_000_000


async def test_a_store_starts_over_tls(tls: TlsServer) -> None:
    """The whole set-up passes: login, scripts, INFO."""
    store = RedisStore(tls.url(), StoreConfig(url=tls.url()), os.urandom(8))
    await store.start()
    await until(lambda: store.connected)
    await store.close()


async def test_a_certificate_of_another_authority_is_refused(tls: TlsServer, tmp_path: Path) -> None:
    """The store does not start, and says that the certificate does not verify."""
    other = Authority(tmp_path, "other")
    assert "certificate does not verify" in str(await refusal(tls.url(ssl_ca_certs=other.certificate)))
    assert "certificate does not verify" in str(await refusal(tls.url().partition("?")[0]))


async def test_verification_can_be_switched_off(tls: TlsServer) -> None:
    """Only when the URL says so."""
    async with running_link(f"{tls.url().partition('?')[0]}?ssl_cert_reqs=none") as link:
        assert await ask(link, command("PING")) == b"PONG"


async def test_the_certificates_name_must_be_the_servers(tmp_path: Path) -> None:
    """A certificate for another name is refused, unless the URL says that names are not checked."""
    with tls_server(tmp_path, identity="store.test") as tls:
        assert "IP address mismatch" in str(await refusal(tls.url()))
        async with running_link(tls.url(ssl_check_hostname="false")) as link:
            assert await ask(link, command("PING")) == b"PONG"


async def test_a_server_may_ask_for_our_certificate(tmp_path: Path) -> None:
    """With one of its authority calls pass; without, it is said what is missing."""
    with tls_server(tmp_path, "--tls-auth-clients", "yes") as tls:
        certificate, key = tls.authority.issue("client")
        async with running_link(tls.url(ssl_certfile=certificate, ssl_keyfile=key)) as link:
            assert await ask(link, command("PING")) == b"PONG"
        text = str(await refusal(tls.url()))
        assert "CERTIFICATE_REQUIRED" in text or "ssl_certfile" in text


async def test_sentinels_are_asked_over_tls(tmp_path: Path) -> None:
    """rediss+sentinel:// asks Sentinels and primary alike over TLS, by the same parameters."""
    with tls_server(tmp_path) as tls:
        folder = tmp_path / "sentinel"
        folder.mkdir()
        files = f"tls-cert-file {tmp_path}/server.crt\ntls-key-file {tmp_path}/server.key\n"
        sentinel = Configured(folder, ServerOptions("redis"))
        (folder / "sentinel.conf").write_text(
            f"port 0\ntls-port {sentinel.port}\n{files}tls-ca-cert-file {tmp_path}/ca.crt\n"
            "tls-auth-clients no\ntls-replication yes\ndir .\n"
            f"sentinel monitor counters 127.0.0.1 {tls.server.port} 1\n"
        )
        try:
            sentinel.start()
            url = f"rediss+sentinel://127.0.0.1:{sentinel.port}/counters?ssl_ca_certs={tmp_path}/ca.crt"
            locator = SentinelLocator(parse_sentinels(url), None, None)
            found = await locator.locate()
            await locator.close()
            assert (found.port, found.tls is not None) == (tls.server.port, True)
            store = RedisStore(url, StoreConfig(url=url), os.urandom(8))
            await store.start()
            await until(lambda: store.connected)
            await store.close()
        finally:
            sentinel.kill()
