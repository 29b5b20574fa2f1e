"""Commands on control records, run in this process: on a real store, or through an admin port upon it."""

import asyncio
import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, TypeVar

import pytest

from quotad.cli.entry import main
from quotad.cli.reach import ADMIN_VARIABLE, CONFIG_VARIABLE, TOKEN_VARIABLE
from tests.support.offices import TOKEN, office
from tests.support.servers import StoreServer
from tests.support.shell import control_file
from tests.support.waiting import AT_MOST_S

_T = TypeVar("_T")


class Shell:
    """Runs commands; ``err`` has what the last one said to stderr."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.err = ""

    def __call__(self, *arguments: str, status: int = 0) -> str:
        """What it printed."""
        found = main(arguments)
        captured = self._capsys.readouterr()
        self.err = captured.err
        assert found == status, captured
        return captured.out

    def json(self, *arguments: str) -> Any:
        """What it printed with ``-o json``."""
        return json.loads(self(*arguments, "-o", "json"))


@contextlib.contextmanager
def elsewhere(opened: Callable[[], AbstractAsyncContextManager[_T]]) -> Iterator[_T]:
    """Open it on a loop in another thread, for commands, which have a loop of their own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    context = opened()

    def run(step: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(step, loop).result(AT_MOST_S)

    try:
        yield run(_entered(context))
        run(context.__aexit__(None, None, None))
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _entered(context: AbstractAsyncContextManager[_T]) -> _T:
    return await context.__aenter__()


@pytest.fixture(params=["store", "port"])
def shell(
    request: pytest.FixtureRequest,
    store_server: StoreServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Shell]:
    """On an empty store, which the environment names: the store itself, or an admin port upon it."""
    if request.param == "store":
        monkeypatch.setenv(CONFIG_VARIABLE, str(control_file(tmp_path, store_server.url)))
        yield Shell(capsys)
        return
    (tmp_path / "office").mkdir()
    with elsewhere(lambda: office(store_server.url, tmp_path / "office")) as port:
        monkeypatch.setenv(ADMIN_VARIABLE, port.url)
        monkeypatch.setenv(TOKEN_VARIABLE, TOKEN)
        yield Shell(capsys)
