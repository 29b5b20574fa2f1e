import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from quotad.cli.entry import main
from quotad.cli.reach import TOKEN_VARIABLE
from tests.support.admin import TOKEN, Port, used_port
from tests.support.desks import Shell
from tests.support.servers import StoreServer
from tests.support.shell import PLAN_ID, SECRET_ID, SERVICE_ID, file_of, wanted

PLACE = ("--plan", "usagePlan-shared", "--service", "service-aaaaaaaa", "--environment", "release")


@pytest.fixture
async def port(
    store_server: StoreServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Port]:
    """See ``used_port``; the token is in the environment."""
    monkeypatch.setenv(TOKEN_VARIABLE, TOKEN)
    async with used_port(store_server.url, tmp_path / "audit") as running:
        yield running


@pytest.fixture
def ask(port: Port, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs a command against it, in a thread; answers what it printed."""

    async def run(*words: str, status: int = 0) -> str:
        line = [*words, "--admin", f"http://127.0.0.1:{port.number}"]
        found = await asyncio.to_thread(main, line)
        captured = capsys.readouterr()
        assert found == status, captured
        return captured.out if status == 0 else captured.err

    return run


async def test_what_is_in_use(ask: Any) -> None:
    """A row for each plan and place, with what is used of each window; JSON has all that the port says."""
    head, row = (await ask("usage", "show", "--plan", "usagePlan-shared")).splitlines()
    assert head.split()[:3] == ["usagePlanId", "serviceId", "environment"]
    assert row.split()[:3] == ["usagePlan-shared", "service-aaaaaaaa", "release"]
    found = json.loads(await ask("usage", "show", "-o", "json", "--limit", "1"))
    assert (len(found["usage"]), found["totalCount"] > 1) == (1, True)
    assert str(found["usage"][0]["windows"]["day"]["inUse"]) in row
    assert "nvironment must be one of" in await ask("usage", "show", "--environment", "nowhere", status=1)


async def test_history_is_printed(ask: Any) -> None:
    """Whose it is, then a line per day or hour."""
    first, *days = (await ask("usage", "history", *PLACE)).splitlines()
    assert first == "usagePlan-shared service-aaaaaaaa release (UTC)"
    assert len(days) == 30
    assert [day.split()[1] for day in days] == ["0"] * 29 + ["7"]
    of_one = ("--secret", "AKIDb", "--from", days[-1].split()[0])
    first, day = (await ask("usage", "history", "--plan", "usagePlan-shared", *of_one)).splitlines()
    assert (first, day.split()[1]) == ("usagePlan-shared service-aaaaaaaa release AKIDb (UTC)", "3")
    assert (await ask("usage", "history", "--unit", "hour")).count("(UTC)") == 3
    assert json.loads(await ask("usage", "history", "-o", "json"))["totalCount"] == 3


async def test_a_correction_is_made_once(port: Port, ask: Any) -> None:
    """What is in use after it is printed as JSON; sent again with its key it says the same."""
    command = ("usage", "reset", *PLACE, "--window", "day", "--reason", "test", "--idempotency-key", "one")
    once = await ask(*command)
    assert await ask(*command) == once
    assert json.loads(once)["usage"]["windows"]["day"]["inUse"] == 0
    assert len(port.audited()) == 2
    raised = ("--window", "day", "--amount", "5", "--until", "windowEnd", "--reason", "test")
    assert json.loads(await ask("usage", "top-up", *PLACE, *raised))["topUp"]["amount"] == 5
    refused = await ask("usage", "reset", *PLACE, "--shadow", "--window", "day", "--reason", "x", status=1)
    assert "This plan is not bound there" in refused


def test_why(shell: Shell, tmp_path: Path) -> None:
    """What a request would meet now; half a question is wrong usage; of a refusal the port must know."""
    shell("apply", "-f", str(file_of(tmp_path / "f.yaml", wanted())))
    place = ("--secret", SECRET_ID, "--service", SERVICE_ID, "--environment", "release")
    found = shell.json("explain", *place)
    assert (found["admitted"], found["plan"]["usagePlanId"]) == (True, PLAN_ID)
    assert "admitted" in shell("explain", *place)
    shell("explain", "--secret", SECRET_ID, status=2)
    shell("explain", "0" * 24, *place, status=2)
    shell("explain", "0" * 24, status=1)
    assert "not_found" in shell.err
    assert PLAN_ID in shell("usage", "show")
