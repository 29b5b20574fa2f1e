"""docs/cli.md: what it shows works, in the order in which it stands there."""

import re
from pathlib import Path

import pytest

from quotad.cli.root import SECTIONS
from tests.support.processes import start_quotad
from tests.support.servers import StoreServer
from tests.support.terminal import Terminal

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
ADDRESS = "127.0.0.1:9901"
KEY = "a-key-of-the-test"


# Of what is compiled an admin process has the store alone, which others try.
@pytest.mark.pure
@pytest.mark.timeout(1800)
async def test_every_line_works(tmp_path: Path, store_server: StoreServer) -> None:
    """First on the store, then through the admin process that the page starts, at a port that is free."""
    terminal = Terminal(tmp_path, never=KEY, STORE_URL=store_server.url, ACME_SECRET_KEY=KEY)
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
