"""The same job with aiohttp and redis-py, on uvloop and with hiredis as both prefer it.

Run as ``python -m bench.peers.aiohttp_redis.server settings.json``.
"""

import asyncio
import json
import sys
import time
from pathlib import Path
from uuid import uuid4

import redis.asyncio
import uvloop
from aiohttp import ClientSession, ClientTimeout, TCPConnector, web

from bench.callers import ENVIRONMENT, PLAN_ID
from bench.cases import POOL_SIZE
from bench.peers.aiohttp_redis.counting import Counting
from bench.peers.aiohttp_redis.limits import limit_headers
from quotad.config.model import AuthRules
from quotad.core.credentials import AuthRefusal, authenticate
from quotad.core.plans import Secret

NOT_PASSED_IN = {"x-secret-id", "x-secret-key", "authorization", "connection", "keep-alive"}
NOT_PASSED_OUT = {"connection", "keep-alive", "transfer-encoding", "content-length"}
KEPT_ALIVE_S = 600.0


class Gateway:
    """Who calls, one script call, the backend's answer with limit headers."""

    def __init__(self, backend: str, secrets: dict[str, Secret], counting: Counting) -> None:
        self._backend = backend
        self._secrets = secrets
        self._counting = counting
        self._rules = AuthRules()
        self._session: ClientSession

    async def open(self, app: web.Application) -> None:
        """Make the pool of connections to the backend."""
        connector = TCPConnector(limit=POOL_SIZE, keepalive_timeout=60)
        self._session = ClientSession(
            connector=connector, timeout=ClientTimeout(total=60), auto_decompress=False
        )

    async def close(self, app: web.Application) -> None:
        """Close both pools."""
        await self._session.close()
        await self._counting.close()

    async def handle(self, request: web.Request) -> web.Response:
        """One request."""
        headers = [(name.lower(), value) for name, value in request.raw_headers]
        caller = authenticate(headers, self._secrets, self._rules, time.time())
        if isinstance(caller, AuthRefusal):
            return _problem(401, caller.detail, {"WWW-Authenticate": "hmac"})
        answer = await self._counting.reserve(caller.secret_id)
        told = limit_headers(answer)
        told["X-Request-Id"] = uuid4().hex
        if not answer.granted:
            return _problem(429, "API quota exceeded.", told | {"Retry-After": "1"})
        return await self._forward(request, caller.secret_id, told)

    async def _forward(self, request: web.Request, secret_id: str, told: dict[str, str]) -> web.Response:
        sent = [(k, v) for k, v in request.headers.items() if k.lower() not in NOT_PASSED_IN]
        sent += [
            ("X-Request-Id", told["X-Request-Id"]),
            ("X-Forwarded-For", request.remote or ""),
            ("X-Quotad-Secret-Id", secret_id),
            ("X-Quotad-Plan-Id", PLAN_ID),
            ("X-Quotad-Environment", ENVIRONMENT),
        ]
        body = await request.read() if request.can_read_body else None
        url = self._backend + request.raw_path
        async with self._session.request(request.method, url, headers=sent, data=body) as got:
            content = await got.read()
            out = [(k, v) for k, v in got.headers.items() if k.lower() not in NOT_PASSED_OUT]
            return web.Response(status=got.status, body=content, headers=[*out, *told.items()])


def _problem(status: int, detail: str, headers: dict[str, str]) -> web.Response:
    body = json.dumps({"type": "about:blank", "status": status, "detail": detail}).encode()
    told = headers | {"Cache-Control": "no-store"}
    return web.Response(status=status, body=body, content_type="application/problem+json", headers=told)


async def serve(settings: dict[str, object]) -> None:
    """Serve until the process is ended."""
    callers = settings["callers"]
    assert isinstance(callers, dict)
    secrets = {name: Secret(name, name, key.encode()) for name, key in callers.items()}
    store = redis.asyncio.Redis(unix_socket_path=str(settings["store"]), max_connections=POOL_SIZE)
    counting = Counting(store, str(settings["sha"]))
    gateway = Gateway(f"http://127.0.0.1:{settings['backend_port']}", secrets, counting)
    app = web.Application()
    app.on_startup.append(gateway.open)
    app.on_cleanup.append(gateway.close)
    app.router.add_route("*", "/{path:.*}", gateway.handle)
    runner = web.AppRunner(app, access_log=None, keepalive_timeout=KEPT_ALIVE_S)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", int(str(settings["port"])), backlog=1024).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(json.loads(Path(sys.argv[1]).read_text())))
