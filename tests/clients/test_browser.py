"""A real browser gets the same through quotad as without it: pages, fetch, EventSource, WebSocket."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.browser import Page, opened_browser
from tests.support.clients import Told, comparable
from tests.support.rawhttp import SECRET_ID, SECRET_KEY
from tests.support.stage import Bases, Stage, stage_in_a_thread

pytestmark = pytest.mark.debian

FETCH = """
const tell = async answer => [
    answer.status, Object.fromEntries(answer.headers), await answer.text(), new URL(answer.url).pathname
];
const told = [];
for (const [path, options] of %s) told.push(await tell(await fetch(location.origin + path, options)));
return told;
"""
ASKED: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "plain": [("/get?a=1&b=%20x", {}), ("/html", {}), ("/status/404", {}), ("/delete", {"method": "DELETE"})],
    "redirects and cookies": [("/redirect/3", {}), ("/cookies/set?flavor=oat", {}), ("/cookies", {})],
    "bodies": [
        ("/post", {"method": "POST", "body": "a=1", "headers": {"Content-Type": "text/plain"}}),
        ("/put", {"method": "PUT", "body": "x" * 300_000}),
    ],
    "codings": [("/gzip", {}), ("/deflate", {}), ("/brotli", {}), ("/encoding/utf8", {})],
    "streams": [
        ("/stream/20", {}),
        ("/bytes/50000?seed=7", {}),
        ("/drip?numbytes=5&duration=0.05&delay=0", {}),
    ],
}
AT_ONCE = """
const numbers = [...Array(20).keys()];
const ask = number => fetch(`${location.origin}/anything?number=${number}`);
const answers = await Promise.all(numbers.map(ask));
return await Promise.all(answers.map(async answer => (await answer.json()).args.number));
"""
EVENTS = """
return await new Promise((done, failed) => {
    const got = [], source = new EventSource("%s/events");
    source.onmessage = event => { got.push([event.lastEventId, event.data]); };
    source.onerror = () => { source.close(); got.length ? done(got) : failed(new Error("no events")); };
});
"""
SOCKET = """
return await new Promise((done, failed) => {
    const got = [], socket = new WebSocket("%s/socket");
    const messages = ["hello", "", "x".repeat(70000), new Uint8Array([0, 255, 7])];
    socket.binaryType = "arraybuffer";
    socket.onopen = () => messages.forEach(message => socket.send(message));
    socket.onmessage = event => {
        got.push(typeof event.data == "string" ? event.data : [...new Uint8Array(event.data)]);
        if (got.length == messages.length) socket.close(1000, "enough");
    };
    socket.onclose = event =>
        event.wasClean ? done([...got, event.code]) : failed(new Error(`closed ${event.code}`));
});
"""


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage_in_a_thread(tmp_path_factory.mktemp("stage")) as opened:
        yield opened


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with opened_browser(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


def enter(page: Page, bases: Bases) -> str:
    """Visit a page as a user who types name and password: the browser sends them from then on.

    Cookies are forgotten: both bases are one host, and a browser tells no ports apart.
    """
    page.ask("Network.clearBrowserCookies")
    return page.visit(bases.http.replace("://", f"://{SECRET_ID}:{SECRET_KEY}@") + "/html")


def told(found: list[Any]) -> list[tuple[Told, str]]:
    return [
        (comparable((status, dict(headers), body.replace(SECRET_ID, "").encode())), path)
        for status, headers, body, path in found
    ]


@pytest.mark.parametrize("trial", ASKED)
def test_fetch(stage: Stage, page: Page, trial: str) -> None:
    """Pages and what they fetch are the same, redirects followed and cookies kept."""
    results = []
    for bases in (stage.direct, stage.quotad):
        assert "Herman Melville" in enter(page, bases)
        results.append(told(page.run(FETCH % json.dumps(ASKED[trial]))))
    assert results[0] == results[1]


def test_many_at_once(stage: Stage, page: Page) -> None:
    """Twenty at once all get their own answer, over the few connections that a browser opens."""
    for bases in (stage.direct, stage.quotad):
        enter(page, bases)
        assert page.run(AT_ONCE) == [str(number) for number in range(20)]


def test_events(stage: Stage, page: Page) -> None:
    """An EventSource sees every event."""
    results = []
    for bases in (stage.direct, stage.quotad):
        enter(page, bases)
        results.append(page.run(EVENTS % bases.events))
    assert results[0] == results[1]
    assert results[0][0] == ["0", "event 0"]


def test_websocket(stage: Stage, page: Page) -> None:
    """A WebSocket of a page says and hears the same, and is closed in order."""
    results = []
    for bases in (stage.direct, stage.quotad):
        enter(page, bases)
        results.append(page.run(SOCKET % bases.socket.replace("http", "ws", 1)))
    assert results[0] == results[1]
    assert results[0][0] == "hello"
    assert results[0][-2:] == [[0, 255, 7], 1000]


def test_a_stranger_is_asked_for_a_password(stage: Stage, page: Page) -> None:
    """Without credentials the browser is answered 401, and its WebSocket fails cleanly."""
    base = stage.quotad.http.replace("127.0.0.1", "localhost")
    with pytest.raises(RuntimeError):
        page.visit(base + "/html")
    page.visit("about:blank")
    with pytest.raises(RuntimeError, match="closed 1006"):
        page.run(SOCKET % base.replace("http", "ws", 1))
