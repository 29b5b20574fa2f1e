"""What an operator sees of a quotad, however many processes serve its callers: store and ports."""

import logging
import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from quotad import clock
from quotad.config.model import Config
from quotad.core.table import PlanTable, Table
from quotad.store.interface import NO_APIS, ApisOf
from quotad.store.redis_store import RedisStore
from quotad.telemetry.access_log import AccessLog
from quotad.telemetry.metrics import Recorder
from quotad.telemetry.server import Readiness, TelemetryServer
from quotad.telemetry.sources import Scrape
from quotad.telemetry.stock import Stock

if TYPE_CHECKING:
    from quotad.catalog.draft import Reading
    from quotad.catalog.follow import Follower
    from quotad.catalog.live import LiveTable
    from quotad.controlplane.backstage import Backstage
    from quotad.controlplane.hooks.herald import Standing
    from quotad.telemetry.admin_line import Ended

FindRefusal = Callable[[str], Awaitable[dict[str, Any] | None]]

log = logging.getLogger("quotad")


class Ground:
    """Opens the parts that a configuration names, and closes them in reverse."""

    def __init__(self, config: Config, log_lock: int | None = None) -> None:
        """``log_lock``: of the admin port's access log, see ``AccessLog``."""
        self._config = config
        self._log_lock = log_lock
        self._log: AccessLog[Ended] | None = None
        self._url = ""
        self.sidecar_id = os.urandom(8)
        """Names this process start in the store, and at the head of its request ids."""
        self.closers: list[Callable[[], Awaitable[object]]] = []
        """Called by ``close``, the last first."""
        self.bound: dict[str, str] = {}
        """What each port is bound to."""
        self.follower: Follower | None = None
        """Of the control records, from ``follow`` on; None in file mode."""
        self.webhooks: Standing | None = None
        """How delivery of webhooks stands, from ``open_admin`` on; None: nobody here delivers any."""
        self._live = None if config.control is None else _live_table()

    def table(self, config: Config) -> Table:
        """Where ``config`` has its services, plans and Secrets; it differs from ours as a reload may."""
        return config.table if self._live is None else self._live

    def version(self, config: Config) -> str:
        """What is in force: of the control records in control mode, else of the file."""
        return config.version if self.follower is None else str(self.follower.version)

    async def start_server(self) -> str:
        """Start the embedded server if there is to be one; answers the store's URL. Raises QuotadError."""
        embedded = self._config.store.embedded
        if embedded is None:
            return self._config.store.url
        from quotad.store.embedded import EmbeddedServer

        server = EmbeddedServer(embedded.directory)
        url = await server.start()
        self.closers.append(server.stop)
        log.warning(server.notice)
        return url

    async def open_store(self, url: str) -> RedisStore:
        """Connect as a Sidecar of its own. Raises QuotadError."""
        self._url = url
        store = RedisStore(url, self._config.store, self.sidecar_id)
        await store.start()
        self.closers.append(store.close)
        return store

    async def follow(self, *, keys: bool, secrets: bool = True) -> None:
        """In control mode: load the control records and follow them, in the background.

        ``keys``: SecretKeys are opened too; ``secrets`` False: no Secrets are read. Raises QuotadError.
        """
        if self._live is None:
            return
        from quotad.catalog.follow import Follower
        from quotad.store.control import ControlStore

        store = ControlStore(self._url, self._config.store, writes=False)
        await store.start()
        self.closers.append(store.close)
        reading = self._reading(self._config, keys, secrets)
        self.follower = Follower(store, self._live, reading, clock.monotonic_s)
        self.follower.start()
        self.closers.append(self.follower.close)

    def serve(self, config: Config, *, keys: bool) -> None:
        """From now on follow what the routes of ``config`` name."""
        if self.follower is not None:
            self.follower.serve(self._reading(config, keys, secrets=True))

    def _reading(self, config: Config, keys: bool, secrets: bool) -> "Reading":
        from quotad.catalog.draft import Reading
        from quotad.catalog.vault import Vault

        vault = None
        if keys and config.control is not None:
            vault = Vault([(key.key_id, key.key) for key in config.control.master_keys])
            vault.prepare()
        references = frozenset(route.service_id for route in config.routes)
        return Reading(references, vault, config.store.journal is not None, secrets)

    def stock(self, store: RedisStore, recorder: Recorder) -> Stock:
        """What is in use of the plans that ``recorder`` has seen."""
        stock = Stock(store, recorder, clock.monotonic_s)
        self.closers.append(stock.close)
        return stock

    async def open_telemetry(self, scrape: Scrape, readiness: Callable[[], Readiness]) -> None:
        """Serve probes and metrics, where the configuration says so. Raises QuotadError."""
        address = self._config.telemetry.address
        if address is None:
            return
        server = TelemetryServer(address.host, address.port, scrape, readiness)
        self.bound["telemetry"] = f"{address.host}:{await server.start()}"
        # Closed last: it says that the process drains.
        self.closers.insert(0, server.close)

    async def open_admin(
        self, table: Callable[[], PlanTable], store: RedisStore, find_refusal: FindRefusal | None = None
    ) -> None:
        """Serve the admin port, where the configuration says so. Raises QuotadError.

        ``table``: in file mode, the one in force. ``find_refusal``: what this quotad's processes remember
        of a request id; None: it is none of theirs.
        """
        admin = self._config.admin
        if admin is None:
            return
        # Only a process that serves the admin port carries aiohttp.
        from quotad.controlplane.office import Office, Parts
        from quotad.store.deliveries import Deliveries

        backstage = await self.open_operations()
        if admin.access_log:
            from quotad.telemetry.admin_line import AdminLineMaker

            lines = AdminLineMaker(clock.wall_s, clock.monotonic_s)
            self._log = AccessLog(admin.access_log, lines, self._log_lock)
            self._log.one_in = admin.access_log_one_in
            self._log.start()
            self.closers.append(self._log.close)
        tell = None if self._log is None else self._log.record
        deliveries = Deliveries(self._url, self._config.store)
        await deliveries.start()
        self.closers.append(deliveries.close)
        parts = Parts(self._config, table, store, self.forget, deliveries, find_refusal, backstage, tell)
        office = Office(parts, admin)
        self.webhooks = office.webhooks
        self.bound["admin"] = f"{admin.address.host}:{await office.start()}"
        self.closers.append(office.close)

    def reopen_log(self, config: Config) -> None:
        """The admin port's access log is opened again under its name, and samples as ``config`` says."""
        if self._log is not None and config.admin is not None:
            self._log.one_in = config.admin.access_log_one_in
            self._log.reopen()

    @property
    def log_dropped(self) -> int:
        """Lines of the admin port's access log that were lost."""
        return 0 if self._log is None else self._log.dropped

    async def open_operations(self) -> "Backstage | None":
        """What changes control records, and erases what they doom; None in file mode. Raises QuotadError."""
        control = self._config.control
        if control is None:
            return None
        from quotad.catalog.vault import Vault
        from quotad.controlplane.backstage import Backstage
        from quotad.controlplane.erasing import Eraser
        from quotad.controlplane.operations import Operations
        from quotad.store.control import ControlStore

        records = ControlStore(self._url, self._config.store)
        await records.start()
        self.closers.append(records.close)
        vault = Vault([(key.key_id, key.key) for key in control.master_keys])
        operations = Operations(records, vault, control.limits)
        eraser = Eraser(operations, self.forget)
        eraser.start()
        self.closers.append(eraser.close)
        return Backstage(operations, records, vault)

    async def forget(self, plan_id: str, secret_id: str, apis: ApisOf = NO_APIS, url: str = "") -> int:
        """Delete all that the store keeps of a plan, a Secret or Apis; answers how many keys.

        ``url``: the store's, else that of ``open_store``. By a connection of its own: that of requests is
        not to end over a right that is missing. Raises StoreError, and ValueError for what is no id.
        """
        store = RedisStore(url or self._url, self._config.store, os.urandom(8))
        await store.start()
        try:
            return await store.forget(plan_id, secret_id, apis)
        finally:
            await store.close()

    async def close(self) -> None:
        """Let go of everything, in reverse."""
        while self.closers:
            await self.closers.pop()()


def _live_table() -> "LiveTable":
    # Only a process that reads control records carries what reads them.
    from quotad.catalog.live import LiveTable

    return LiveTable()
