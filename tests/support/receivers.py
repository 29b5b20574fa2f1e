"""Receivers of webhooks: real HTTP servers that remember what came and answer as they are told."""

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.support.waiting import until


@dataclass(slots=True)
class Came:
    """One delivery."""

    headers: Mapping[str, str]
    body: bytes

    @property
    def id(self) -> str:
        """What it is known by."""
        return self.headers["webhook-id"]

    @property
    def payload(self) -> dict[str, Any]:
        """What it says."""
        return dict(json.loads(self.body))

    @property
    def told(self) -> tuple[str, str, int | None]:
        """Its type, its window and its threshold."""
        data = self.payload["data"]
        return self.payload["type"], data.get("window", ""), data.get("threshold")


@dataclass(slots=True)
class Receiver:
    """``answer`` is asked for the status of each delivery; None: none comes until the end."""

    url: str = ""
    came: list[Came] = field(default_factory=list)
    answer: Callable[[Came], int | None] = lambda came: 204
    headers: dict[str, str] = field(default_factory=dict)
    _never: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, request: web.Request) -> web.Response:
        """One delivery."""
        came = Came(dict(request.headers), await request.read())
        self.came.append(came)
        status = self.answer(came)
        if status is None:
            await self._never.wait()
        return web.Response(status=status or 500, headers=self.headers, text="not read")

    async def until(self, count: int) -> list[Came]:
        """Return once so many deliveries came."""
        await until(lambda: len(self.came) >= count)
        return self.came

    @property
    def ids(self) -> list[str]:
        """Of all that came, each once, in their order."""
        return list(dict.fromkeys(came.id for came in self.came))

    def release(self) -> None:
        """Answer those that wait."""
        self._never.set()


@contextlib.asynccontextmanager
async def receiver(tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    """On loopback, until the end of the block."""
    found = Receiver()
    app = web.Application()
    app.router.add_post("/{rest:.*}", found.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    try:
        number = runner.addresses[0][1]
        found.url = f"{'https' if tls else 'http'}://127.0.0.1:{number}/hook"
        yield found
    finally:
        found.release()
        await runner.cleanup()
