import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from quotad.client.admin import ATTEMPTS, NDJSON, AdminPort, Ask, Spot
from quotad.client.wording import NotAdmittedError, RefusedError, UnreachableError
from quotad.errors import QuotadError
from tests.support.certificates import Authority
from tests.support.echo import echo
from tests.support.offices import TOKEN, office
from tests.support.servers import StoreServer


class Upset:
    """Answers with these statuses in turn, then well; remembers what came."""

    def __init__(self, *statuses: int, members: Any = None) -> None:
        self._statuses = list(statuses)
        self._members = {"detail": "Busy.", "code": "busy"} if members is None else members
        self.asked: list[web.Request] = []

    async def _answer(self, request: web.Request) -> web.Response:
        self.asked.append(request)
        status = self._statuses.pop(0) if self._statuses else 200
        if status == 0:
            assert request.transport is not None
            request.transport.abort()
        return web.json_response(self._members, status=status, headers={"Retry-After": "0"})

    @contextlib.asynccontextmanager
    async def serving(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
        """Its address."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
        try:
            yield f"http{'' if tls is None else 's'}://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()


async def test_what_is_asked_again(store_server: StoreServer) -> None:
    """What can do no harm twice, with one and the same key; all else once: nobody knows what came of it."""
    for ask, times in (
        (Ask("GET", "/v1/plans"), ATTEMPTS),
        (Ask("PUT", "/v1/plans", {}), ATTEMPTS),
        (Ask("POST", "/v1/plans", {}, key="one"), ATTEMPTS),
        (Ask("POST", "/v1/apply", {}, repeatable=True), ATTEMPTS),
        (Ask("POST", "/v1/plans", {}), 1),
        (Ask("PATCH", "/v1/plans", {}), 1),
        (Ask("DELETE", "/v1/plans"), 1),
    ):
        for status in (503, 0):
            upset = Upset(*[status] * ATTEMPTS)
            async with upset.serving() as url, AdminPort(Spot(url)) as port:
                with pytest.raises(UnreachableError):
                    await port.ask(ask)
            assert len(upset.asked) == times, ask
            assert len({each.headers.get("Idempotency-Key") for each in upset.asked}) == 1
    upset = Upset(503, members={"ok": True})
    async with upset.serving() as url, AdminPort(Spot(url)) as port:
        assert await port.post("/v1/plans", {"a": 1}) == {"ok": True}
    assert upset.asked[0].headers["Idempotency-Key"] == upset.asked[1].headers["Idempotency-Key"]


async def test_all_pages(store_server: StoreServer, tmp_path: Path) -> None:
    """Lists and the audit log are walked to their end, or as far as was asked."""
    async with office(store_server.url, tmp_path) as there, AdminPort(Spot(there.url, TOKEN)) as port:
        for number in range(7):
            await port.post("/v1/plans", {"usagePlanName": f"plan {number}"})
        total, rows = await port.rows("/v1/plans", "plans", {}, page=3)
        assert (total, [row["usagePlanName"] for row in rows]) == (7, [f"plan {n}" for n in range(7)])
        total, rows = await port.rows("/v1/plans", "plans", {"offset": 1}, 4, page=3)
        assert (total, [row["usagePlanName"] for row in rows]) == (7, [f"plan {n}" for n in range(1, 5)])
        assert (await port.rows("/v1/plans", "plans", {"search": "none"}))[1] == []
        newest = await port.audited(3)
        assert len(newest) == 3
        assert len(await port.audited(100, newest[-1]["auditId"])) == 4


async def test_refusals_are_errors_with_their_words(store_server: StoreServer, tmp_path: Path) -> None:
    """Each of its kind, never with the token."""
    async with office(store_server.url, tmp_path) as there:
        async with AdminPort(Spot(there.url, TOKEN)) as port:
            with pytest.raises(RefusedError, match="There is no plan x"):
                await port.get("/v1/plans/x")
            assert await port.delete("/v1/plans/" + (await made_plan(port))) == {}
        for token in ("", "another-token-of-twenty"):
            async with AdminPort(Spot(there.url, token)) as port:
                with pytest.raises(NotAdmittedError) as refused:
                    await port.get("/v1/plans")
                assert "another" not in str(refused.value)


async def made_plan(port: AdminPort) -> str:
    """Its id."""
    return str((await port.post("/v1/plans", {"usagePlanName": "x"}))["usagePlanId"])


async def test_what_is_no_admin_port() -> None:
    """Another server, or none; nobody answers in time."""
    async with echo() as url, AdminPort(Spot(url)) as port:
        with pytest.raises(UnreachableError, match="is it"):
            await port.get("/v1/usage")
    async with AdminPort(Spot("http://127.0.0.1:9")) as port:
        with pytest.raises(UnreachableError, match=r"http://127\.0\.0\.1:9: Connection refused$"):
            await port.patch("/v1/plans/x", {})
    async with silent() as url, AdminPort(Spot(url, timeout_s=0.1)) as port:
        with pytest.raises(UnreachableError, match=r"within 0\.1 s; nobody knows whether it was done"):
            await port.patch("/v1/plans/x", {})


@contextlib.asynccontextmanager
async def silent() -> AsyncIterator[str]:
    """Takes connections and says nothing."""
    over = asyncio.Event()

    async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.close()

    server = await asyncio.start_server(wait, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        over.set()
        server.close()
        await server.wait_closed()


async def test_it_follows_nobody_elsewhere() -> None:
    """A redirect could hand the token to another: it is an error."""
    upset = Upset(302, members={})
    async with upset.serving() as url, AdminPort(Spot(url, TOKEN)) as port:
        with pytest.raises(UnreachableError, match="answered 302"):
            await port.get("/v1/plans")
    assert len(upset.asked) == 1
    assert json.dumps(TOKEN) not in repr(Spot("http://h", TOKEN))


@pytest.mark.parametrize("url", ["h:9", "ftp://h", "http://", "http://me:word@h", "http://h?x=1"])
def test_what_is_no_place(url: str) -> None:
    """It is told without what may be a password."""
    with pytest.raises(QuotadError) as refused:
        AdminPort(Spot(url))
    assert "word" not in str(refused.value)


def test_what_is_no_token() -> None:
    """What cannot stand in a header is refused, and not shown."""
    with pytest.raises(QuotadError, match="characters that no token has"):
        AdminPort(Spot("http://h", "a b"))


async def test_tls_both_ways(store_server: StoreServer, tmp_path: Path) -> None:
    """Somebody must vouch for its certificate; a client's own lets it in; what is wrong is told."""
    authority = Authority(tmp_path)
    certificate, key = authority.issue("server")
    mine, my_key = authority.issue("alice", "alice")
    names = {"clients": [{"name": "alice", "role": "read"}], "clientCa": str(authority.certificate)}
    tls = {"certificate": str(certificate), "key": str(key), **names}
    (tmp_path / "office").mkdir()
    async with office(store_server.url, tmp_path / "office", {"tls": tls}) as there:
        trusted = Spot(there.url, ca_cert=authority.certificate, cert=mine, key=my_key)
        async with AdminPort(trusted) as port:
            assert (await port.get("/v1/whoami"))["means"] == "certificate"
        for spot, words in (
            (Spot(there.url), "certificate is not trusted: .*--ca-cert"),
            (Spot(there.url, ca_cert=authority.certificate), "client certificate|ended the connection"),
            (Spot(there.url.replace("https", "http")), "ended the connection"),
        ):
            async with AdminPort(spot) as port:
                with pytest.raises(UnreachableError, match=words):
                    await port.get("/v1/whoami")
    async with echo() as url, AdminPort(Spot(url.replace("http", "https"))) as port:
        with pytest.raises(UnreachableError, match="is it http"):
            await port.get("/v1/whoami")
    for spot in (
        Spot("https://h", ca_cert=tmp_path / "none.crt"),
        Spot("https://h", cert=mine, key=key),
        Spot("https://h", cert=key),
    ):
        with pytest.raises(QuotadError, match=r"\.(crt|key): "):
            AdminPort(spot)


async def told_by(*parts: bytes, whole: bool = True) -> tuple[list[Any], QuotadError | None]:
    """What is heard of an answer in lines that comes in these parts, and how it ends; not whole: cut off."""
    heard: list[Any] = []
    asked: list[str] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.append(request.headers["Accept"])
        response = web.StreamResponse(headers={"Content-Type": NDJSON})
        await response.prepare(request)
        for part in parts:
            await response.write(part)
        if not whole:
            assert request.transport is not None
            request.transport.abort()
        return response

    app = web.Application()
    app.router.add_post("/v1/apply", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with AdminPort(Spot(f"http://127.0.0.1:{runner.addresses[0][1]}")) as port:
            await port.ask(Ask("POST", "/v1/apply", {}, repeatable=True, heard=heard.append))
    except QuotadError as error:
        return heard, error
    finally:
        await runner.cleanup()
        assert asked == [f"{NDJSON}, application/json;q=0.9"]
    return heard, None


async def test_an_answer_in_lines() -> None:
    """Each is heard, however it was cut on its way, also one longer than a buffer; the last is the end."""
    long = {"event": "planned", "words": "x" * 300_000}
    text = b"".join(json.dumps(each).encode() + b"\n" for each in ({"event": "a"}, long, {"event": "done"}))
    for cuts in ((1, 2, 20), (100_000, 200_000), (len(text) - 1,)):
        parts = [text[start:end] for start, end in zip((0, *cuts), (*cuts, len(text)), strict=True)]
        assert await told_by(*parts) == ([{"event": "a"}, long, {"event": "done"}], None)


async def test_an_answer_in_lines_that_ends_badly() -> None:
    """Refused in the middle it is told as any refusal; broken off it is not asked for again, and said so."""
    problem = {"status": 409, "code": "stale", "detail": "It was changed meanwhile."}
    failed = json.dumps({"event": "failed", "problem": problem}).encode() + b"\n"
    heard, error = await told_by(b'{"event":"a"}\n', failed)
    assert heard == [{"event": "a"}]
    assert isinstance(error, RefusedError)
    assert (error.code, str(error)) == ("stale", "It was changed meanwhile (stale)")
    for whole in (True, False):
        heard, error = await told_by(b'{"event":"a"}\n', b'{"eve', whole=whole)
        assert isinstance(error, UnreachableError)
        assert "nobody knows whether it was done" in str(error)
