"""Commands on control records, run in this process on a real store."""

import json
from pathlib import Path
from typing import Any

import pytest

from quotad.cli.entry import main
from quotad.cli.people import CONFIG_VARIABLE
from tests.support.servers import StoreServer
from tests.support.shell import control_file


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


@pytest.fixture
def shell(
    store_server: StoreServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Shell:
    """On an empty store, which the environment names."""
    monkeypatch.setenv(CONFIG_VARIABLE, str(control_file(tmp_path, store_server.url)))
    return Shell(capsys)
