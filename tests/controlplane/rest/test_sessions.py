from pathlib import Path

from tests.support.offices import TOKEN, file_office, office
from tests.support.servers import StoreServer
from tests.support.shell import wanted


async def test_a_cookie_in_the_place_of_a_token(store_server: StoreServer, tmp_path: Path) -> None:
    """Whoever shows a token gets one that no script reads and no other site sends; it can be ended."""
    async with office(store_server.url, tmp_path) as port:
        answer = await port.ask("POST", "/v1/session")
        assert answer.json()["role"] == "admin"
        assert answer.json()["expiresAt"].endswith("Z")
        cookie = answer.headers["Set-Cookie"]
        assert cookie.startswith(f"quotad-session-{port.number}=")
        for word in ("HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=28800"):
            assert word in cookie
        assert "Secure" not in cookie
        assert TOKEN not in cookie
        ended = await port.ask("DELETE", "/v1/session")
        assert (ended.status_code, "Max-Age=0" in ended.headers["Set-Cookie"]) == (204, True)


async def test_who_needs_no_session(store_server: StoreServer, tmp_path: Path) -> None:
    """Where nobody need prove anything there is no cookie."""
    admin = {"unauthenticatedLoopback": True}
    async with office(store_server.url, tmp_path, admin) as port:
        answer = await port.ask("POST", "/v1/session", token="")
        assert answer.json() == {
            "name": "loopback", "role": "admin", "means": "loopback", "mode": "control", "expiresAt": None
        }  # fmt: skip
        assert "Set-Cookie" not in answer.headers


async def test_in_file_mode(store_server: StoreServer, tmp_path: Path) -> None:
    """The token of the configuration begins a session there too."""
    async with file_office(store_server.url, tmp_path, wanted()) as port:
        answer = await port.ask("POST", "/v1/session")
        assert answer.json()["mode"] == "file"
        assert "Set-Cookie" in answer.headers
