import asyncio
import json
from pathlib import Path

import pytest

from quotad.cli.entry import main
from tests.support.admin import TOKEN, used_port
from tests.support.commands import VALID
from tests.support.servers import StoreServer


def test_usage_verbs_ask_the_admin_port(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each one reaches for it, as the file or the line names it, and says that nobody is there."""
    path = tmp_path / "quotad.yaml"
    path.write_text(VALID + "admin: {address: '127.0.0.1:9', unauthenticatedLoopback: true}\n")
    place = ["--plan", "p", "--service", "s", "--environment", "test", "--reason", "r"]
    top_up = ["--window", "day", "--amount", "5", "--until", "never"]
    assert main(["usage", "history", "-c", str(path)]) == 1
    assert main(["usage", "reset", "--admin", "http://127.0.0.1:9", *place, "--window", "day"]) == 1
    assert main(["usage", "top-up", "-c", str(path), *place, *top_up]) == 1
    assert main(["usage", "history"]) == 1
    *refused, missing = capsys.readouterr().err.splitlines()
    assert [line.partition("9: ")[0] for line in refused] == ["quotad: 127.0.0.1:"] * 3
    assert missing == "quotad: which admin port? Give --admin, -c or QUOTAD_ADMIN"


async def test_what_is_in_use(
    store_server: StoreServer,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A row for each plan and place, with what is used of each window; JSON has all that the port says."""
    monkeypatch.setenv("QUOTAD_ADMIN_TOKEN", TOKEN)
    async with used_port(store_server.url, tmp_path / "audit") as port:
        command = ["usage", "show", "--admin", f"http://127.0.0.1:{port.number}"]
        assert await asyncio.to_thread(main, [*command, "--plan", "usagePlan-shared"]) == 0
        head, row = capsys.readouterr().out.splitlines()
        assert head.split()[:3] == ["usagePlanId", "serviceId", "environment"]
        assert row.split()[:3] == ["usagePlan-shared", "service-aaaaaaaa", "release"]
        assert await asyncio.to_thread(main, [*command, "-o", "json", "--limit", "1"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert (len(found["usage"]), found["totalCount"] > 1) == (1, True)
        assert str(found["usage"][0]["windows"]["day"]["inUse"]) in row
        assert await asyncio.to_thread(main, [*command, "--environment", "nowhere"]) == 1
        assert "environment must be one of" in capsys.readouterr().err
