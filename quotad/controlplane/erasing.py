"""Counters of deleted plans and Secrets: erased by whichever admin process comes first, at least once."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from quotad.controlplane.desk import Asker
from quotad.controlplane.operations import Operations
from quotad.controlplane.refusal import OperationError
from quotad.errors import QuotadError

PAUSE_S = 2.0

log = logging.getLogger("quotad.admin")

Forget = Callable[[str, str], Awaitable[int]]
"""Delete all that the store keeps of a plan's id, or of a SecretId: how many keys. Raises StoreError."""

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
        """Erase all that is due; answers how many plans and Secrets that were. Raises QuotadError."""
        now_us = await self._operations.now_us()
        due = [record for record in self._operations.newest.doomed() if record["at"] <= now_us]
        for record in due:
            await self._erase(record)
        return len(due)

    async def _erase(self, record: Any) -> None:
        kind, record_id = str(record["kind"]), str(record["id"])
        replica = self._operations.newest
        # Made anew under the same id meanwhile, its counters are in use again.
        back = replica.plan(record_id) if kind == "plan" else replica.secret(record_id)
        if back is None:
            plan_id, secret_id = (record_id, "") if kind == "plan" else ("", record_id)
            keys = await self._forget(plan_id, secret_id)
            log.info("counters of %s %s: %d keys deleted or changed", kind, record_id, keys)
        await self._operations.erased(_SELF, f"{kind}:{record_id}")

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
