"""A running admin port upon a real store."""

import contextlib
import json
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx

from quotad.clock import monotonic_s, wall_s
from quotad.config.model import Address, Admin, StoreConfig
from quotad.controlplane.access import Access
from quotad.controlplane.audit import AuditLog
from quotad.controlplane.audit_trail import FileTrail
from quotad.controlplane.books import Books, Keeping
from quotad.controlplane.explain import FindRefusal
from quotad.controlplane.file_control import WHY, FileControl
from quotad.controlplane.operations import Operations
from quotad.controlplane.rest.door import RestDoor
from quotad.controlplane.rest.routes import all_routes
from quotad.controlplane.rest.use import UsageReader, Use
from quotad.controlplane.server import AdminServer
from quotad.core.history import Portion
from quotad.core.table import PlanTable
from quotad.core.windows import windows
from quotad.store.interface import NO_APIS, ApisOf
from quotad.store.redis_store import RedisStore
from tests.support.batches import call, submit, terms
from tests.support.described import check_described
from tests.support.samples import TABLE
from tests.support.waiting import until

TOKEN = "a-token-of-twenty-characters"
(SHARED, *_) = TABLE.subjects()


def admin_server(
    admin: Admin,
    table: Callable[[], PlanTable],
    store: UsageReader,
    find_refusal: FindRefusal | None = None,
    keeping: Keeping | None = None,
) -> AdminServer:
    """Of a file's table; without ``keeping`` use is only shown."""

    async def tables() -> PlanTable:
        return table()

    trail = None if admin.audit_log is None else FileTrail(AuditLog(admin.audit_log, wall_s))
    books = None if keeping is None else Books(keeping, trail)
    operations = Operations(FileControl(table, lambda: 1), None, read_only=WHY)
    routes = all_routes(operations, trail, Use(tables, store, find_refusal, books))
    return AdminServer(admin, [RestDoor(Access(admin, monotonic_s), routes)])


class Port:
    """A running admin port upon a store, with a file for its audit log."""

    def __init__(self, store: RedisStore, path: Path) -> None:
        self.store = store
        self.path = path
        self.number = 0
        self.refusal: Exception | None = None
        self.forgotten: list[tuple[str, str]] = []
        self.serves_all = True
        """Whether every described route is there, so that answers are held to their description."""

    async def forget(self, plan_id: str, secret_id: str, apis: ApisOf = NO_APIS) -> int:
        self.forgotten.append((plan_id, secret_id))
        if self.refusal is not None:
            raise self.refusal
        return await self.store.forget(plan_id, secret_id, apis)

    @contextlib.asynccontextmanager
    async def serving(self, *, secret_usage: bool = True) -> AsyncIterator["Port"]:
        """Listen until the end of the block."""
        admin = Admin(Address("127.0.0.1", 0), TOKEN, self.path)
        keeping = Keeping(self.store, self.forget, 60.0, secret_usage)
        server = admin_server(admin, lambda: TABLE, self.store, None, keeping)
        self.number = await server.start()
        try:
            yield self
        finally:
            await server.close()

    async def ask(self, method: str, target: str, **more: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {TOKEN}", **more.pop("headers", {})}
        url = f"http://127.0.0.1:{self.number}/v1/usage{target}"
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.request(method, url, headers=headers, **more)
        if self.serves_all:
            check_described(answer)
        return answer

    def audited(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.path.read_text().splitlines()]


@contextlib.asynccontextmanager
async def used_port(url: str, path: Path) -> AsyncIterator[Port]:
    """Upon a store in which seven requests were made today under the first plan, four by one Secret."""
    store = RedisStore(url, StoreConfig(deadline_s=5.0), os.urandom(8))
    await store.start()
    await until(lambda: store.connected)
    plan = terms()._replace(windows=windows(store.now_us() or 0, "UTC", 1))
    (answer,) = await submit(store, [call(SHARED, plan, cost=7)]).answers()
    await store.attribute([Portion(SHARED, answer.day_end_us, 1, {"AKIDa": 4, "AKIDb": 3})])
    async with Port(store, path).serving() as running:
        yield running
    await store.close()
