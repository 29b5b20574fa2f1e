"""The process that is started with ``workers: N``: it has the ports of the operator, and N workers."""

import asyncio
import logging
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import replace
from itertools import chain
from pathlib import Path

import uvloop

from quotad import lifetime
from quotad.config.model import Config
from quotad.config.parcel import pack
from quotad.config.reread import KEPT, reread
from quotad.errors import ConfigError, QuotadError
from quotad.ground import Ground
from quotad.telemetry.figures import Figures
from quotad.telemetry.loop_lag import LoopLag
from quotad.telemetry.metrics import Recorder
from quotad.telemetry.report import absorb
from quotad.telemetry.server import Readiness
from quotad.telemetry.sources import Scrape, Sources
from quotad.watch import Watch
from quotad.workers.child import Answer, Child
from quotad.workers.crew import Crew
from quotad.workers.ports import SharedPort

Renew = Callable[[Crew], Awaitable[None]]

log = logging.getLogger("quotad")


class Supervisor:
    """A ``lifetime.Service`` that serves no caller itself."""

    def __init__(self, path: Path, config: Config) -> None:
        self._path = path
        self._config = config
        self._log_lock = tempfile.TemporaryFile(prefix="quotad-")  # noqa: SIM115 - closed in stop
        self._ground = Ground(config, self._log_lock.fileno())
        self._recorder = Recorder()
        self._on_change(places_too=True)
        self._sources = Sources(self._recorder)
        self._port: SharedPort | None = None
        self._asking_port: SharedPort | None = None
        self._store_url = config.store.url
        self._crew: Crew | None = None
        self._draining = False
        self._renewing: asyncio.Task[None] | None = None
        self._asked: dict[str, Renew] = {}
        """What is still to be done, by name: asked twice, it is done once."""

    async def start(self) -> dict[str, str]:
        """Start every part and all workers; answers what each port is bound to. Raises QuotadError."""
        config, ground = self._config, self._ground
        lifetime.log_level(config.telemetry.log_level)
        port = self._port = SharedPort(config.listen.address, config.workers)
        bound = {"listen": f"{config.listen.address.host}:{port.number}"}
        if config.authorize is not None:
            address = config.authorize.address
            self._asking_port = SharedPort(address, config.workers, "authorize")
            bound["authorize"] = f"{address.host}:{self._asking_port.number}"
        self._store_url = await ground.start_server()
        if config.telemetry.address is not None or config.admin is not None:
            await self._open_ports()
        self._crew = Crew(config.workers, self._parcel(config), self._spawn)
        await self._crew.start()
        return {**ground.bound, **bound}

    async def _open_ports(self) -> None:
        ground = self._ground
        store = await ground.open_store(self._store_url)
        # Nobody calls here.
        await ground.follow(keys=False)
        if ground.follower is not None:
            ground.follower.on_change = self._on_change
        loop_lag = LoopLag()
        self._sources = Sources(
            self._recorder,
            store_durations=lambda: store.stats.durations,
            store_errors=lambda: store.stats.errors,
            loop_lag=loop_lag,
            following=ground.follower,
            webhooks=lambda: ground.webhooks,
            log_dropped=lambda: ground.log_dropped,
        )
        loop_lag.start()
        stock = ground.stock(store, self._recorder)
        scrape = Scrape(self._figures, stock, lambda: ground.version(self._config), self._refresh)
        await ground.open_telemetry(scrape, self._readiness)
        await ground.open_admin(lambda: self._config.table, store, self._find_refusal)

    def reload(self) -> None:
        """Read the configuration again: in force in every worker, or refused and the old one stays."""
        self._ask("reload", self._reload)

    def swap(self) -> None:
        """Put a new worker, with the configuration read again, in each one's place; or none."""
        self._ask("swap", self._swap)

    def _ask(self, name: str, renew: Renew) -> None:
        self._asked[name] = renew
        if self._renewing is None or self._renewing.done():
            self._renewing = asyncio.get_running_loop().create_task(self._renew())

    async def stop(self) -> None:
        """Drain all workers, wait for them, and let go of everything."""
        self._draining = True
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.wait((self._renewing,))
        for port in self._ports:
            # The workers have their own hold on it, and let go of it when all who wait are accepted.
            port.close()
        if self._crew is not None:
            await self._crew.drain(self._config.listen.drain_s)
        await self._ground.close()
        self._sources.loop_lag.stop()
        self._log_lock.close()

    async def _renew(self) -> None:
        while self._asked and self._crew is not None:
            name = next(iter(self._asked))
            try:
                await self._asked.pop(name)(self._crew)
            except ConfigError as error:
                log.error("%s refused: %s", name, "; ".join(map(str, error.problems)))  # noqa: TRY400 - no trace
            except QuotadError as error:
                log.error("%s refused: %s", name, error)  # noqa: TRY400 - no trace

    async def _reload(self, crew: Crew) -> None:
        config = await asyncio.to_thread(reread, self._path, self._config)
        parcel = self._parcel(config)
        prepared = await crew.prepare(parcel)
        self._take_over(config)
        await crew.commit(parcel, prepared)
        log.info("reloaded: version %s", config.version)

    async def _swap(self, crew: Crew) -> None:
        config = await asyncio.to_thread(reread, self._path, self._config, KEPT)
        await crew.swap(self._parcel(config))
        self._take_over(config)
        log.info("swapped: version %s", config.version)

    def _take_over(self, config: Config) -> None:
        self._config = config
        lifetime.log_level(config.telemetry.log_level)
        self._ground.serve(config, keys=False)
        self._ground.reopen_log(config)
        self._on_change(places_too=True)

    def _on_change(self, places_too: bool) -> None:
        """The table is another, or has changed; ``places_too``: not in its Secrets alone."""
        if places_too:
            # Which places there are is said by the workers.
            routes = self._config.routes if self._config.control is None else ()
            self._recorder.configure(routes, self._ground.table(self._config))

    def _parcel(self, config: Config) -> bytes:
        """What a worker is to do: the operator's ports are not its business, and numbers are resolved."""
        listen, authorize = config.listen, config.authorize
        if self._port is not None:
            listen = replace(listen, address=replace(listen.address, port=self._port.number))
        if self._asking_port is not None and authorize is not None:
            address = replace(authorize.address, port=self._asking_port.number)
            authorize = replace(authorize, address=address)
        return pack(
            replace(
                config,
                listen=listen,
                authorize=authorize,
                telemetry=replace(config.telemetry, address=None),
                admin=None,
                store=replace(config.store, url=self._store_url, embedded=None),
            )
        )

    @property
    def _ports(self) -> list[SharedPort]:
        return [port for port in (self._port, self._asking_port) if port is not None]

    async def _spawn(self, number: int) -> Child:
        slots = [list(chain(*parts)) for parts in zip(*(port.slots for port in self._ports), strict=True)]
        return await Child.spawn(number, self._log_lock.fileno(), slots, self._absorb)

    def _absorb(self, report: Answer) -> Figures:
        return absorb(self._recorder, report)

    async def _refresh(self) -> None:
        if self._crew is not None:
            await self._crew.refresh()

    async def _find_refusal(self, request_id: str) -> Answer | None:
        return None if self._crew is None else await self._crew.find(request_id)

    def _figures(self) -> Figures:
        figures = self._sources.figures()
        if self._crew is not None:
            figures.add(self._crew.figures())
            figures.put("quotad_workers", self._crew.ready)
            figures.put("quotad_worker_restarts", self._crew.restarts)
        return figures

    def _readiness(self) -> Readiness:
        if self._draining:
            return Readiness(ready=False, words="draining")
        ready = self._crew.ready if self._crew else 0
        return Readiness(ready > 0, f"{'ready: ' if ready else ''}{ready} of {self._config.workers} workers")


def run(path: Path, config: Config) -> int:
    """Serve until SIGTERM or SIGINT; SIGHUP reads ``path`` again, SIGUSR2 swaps workers.

    Raises QuotadError when it cannot start.
    """
    lifetime.log_to_stderr()
    supervisor = Supervisor(path, config)
    watch = Watch(path, supervisor.reload) if config.reload == "onChange" else None
    return uvloop.run(lifetime.serve(supervisor, watch))
