"""The composition root: the only module that knows all parts of a process that serves callers.

Starts them in order, stops them in reverse. Stop: not ready, callers' port closed, requests in flight
finish, settles told, store closed; the telemetry port goes last, since it says that the process drains.

With ``workers`` above 1 each worker is such an App without telemetry and admin port
(``workers.worker``), and ``workers.supervisor`` has those.
"""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import uvloop

from quotad import clock, lifetime, sockets
from quotad.config.model import Address, Config, Tracing
from quotad.core.outcome import Outcome
from quotad.dataplane.decision import listen_for_askers
from quotad.dataplane.fleet import Upstreams
from quotad.dataplane.listener import Listener
from quotad.dataplane.own_use import OwnUse
from quotad.dataplane.sampling import Sampler
from quotad.dataplane.snapshot import Snapshot, SnapshotHolder
from quotad.engine.journal import Journal
from quotad.engine.limiter import Limiter
from quotad.engine.shares import ShareBook
from quotad.errors import ConfigError, QuotadError
from quotad.ground import Ground
from quotad.store.redis_store import RedisStore
from quotad.telemetry.access_log import AccessLog
from quotad.telemetry.log_line import LineMaker
from quotad.telemetry.loop_lag import LoopLag
from quotad.telemetry.metrics import Recorder
from quotad.telemetry.presence import Presence, Self
from quotad.telemetry.refusals import RefusalBook
from quotad.telemetry.server import Readiness
from quotad.telemetry.sources import Scrape, Sources

LOAD_WITHIN_S = 5.0
"""How long callers wait for the control records before they are answered that they are not known."""

log = logging.getLogger("quotad")


