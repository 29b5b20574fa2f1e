"""The dashboard and the alerts on a real Prometheus that scrapes real quotads."""

import asyncio
import base64
import contextlib
import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import WSMsgType, web
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from quotad.monitoring.panels import ROWS
from tests.support.processes import Quotad, start_quotad
from tests.support.prometheus import Prometheus, running_prometheus
from tests.support.servers import StoreServer, free_port, running_server
from tests.support.waiting import until_true

pytestmark = pytest.mark.debian

OUTAGE = {
    "Store errors",
    "Unaccounted",
    "Untold outcomes",
    "Failures to follow the control records",
}
"""Panels that show something only when the store is gone."""

WITHIN_S = 180.0
SERVICE = "service-orders01"


def plan(name: str, **limits: Any) -> dict[str, Any]:
    """A plan whose only caller has its name."""
    return {"usagePlanId": f"usagePlan-{name}", "usagePlanName": name, **limits}


PLANS = (
    plan("small", dayQuotaRequest=10),
    plan("held", dayQuotaRequest=100_000, quotaCondition="2xx"),
    plan(
        "ahead",
        dayQuotaRequest=100_000,
        monthQuotaRequest=1,
        onBreach={"allow": ["month"]},
        lease={"max": 50, "ttlMs": 30_000},
    ),
    plan("open", dayQuotaRequest=100_000, onStoreFailure={"open": {"budget": 1000}}),
)
SHADOW = plan("shadow", dayQuotaRequest=5)


def bound(name: str, plan_name: str, **more: Any) -> dict[str, Any]:
    """The caller's binding."""
    place = {"service": SERVICE, "environment": "release"}
    return {
        "usagePlanId": f"usagePlan-{plan_name}",
        "secretIds": [f"AKID{name}"],
        "environments": [place],
        **more,
    }


def route(prefix: str, *ports: int, **more: Any) -> dict[str, Any]:
    """To backends on these ports."""
    upstreams = [f"http://127.0.0.1:{port}" for port in ports]
    return {
        "pathPrefix": prefix,
        "service": SERVICE,
        "environment": "release",
        "upstreams": upstreams,
        **more,
    }


def webhook(name: str, port: int) -> dict[str, Any]:
    """Whom the file tells of crossed quotas."""
    url = f"http://127.0.0.1:{port}/hook"
    key = "whsec_" + base64.b64encode(os.urandom(32)).decode()
    return {"webhookId": name, "name": name, "url": url, "allowHttp": True, "signingKey": key}


def sidecar(folder: Path, url: str, backend: int) -> Path:
    """Two workers, plans of each kind, a backend that is not there, and a log that cannot be written."""
    names = [each["usagePlanName"] for each in PLANS]
    config = {
        "workers": 2,
        "listen": {"address": "127.0.0.1:0", "maxConnectionsPerAddress": 12},
        "authorize": {"address": "127.0.0.1:0", "shape": "caddy"},
        "telemetry": {"address": "127.0.0.1:0", "accessLog": "/dev/full"},
        "admin": {
            "address": "127.0.0.1:0",
            "unauthenticatedLoopback": True,
            "webhooks": {"networks": ["127.0.0.0/8"]},
        },
        "webhooks": [webhook("taken", backend), webhook("refused", free_port())],
        "store": {"url": url, "deadlineMs": 200, "journal": str(folder / "journal")},
        "routes": [
            route("/orders", backend),
            route("/tight", backend, poolConnections=1, queueTimeoutMs=30_000),
            route("/half", backend, free_port(), health={"failures": 1}),
        ],
        "services": [{"serviceId": SERVICE, "serviceName": "orders"}],
        "plans": [*PLANS, SHADOW],
        "secrets": [
            {"secretName": name, "secretId": f"AKID{name}", "secretKey": f"secretkey-{name}"}
            for name in names
        ],
        "bindings": [*(bound(name, name) for name in names), bound("held", "shadow", shadow=True)],
    }
    path = folder / "sidecar.yaml"
    path.write_text(json.dumps(config))
    return path


