"""Real backends (httpbin under gunicorn, a WebSocket server, events) with and without quotad before."""

import asyncio
import contextlib
import json
import socket
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
from aiohttp import web
from websockets.asyncio.server import ServerConnection, serve

from tests.support.processes import running_quotad
from tests.support.rawhttp import SECRET_ID, SECRET_KEY
from tests.support.waiting import until_true

CREDENTIALS = {"X-Secret-Id": SECRET_ID, "X-Secret-Key": SECRET_KEY}
EVENTS = 5


@dataclass(frozen=True)
class Bases:
    """Where a client finds each backend: ``http://host:port`` without a slash at the end."""

    http: str
    socket: str
    events: str


@dataclass(frozen=True)
class Stage:
    """The same backends twice."""

    direct: Bases
    quotad: Bases


async def echo(connection: ServerConnection) -> None:
    """Every message comes back as it came, text or bytes."""
    async for message in connection:
        await connection.send(message)


async def events(request: web.Request) -> web.StreamResponse:
    """A few server-sent events, each its own piece."""
    answer = web.StreamResponse(
        headers={
            "Content-Type": "text/event-stream",
            "Cache-Control": "no-store",
            "Access-Control-Allow-Origin": "*",
        }
    )
    await answer.prepare(request)
    for number in range(EVENTS):
        await answer.write(b"id: %d\ndata: event %d\n\n" % (number, number))
    return answer


@contextlib.asynccontextmanager
async def running_httpbin() -> AsyncIterator[int]:
    """A process of gunicorn that serves httpbin; its port, which is opened here and not guessed."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as server:
        port: int = server.getsockname()[1]
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gunicorn", "--workers", "1", "--threads", "16", "--keep-alive", "30"),
            *("--bind", f"fd://{server.fileno()}", "--log-level", "warning", "--no-control-socket"),
            "httpbin:app",
            pass_fds=(server.fileno(),),
            stderr=asyncio.subprocess.DEVNULL,
        )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:

            async def answers() -> bool:
                assert process.returncode is None
                return (await client.get("/status/200", timeout=60)).status_code == 200

            await until_true(answers)
        yield port
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


@contextlib.asynccontextmanager
async def running_events() -> AsyncIterator[int]:
    """The event stream's server; its port."""
    app = web.Application()
    app.router.add_get("/events", events)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield int(site.name.rpartition(":")[2])
    finally:
        await runner.cleanup()


def write_routes(folder: Path, http: int, socket_port: int, events_port: int) -> Path:
    """A configuration that leads to each backend, for one caller without limits; JSON is YAML."""
    place = {"service": "service-stage01", "environment": "release"}
    config = {
        "listen": {"address": "127.0.0.1:0"},
        "telemetry": {"address": "127.0.0.1:0", "accessLog": ""},
        "store": {"deadlineMs": 5000, "embedded": {"dir": str(folder / "data")}},
        "routes": [
            {**place, "pathPrefix": prefix, "upstreams": [f"http://127.0.0.1:{port}"]}
            for prefix, port in (("/socket", socket_port), ("/events", events_port), ("/", http))
        ],
        "services": [{"serviceId": "service-stage01"}],
        "plans": [{"usagePlanId": "usagePlan-stage01"}],
        "secrets": [{"secretId": SECRET_ID, "secretKey": SECRET_KEY}],
        "bindings": [{"usagePlanId": "usagePlan-stage01", "secretIds": [SECRET_ID], "environments": [place]}],
    }
    path = folder / "quotad.yaml"
    path.write_text(json.dumps(config))
    return path


@contextlib.asynccontextmanager
async def opened_stage(folder: Path) -> AsyncIterator[Stage]:
    """Everything, started; nothing of it is left afterwards."""
    async with (
        running_httpbin() as http,
        serve(echo, "127.0.0.1", 0) as sockets,
        running_events() as events_port,
    ):
        socket_port: int = next(iter(sockets.sockets)).getsockname()[1]
        config = write_routes(folder, http, socket_port, events_port)
        async with running_quotad(config) as (quotad,):
            one = f"http://127.0.0.1:{quotad.ports['listen']}"
            ports = (f"http://127.0.0.1:{port}" for port in (http, socket_port, events_port))
            yield Stage(Bases(*ports), Bases(one, one, one))


@contextlib.contextmanager
def stage_in_a_thread(folder: Path) -> Iterator[Stage]:
    """The same for a whole module: on an event loop of its own, so that clients may block."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="stage")
    thread.start()
    stage = opened_stage(folder)
    try:
        yield asyncio.run_coroutine_threadsafe(stage.__aenter__(), loop).result(600)
    finally:
        asyncio.run_coroutine_threadsafe(stage.__aexit__(None, None, None), loop).result(600)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