class App:
    """One process that serves callers."""

    def __init__(self, config: Config, *, log_lock: int | None = None) -> None:
        """``log_lock``: see ``AccessLog``. Raises QuotadError when the access log cannot be opened."""
        self.config = config
        self._draining = False
        self._ground = Ground(config)
        self._access_log: AccessLog[Outcome] | None = None
        if config.telemetry.access_log:
            lines = LineMaker(clock.wall_s, clock.monotonic_s)
            self._access_log = AccessLog(config.telemetry.access_log, lines, log_lock)
        self.refusals = RefusalBook(self._ground.sidecar_id[:6].hex(), clock.wall_s, clock.monotonic_s)
        log_line = self._access_log.record if self._access_log else None
        self.recorder = Recorder(log_line, self.refusals.keep)
        self._sampler = None if config.tracing is None else self._start_tracing(config.tracing)
        self._set_logging()
        self._snapshot = SnapshotHolder(self.snapshot(config))
        self._on_change(places_too=True)
        self._listener: Listener | None = None
        self._askers: Listener | None = None
        """Of the port on which other proxies ask, where there is one."""
        self._loop_lag = LoopLag()
        self.sources = Sources(self.recorder)

    @property
    def loaded(self) -> bool:
        """Whether it is known what may be served."""
        follower = self._ground.follower
        return self.config.control is None or (follower is not None and follower.loaded.is_set())

    def snapshot(self, config: Config) -> Snapshot:
        """What requests see under ``config``, made ready for ``take``. Raises QuotadError."""
        asking_tls = None if config.authorize is None else config.authorize.tls
        return Snapshot(config.routes, self._ground.table(config), config.listen.tls, asking_tls)

    async def start(self) -> None:
        """Start every part but the callers' port. Raises QuotadError.

        In control mode callers are let in when the records are loaded; without a store after
        ``LOAD_WITHIN_S``, to be told so.
        """
        ground = self._ground
        store = await ground.open_store(await ground.start_server())
        if self.config.control is not None:
            # Ten thousands of Secrets are made now, none of them garbage.
            lifetime.calm_collector()
        await ground.follow(keys=True)
        if ground.follower is not None:
            ground.follower.on_change = self._on_change
        limiter = self._start_limiter(store)
        if self._access_log is not None:
            self._access_log.start()
            ground.closers.append(self._access_log.close)
        self._gather_sources(store, limiter)
        self._tell_presence(store, limiter)
        stock = ground.stock(store, self.recorder)
        scrape = Scrape(self.sources.figures, stock, lambda: ground.version(self.config))
        await ground.open_telemetry(scrape, self._readiness)
        await ground.open_admin(lambda: self.config.table, store, self._find_refusal)
        own_use = OwnUse(store.usage, clock.monotonic_s)
        ground.closers.append(own_use.close)
        listener = Listener(self.config.listen, self._snapshot, limiter, self.recorder, own_use=own_use)
        listener.id_prefix = self.refusals.sidecar
        listener.shares = self._start_shares(store)
        listener.sampler = self._sampler
        listener.fleet_nonces = store
        self._listener = listener
        self._askers = self._beside(listener, limiter)
        if ground.follower is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOAD_WITHIN_S):
                    await ground.follower.loaded.wait()

    async def listen(self) -> dict[str, str]:
        """Open the callers' port; answers what each port is bound to. Raises QuotadError."""
        listen, authorize = self.config.listen, self.config.authorize
        with _port_errors("listen", listen.address):
            port = await self._opened.start()
        bound = {**self._ground.bound, "listen": f"{listen.address.host}:{port}"}
        if self._askers is not None and authorize is not None:
            with _port_errors("authorize", authorize.address):
                bound["authorize"] = f"{authorize.address.host}:{await self._askers.start()}"
        return bound

    async def serve_on(self, listening: Sequence[socket.socket]) -> None:
        """Accept from sockets that somebody else has bound, and from no other. Raises QuotadError.

        Those of the port on which other proxies ask are known by their address.
        """
        listen, authorize = self.config.listen, self.config.authorize
        asking: list[socket.socket] = []
        if authorize is not None:
            with _port_errors("authorize", authorize.address):
                asking = sockets.bound_to(listening, authorize.address.host, authorize.address.port)
        with _port_errors("listen", listen.address):
            await self._opened.serve_on([each for each in listening if each not in asking])
        if self._askers is not None and authorize is not None:
            with _port_errors("authorize", authorize.address):
                await self._askers.serve_on(asking)

    @property
    def _opened(self) -> Listener:
        if self._listener is None:
            raise QuotadError("listen before start")
        return self._listener

    def _beside(self, listener: Listener, limiter: Limiter) -> Listener | None:
        """The port on which other proxies ask: the same engine, the same ids, the same nonces."""
        authorize = self.config.authorize
        if authorize is None:
            return None
        bounds = listen_for_askers(self.config.listen, authorize)
        askers = Listener(bounds, self._snapshot, limiter, self.recorder)
        askers.authorize = authorize
        askers.beside = listener
        askers.id_prefix = listener.id_prefix
        askers.shares = listener.shares
        askers.sampler = listener.sampler
        askers.fleet_nonces = listener.fleet_nonces
        return askers

    async def _find_refusal(self, request_id: str) -> dict[str, Any] | None:
        return self.refusals.find(request_id)

    def _start_limiter(self, store: RedisStore) -> Limiter:
        config = self.config.store
        limiter = Limiter(
            store,
            hold_s=config.hold_s,
            max_waiting=config.max_waiting,
            monotonic_s=clock.awake_s,
            wall_s=clock.wall_s,
        )
        journal = None
        if config.journal is not None:
            journal = Journal(config.journal, config.namespace, self._ground.sidecar_id)
            journal.open()
        limiter.start(journal)

        async def close() -> None:
            if not await limiter.close(lifetime.SETTLE_WITHIN_S):
                log.error("the store did not take the last settles within %.0f s", lifetime.SETTLE_WITHIN_S)
            if journal is not None:
                journal.close()

        self._ground.closers.append(close)
        return limiter

    def _start_shares(self, store: RedisStore) -> ShareBook | None:
        if not self.config.store.secret_usage:
            return None
        shares = ShareBook(store)

        async def close() -> None:
            if not await shares.close(lifetime.SETTLE_WITHIN_S):
                log.error("the store did not take the last use per Secret: it is in no Secret's use")

        shares.start()
        self._ground.closers.append(close)
        return shares

    def _tell_presence(self, store: RedisStore, limiter: Limiter) -> None:
        presence = Presence(
            store.notices,
            Self(
                self.refusals.sidecar,
                "file" if self.config.control is None else "control",
                store.now_us,
                lambda: self._ground.version(self.config),
                limiter.outstanding,
            ),
            lambda: self.sources,
            self.refusals,
        )
        presence.start()
        self._ground.closers.append(presence.close)

    def _gather_sources(self, store: RedisStore, limiter: Limiter) -> None:
        access_log = self._access_log
        self.sources = Sources(
            recorder=self.recorder,
            store_durations=lambda: store.stats.durations,
            store_errors=lambda: store.stats.errors,
            unaccounted=lambda: limiter.outage.unaccounted,
            settle_age_s=limiter.settle_age_s,
            log_dropped=lambda: self._ground.log_dropped + (access_log.dropped if access_log else 0),
            connections=lambda: listener.connections if (listener := self._listener) else 0,
            statuses_told=lambda: askers.statuses_told if (askers := self._askers) else {},
            connections_refused=lambda: listener.refused if (listener := self._listener) else {},
            upstreams=lambda: upstreams.rows() if (upstreams := self._upstreams) else (),
            upstream_retries=lambda: upstreams.retries if (upstreams := self._upstreams) else {},
            loop_lag=self._loop_lag,
            following=self._ground.follower,
            webhooks=lambda: self._ground.webhooks,
        )
        self._loop_lag.start()

    @property
    def _upstreams(self) -> Upstreams | None:
        return None if self._listener is None else self._listener.upstreams

    def _readiness(self) -> Readiness:
        if self._draining:
            return Readiness(ready=False, words="draining")
        doors = (self._listener, self._askers) if self.config.authorize else (self._listener,)
        if not all(door is not None and door.is_open for door in doors):
            return Readiness(ready=False, words="not listening")
        if not self.loaded:
            return Readiness(ready=False, words="the control records are not loaded")
        return Readiness(ready=True, words="ready")

    def take(self, config: Config, snapshot: Snapshot) -> None:
        """From now on requests are served by ``config``, of which ``snapshot`` was made."""
        self._snapshot.take(snapshot)
        self.config = config
        self._ground.serve(config, keys=True)
        self._on_change(places_too=True)
        self._set_logging()
        if self._access_log is not None:
            self._access_log.reopen()
        self._ground.reopen_log(config)

    def _start_tracing(self, tracing: Tracing) -> Sampler:
        # Only a process that makes spans carries OpenTelemetry.
        from quotad.telemetry.spans import Spans

        spans = Spans(tracing.endpoint, self.refusals.sidecar, clock.wall_s, clock.monotonic_s)
        self.recorder.spans = spans.record
        self._ground.closers.append(spans.close)
        return Sampler(tracing)

    def _set_logging(self) -> None:
        telemetry = self.config.telemetry
        lifetime.log_level(telemetry.log_level)
        if self._access_log is not None:
            self._access_log.one_in = telemetry.access_log_one_in
        if self._sampler is not None and self.config.tracing is not None:
            self._sampler.rules = self.config.tracing

    def _on_change(self, places_too: bool) -> None:
        """The table is another, or has changed; ``places_too``: not in its Secrets alone."""
        if places_too:
            snapshot = self._snapshot.current
            for entry in snapshot.entries:
                entry.renew()
            self.recorder.configure(snapshot.entries, snapshot.table)

    async def stop(self, grace_s: float | None = None, *, handed_over: bool = False) -> None:
        """Drain, tell the store everything, and let go of all that was started.

        ``grace_s``: how long requests in flight may go on; None: as configured. ``handed_over``: others
        accept from the same sockets (``Listener.drain``).
        """
        self._draining = True
        if self._listener is not None:
            if grace_s is None:
                grace_s = self.config.listen.drain_s
            doors = [each for each in (self._listener, self._askers) if each is not None]
            await asyncio.gather(*(door.drain(grace_s, handed_over=handed_over) for door in doors))
        await self._ground.close()
        self._loop_lag.stop()


