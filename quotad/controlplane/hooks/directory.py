"""Which webhooks and plans there are: in control records, or in the file."""

from collections.abc import Callable
from typing import Protocol

from quotad.catalog.records import RecordError
from quotad.catalog.vault import Vault
from quotad.catalog.webhooks import webhook_of
from quotad.controlplane.desk import Asker
from quotad.controlplane.operations import Operations
from quotad.controlplane.record_table import RecentTable
from quotad.core.plans import Webhook
from quotad.core.table import PlanTable, Table

_SELF = Asker("quotad", "admin", "self")


class Directory(Protocol):
    """As it is now. All methods raise StoreError."""

    async def webhooks(self) -> list[Webhook]:
        """All that can be used."""

    async def table(self) -> Table:
        """Plans, services, Secrets."""

    async def retire(self, webhook_id: str) -> None:
        """The receiver is gone for good. Raises OperationError."""


class RecordDirectory:
    """In control mode."""

    def __init__(self, operations: Operations, vault: Vault) -> None:
        self._operations = operations
        self._vault = vault
        self._recent = RecentTable(operations)
        self.unreadable: list[str] = []
        """What is wrong with records that cannot be used."""

    async def webhooks(self) -> list[Webhook]:
        """See ``Directory``."""
        found, self.unreadable = [], []
        for record in (await self._operations.records()).webhooks():
            try:
                found.append(webhook_of(record, self._vault))
            except RecordError as error:
                self.unreadable.append(str(error))
        return found

    async def table(self) -> Table:
        """See ``Directory``."""
        return await self._recent.table()

    async def retire(self, webhook_id: str) -> None:
        """See ``Directory``: disabled, with a line in the audit log."""
        await self._operations.retire_webhook(_SELF, webhook_id)


class FileDirectory:
    """In file mode; another file after a reload."""

    def __init__(self, table: Callable[[], PlanTable]) -> None:
        self._table = table

    async def webhooks(self) -> list[Webhook]:
        """See ``Directory``."""
        return list(self._table().webhooks)

    async def table(self) -> Table:
        """See ``Directory``."""
        return self._table()

    async def retire(self, webhook_id: str) -> None:
        """See ``Directory``: the file is not ours to change; the log says it."""
