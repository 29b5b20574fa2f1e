import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from quotad.client.admin import AdminPort, Place, change, configured_port, history
from quotad.errors import QuotadError
from tests.support.admin import TOKEN, Port, used_port
from tests.support.echo import echo
from tests.support.servers import StoreServer

_T = TypeVar("_T")

ANY = Place(None, None, None, None, False)
SHARED = Place("usagePlan-shared", "service-aaaaaaaa", "release", None, False)


@pytest.fixture
async def port(store_server: StoreServer, tmp_path: Path) -> AsyncIterator[Port]:
    """See ``used_port``."""
    async with used_port(store_server.url, tmp_path / "audit") as running:
        yield running


async def at(port: Port, do: Callable[[AdminPort], _T], token: str = TOKEN) -> _T:
    """Do it with a blocking client in a thread."""
    client = AdminPort(f"http://127.0.0.1:{port.number}", token)
    return await asyncio.to_thread(do, client)


async def test_history_is_printed(port: Port, capsys: pytest.CaptureFixture[str]) -> None:
    """Whose it is, then a line per day or hour."""
    assert await at(port, lambda client: history(client, SHARED, "day", None, None)) == 0
    first, *days = capsys.readouterr().out.splitlines()
    assert first == "usagePlan-shared service-aaaaaaaa release (UTC)"
    assert len(days) == 30
    assert [day.split()[1] for day in days] == ["0"] * 29 + ["7"]
    place = Place("usagePlan-shared", None, None, "AKIDb", False)
    assert await at(port, lambda client: history(client, place, "day", days[-1].split()[0], None)) == 0
    first, day = capsys.readouterr().out.splitlines()
    assert (first, day.split()[1]) == ("usagePlan-shared service-aaaaaaaa release AKIDb (UTC)", "3")
    assert await at(port, lambda client: history(client, ANY, "hour", None, None)) == 0
    assert capsys.readouterr().out.count("(UTC)") == 3


async def test_a_reset_is_made_once(port: Port, capsys: pytest.CaptureFixture[str]) -> None:
    """What is in use after it is printed as JSON; sent again with its key it says the same."""
    said = {"windows": ["day"], "reason": "test"}
    for _ in range(2):
        assert await at(port, lambda client: change(client, "reset", SHARED, said, "key")) == 0
    printed = capsys.readouterr().out
    once = printed[: len(printed) // 2]
    assert printed == once + once
    assert json.loads(once)["usage"]["windows"]["day"]["inUse"] == 0
    assert len(port.audited()) == 2


async def test_a_refusal_is_an_error_with_its_words(port: Port) -> None:
    """The status and the detail, never the token."""
    with pytest.raises(QuotadError, match=r"400: reason must be given as text\."):
        await at(port, lambda client: change(client, "reset", SHARED, {"windows": ["day"]}, ""))
    shadow = Place("usagePlan-shared", "service-aaaaaaaa", "release", None, True)
    said = {"windows": ["day"], "reason": "test"}
    with pytest.raises(QuotadError, match="404: This plan is not bound there"):
        await at(port, lambda client: change(client, "reset", shadow, said, ""))
    for token in ("", "another-token-of-twenty"):
        with pytest.raises(QuotadError, match="401: A valid bearer token is required") as refused:
            await at(port, lambda client: history(client, ANY, "day", None, None), token)
        assert "another" not in str(refused.value)


async def test_what_is_no_admin_port_is_an_error() -> None:
    """Another server, or none."""
    async with echo() as url:
        with pytest.raises(QuotadError, match="without JSON"):
            await asyncio.to_thread(lambda: AdminPort(url, "").get("/v1/usage/history", {}))
    with pytest.raises(QuotadError, match=r"127\.0\.0\.1:9"):
        await asyncio.to_thread(lambda: AdminPort("http://127.0.0.1:9", "").get("/", {}))


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("127.0.0.1:9", "127.0.0.1:9"),
        (":9", "127.0.0.1:9"),
        ("[::1]:9", "[::1]:9"),
        ("[::]:9", "127.0.0.1:9"),
    ],
)
def test_the_port_of_a_configuration(tmp_path: Path, address: str, place: str) -> None:
    """Its address, on this machine where it is every one, with its token."""
    path = tmp_path / "q.yaml"
    path.write_text(
        f'{{"admin": {{"address": "{address}", "token": "{TOKEN}"}}, "store": {{"url": "redis://h"}}}}'
    )
    port = AdminPort(*configured_port(path))
    with pytest.raises(QuotadError) as refused:
        port.get("/v1/usage", {})
    assert str(refused.value).startswith(f"{place}: ")


@pytest.mark.parametrize(
    "admin", ["", '"admin": {"address": "127.0.0.1:0", "unauthenticatedLoopback": true},']
)
def test_a_configuration_without_one(tmp_path: Path, admin: str) -> None:
    """None, or one whose number only the system knows: --admin is asked for."""
    path = tmp_path / "q.yaml"
    path.write_text(f'{{{admin} "store": {{"url": "redis://h"}}}}')
    with pytest.raises(QuotadError, match="use --admin"):
        configured_port(path)
