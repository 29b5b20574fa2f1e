import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from quotad.controlplane.console.files import PAGE, files
from tests.support.offices import TOKEN, OfficePort, office
from tests.support.servers import StoreServer


@pytest.fixture
async def port(store_server: StoreServer, tmp_path: Path) -> AsyncIterator[OfficePort]:
    """An admin port."""
    async with office(store_server.url, tmp_path) as running:
        yield running


async def test_the_page(port: OfficePort) -> None:
    """It needs no token, is asked for again each time, may run only what comes from here, and in no frame."""
    answer = await port.ask("GET", "/console/", token="")
    assert answer.status_code == 200
    assert answer.content == files()[PAGE].content
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-cache"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    rules = dict(rule.split(" ", 1) for rule in answer.headers["Content-Security-Policy"].split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == "'self'"
    assert rules["frame-ancestors"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert rules["require-trusted-types-for"] == "'script'"
    assert "unsafe" not in answer.headers["Content-Security-Policy"]


async def test_files_are_kept_by_browsers(port: OfficePort) -> None:
    """Each file has its type and an ETag, may be kept for ever, and is 304 for who has it."""
    for name, file in files().items():
        target = f"/console/{'' if name == PAGE else name}"
        answer = await port.ask("GET", target, token="")
        assert (answer.status_code, answer.content) == (200, file.content)
        assert answer.headers["Content-Type"].startswith(file.content_type)
        assert ("immutable" in answer.headers["Cache-Control"]) == (name != PAGE)
        for tag in (answer.headers["ETag"], f"W/{answer.headers['ETag']}", f'"x", {answer.headers["ETag"]}'):
            again = await port.ask("GET", target, token="", headers={"If-None-Match": tag})
            assert (again.status_code, again.content) == (304, b"")
    other = await port.ask("GET", "/console/", token="", headers={"If-None-Match": '"other"'})
    assert other.status_code == 200
    assert (await port.ask("HEAD", "/console/", token="")).content == b""


@pytest.mark.parametrize(
    "target",
    [
        "/console/index.html/",
        "/console/nothing",
        "/console/door.py",
        "/console/../server.py",
        "/console/%2e%2e/server.py",
        "/console/..%2fserver.py",
        "/console//etc/passwd",
        "/console/%2fetc%2fpasswd",
        "/console/static/console.css",
        "/console/%00",
        "/console/..\\server.py",
    ],
)
async def test_nothing_else_is_served(port: OfficePort, target: str) -> None:
    """Names are looked up whole among what was read at the start: no way leads out of them."""
    stream, writer = await asyncio.open_connection("127.0.0.1", port.number)
    writer.write(f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
    answer = await stream.read()
    writer.close()
    status = int(answer.split()[1])
    assert status in (400, 401, 404)
    assert b"import" not in answer


async def test_a_browser_finds_it(port: OfficePort) -> None:
    """Whoever types the bare address, or no last slash, is sent there; clients of the cloud are not."""
    visit = {"Sec-Fetch-Mode": "navigate"}
    answer = await port.ask("GET", "/", token="", headers=visit)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/console/")
    answer = await port.ask("GET", "/console", token="")
    assert (answer.status_code, answer.headers["Location"]) == (308, "/console/")
    assert (await port.ask("GET", "/?Action=X", token="", headers=visit)).status_code == 200
    assert (await port.ask("GET", "/", token="")).status_code == 200


async def test_it_can_be_switched_off(store_server: StoreServer, tmp_path: Path) -> None:
    """Without it the paths are those of nobody, and nobody is sent there."""
    async with office(store_server.url, tmp_path, {"token": TOKEN, "console": False}) as port:
        await port.refused(404, "GET", "/console/")
        answer = await port.ask("GET", "/", token="", headers={"Sec-Fetch-Mode": "navigate"})
        assert answer.status_code == 200
