import asyncio
import ssl
from pathlib import Path

import httpx
import pytest
import trustme

from quotad import direct
from quotad.config.file import load
from quotad.config.model import Address, Admin
from quotad.controlplane import access as module
from quotad.controlplane.access import Access
from quotad.controlplane.answers import RefusedError
from tests.support.offices import TOKEN, OfficePort, office
from tests.support.servers import StoreServer
from tests.support.shell import control_file


class Clock:
    """Seconds that a test sets."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


async def token_of(port: OfficePort, role: str) -> str:
    """A new one."""
    made = await port.done("POST", "/v1/credentials", json={"name": role, "role": role})
    return str(made["token"])


async def test_nobody_without_proof(store_server: StoreServer, tmp_path: Path) -> None:
    """No token, two, another scheme, a wrong or made-up one: 401 with a challenge, for any path."""
    async with office(store_server.url, tmp_path) as port:
        good = await token_of(port, "read")
        wrong = [
            {},
            {"Authorization": "Bearer"},
            {"Authorization": f"Basic {TOKEN}"},
            {"Authorization": f"Bearer {TOKEN}x"},
            {"Authorization": f"Bearer {good}x"},
            {"Authorization": f"Bearer token-none.{good.partition('.')[2]}"},
        ]
        for headers in wrong:
            answer = await port.ask("GET", "/v1/whoami", token="", headers=headers)
            assert answer.status_code == 401
            assert answer.headers["WWW-Authenticate"] == 'Bearer realm="quotad admin"'
        twice = [("Authorization", f"Bearer {TOKEN}"), ("Authorization", f"Bearer {TOKEN}")]
        async with httpx.AsyncClient(trust_env=False) as client:
            assert (await client.get(f"{port.url}/v1/nothing", headers=twice)).status_code == 401
        assert (await port.ask("GET", "/v1/whoami", token=good)).status_code == 200


async def test_whoever_fails_too_often_waits(
    store_server: StoreServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After so many failures an address is answered 429, right or wrong, and when to come again."""
    monkeypatch.setattr(module, "FAILURES_PER_MINUTE", 3)
    async with office(store_server.url, tmp_path) as port:
        for _ in range(3):
            await port.refused(401, "GET", "/v1/whoami", token="wrong-token-of-twenty")
        for token in ("wrong-token-of-twenty", TOKEN):
            answer = await port.ask("GET", "/v1/whoami", token=token)
            assert answer.status_code == 429
            assert 1 <= int(answer.headers["Retry-After"]) <= 20


def test_an_address_comes_back() -> None:
    """One failure is forgiven each time the interval has passed; other addresses never wait."""
    clock = Clock()
    access = Access(Admin(Address("127.0.0.1", 0), TOKEN), clock)
    for _ in range(module.FAILURES_PER_MINUTE):
        asyncio.run(access.failed("192.0.2.1"))
    with pytest.raises(RefusedError):
        access.check("192.0.2.1")
    access.check("192.0.2.2")
    clock.now_s += 60 / module.FAILURES_PER_MINUTE
    access.check("192.0.2.1")


async def test_guesses_at_one_credential_are_counted_everywhere(
    store_server: StoreServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two admin processes count together; past the bound a guess is 429, and the right token still passes."""
    monkeypatch.setattr(module, "GUESSES_PER_MINUTE", 3)
    (tmp_path / "a").mkdir()
    async with office(store_server.url, tmp_path) as one, office(store_server.url, tmp_path / "a") as two:
        token = await token_of(one, "operate")
        guess = token[:-1] + ("a" if token[-1] != "a" else "b")
        for port, status in ((one, 401), (two, 401), (one, 401), (two, 429), (one, 429)):
            await port.refused(status, "GET", "/v1/whoami", token=guess)
        assert (await two.ask("GET", "/v1/whoami", token=token)).status_code == 200


async def test_loopback_without_proof_where_it_is_asked_for(
    store_server: StoreServer, tmp_path: Path
) -> None:
    """Whoever is on the machine is an admin then, and says so in the audit log."""
    admin = {"unauthenticatedLoopback": True}
    async with office(store_server.url, tmp_path, admin) as port:
        who = await port.done("GET", "/v1/whoami", token="")
        assert (who["name"], who["role"], who["means"]) == ("loopback", "admin", "loopback")


async def test_stored_tokens_are_enough(store_server: StoreServer, tmp_path: Path) -> None:
    """Without a token in the file nobody is let in, at any door, but by what stands in the records."""
    async with office(store_server.url, tmp_path, {}) as port:
        for path in ("/v1/whoami", "/v1/plans", "/api/v1/usage-plans?stageId=s.release"):
            assert (await port.ask("GET", path, token="")).status_code == 401, path
        await port.refused(401, "GET", "/v1/whoami", token=TOKEN)
        said = (await port.ask("POST", "/", token="")).json()
        assert "Error" in said["Response"]
        config = load(control_file(tmp_path, store_server.url))
        async with direct.operations(config) as desk:
            made = await desk.create_credential(direct.asker(), {"name": "first", "role": "admin"})
        who = await port.done("GET", "/v1/whoami", token=made["token"])
        assert (who["name"], who["role"], who["means"]) == (made["id"], "admin", "token")


async def test_a_certificate_is_a_way_in(store_server: StoreServer, tmp_path: Path) -> None:
    """Its name has the role that the file gives it; without one there is no connection."""
    authority = trustme.CA()
    server, client = (
        authority.issue_cert("127.0.0.1"),
        authority.issue_cert("ops@example.org", common_name="ops"),
    )
    stranger = authority.issue_cert("nobody.example")
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    server.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "server.pem"))
    tls = {
        "certificate": "server.pem",
        "key": "server.pem",
        "clientCa": "ca.pem",
        "clients": [{"name": "ops@example.org", "role": "operate"}],
    }
    contexts = []
    for shown in (client, stranger, None):
        context = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
        if shown is not None:
            shown.configure_cert(context)
        contexts.append(context)
    async with office(store_server.url, tmp_path, {"tls": tls}, contexts[0]) as port:
        who = await port.done("GET", "/v1/whoami", token="")
        assert (who["name"], who["role"], who["means"]) == ("ops@example.org", "operate", "certificate")
        other = OfficePort(port.number, "https", contexts[1])
        await other.refused(401, "GET", "/v1/whoami", token="")
        with pytest.raises(httpx.TransportError):
            await OfficePort(port.number, "https", contexts[2]).ask("GET", "/v1/whoami")
