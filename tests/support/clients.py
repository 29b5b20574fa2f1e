"""Clients that others wrote, and what each is asked to do, told so that two runs can be compared."""

import asyncio
import base64
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import requests
import urllib3
from websockets.sync.client import connect

from tests.support.stage import CREDENTIALS, Bases

BIG = bytes(range(256)) * 1200
WAIT_S = 60.0


@dataclass(frozen=True)
class Ask:
    """One request. ``pieces``: a body of unknown length, sent in chunks."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    pieces: tuple[bytes, ...] = ()

    @property
    def all_headers(self) -> dict[str, str]:
        return {**CREDENTIALS, **self.headers}


Told = tuple[int, dict[str, str], bytes]
"""Status, header fields in lower case, body."""

TRIALS: dict[str, tuple[Ask, ...]] = {
    "plain": (
        Ask("GET", "/get?a=1&b=%20x&b="),
        Ask("GET", "/anything/a%20b/c;d=1?q=%2F"),
        Ask("GET", "/html"),
        Ask("DELETE", "/delete"),
    ),
    "statuses": tuple(Ask("GET", f"/status/{code}") for code in (201, 204, 304, 400, 404, 418, 500, 503)),
    "redirects and cookies": (
        Ask("GET", "/redirect/3"),
        Ask("GET", "/cookies/set?flavor=oat"),
        Ask("GET", "/redirect-to?url=%2Fget&status_code=307"),
    ),
    "bodies": (
        Ask("POST", "/post", {"Content-Type": "application/json"}, b'{"a": [1, 2]}'),
        Ask("POST", "/post", {"Content-Type": "application/x-www-form-urlencoded"}, b"a=1&b=2"),
        Ask("PUT", "/put", {"Content-Type": "application/octet-stream"}, BIG),
        Ask("PATCH", "/patch", {}, b""),
    ),
    "chunked uploads": (
        Ask("POST", "/post", {"Content-Type": "text/plain"}, pieces=(b"one ", b"two ", b"three")),
    ),
    "codings": (
        Ask("GET", "/gzip"),
        Ask("GET", "/deflate"),
        Ask("GET", "/brotli"),
        Ask("GET", "/encoding/utf8"),
    ),
    "streams": (
        Ask("GET", "/stream/20"),
        Ask("GET", "/stream-bytes/50000?seed=7&chunk_size=1000"),
        Ask("GET", "/bytes/100000?seed=7"),
        Ask("GET", "/drip?numbytes=5&duration=0.05&delay=0"),
    ),
    "ranges and conditions": (
        Ask("GET", "/range/1000", {"Range": "bytes=10-99"}),
        Ask("GET", "/etag/abc", {"If-None-Match": '"abc"'}),
        Ask("GET", "/cache", {"If-Modified-Since": "Sat, 21 Nov 2026 00:00:00 GMT"}),
    ),
    "HEAD and OPTIONS": (Ask("HEAD", "/html"), Ask("HEAD", "/status/404"), Ask("OPTIONS", "/get")),
    "the backend's own login": (
        Ask("GET", "/basic-auth/user/passwd", {"Authorization": "Basic dXNlcjpwYXNzd2Q="}),
        Ask("GET", "/basic-auth/user/other", {"Authorization": "Basic dXNlcjpwYXNzd2Q="}),
        Ask("GET", "/bearer", {"Authorization": "Bearer a.b.c"}),
    ),
}
"""What is asked of httpbin, by what it shows."""

EXPECT = "Expect: 100-continue"
PARALLEL = "20 at once"
EVENTS = "events"
WEBSOCKET = "WebSocket"

_OURS = re.compile(r"(?:x-)?ratelimit.*|x-request-id|date|connection|keep-alive")
_TOLD_BACKENDS = re.compile(rb'\s*"(?:X-(?:Quotad|Secret|Forwarded)-[^"]*|Forwarded|Connection)": "[^"]*",?')
_LAST_COMMA = re.compile(rb",(\s*\})")
_PORT = re.compile(rb"127\.0\.0\.1:[0-9]+")


def comparable(told: Told) -> Told:
    """Without what must differ: limits, dates, ports, and what quotad tells a backend or keeps from it."""
    status, headers, body = told
    kept = {name: value for name, value in sorted(headers.items()) if not _OURS.fullmatch(name)}
    cut = _LAST_COMMA.sub(rb"\1", _TOLD_BACKENDS.sub(b"", _PORT.sub(b"HOST", body)))
    if cut != body and "content-length" in kept:
        kept["content-length"] = "of what was cut"
    return status, {name: _PORT.sub(b"HOST", value.encode()).decode() for name, value in kept.items()}, cut


def use_requests(base: str, asks: Iterable[Ask]) -> list[Told]:
    with requests.Session() as session:

        def tell(ask: Ask) -> Told:
            body = iter(ask.pieces) if ask.pieces else ask.body
            url = base + ask.path
            answer = session.request(ask.method, url, headers=ask.all_headers, data=body, timeout=WAIT_S)
            return answer.status_code, _lower(answer.headers), answer.content

        return [tell(ask) for ask in asks]


def use_httpx(base: str, asks: Iterable[Ask]) -> list[Told]:
    with httpx.Client(base_url=base, follow_redirects=True, timeout=WAIT_S) as client:

        def tell(ask: Ask) -> Told:
            body = iter(ask.pieces) if ask.pieces else ask.body
            answer = client.request(ask.method, ask.path, headers=ask.all_headers, content=body)
            return answer.status_code, _lower(answer.headers), answer.content

        return [tell(ask) for ask in asks]


def use_urllib3(base: str, asks: Iterable[Ask]) -> list[Told]:
    with urllib3.PoolManager(timeout=WAIT_S, retries=urllib3.Retry(5, raise_on_status=False)) as pool:

        def tell(ask: Ask) -> Told:
            body = iter(ask.pieces) if ask.pieces else ask.body
            answer = pool.request(ask.method, base + ask.path, headers=ask.all_headers, body=body)
            return answer.status, _lower(answer.headers), answer.data

        return [tell(ask) for ask in asks]


def use_aiohttp(base: str, asks: Iterable[Ask], *, expect: bool = False) -> list[Told]:
    async def pieces(ask: Ask) -> Any:
        for piece in ask.pieces:
            yield piece

    async def run() -> list[Told]:
        told = []
        jar = aiohttp.CookieJar(unsafe=True)
        limit = aiohttp.ClientTimeout(WAIT_S)
        async with aiohttp.ClientSession(base, cookie_jar=jar, timeout=limit) as session:
            for ask in asks:
                async with session.request(
                    ask.method,
                    ask.path,
                    headers=ask.all_headers,
                    data=pieces(ask) if ask.pieces else ask.body,
                    expect100=expect,
                ) as answer:
                    told.append((answer.status, _lower(answer.headers), await answer.read()))
        return told

    return asyncio.run(run())


def use_curl(base: str, asks: Iterable[Ask]) -> list[Told]:
    with tempfile.TemporaryDirectory() as folder:
        jar = Path(folder) / "cookies"
        return [_curl(base, ask, jar) for ask in asks]


def _curl(base: str, ask: Ask, jar: Path) -> Told:
    command = [
        "curl",
        "--silent",
        "--show-error",
        "--location",
        "--compressed",
        "--globoff",
        "--max-time",
        str(WAIT_S),
    ]
    command += ["--cookie", str(jar), "--cookie-jar", str(jar), "--dump-header", str(jar) + ".head"]
    for name, value in ask.all_headers.items():
        command += ["--header", f"{name}: {value}"]
    body = b"".join(ask.pieces) if ask.pieces else ask.body
    if ask.pieces:
        command += ["--header", "Transfer-Encoding: chunked"]
    if body is not None:
        command += ["--data-binary", "@-"]
    command += ["--head"] if ask.method == "HEAD" else ["--request", ask.method]
    output = subprocess.run([*command, base + ask.path], input=body, capture_output=True, check=True).stdout
    head = Path(str(jar) + ".head").read_bytes().split(b"\r\n\r\n")[-2].decode("latin-1").split("\r\n")
    fields = {name: value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
    return int(head[0].split(" ")[1]), _lower(fields), output if ask.method != "HEAD" else b""


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


CLIENTS: dict[str, Callable[[str, Iterable[Ask]], list[Told]]] = {
    "requests": use_requests,
    "httpx": use_httpx,
    "urllib3": use_urllib3,
    "aiohttp": use_aiohttp,
    "curl": use_curl,
}
"""By name: asks over one session, and tells what came."""

EXPECTING = Ask("PUT", "/put", {"Content-Type": "application/octet-stream", "Expect": "100-continue"}, BIG)


def expects(client: str, bases: Bases) -> list[Told]:
    """A body that waits for 100 (Continue)."""
    if client == "aiohttp":
        ask = Ask("PUT", "/put", {"Content-Type": "application/octet-stream"}, BIG)
        return use_aiohttp(bases.http, [ask], expect=True)
    return CLIENTS[client](bases.http, [EXPECTING])


def at_once(client: str, bases: Bases) -> list[Told]:
    """Twenty at the same time."""
    with ThreadPoolExecutor(20) as pool:
        asks = [Ask("GET", f"/anything?number={number}") for number in range(20)]
        return [told for (told,) in pool.map(lambda ask: CLIENTS[client](bases.http, [ask]), asks)]


def event_stream(client: str, bases: Bases) -> list[Told]:
    """An event stream to its end."""
    return CLIENTS[client](bases.events, [Ask("GET", "/events")])


def _echoed(messages: Iterable[str | bytes]) -> Iterator[str]:
    for message in messages:
        yield message if isinstance(message, str) else base64.b64encode(message).decode()


MESSAGES: tuple[str | bytes, ...] = ("hello", "", b"\x00\xff" * 10, "x" * 70_000, b"y" * 300_000)


def websockets_talk(bases: Bases) -> list[str]:
    """websockets: text and bytes of several sizes, a ping, an orderly close; what came back."""
    url = bases.socket.replace("http", "ws", 1) + "/socket"
    with connect(url, additional_headers=CREDENTIALS) as talk:
        got = []
        for message in MESSAGES:
            talk.send(message)
            got.append(talk.recv(WAIT_S))
        assert talk.ping().wait(WAIT_S)
    return [*_echoed(got), str(talk.close_code), str(talk.response and talk.response.headers["Upgrade"])]


def aiohttp_talk(bases: Bases) -> list[str]:
    """Aiohttp's WebSocket: the same."""

    async def run() -> list[str]:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(bases.socket + "/socket", headers=CREDENTIALS) as talk,
        ):
            got = []
            for message in MESSAGES:
                await (talk.send_str(message) if isinstance(message, str) else talk.send_bytes(message))
                got.append((await talk.receive(WAIT_S)).data)
            await talk.close()
            return [*_echoed(got), str(talk.close_code)]

    return asyncio.run(run())
