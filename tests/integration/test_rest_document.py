"""docs/rest.md: what it shows works, in the order in which it stands there."""

import json
import re
import shlex
from pathlib import Path

import pytest

from quotad.controlplane.roles import NEEDED, ROLES
from tests.support.offices import TOKEN, office
from tests.support.servers import StoreServer

PAGE = (Path(__file__).parents[2] / "docs" / "rest.md").read_text(encoding="utf-8")


def lines() -> list[str]:
    """What is shown as to be typed."""
    blocks = re.findall(r"^```sh rest\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


async def test_from_nothing_to_a_first_call(store_server: StoreServer, tmp_path: Path) -> None:
    """Each line of curl is answered well; the last one says that a request would be admitted."""
    told: dict[str, object] = {}
    async with office(store_server.url, tmp_path) as port:
        for line in lines():
            words = shlex.split(line.replace("$TOKEN", TOKEN).replace("$ADMIN", port.url))
            assert words[:2] == ["curl", "-sf"]
            headers = dict(words[at + 1].split(": ", 1) for at, word in enumerate(words) if word == "-H")
            body = words[words.index("-d") + 1] if "-d" in words else None
            method = "POST" if body is not None or "-X" in words else "GET"
            path = words[-1].removeprefix(port.url)
            told = await port.done(method, path, token="", headers=headers, content=body) or {}
    assert json.dumps(told["admitted"]) == "true"


@pytest.mark.parametrize("role", ROLES)
def test_the_roles_are_those_of_the_table(role: str) -> None:
    """Each role has its row."""
    assert f"| {role} | " in PAGE
    assert role in NEEDED.values()