@contextlib.contextmanager
def _port_errors(name: str, address: Address) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise QuotadError(f"{name} {address.host}:{address.port}: {error.strerror or error}") from error


class Single:
    """The App as the only process of its quotad: it reads its file itself."""

    def __init__(self, path: Path, app: App) -> None:
        self._path = path
        self._app = app

    async def start(self) -> dict[str, str]:
        """See ``App``."""
        await self._app.start()
        return await self._app.listen()

    def reload(self) -> None:
        """Read the configuration again: all of it comes into force, or nothing and the old one stays."""
        from quotad.config.reread import reread

        try:
            config = reread(self._path, self._app.config)
            snapshot = self._app.snapshot(config)
        except ConfigError as error:
            log.error("reload refused: %s", "; ".join(map(str, error.problems)))  # noqa: TRY400 - no trace
            return
        except QuotadError as error:
            log.error("reload refused: %s", error)  # noqa: TRY400 - no trace
            return
        self._app.take(config, snapshot)
        log.info("reloaded: version %s", config.version)

    def swap(self) -> None:
        """There is no worker that another could take the place of: the configuration is read again."""
        log.warning("SIGUSR2: only a supervisor (supervised: true, or workers) swaps; reloading instead")
        self.reload()

    async def stop(self) -> None:
        """See ``App``."""
        await self._app.stop()


def run(path: Path, config: Config) -> int:
    """Serve until SIGTERM or SIGINT; SIGHUP reads ``path`` again, and a change of it where it says so.

    Raises QuotadError when it cannot start.
    """
    # A worker is an App without this, and without what reads files.
    from quotad.watch import Watch

    lifetime.log_to_stderr()
    single = Single(path, App(config))
    watch = Watch(path, single.reload) if config.reload == "onChange" else None
    return uvloop.run(lifetime.serve(single, watch))
