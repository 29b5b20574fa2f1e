"""The control plane put together: operations, who may ask, every wire format, one port."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from quotad import clock
from quotad.config.certificates import client_context, server_context
from quotad.config.model import Admin, Config, UpstreamTls
from quotad.controlplane.access import Access
from quotad.controlplane.audit import AuditLog
from quotad.controlplane.audit_trail import FileTrail, StoreTrail, Trail
from quotad.controlplane.backstage import Backstage
from quotad.controlplane.books import Books, Forget, Keeping, Store
from quotad.controlplane.console.door import CONSOLE, ConsoleDoor
from quotad.controlplane.dialects.cloud_v3_call import Backing
from quotad.controlplane.dialects.doors import cloud_doors
from quotad.controlplane.dialects.key_pairs import ConfiguredKeyPairs, StoredKeyPairs
from quotad.controlplane.explain import FindRefusal
from quotad.controlplane.file_control import WHY, FileControl
from quotad.controlplane.fleet import Board, FleetView
from quotad.controlplane.hooks.directory import Directory, FileDirectory, RecordDirectory
from quotad.controlplane.hooks.herald import Herald, Standing
from quotad.controlplane.hooks.sender import Fence, Sender
from quotad.controlplane.operations import Operations
from quotad.controlplane.record_table import RecentTable
from quotad.controlplane.rest.door import RestDoor
from quotad.controlplane.rest.fleet import Fleet
from quotad.controlplane.rest.routes import all_routes
from quotad.controlplane.rest.use import Tables, Use
from quotad.controlplane.rest.webhooks import Webhooks
from quotad.controlplane.server import AdminServer, Door
from quotad.controlplane.sessions import Sessions
from quotad.controlplane.visits import Tell
from quotad.core.table import PlanTable, Table
from quotad.store.deliveries import Deliveries


class TimedStore(Store, Protocol):
    """What use is kept in."""

    @property
    def notices(self) -> Board:
        """What Sidecars tell of themselves."""

    def now_us(self) -> int | None:
        """The store's time; None until it was heard."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What the control plane is given."""

    config: Config
    table: Callable[[], PlanTable]
    """In file mode: the table in force, also after a reload."""
    store: TimedStore
    forget: Forget
    deliveries: Deliveries
    find_refusal: FindRefusal | None = None
    """None: no request id is known here."""
    backstage: Backstage | None = None
    """In control mode: the records, and what changes them."""
    tell: Tell | None = None
    """Hears of each request of the admin port."""


class Office:
    """Opens the admin port, and what goes with it."""

    def __init__(self, parts: Parts, admin: Admin) -> None:
        """Raises QuotadError, also when a certificate cannot be used."""
        if parts.backstage is None:
            file = FileControl(parts.table, parts.store.now_us)
            self._operations = Operations(file, None, read_only=WHY)
            doors = self._file_doors(parts, admin, file)
            directory: Directory = FileDirectory(parts.table)
        else:
            self._operations = parts.backstage.operations
            doors = self._control_doors(parts, admin, parts.backstage)
            directory = RecordDirectory(parts.backstage.operations, parts.backstage.vault)
        tls, home = admin.listen_tls, ""
        if admin.console:
            doors.insert(0, ConsoleDoor())
            home = CONSOLE
        context = None if tls is None else server_context(tls)
        self._server = AdminServer(admin, doors, context, home=home, tell=parts.tell)
        self._herald = _herald(parts, admin, directory)

    @property
    def webhooks(self) -> Standing:
        """How delivery of webhooks stands."""
        return self._herald.standing

    async def start(self) -> int:
        """Answers the port. Raises QuotadError."""
        port = await self._server.start()
        self._herald.start()
        return port

    async def close(self) -> None:
        """Stop listening and end what is open."""
        await self._herald.close()
        await self._server.close()

    def _file_doors(self, parts: Parts, admin: Admin, file: FileControl) -> list[Door]:
        async def table() -> Table:
            return parts.table()

        trail = None if admin.audit_log is None else FileTrail(AuditLog(admin.audit_log, clock.wall_s))
        sessions = Sessions(admin, clock.wall_s)
        access = Access(admin, clock.monotonic_s, sessions=sessions)
        keys = ConfiguredKeyPairs(admin.key_pairs)
        backing = Backing(self._operations, keys, parts.store, file, access.count)
        rest = self._rest(parts, access, trail, table, sessions)
        return [*cloud_doors(backing, access), rest]

    def _control_doors(self, parts: Parts, admin: Admin, backstage: Backstage) -> list[Door]:
        operations, control = backstage.operations, backstage.control

        table = RecentTable(operations).table

        section = parts.config.control
        master_key = b"" if section is None else section.master_keys[0].key
        sessions = Sessions(admin, clock.wall_s, master_key, operations, control)
        access = Access(admin, clock.monotonic_s, operations, control, sessions)
        keys = ConfiguredKeyPairs(admin.key_pairs, StoredKeyPairs(operations, backstage.vault))
        backing = Backing(operations, keys, parts.store, control, access.count)
        trail = StoreTrail(control)
        rest = self._rest(parts, access, trail, table, sessions)
        return [*cloud_doors(backing, access), rest]

    def _rest(
        self, parts: Parts, access: Access, trail: Trail | None, table: Tables, sessions: Sessions
    ) -> RestDoor:
        store = parts.config.store
        keeping = Keeping(parts.store, parts.forget, store.hold_s, store.secret_usage)
        use = Use(table, parts.store, parts.find_refusal, Books(keeping, trail))
        fleet = Fleet(FleetView(parts.store), table)
        hooks = Webhooks(self._operations, parts.deliveries, trail)
        routes = all_routes(self._operations, trail, use, sessions, fleet, hooks)
        return RestDoor(access, routes)


def _herald(parts: Parts, admin: Admin, directory: Directory) -> Herald:
    def now_us() -> int:
        return parts.deliveries.now_us() or round(clock.wall_s() * 1e6)

    tls = client_context(UpstreamTls(ca=admin.webhook_ca))
    sender = Sender(Fence(admin.webhook_networks), tls, now_us, clock.monotonic_s)
    return Herald(parts.store, parts.deliveries, directory, sender, clock.monotonic_s)
