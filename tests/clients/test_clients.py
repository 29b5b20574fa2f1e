"""Clients that others wrote get the same through quotad as without it; docs/clients.md says which."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support import clients
from tests.support.clients import CLIENTS, EVENTS, EXPECT, PARALLEL, TRIALS, WEBSOCKET
from tests.support.stage import Bases, Stage, stage_in_a_thread

PAGE = Path(__file__).parent.parent.parent / "docs/clients.md"

OTHERS: dict[str, Callable[[str, Bases], list[clients.Told]]] = {
    EXPECT: clients.expects,
    PARALLEL: clients.at_once,
    EVENTS: clients.event_stream,
}
KNOWS_EXPECT = ("aiohttp", "curl")
TALKS = {"websockets": clients.websockets_talk, "aiohttp": clients.aiohttp_talk}

DONE = {
    **{name: {*TRIALS, PARALLEL, EVENTS, *([EXPECT] if name in KNOWS_EXPECT else [])} for name in CLIENTS},
    "websockets": {WEBSOCKET},
    "Chromium": {
        "plain",
        "redirects and cookies",
        "bodies",
        "codings",
        "streams",
        PARALLEL,
        EVENTS,
        WEBSOCKET,
    },
}
"""What each client is known to do: those of this file, and tests/clients/test_browser.py."""
DONE["aiohttp"].add(WEBSOCKET)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage_in_a_thread(tmp_path_factory.mktemp("stage")) as opened:
        yield opened


def marked(client: str) -> list[pytest.MarkDecorator]:
    return [pytest.mark.debian] if client == "curl" else []


@pytest.mark.parametrize(
    ("client", "trial"),
    [
        pytest.param(client, trial, marks=marked(client), id=f"{client}-{trial}")
        for client in CLIENTS
        for trial in TRIALS
    ],
)
def test_the_same_as_without(stage: Stage, client: str, trial: str) -> None:
    """Status, header fields and body are those that the backend gives without quotad."""
    direct = CLIENTS[client](stage.direct.http, TRIALS[trial])
    through = CLIENTS[client](stage.quotad.http, TRIALS[trial])
    assert list(map(clients.comparable, through)) == list(map(clients.comparable, direct))
    assert all("ratelimit-policy" in headers or "x-request-id" in headers for _, headers, _ in through)


@pytest.mark.parametrize(
    ("client", "trial"),
    [
        pytest.param(client, trial, marks=marked(client), id=f"{client}-{trial}")
        for client in CLIENTS
        for trial in OTHERS
        if trial != EXPECT or client in KNOWS_EXPECT
    ],
)
def test_the_same_otherwise(stage: Stage, client: str, trial: str) -> None:
    """So it is with a body that waits to be asked for, with many at once, and with an event stream."""
    direct, through = (OTHERS[trial](client, bases) for bases in (stage.direct, stage.quotad))
    assert list(map(clients.comparable, through)) == list(map(clients.comparable, direct))
    assert [status for status, _, _ in through] == [200] * len(direct)


@pytest.mark.parametrize("client", TALKS)
def test_websockets(stage: Stage, client: str) -> None:
    """A WebSocket client says and hears the same, pings are answered, and the close is orderly."""
    through = TALKS[client](stage.quotad)
    assert through == TALKS[client](stage.direct)
    assert "hello" in through


def table() -> str:
    """What docs/clients.md must show."""
    columns = [*TRIALS, EXPECT, PARALLEL, EVENTS, WEBSOCKET]
    rows = ["| | " + " | ".join(DONE) + " |", "|---" * (len(DONE) + 1) + "|"]
    rows += [
        f"| {what} | " + " | ".join("same" if what in DONE[who] else "" for who in DONE) + " |"
        for what in columns
    ]
    return "\n".join(rows)


def test_the_page_shows_what_is_tested() -> None:
    """The table of docs/clients.md is the one that these tests prove."""
    assert table() in PAGE.read_text(encoding="utf-8")