def desk(folder: Path, url: str) -> Path:
    """An admin process: it follows the control records."""
    key = base64.b64encode(os.urandom(32)).decode()
    (folder / "master.keys").write_text(f"k1:{key}\n")
    config = {
        "telemetry": {"address": "127.0.0.1:0"},
        "admin": {"address": "127.0.0.1:0", "unauthenticatedLoopback": True},
        "store": {"url": url},
        "control": {"masterKeys": "file:master.keys"},
    }
    path = folder / "desk.yaml"
    path.write_text(json.dumps(config))
    return path


class Backend:
    """Answers, echoes web sockets, and answers what ends in ``slow`` when told to."""

    def __init__(self) -> None:
        self.go = asyncio.Event()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Any request."""
        if request.path.endswith("/slow"):
            await self.go.wait()
        if request.headers.get("Upgrade") != "websocket":
            return web.Response(text="ok")
        tunnel = web.WebSocketResponse()
        await tunnel.prepare(request)
        async for message in tunnel:
            if message.type is WSMsgType.TEXT:
                await tunnel.send_str(message.data)
        return tunnel


@contextlib.asynccontextmanager
async def running_backend() -> AsyncIterator[tuple[Backend, int]]:
    """One, and its port."""
    backend = Backend()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", backend.answer)
    runner = web.AppRunner(app, handle_signals=False, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield backend, runner.addresses[0][1]
    finally:
        backend.go.set()
        await runner.cleanup()


def credentials(name: str) -> dict[str, str]:
    """Of the caller with this name."""
    return {"X-Secret-Id": f"AKID{name}", "X-Secret-Key": f"secretkey-{name}"}


class Traffic:
    """Callers of every kind."""

    def __init__(self, port: int, asking_port: int) -> None:
        """``asking_port``: where other proxies ask, and tell statuses."""
        self._port = port
        self._settle = f"http://127.0.0.1:{asking_port}/settle?id={'0' * 20}&status=200"
        self._kept: ClientConnection | None = None
        self.statuses: set[int] = set()
        self._client = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}",
            timeout=30,
            limits=httpx.Limits(max_keepalive_connections=0),
            verify=False,
        )

    async def get(self, path: str, name: str = "") -> None:
        """One request on a connection of its own; one that is closed unserved has no status."""
        with contextlib.suppress(httpx.TransportError):
            answer = await self._client.get(path, headers=credentials(name) if name else {})
            self.statuses.add(answer.status_code)

    async def close(self) -> None:
        """No more of it."""
        if self._kept is not None:
            await self._kept.close()
        await self._client.aclose()

    async def round(self) -> None:
        """Some of everything."""
        await self._tunnel()
        await self._client.post(self._settle)
        for name in ("small", "held", "ahead", "open"):
            await self.get("/orders/1", name)
        await self.get("/orders/1")
        await self.get("/half/1", "held")
        streams = [await asyncio.open_connection("127.0.0.1", self._port) for _ in range(30)]
        for _, writer in streams:
            writer.close()

    async def _tunnel(self) -> None:
        """A tunnel is used and then kept until the next round, since a scrape comes only now and then."""
        url = f"ws://127.0.0.1:{self._port}/orders/ws"
        # Refused while the store is gone, or closed unserved while there is a crowd.
        with contextlib.suppress(OSError, WebSocketException):
            before, self._kept = self._kept, None
            if before is not None:
                await before.close()
            self._kept = await connect(url, additional_headers=credentials("held"), proxy=None)
            await self._kept.send("hello")
            await self._kept.recv()

    async def slowly(self, go: asyncio.Event) -> None:
        """Requests that are in flight, and that wait for a connection, until the backend answers.

        Those that are turned away, or lost with a worker, are sent again.
        """

        async def one() -> None:
            while not go.is_set():
                await self.get("/tight/slow", "held")

        await asyncio.gather(*(one() for _ in range(6)))


def queries() -> set[tuple[str, str]]:
    """The title of each panel with each of its queries, as Grafana would ask it for everything."""
    found: set[tuple[str, str]] = set()
    for panel in (panel for row in ROWS for panel in row.panels):
        for query in panel.queries:
            expression = query.expression.replace("$__rate_interval", "5s")
            for name in ("job", "instance", "service", "plan"):
                expression = expression.replace(f"${name}", ".*")
            found.add((panel.title, expression))
    return found


async def until_bright(prometheus: Prometheus, traffic: Traffic, left: set[tuple[str, str]]) -> None:
    """Traffic goes on until every query has had a value that is not zero."""
    try:
        async with asyncio.timeout(WITHIN_S):
            while left:
                await traffic.round()
                for each in tuple(left):
                    if await prometheus.value(f"max_over_time(({each[1]})[1m:1s]) > 0"):
                        left.remove(each)
    except TimeoutError:
        raise AssertionError(f"always zero: {sorted(left)}") from None


async def until_heard(traffic: Traffic, statuses: set[int]) -> None:
    """Traffic goes on until each of these was answered; some connections are closed unserved in a crowd."""
    async with asyncio.timeout(WITHIN_S):
        while not statuses <= traffic.statuses:
            await traffic.round()


async def fires(prometheus: Prometheus, name: str) -> None:
    """Wait until an alert fires."""
    expression = f'ALERTS{{alertname="{name}",alertstate="firing"}}'
    await until_true(lambda: prometheus.has(expression))


@contextlib.asynccontextmanager
async def running(path: Path, command: str) -> AsyncIterator[Quotad]:
    """One quotad, killed at the end: the store is gone by then, and a drain would wait for it."""
    quotad = await start_quotad(path, command=command)
    try:
        yield quotad
    finally:
        await quotad.stop(signal.SIGKILL)


async def watched(tmp_path: Path, store: StoreServer) -> None:
    """Traffic, then the store ends; see the test."""
    async with (
        contextlib.AsyncExitStack() as stack,
        running_backend() as (backend, port),
        running(sidecar(tmp_path, store.url, port), "serve") as quotad,
        running(desk(tmp_path, store.url), "admin") as admin,
        running_prometheus(
            tmp_path, {"quotad": quotad.ports["telemetry"], "quotad-admin": admin.ports["telemetry"]}
        ) as prometheus,
    ):
        traffic = Traffic(quotad.ports["listen"], quotad.ports["authorize"])
        stack.push_async_callback(traffic.close)
        slow = asyncio.ensure_future(traffic.slowly(backend.go))
        os.kill(quotad.workers()[0], signal.SIGKILL)
        await until_bright(prometheus, traffic, {each for each in queries() if each[0] not in OUTAGE})
        await fires(prometheus, "QuotadPlanUsedUp")
        # Before the store is gone: a used up quota is refused by what it says.
        await until_heard(traffic, {200, 401, 429})
        store.kill()
        backend.go.set()
        await slow
        await until_bright(prometheus, traffic, {each for each in queries() if each[0] in OUTAGE})
        await fires(prometheus, "QuotadUnaccounted")
        await fires(prometheus, "QuotadAccessLogDropped")
        rules = await prometheus.rules()
        assert {rule["health"] for rule in rules} == {"ok"}
        told = [alert["annotations"] for rule in rules for alert in rule["alerts"]]
        assert told
        assert not [text for each in told for text in each.values() if "<error" in text or "{{" in text]


@pytest.mark.timeout(1800)
async def test_every_panel_shows_something_and_alerts_fire(tmp_path: Path) -> None:
    """After traffic of every kind and the store's end each query has had a value that is not zero."""
    with running_server() as store:
        await watched(tmp_path, store)
