"""What callers may try behind another proxy, byte for byte, with the files of docs/beside."""

import asyncio
import json
from pathlib import Path

import httpx
import pytest

from tests.beside.test_proxies import KINDS, PAIR, TELLING, Beside, beside
from tests.support.proxies import CADDY, NGINX, Kind
from tests.support.rawhttp import Answer, Raw, raw
from tests.support.servers import StoreServer
from tests.support.waiting import AT_MOST_S, until_true

CREDENTIALS = "".join(f"{name}: {value}\r\n" for name, value in PAIR.items()).encode()
AMBIGUOUS = (b"/orders/../nowhere", b"/nowhere/../orders/1", b"/orders/%2e%2e/nowhere", b"//orders/1")
ROUTE = "{pathPrefix: /orders, service: orders, environment: release"
OURS = (b"x-quotad-secret-id", b"x-quotad-plan-id", b"x-quotad-environment", b"x-request-id")


def request(
    line: bytes = b"GET /orders/1", extra: bytes = b"", pair: bytes = CREDENTIALS, body: bytes = b""
) -> bytes:
    """One request as it stands on the wire."""
    return b"%b HTTP/1.1\r\nHost: api.test\r\n%b%b\r\n%b" % (line, pair, extra, body)


async def final(caller: Raw, method: str = "GET") -> Answer:
    """The next answer that is not an interim one."""
    while (answer := await caller.answer(method)).status < 200:
        pass
    return answer


class Caller:
    """Who tries, each time over a connection of its own."""

    def __init__(self, place: Beside) -> None:
        self.place = place
        self.port = place.client.base_url.port or 0

    async def status(self, *sent: bytes, method: str = "GET") -> int:
        """Of one request."""
        async with raw(self.port) as caller:
            await caller.send(*sent)
            return (await final(caller, method)).status

    async def refused(self, *sent: bytes) -> None:
        """The request must end without one to the backend."""
        before = len(self.place.backend.seen)
        assert await self.status(*sent) >= 400, sent
        assert len(self.place.backend.seen) == before, sent


@pytest.mark.parametrize("kind", KINDS)
async def test_what_callers_may_try(kind: Kind, tmp_path: Path, store_server: StoreServer) -> None:
    """Bodies, HEAD and reused connections work; paths, fields and sizes that trick others pass nobody."""
    plan = "dayQuotaRequest: 1000"
    async with beside(kind, tmp_path, store_server.url, plan) as place:
        caller = Caller(place)
        await connections_are_used_again(caller)
        await contents_pass_whole(caller, kind)
        await nothing_is_reached_by_a_twisted_path(caller)
        await what_quotad_says_cannot_be_taken_away(caller)
        for size in (20_000, 70_000):
            answer = await caller.status(request(extra=b"X-Long: %b\r\n" % (b"a" * size)))
            assert answer in ((200, 400, 431) if size == 20_000 else (400, 431))
        await caller.refused(request(extra=b"".join(b"X-%d: a\r\n" % number for number in range(140))))
        await caller.refused(request(extra=b"Host: other.test\r\n"))
        await caller.refused(request(extra=b"X-Secret-Id: AKIDother\r\n"))
        await caller.refused(
            request(b"POST /settle?id=%b&status=503" % (b"0" * 20), b"Content-Length: 0\r\n")
        )
        assert await place.used() == len(place.backend.seen)


async def connections_are_used_again(caller: Caller) -> None:
    """HEAD has no content, admitted or refused, and what follows on the connection is in order."""
    async with raw(caller.port) as connection:
        for line, status in ((b"HEAD /orders/1", 200), (b"HEAD /nowhere", 404), (b"GET /orders/1", 200)) * 3:
            await connection.send(request(line))
            method = line.partition(b" ")[0].decode()
            answer = await final(connection, method)
            assert answer.status == status
            assert answer.body == (b"ok" if method == "GET" else b"")
    methods = [seen.line.partition(b" ")[0] for seen in caller.place.backend.seen]
    assert methods == [b"HEAD", b"GET"] * 3


async def contents_pass_whole(caller: Caller, kind: Kind) -> None:
    """Of known length, chunked, and after Expect; of a refused request nothing reaches the backend."""
    post, expect = b"POST /orders/1", b"Expect: 100-continue\r\nContent-Length: 5\r\n"
    chunked = b"5\r\nhello\r\n0\r\n\r\n"
    assert await caller.status(request(post, b"Content-Length: 5\r\n", body=b"hello")) == 200
    assert await caller.status(request(post, b"Transfer-Encoding: chunked\r\n", body=chunked)) == 200
    assert await caller.status(request(post, expect), b"hello") == 200
    assert [seen.payload for seen in caller.place.backend.seen[-3:]] == [b"hello"] * 3
    # Caddy answers a refusal when the content has come.
    sent = (
        (request(post, expect, pair=b""), b"hello") if kind is CADDY else (request(post, expect, pair=b""),)
    )
    assert await caller.status(*sent) == 401


