"""The control plane of one command: on the store itself, without any running admin process."""

import contextlib
import getpass
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from aiohttp import web

from quotad.catalog.vault import Vault
from quotad.client.whole import Shown, Told
from quotad.config.model import Address, Admin, Config, Control
from quotad.config.nouns import Nouns
from quotad.controlplane.audit_trail import StoreTrail
from quotad.controlplane.books import Books, Keeping
from quotad.controlplane.desk import Asker
from quotad.controlplane.export import Part
from quotad.controlplane.key_list import Imported, Row
from quotad.controlplane.operations import Operations
from quotad.controlplane.record_table import RecordTable
from quotad.controlplane.refusal import OperationError
from quotad.controlplane.replica import Page, Where
from quotad.controlplane.rest.door import RestDoor
from quotad.controlplane.rest.routes import all_routes
from quotad.controlplane.rest.use import Use
from quotad.controlplane.rest.webhooks import Webhooks
from quotad.controlplane.server import AdminServer
from quotad.core.table import Table
from quotad.errors import QuotadError
from quotad.ground import Ground
from quotad.store.control import ControlStore
from quotad.store.deliveries import Deliveries

_LOOPBACK = Admin(Address("127.0.0.1", 0))
"""Its rules for Host and Origin are those of a socket too."""


def asker() -> Asker:
    """Who runs the command, as the audit log shows it."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        # Python 3.13 made an OSError of it: a user without a name.
        name = "unknown"
    return Asker(f"shell:{name}", "admin", "shell")


@contextlib.asynccontextmanager
async def operations(config: Config) -> AsyncIterator[Operations]:
    """On the store and with the master keys of a configuration in control mode.

    Raises QuotadError, also for an OperationError that comes out of the block.
    """
    control = _control_of(config)
    ground = Ground(config)
    try:
        records = await _records(ground, config, await ground.start_server())
        yield Operations(records, _vault(control), control.limits)
    except OperationError as error:
        raise QuotadError(f"{error.detail} ({error.reason.value})") from error
    finally:
        await ground.close()


@contextlib.asynccontextmanager
async def own_admin_port(config: Config) -> AsyncIterator[str]:
    """The native wire format of the admin port, for this command alone: its URL, a socket's.

    Nobody else can open it: it is in a folder that only this user may enter. Raises QuotadError.
    """
    control = _control_of(config)
    ground = Ground(config)
    with tempfile.TemporaryDirectory(prefix="quotad-") as folder:
        try:
            url = await ground.start_server()
            store = await ground.open_store(url)
            records = await _records(ground, config, url)
            desk = Operations(records, _vault(control), control.limits)

            async def table() -> Table:
                return RecordTable(await desk.records())

            trail = StoreTrail(records)
            keeping = Keeping(store, ground.forget, config.store.hold_s, config.store.secret_usage)
            deliveries = Deliveries(url, config.store)
            await deliveries.start()
            ground.closers.append(deliveries.close)
            use = Use(table, store, None, Books(keeping, trail))
            routes = all_routes(desk, trail, use, webhooks=Webhooks(desk, deliveries, trail))
            path = str(Path(folder) / "admin.sock")
            server = AdminServer(_LOOPBACK, [RestDoor(_ThisUser(), routes)], socket=path)
            await server.start()
            ground.closers.append(server.close)
            yield f"unix:{path}"
        finally:
            await ground.close()


class _ThisUser:
    """Whoever runs the command may do all: the configuration has the store's address and the keys."""

    async def asker(self, request: web.Request) -> Asker:
        """See ``rest.door.Admits``."""
        return asker()


def _control_of(config: Config) -> Control:
    if config.control is None:
        raise QuotadError(
            "the configuration has no control section: what it serves stands in the file itself"
        )
    return config.control


def _vault(control: Control) -> Vault:
    return Vault([(key.key_id, key.key) for key in control.master_keys])


async def _records(ground: Ground, config: Config, url: str) -> ControlStore:
    records = ControlStore(url, config.store)
    ground.closers.append(records.close)
    await records.start()
    return records


class OnStore:
    """All records at once, on the store itself: see ``client.whole``."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    async def compare(self, nouns: Nouns, told: Told, *, prune: bool) -> Shown:
        """See ``Whole``."""
        applier = self._operations.applier(asker(), nouns.table, prune=prune)
        plan = await applier.plan(told)
        writes = sum(len(step.writes) for step in plan.steps)
        return Shown(plan.differences, len(plan.steps), writes, (applier, plan))

    async def apply(self, shown: Shown, told: Told) -> None:
        """See ``Whole``."""
        applier, plan = shown.token
        await applier.apply(plan, told)

    async def secret_count(self) -> int:
        """See ``Whole``."""
        return (await self._operations.secrets(Where(), Page(limit=1)))[0]

    def export(self, *, with_keys: bool) -> AsyncIterator[Part]:
        """See ``Whole``."""
        return self._operations.export(asker(), with_keys=with_keys)

    async def import_secrets(self, rows: Sequence[Row], told: Told, *, strict: bool) -> Imported:
        """See ``Whole``."""
        return await self._operations.importer(asker(), strict=strict).run(rows, told)
