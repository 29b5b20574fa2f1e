"""A real `quotad serve` with TLS: certificates that change while it runs, behind a PROXY header or not."""

import json
import shutil
import signal
from pathlib import Path

import pytest

from tests.support.backends import running_backend
from tests.support.processes import REQUEST, Quotad, running_quotad, write_config
from tests.support.rawhttp import raw
from tests.support.servers import StoreServer
from tests.support.tls import HOUSE, Papers, make_papers

HEADER = b"PROXY TCP4 203.0.113.7 127.0.0.1 50000 443\r\n"


def install(folder: Path, papers: Papers, name: str) -> None:
    """The pair of this name becomes the one in use."""
    for ending in ("crt", "key"):
        shutil.copy(papers.authority.folder / f"{name}.{ending}", folder / f"in-use.{ending}")


def change_listen(path: Path, **listen: object) -> None:
    config = json.loads(path.read_text())
    config["listen"] |= listen
    path.write_text(json.dumps(config))


async def names_shown(quotad: Quotad, papers: Papers, first: bytes = b"") -> set[str]:
    """By the certificate of a new connection, on which a request is answered."""
    async with raw(quotad.ports["listen"], papers.caller(), first) as caller:
        await caller.send(REQUEST)
        assert (await caller.answer()).status == 200
        shown = caller.writer.get_extra_info("peercert")
    return {value for _, value in shown["subjectAltName"]}


@pytest.mark.parametrize("workers", [1, 2])
async def test_certificates_change_at_sighup(tmp_path: Path, store_server: StoreServer, workers: int) -> None:
    """New callers see the new one on every worker; who is connected stays; a broken file changes nothing."""
    papers = make_papers(tmp_path)
    papers.authority.issue("second", *HOUSE, "second.test")
    install(tmp_path, papers, "house")
    async with running_backend() as backend:
        path = write_config(tmp_path / "q.yaml", {"url": store_server.url}, backend.port, {}, workers)
        change_listen(path, tls={"certificate": "in-use.crt", "key": "in-use.key"})
        async with running_quotad(path) as (quotad,), raw(quotad.ports["listen"], papers.caller()) as kept:
            await kept.send(REQUEST)
            assert (await kept.answer()).status == 200
            install(tmp_path, papers, "second")
            quotad.process.send_signal(signal.SIGHUP)
            await quotad.until_said("reloaded: version ")
            for _ in range(6):
                assert "second.test" in await names_shown(quotad, papers)
            (tmp_path / "in-use.key").write_text("half a fi")
            quotad.process.send_signal(signal.SIGHUP)
            assert "listen.tls.certificate: " in await quotad.until_said("reload refused")
            for _ in range(6):
                assert "second.test" in await names_shown(quotad, papers)
            await kept.send(REQUEST)
            assert (await kept.answer()).status == 200
            # It drains: who is connected and idle is told so, and all ends well.
            quotad.process.send_signal(signal.SIGTERM)
            assert await kept.is_closed()
            assert await quotad.stop() == 0


async def test_a_proxy_header_and_tls_on_a_shared_port(tmp_path: Path, store_server: StoreServer) -> None:
    """Each worker reads the header, then shakes hands; who has no header is not served."""
    papers = make_papers(tmp_path)
    install(tmp_path, papers, "house")
    async with running_backend() as backend:
        path = write_config(tmp_path / "q.yaml", {"url": store_server.url}, backend.port, {}, 2)
        tls = {"certificate": "in-use.crt", "key": "in-use.key"}
        change_listen(path, tls=tls, proxyProtocol="required", trustedProxies=["127.0.0.1"])
        async with running_quotad(path) as (quotad,):
            for _ in range(6):
                assert "house.test" in await names_shown(quotad, papers, HEADER)
            with pytest.raises(ConnectionError):
                await names_shown(quotad, papers)
        assert {tuple(seen.values(b"x-forwarded-for")) for seen in backend.seen} == {(b"203.0.113.7",)}
