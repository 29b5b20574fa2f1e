"""The composition root: the only module that knows all parts. Starts them in order, stops them in reverse.

Stop: not ready, callers' port closed, requests in flight finish, settles told, store closed; the
telemetry port goes last, since it says that the process drains.
"""

import asyncio
import contextlib
import gc
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import uvloop

from quotad import __version__, clock
from quotad.config.file import load
from quotad.config.model import Config, StoreConfig
from quotad.dataplane.listener import Listener
from quotad.dataplane.snapshot import Snapshot, SnapshotHolder
from quotad.engine.limiter import Limiter
from quotad.errors import ConfigError, Problem, QuotadError
from quotad.store.embedded import EmbeddedServer
from quotad.store.redis_store import RedisStore
from quotad.telemetry.access_log import AccessLog
from quotad.telemetry.metrics import Recorder
from quotad.telemetry.server import TelemetryServer
from quotad.telemetry.sources import Sources
from quotad.telemetry.stock import Stock

SETTLE_WITHIN_S = 5.0
"""At the end: how long the store is given to hear the last settles."""

FIXED = ("listen", "telemetry", "admin", "store")
"""Parts of a configuration that a running process cannot change."""

ENDING = (signal.SIGTERM, signal.SIGINT)

log = logging.getLogger("quotad")


class App:
    """One serving process."""

    def __init__(self, path: Path, config: Config) -> None:
        self._path = path
        self._config = config
        self._draining = False
        self._closers: list[Callable[[], Awaitable[object]]] = []
        self._access_log: AccessLog | None = None
        if config.telemetry.access_log:
            self._access_log = AccessLog(config.telemetry.access_log, clock.wall_s, clock.monotonic_s)
        self._recorder = Recorder(self._access_log.record if self._access_log else None)
        self._recorder.configure(config.routes, config.table)
        self._snapshot = SnapshotHolder(Snapshot(config.routes, config.table))
        self._listener: Listener | None = None

    async def start(self) -> dict[str, str]:
        """Start every part; answers what each port is bound to. Raises QuotadError."""
        config = self._config
        store = await self._start_store(config.store)
        limiter = self._start_limiter(store)
        if self._access_log is not None:
            self._access_log.start()
            self._closers.append(self._access_log.close)
        bound: dict[str, str] = {}
        await self._start_telemetry(store, limiter, bound)
        if config.admin is not None:
            # Only a process that serves the admin port carries aiohttp.
            from quotad.controlplane.server import AdminServer

            admin = AdminServer(config.admin, lambda: self._config.table, store)
            bound["admin"] = f"{config.admin.address.host}:{await admin.start()}"
            self._closers.append(admin.close)
        listener = Listener(config.listen, self._snapshot, limiter, self._recorder)
        try:
            port = await listener.start()
        except OSError as error:
            place = f"{config.listen.address.host}:{config.listen.address.port}"
            raise QuotadError(f"listen {place}: {error.strerror or error}") from error
        bound["listen"] = f"{config.listen.address.host}:{port}"
        self._listener = listener
        return bound

    async def _start_store(self, config: StoreConfig) -> RedisStore:
        url = config.url
        if config.embedded is not None:
            embedded = EmbeddedServer(config.embedded.directory)
            url = await embedded.start()
            self._closers.append(embedded.stop)
            log.warning(embedded.notice)
        store = RedisStore(url, config, os.urandom(8))
        await store.start()
        self._closers.append(store.close)
        return store

    def _start_limiter(self, store: RedisStore) -> Limiter:
        config = self._config.store
        limiter = Limiter(
            store,
            hold_s=config.hold_s,
            max_waiting=config.max_waiting,
            monotonic_s=clock.monotonic_s,
            wall_s=clock.wall_s,
        )
        limiter.start()

        async def close() -> None:
            if not await limiter.close(SETTLE_WITHIN_S):
                log.error("the store did not take the last settles within %.0f s", SETTLE_WITHIN_S)

        self._closers.append(close)
        return limiter

    async def _start_telemetry(self, store: RedisStore, limiter: Limiter, bound: dict[str, str]) -> None:
        address = self._config.telemetry.address
        if address is None:
            return
        stock = Stock(store, self._recorder, clock.monotonic_s)
        access_log = self._access_log
        sources = Sources(
            recorder=self._recorder,
            stock=stock,
            store_durations=lambda: store.stats.durations,
            store_errors=lambda: store.stats.errors,
            unaccounted=lambda: limiter.outage.unaccounted,
            config_version=lambda: self._config.version,
            log_dropped=lambda: access_log.dropped if access_log else 0,
        )
        server = TelemetryServer(address.host, address.port, sources, self._not_ready)
        bound["telemetry"] = f"{address.host}:{await server.start()}"
        self._closers.append(stock.close)
        self._closers.insert(0, server.close)

    def _not_ready(self) -> str:
        if self._draining:
            return "draining"
        if self._listener is None or not self._listener.is_open:
            return "not listening"
        return ""

    def reload(self) -> None:
        """Read the configuration again: all of it comes into force, or nothing and the old one stays."""
        try:
            config = load(self._path)
            changed = [name for name in FIXED if getattr(config, name) != getattr(self._config, name)]
            if changed:
                raise ConfigError([Problem(name, "changing this needs a restart") for name in changed])
        except ConfigError as error:
            log.error("reload refused: %s", "; ".join(map(str, error.problems)))  # noqa: TRY400 - no trace
            return
        self._snapshot.current = Snapshot(config.routes, config.table)
        self._recorder.configure(config.routes, config.table)
        self._config = config
        if self._access_log is not None:
            self._access_log.reopen()
        log.info("reloaded: version %s", config.version)

    async def stop(self) -> None:
        """Drain, tell the store everything, and let go of all that was started."""
        self._draining = True
        if self._listener is not None:
            await self._listener.drain(self._config.listen.drain_s)
        for close in reversed(self._closers):
            await close()


def _calm_collector() -> None:
    """Keep the garbage collector out of the way of requests, which leave no cycles behind.

    What was loaded stays for good, so it is looked at no more; young objects are looked at after
    50,000 rather than 700: at 700, 6 % of a request's CPU time went into finding nothing.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def run(path: Path) -> int:
    """Serve until SIGTERM or SIGINT; SIGHUP reloads. Raises QuotadError when it cannot start."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )
    return uvloop.run(_serve(App(path, load(path))))


async def _serve(app: App) -> int:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()

    def end(_number: int, _frame: object) -> None:
        loop.call_soon_threadsafe(ended.set)

    for number in ENDING:
        # Not the loop's own handlers: closing, it would leave a moment in which a signal kills.
        signal.signal(number, end)
    loop.add_signal_handler(signal.SIGHUP, app.reload)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(app.stop)
        bound = await app.start()
        _calm_collector()
        log.info("quotad %s ready: %s", __version__, _addresses(bound))
        await ended.wait()
        log.info("draining")
    for number in ENDING:
        # All is told and closed: a second signal must not turn this end into a killed one.
        signal.signal(number, signal.SIG_IGN)
    return 0


def _addresses(bound: Mapping[str, str]) -> str:
    return " ".join(f"{name}={address}" for name, address in bound.items())
