"""docs/rest.md: what it shows works, in the order in which it stands there."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from quotad.controlplane.roles import NEEDED, ROLES
from tests.support.offices import TOKEN, OfficePort, office
from tests.support.servers import StoreServer

# Of what is compiled an admin process has the store alone, which others try.
pytestmark = pytest.mark.pure
PAGE = (Path(__file__).parents[2] / "docs" / "rest.md").read_text(encoding="utf-8")


def blocks() -> list[list[str]]:
    """What is shown as to be typed, by its parts."""
    found = re.findall(r"^```sh rest\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return [block.splitlines() for block in found]


async def typed(port: OfficePort, line: str) -> dict[str, Any]:
    """What a line of curl is answered with, which must be good."""
    words = shlex.split(line.replace("$TOKEN", TOKEN).replace("$ADMIN", port.url))
    assert words[:2] == ["curl", "-sf"]
    headers = dict(words[at + 1].split(": ", 1) for at, word in enumerate(words) if word == "-H")
    body = words[words.index("-d") + 1] if "-d" in words else None
    method = "POST" if body is not None or "-X" in words else "GET"
    path = words[-1].removeprefix(port.url)
    return await port.done(method, path, token="", headers=headers, content=body) or {}


async def test_from_nothing_to_a_first_call_and_back(store_server: StoreServer, tmp_path: Path) -> None:
    """Each line is answered well; explain says after the first part that a caller is let in, then why not."""
    async with office(store_server.url, tmp_path) as port:
        told = [[await typed(port, line) for line in block] for block in blocks()]
    there, back = told
    assert there[-1]["admitted"] is True
    assert back[0]["usage"][0]["windows"]["day"]["left"] == 10_000
    assert back[1]["usage"]["windows"]["day"]["left"] == 10_010
    assert (back[-1]["admitted"], back[-1]["reason"]) == (False, "not_bound")


@pytest.mark.parametrize("role", ROLES)
def test_the_roles_are_those_of_the_table(role: str) -> None:
    """Each role has its row."""
    assert f"| {role} | " in PAGE
    assert role in NEEDED.values()