async def nothing_is_reached_by_a_twisted_path(caller: Caller) -> None:
    """What passes is forwarded as it was decided: never to another path than the one that was asked about."""
    for path in AMBIGUOUS:
        before = len(caller.place.backend.seen)
        status = await caller.status(request(b"GET " + path))
        targets = [seen.line.split(b" ")[1] for seen in caller.place.backend.seen[before:]]
        # Traefik makes the path plain before anybody is asked.
        assert (status, targets) in ((400, []), (404, []), (200, [b"/orders/1"])), path
    for path in (b"/ORDERS/1", b"/orders1", b"/orders%2F1"):
        await caller.refused(request(b"GET " + path))


async def what_quotad_says_cannot_be_taken_away(caller: Caller) -> None:
    """Not by naming the fields in Connection, nor by others that some backends take for the same."""
    for named in (*OURS, b"X-Original-URI, X-Forwarded-Uri", b"X-Original-Method, X-Forwarded-Method"):
        seen = caller.place.backend.seen
        before = len(seen)
        await caller.status(request(extra=b"Connection: %b\r\n" % named))
        for one in seen[before:]:
            assert [len(one.values(name)) for name in OURS] == [1] * len(OURS), named
    for name in (b"X_Quotad_Secret_Id", b"X-Quotad_Secret-Id", b"x_quotad-plan_id", b"X_Request_ID"):
        before = len(caller.place.backend.seen)
        await caller.status(request(extra=b"%b: AKIDother\r\n" % name))
        assert not any(b"AKIDother" in one.head for one in caller.place.backend.seen[before:])


@pytest.mark.parametrize("kind", KINDS)
async def test_who_calls_from_where_is_what_the_proxy_saw(
    kind: Kind, tmp_path: Path, store_server: StoreServer
) -> None:
    """A caller cannot choose its address, nor who it is where nobody is asked: in a preflight that passes."""
    more = "\n  proxies: [127.0.0.1/32]"
    log = tmp_path / "access.log"
    plan = "dayQuotaRequest: 9"
    changes = ((ROUTE, f"{ROUTE}, preflight: pass"), ('accessLog: ""', f'accessLog: "{log}"'))
    async with beside(kind, tmp_path, store_server.url, plan, more, changes) as place:
        transport = httpx.AsyncHTTPTransport(local_address="127.0.0.2")
        forged = {
            "X-Forwarded-For": "203.0.113.7",
            "X-Real-IP": "203.0.113.7",
            "Forwarded": "for=203.0.113.7",
            "X-Quotad-Secret-Id": "AKIDother",
        }
        url = f"{place.client.base_url}/orders/elsewhere"
        async with httpx.AsyncClient(transport=transport, timeout=30) as elsewhere:
            assert (await elsewhere.get(url, headers={**PAIR, **forged})).status_code == 200
            assert (await elsewhere.get(url, headers=forged)).status_code == 401
            preflight = {**forged, "Origin": "http://a.test", "Access-Control-Request-Method": "GET"}
            passed = await elsewhere.options(url, headers=preflight)
            assert (passed.status_code, passed.headers.get("ratelimit", "")) == (200, "")
        first, second = place.backend.seen
        assert first.values(b"x-quotad-secret-id") == [PAIR["X-Secret-Id"].encode()]
        for name in (b"x-quotad-secret-id", b"x-quotad-plan-id"):
            assert [value for value in second.values(name) if value] == []
        if kind is NGINX:
            assert first.values(b"x-forwarded-for") == [b"127.0.0.2"]

        def lines() -> list[dict[str, str]]:
            said = [json.loads(line) for line in log.read_text().splitlines()]
            return [line for line in said if line["path"] == "/orders/elsewhere"]

        async def is_logged() -> bool:
            return len(lines()) == 3

        await until_true(is_logged)
        assert {line["client"] for line in lines()} == {"127.0.0.2"}
        assert await place.used() == 1


@pytest.mark.parametrize("kind", TELLING)
async def test_hanging_up_is_no_free_call(kind: Kind, tmp_path: Path, store_server: StoreServer) -> None:
    """Who leaves while the backend works has used its unit, whatever the proxy tells of it, if anything."""
    plan, more = "dayQuotaRequest: 9, quotaCondition: 2xx", "\n  conditional: settle\n  settleMs: 2000"
    asked, over = asyncio.Event(), asyncio.Event()

    async def work(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        await over.wait()

    async with beside(kind, tmp_path, store_server.url, plan, more) as place:
        place.backend.script = work
        async with raw(place.client.base_url.port or 0) as caller:
            await caller.send(request())
            async with asyncio.timeout(AT_MOST_S):
                await asked.wait()
            assert await place.charged_and_open() == (0, 1)
            caller.reset()
        assert await place.used() == 1
        over.set()
