"""Counters of what was deleted: erased by whichever admin process comes first, at least once."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from quotad.controlplane.apis import apis_of
from quotad.controlplane.desk import Asker
from quotad.controlplane.operations import Operations
from quotad.controlplane.refusal import OperationError
from quotad.errors import QuotadError
from quotad.store.interface import NO_APIS, ApisOf

PAUSE_S = 2.0

log = logging.getLogger("quotad.admin")

Forget = Callable[[str, str, ApisOf], Awaitable[int]]
"""Delete all that the store keeps of a plan's id, a SecretId, or Apis: how many keys. Raises StoreError."""

_SELF = Asker("quotad", "admin", "self")


class Eraser:
    """Looks for what is due, and erases it. What fails is tried again, also after a restart."""

    def __init__(self, operations: Operations, forget: Forget, pause_s: float = PAUSE_S) -> None:
        self._operations = operations
        self._forget = forget
        self._pause_s = pause_s
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        """Look no more; what is under way is broken off, and due again."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def turn(self) -> int:
        """Erase all that is due; answers how many deletions that were. Raises QuotadError."""
        now_us = await self._operations.now_us()
        due = [record for record in self._operations.newest.doomed() if record["at"] <= now_us]
        for record in due:
            await self._erase(record)
        return len(due)

    async def _erase(self, record: Any) -> None:
        kind, record_id = str(record["kind"]), str(record["id"])
        plan_id, secret_id, apis = self._gone(record, kind, record_id)
        if plan_id or secret_id or apis.api_ids:
            keys = await self._forget(plan_id, secret_id, apis)
            log.info("counters of %s %s: %d keys deleted or changed", kind, record_id, keys)
        await self._operations.erased(_SELF, f"{kind}:{record_id}")

    def _gone(self, record: Any, kind: str, record_id: str) -> tuple[str, str, ApisOf]:
        """What was not made anew under the same id: its counters would be in use again."""
        replica = self._operations.newest
        if kind == "plan":
            return "" if replica.plan(record_id) else record_id, "", NO_APIS
        if kind == "secret":
            return "", "" if replica.secret(record_id) else record_id, NO_APIS
        service_id = str(record["serviceId"])
        service = replica.service(service_id)
        there = set() if service is None else {api["apiId"] for api in apis_of(service)}
        gone = tuple(api_id for api_id in map(str, record["apiIds"]) if api_id not in there)
        return "", "", ApisOf(service_id, gone) if gone else NO_APIS

    async def _run(self) -> None:
        failing = False
        while True:
            try:
                await self.turn()
                failing = False
            except (QuotadError, OperationError) as error:
                if not failing:
                    log.warning("counters of what was deleted are not erased yet: %s", error)
                failing = True
            await asyncio.sleep(self._pause_s)
