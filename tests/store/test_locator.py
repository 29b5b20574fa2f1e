import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from quotad.config.model import StoreConfig
from quotad.errors import StoreError
from quotad.store.link import Link
from quotad.store.locator import FixedLocator, locator
from quotad.store.resp import command
from quotad.store.sentinel import SentinelLocator
from quotad.store.topology import parse
from tests.support.fake_server import fake_server
from tests.support.servers import StoreServer, running_server
from tests.support.sinks import PATIENT, ask
from tests.support.waiting import AT_MOST_S, until


@pytest.fixture
def server() -> Iterator[StoreServer]:
    """A server with an ACL user ``counter``, whose password is ``first``."""
    with running_server() as started, started.client() as client:
        client.execute_command("ACL", "SETUSER", "counter", "on", ">first", "~*", "+@all")
        yield started


async def test_the_form_of_the_url_decides() -> None:
    """One server's address stands in the URL; Sentinels are asked."""
    alone = locator("redis://u:+sentinel@store:1", StoreConfig())
    assert isinstance(alone, FixedLocator)
    assert alone.doubt is None
    watched = locator("redis+sentinel://:pw@a:1,b:2/counters", StoreConfig())
    assert isinstance(watched, SentinelLocator)
    await watched.close()


async def test_a_url_that_names_nothing_is_refused() -> None:
    """Without being shown."""
    with pytest.raises(ValueError, match="URL") as refused:
        locator("redis+sentinel://:hidden-word@a:b:c/x", StoreConfig())
    assert "hidden-word" not in str(refused.value)


async def test_the_password_file_is_read_at_each_connect(server: StoreServer, tmp_path: Path) -> None:
    """A rotated password is used without a restart: the next connection logs in with what the file says."""
    path = tmp_path / "password"
    path.write_text("first\n")
    place = locator(f"redis://counter@127.0.0.1:{server.port}", StoreConfig(password_file=path))
    link = Link(asyncio.get_running_loop(), place.locate, PATIENT)
    link.start()
    assert await link.wait_ready(AT_MOST_S), link.last_error
    assert await ask(link, command("ACL", "WHOAMI")) == b"counter"
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "counter", "resetpass", ">second")
        client.client_kill_filter(_type="normal", skipme=True)
    await until(lambda: link.last_error is not None)
    assert link.last_error is not None
    assert link.last_error.kind == "wrongpass"
    assert "first" not in str(link.last_error)
    path.write_text("second\n")
    await until(lambda: link.ready)
    assert await ask(link, command("ACL", "WHOAMI")) == b"counter"
    await link.close()


async def test_a_right_that_was_taken_away_has_the_login_made_anew(server: StoreServer) -> None:
    """-NOPERM on an open connection is a refusal that a new login may end."""
    place = locator(f"redis://counter:first@127.0.0.1:{server.port}", StoreConfig())
    link = Link(asyncio.get_running_loop(), place.locate, PATIENT)
    link.start()
    assert await link.wait_ready(AT_MOST_S), link.last_error
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "counter", "-incr")
        error = await ask(link, command("INCR", "n"))
        assert isinstance(error, StoreError)
        assert (error.kind, error.executed) == ("noperm", False)
        await until(lambda: link.reconnects > 0)
        client.execute_command("ACL", "SETUSER", "counter", "+incr")
    await until(lambda: link.ready)
    assert await ask(link, command("INCR", "n")) == 1
    await link.close()


async def test_a_missing_password_file_is_a_reason(tmp_path: Path) -> None:
    """It is said why there is no connection; the file's being there later is enough."""
    place = locator("redis://localhost", StoreConfig(password_file=tmp_path / "none"))
    with pytest.raises(StoreError, match="No such file") as refused:
        await place.locate()
    assert refused.value.kind == "noauth"
    (tmp_path / "none").write_text("word")
    assert (await place.locate()).password == "word"


async def test_a_host_name_is_resolved_at_each_connect(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server whose address changed is found without a restart."""
    loop = asyncio.get_running_loop()
    async with fake_server(lambda _: b"+old\r\n") as old, fake_server(lambda _: b"+new\r\n") as new:
        ports = [old.port]

        async def resolve(host: str, *rest: Any, **more: Any) -> list[Any]:
            assert host == "store.test"
            return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", ports[-1]))]

        monkeypatch.setattr(loop, "getaddrinfo", resolve)
        link = Link(loop, FixedLocator(parse("redis://store.test:1")).locate, PATIENT)
        link.start()
        assert await link.wait_ready(AT_MOST_S), link.last_error
        assert await ask(link, command("PING")) == b"old"
        ports.append(new.port)
        link.renew("moved")
        await until(lambda: new.connections == 1 and link.ready)
        assert await ask(link, command("PING")) == b"new"
        await link.close()
