"""Clients that others wrote get through: requests, httpx, aiohttp."""

import asyncio

import aiohttp
import httpx
import requests

from tests.support.backends import Seen, running_backend
from tests.support.dataplane import route, running_plane
from tests.support.rawhttp import SECRET_ID, SECRET_KEY

HEADERS = {"X-Secret-Id": SECRET_ID, "X-Secret-Key": SECRET_KEY}
BODY = b"some body " * 50_000


def echo(seen: Seen) -> bytes:
    body = b"%x\r\n%b\r\n" % (len(seen.payload), seen.payload) if seen.payload else b""
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body + b"0\r\n\r\n"


async def test_requests() -> None:
    """requests: bodies of known length, streamed in chunks, and Basic credentials."""

    def use(url: str) -> None:
        with requests.Session() as session:
            session.headers.update(HEADERS)
            assert session.post(url, data=BODY, timeout=60).content == BODY
            assert session.post(url, data=iter([b"a", b"b"]), timeout=60).content == b"ab"
            assert session.get(url + "missing", timeout=60).status_code == 200
        assert requests.get(url, auth=(SECRET_ID, SECRET_KEY), timeout=60).status_code == 200
        assert requests.get(url, auth=(SECRET_ID, "wrong-key-of-a-test"), timeout=60).status_code == 401

    async with running_backend(echo) as backend, running_plane(route(backend.port)) as plane:
        await asyncio.to_thread(use, f"http://127.0.0.1:{plane.port}/")
        assert backend.connections == 1


async def test_httpx() -> None:
    """httpx: many requests at once over kept connections."""
    async with running_backend(echo) as backend, running_plane(route(backend.port)) as plane:
        async with httpx.AsyncClient(headers=HEADERS, base_url=f"http://127.0.0.1:{plane.port}") as client:
            answers = await asyncio.gather(*(client.post(f"/{n}", content=BODY[:n]) for n in range(1, 60)))
        assert [len(answer.content) for answer in answers] == list(range(1, 60))


async def test_aiohttp() -> None:
    """aiohttp: Expect: 100-continue is answered by the backend's own 100, and chunks pass both ways."""

    async def invites(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"Expect: 100-continue" in head
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        await reader.readexactly(len(BODY))
        writer.write(echo(Seen(b"", BODY)))
        await writer.drain()

    async with running_backend(script=invites) as backend, running_plane(route(backend.port)) as plane:
        url = f"http://127.0.0.1:{plane.port}/"
        async with (
            aiohttp.ClientSession(headers=HEADERS) as session,
            session.post(url, data=BODY, expect100=True) as answer,
        ):
            assert await answer.read() == BODY
