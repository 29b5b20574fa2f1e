"""The demo as a whole: start all, print the lines, show what is in use, stop all."""

import asyncio
import contextlib
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from quotad.clock import wall_s
from quotad.demo.backend import Backend
from quotad.demo.check import Check, Scene, usage_rows
from quotad.demo.lines import lines
from quotad.demo.server import ServeProcess, start_serve
from quotad.demo.setup import (
    BUSINESS,
    BUSINESS_MONTH,
    BUSINESS_RATE,
    TRIAL,
    TRIAL_DAY,
    TRIAL_RATE,
    Ground,
    prepare,
    write_config,
)
from quotad.errors import QuotadError

PORT = 8080
FOLDER = Path(".demo")
LIVE_S = 1.0


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What ``quotad demo`` was asked to do."""

    folder: Path | None = None
    """None: ``.demo``; for a check, a folder that is gone afterwards."""
    check: bool = False
    keep: bool = False
    port: int | None = None
    """Callers' port; None: 8080, or a free one when it is taken."""


async def show(options: DemoOptions) -> int:
    """Run the demo until it is interrupted, or its check; answers the exit status. Raises QuotadError."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    with contextlib.ExitStack() as stack:
        folder = options.folder
        if folder is None and options.check:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="quotad-demo-")))
        ground = prepare(folder or FOLDER, keep=options.keep)
        async with _running(ground, _port(options)) as (scene, serve):
            if options.check:
                return await _check(scene, serve, stop)
            _introduce(scene)
            await _live(scene, serve, stop)
    return 0


@contextlib.asynccontextmanager
async def _running(ground: Ground, port: int) -> AsyncIterator[tuple[Scene, ServeProcess]]:
    backend = Backend()
    serve: ServeProcess | None = None
    try:
        write_config(ground, port, await backend.start(), datetime.fromtimestamp(wall_s(), UTC))
        serve = await start_serve(ground.config, ground.log)
        url = f"http://{serve.addresses['listen']}"
        ready_lines = lines(ground, url, with_curl=shutil.which("curl") is not None)
        yield Scene(ground, serve.addresses, backend, ready_lines, _say), serve
    finally:
        if serve is not None:
            await serve.stop()
        await backend.close()


async def _check(scene: Scene, serve: ServeProcess, stop: asyncio.Event) -> int:
    checking = asyncio.ensure_future(asyncio.to_thread(Check(scene).run))
    interrupted = asyncio.ensure_future(stop.wait())
    await asyncio.wait((checking, interrupted), return_when=asyncio.FIRST_COMPLETED)
    interrupted.cancel()
    if not checking.done():
        _say("interrupted")
        await serve.stop()  # the calls under way fail, and with them the thread ends
        await checking
        return 1
    return 0 if checking.result() else 1


def _port(options: DemoOptions) -> int:
    if options.port is not None:
        return options.port
    if options.check:
        return 0
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", PORT))
        except OSError:
            _say(f"Port {PORT} is taken: a free one is used instead.")
            return 0
    return PORT


def _introduce(scene: Scene) -> None:
    _say(f"quotad stands in front of a sample backend at {scene.url('listen')}")
    _say(f"  configuration  {scene.ground.config}")
    _say(f"  usage          {scene.url('admin')}/v1/usage")
    _say(f"  metrics        {scene.url('telemetry')}/metrics")
    _say(f"  access log     {scene.ground.folder / 'access.log'}")
    _say(f"  plan trial     {TRIAL_RATE} a second, {TRIAL_DAY} a day")
    _say(f"  plan business  {BUSINESS_RATE} a second, {BUSINESS_MONTH:,} a month, of 2xx only")
    _say("The embedded store's limits hold for this machine only. Try in another terminal, from this folder:")
    for line in scene.lines:
        _say(f"\n# {line.title}: {line.answers}\n{line.command}")
    _say("\nCtrl-C stops all of it. In use now:")


async def _live(scene: Scene, serve: ServeProcess, stop: asyncio.Event) -> None:
    ended = asyncio.ensure_future(serve.wait())
    stopped = asyncio.ensure_future(stop.wait())
    last = ""
    try:
        while not stop.is_set():
            last = _print_live(last, await _in_use(scene))
            await asyncio.wait((ended, stopped), timeout=LIVE_S, return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                raise QuotadError(f"quotad serve ended by itself; see {scene.ground.log}")
    finally:
        ended.cancel()
        stopped.cancel()
        if sys.stdout.isatty():
            _say("")


async def _in_use(scene: Scene) -> str:
    try:
        rows = await asyncio.to_thread(usage_rows, scene.url("admin"))
    except QuotadError as error:
        return f"no answer: {error}"
    trial, business = rows[TRIAL], rows[BUSINESS]
    return f"trial {_part(trial, 'day')} today   business {_part(business, 'month')} this month"


def _part(row: dict[str, Any], window: str) -> str:
    numbers = row["windows"][window]
    held = f" (+{numbers['held']} in flight)" if numbers["held"] else ""
    return f"{numbers['inUse']:,} of {numbers['max']:,}{held}"


def _print_live(last: str, text: str) -> str:
    """Rewrite one line on a terminal; elsewhere print only what changed."""
    if sys.stdout.isatty():
        sys.stdout.write(f"\r\x1b[K{text}")
        sys.stdout.flush()
    elif text != last:
        _say(text)
    return text


def _say(text: str) -> None:
    print(text, flush=True)
