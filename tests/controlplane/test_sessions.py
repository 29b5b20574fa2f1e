"""Sessions: what a cookie is worth, and to whom."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from quotad import clock
from quotad.controlplane.sessions import HEADER
from tests.support.offices import OfficePort, office
from tests.support.servers import StoreServer

OWN = {HEADER: "1"}


@pytest.fixture
async def port(store_server: StoreServer, tmp_path: Path) -> AsyncIterator[OfficePort]:
    """An admin port."""
    async with office(store_server.url, tmp_path) as running:
        yield running


async def begin(port: OfficePort, **more: Any) -> str:
    """A new session's cookie."""
    answer = await port.ask("POST", "/v1/session", **more)
    return answer.headers["Set-Cookie"].partition(";")[0]


async def whoami(port: OfficePort, cookie: str, **headers: str) -> tuple[int, Any]:
    """What is answered to it."""
    answer = await port.ask("GET", "/v1/whoami", token="", headers={"Cookie": cookie, **OWN, **headers})
    return answer.status_code, answer.json()


async def test_it_stands_for_the_token(port: OfficePort) -> None:
    """Its role and name are those of the token; the audit log says by what means it was done."""
    made = await port.done("POST", "/v1/credentials", json={"name": "desk", "role": "operate"})
    cookie = await begin(port, token=made["token"])
    status, said = await whoami(port, cookie)
    assert (status, said["role"], said["means"]) == (200, "operate", "session")
    headers = {"Cookie": cookie, **OWN}
    answer = await port.ask("POST", "/v1/plans", token="", headers=headers, json={"usagePlanName": "p"})
    assert answer.status_code == 201
    newest = (await port.done("GET", "/v1/audit"))["audit"][0]
    assert (newest["means"], newest["who"]) == ("session", made["credentialId"])
    refused = await port.ask("POST", "/v1/secrets", token="", headers=headers, json={"secretName": "s"})
    assert refused.status_code == 403


async def test_a_page_of_others_cannot_use_it(port: OfficePort) -> None:
    """Without our header, from another site, port or origin, the cookie opens nothing."""
    cookie = await begin(port)
    for headers in (
        {HEADER: "", "Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "http://attacker.example"},
        {"Origin": f"http://127.0.0.1:{port.number + 1}"},
        {"Origin": "null"},
    ):
        status, _ = await whoami(port, cookie, **headers)
        assert status == 403, headers
    bare = await port.ask("POST", "/v1/plans", token="", headers={"Cookie": cookie}, content=b"{}")
    assert bare.status_code == 403
    own = {"Sec-Fetch-Site": "same-origin", "Origin": port.url}
    assert (await whoami(port, cookie, **own))[0] == 200


async def test_nobody_makes_one_up(port: OfficePort) -> None:
    """A changed name, end or proof, and garbage, are an ended session."""
    cookie = await begin(port)
    name, _, value = cookie.partition("=")
    said, _, proof = value.partition(".")
    for other in ("", "x", ".", f"{said}.", f".{proof}", f"{said[:-2]}AA.{proof}", f"{said}.{proof[:-1]}!",
                  f"{said}.{'A' * 43}", "W10." + "A" * 43, "x" * 500, f"{said}.{proof}.{proof}"):  # fmt: skip
        status, problem = await whoami(port, f"{name}={other}")
        assert (status, problem["code"]) == (401, "session_ended"), other
    assert (await whoami(port, cookie))[0] == 200


async def test_it_ends_with_its_token(port: OfficePort) -> None:
    """Switched off or deleted, the token's sessions are over at once; another role acts at once."""
    made = await port.done("POST", "/v1/credentials", json={"name": "desk", "role": "operate"})
    path, cookie = f"/v1/credentials/{made['credentialId']}", await begin(port, token=made["token"])
    await port.done("PATCH", path, json={"role": "read"})
    assert (await whoami(port, cookie))[1]["role"] == "read"
    await port.done("PATCH", path, json={"enabled": False})
    assert (await whoami(port, cookie))[0] == 401
    await port.done("PATCH", path, json={"enabled": True})
    assert (await whoami(port, cookie))[0] == 200
    await port.done("DELETE", path)
    assert (await whoami(port, cookie))[0] == 401


async def test_its_end_is_heard_by_all(store_server: StoreServer, tmp_path: Path) -> None:
    """A session begun at one admin process is good at another; ended there, it is over at both."""
    (tmp_path / "a").mkdir()
    async with office(store_server.url, tmp_path) as one, office(store_server.url, tmp_path / "a") as two:
        value = (await begin(one)).partition("=")[2]
        first, second = f"quotad-session-{one.number}={value}", f"quotad-session-{two.number}={value}"
        assert [(await whoami(one, first))[0], (await whoami(two, second))[0]] == [200, 200]
        gone = await two.ask("DELETE", "/v1/session", token="", headers={"Cookie": second, **OWN})
        assert gone.status_code == 204
        assert [(await whoami(one, first))[0], (await whoami(two, second))[0]] == [401, 401]


async def test_its_time_is_over(
    store_server: StoreServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After admin.sessionMs it is good for nothing, and the answer says that it has ended."""
    now_s, later_s = clock.wall_s, [0.0]
    monkeypatch.setattr(clock, "wall_s", lambda: now_s() + later_s[0])
    admin = {"token": "a-token-of-twenty-characters", "sessionMs": 60_000}
    async with office(store_server.url, tmp_path, admin) as port:
        cookie = await begin(port)
        later_s[0] = 50.0
        assert (await whoami(port, cookie))[0] == 200
        later_s[0] = 61.0
        status, problem = await whoami(port, cookie)
        assert (status, problem["code"]) == (401, "session_ended")


async def test_over_tls_it_is_secure(port: OfficePort) -> None:
    """Behind a proxy that speaks TLS, as the page's own Origin says, the cookie is for TLS only."""
    origin = {"Origin": f"https://127.0.0.1:{port.number}"}
    answer = await port.ask("POST", "/v1/session", headers=origin)
    assert "; Secure" in answer.headers["Set-Cookie"]
