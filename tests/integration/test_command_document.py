"""docs/cli.md: what it shows works, in the order in which it stands there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from quotad.cli.root import SECTIONS
from tests.support.processes import start_quotad
from tests.support.servers import StoreServer

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
ADDRESS = "127.0.0.1:9901"
KEY = "a-key-of-the-test"


class Terminal:
    """A shell in a folder, with this tree's quotad as a program."""

    def __init__(self, folder: Path, **variables: str) -> None:
        programs = folder / "bin"
        programs.mkdir()
        (programs / "quotad").write_text(f'#!/bin/sh\nexec {sys.executable} -m quotad "$@"\n')
        (programs / "quotad").chmod(0o755)
        (programs / "python3").symlink_to(sys.executable)
        own = {"PATH": f"{programs}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), **variables}
        self._folder = folder
        self._environment = {
            name: value for name, value in os.environ.items() if not name.startswith("QUOTAD_")
        } | own

    def run(self, lines: str) -> str:
        """What was printed; the first line that fails ends it."""
        done = subprocess.run(
            ["sh", "-e"],
            input=lines,
            env=self._environment,
            cwd=self._folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=400,
        )
        assert done.returncode == 0, (done.stdout[-2000:], done.stderr)
        assert KEY not in done.stdout + done.stderr
        return done.stdout


@pytest.mark.timeout(600)
async def test_every_line_works(tmp_path: Path, store_server: StoreServer) -> None:
    """First on the store, then through the admin process that the page starts, at a port that is free."""
    terminal = Terminal(tmp_path, STORE_URL=store_server.url, ACME_SECRET_KEY=KEY)
    first, *others = BLOCKS
    terminal.run(first)
    config = tmp_path / "admin.yaml"
    assert ADDRESS in config.read_text()
    (tmp_path / "served.yaml").write_text(config.read_text().replace(ADDRESS, "127.0.0.1:0"))
    control = await start_quotad(tmp_path / "served.yaml", command="admin")
    try:
        place = f"127.0.0.1:{control.ports['admin']}"
        told = terminal.run("\n".join(others).replace(ADDRESS, place)).splitlines()
    finally:
        await control.stop()
    for words in (
        "admitted",
        "3 would be made or changed, 0 would be deleted, in one step",
        "3 made, 0 there already",
        "0 made, 3 there already",
        "sealed anew",
    ):
        assert any(words in line for line in told), (words, told)


def test_every_command_for_people_is_shown() -> None:
    """Each command on records and use is run on the page, or its parts are."""
    sections = [rows for title, rows in SECTIONS.items() if "ecords" in title or "used" in title]
    names = [name for rows in sections for name in rows if name != "forget"]
    text = "\n".join(BLOCKS)
    assert [name for name in names if not re.search(rf"quotad {name}\b", text)] == []
