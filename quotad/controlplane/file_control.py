"""A configuration file's services, plans, Secrets and bindings as control records, for reading only."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

from quotad.catalog.webhooks import webhook_fields
from quotad.controlplane.refusal import OperationError, Reason
from quotad.controlplane.wanted import wanted_plan, wanted_service
from quotad.core.plans import Webhook
from quotad.core.table import PlanTable
from quotad.errors import StoreError
from quotad.store.control import Change, Commit, Head

WHY = (
    "the services, plans, secrets and bindings of this quotad stand in its configuration file: change it"
    " there and reload"
)


class FileControl:
    """Stands where ``store.control.ControlStore`` stands in control mode (``desk.Control``)."""

    def __init__(self, table: Callable[[], PlanTable], now_us: Callable[[], int | None]) -> None:
        """``table``: the one in force, another one after a reload."""
        self._table = table
        self._now_us = now_us
        self._shown: PlanTable | None = None
        self._shown_us = 0
        self._version = 0
        self._tallies: dict[str, tuple[int, int]] = {}

    def now_us(self) -> int | None:
        """The store's time."""
        return self._now_us()

    async def head(self) -> Head:
        """Another one after each reload. Raises StoreError."""
        table = self._table()
        if table is not self._shown:
            self._shown, self._shown_us = table, self._time_us()
            self._version += 1
        return Head(self._version, f"file-{self._version}")

    async def records(self, kind: str) -> AsyncIterator[list[tuple[str, dict[str, Any]]]]:
        """All of a kind, in one page."""
        table = self._shown or self._table()
        match kind:
            case "service":
                yield [
                    (service_id, wanted_service(service, None, table.plans, self._shown_us))
                    for service_id, service in table.services.items()
                ]
            case "plan":
                yield self._plans(table)
            case "secret":
                yield self._secrets(table)
            case "webhook":
                yield [(each.webhook_id, self._webhook(each)) for each in table.webhooks]

    def _plans(self, table: PlanTable) -> list[tuple[str, dict[str, Any]]]:
        places: dict[str, dict[tuple[str, str, str], bool]] = {}
        for binding in table.bindings:
            mine = places.setdefault(binding.usage_plan_id, {})
            for place in binding.environments:
                for api_id in binding.api_ids or ("",):
                    mine[*place, api_id] = mine.get((*place, api_id), True) and binding.shadow
        found = []
        for plan_id, plan in table.plans.items():
            bound = [
                (service_id, environment, shadow, api_id)
                for (service_id, environment, api_id), shadow in places.get(plan_id, {}).items()
            ]
            record = wanted_plan(plan, None, bound, self._shown_us, "configuration")
            found.append((plan_id, {**record, "version": plan.version}))
        return found

    def _webhook(self, webhook: Webhook) -> dict[str, Any]:
        times = {"created": self._shown_us, "modified": self._shown_us}
        return {**webhook_fields(webhook), "disabledReason": None, "previousUntil": None, **times}

    def _secrets(self, table: PlanTable) -> list[tuple[str, dict[str, Any]]]:
        plans: dict[str, dict[str, int]] = {}
        for binding in table.bindings:
            for secret_id in binding.secret_ids:
                plans.setdefault(secret_id, {})[binding.usage_plan_id] = self._shown_us
        return [
            (
                secret_id,
                {
                    "secretId": secret_id,
                    "secretName": secret.secret_name,
                    "type": "manual",
                    "enabled": secret.enabled,
                    "expiresAt": None if secret.expires_at_s is None else round(secret.expires_at_s * 1e6),
                    "previousUntil": None,
                    "secretDesc": secret.secret_desc,
                    # No key of a file stands in a record, only that there is one.
                    "secondaryKey": "" if secret.secondary_key else None,
                    "created": self._shown_us,
                    "modified": self._shown_us,
                    "plans": plans.get(secret_id, {}),
                },
            )
            for secret_id, secret in table.secrets.items()
        ]

    async def get(self, kind: str, ids: Sequence[str]) -> list[dict[str, Any] | None]:
        """There is nothing to change, so nobody needs a whole record."""
        return [None for _ in ids]

    async def since(self, version: int, wait_ms: int = 0) -> list[Commit]:
        """A reload is no list of commits: all is read again."""
        return []

    async def commit(self, change: Change) -> Head | None:
        """Raises OperationError."""
        raise OperationError(Reason.READ_ONLY, WHY)

    async def once(self, digest: str) -> dict[str, Any] | None:
        """Nothing was ever changed here."""
        return None

    async def tally(self, name: str, window_ms: int, add: int = 1) -> int:
        """The count in this process since its window began, this included. Raises StoreError.

        What is counted is named after what the file names, so there are not many.
        """
        now_us = self._time_us()
        ends_us, count = self._tallies.get(name, (0, 0))
        if now_us >= ends_us:
            ends_us, count = now_us + window_ms * 1000, 0
        self._tallies[name] = ends_us, count + add
        return count + add

    def _time_us(self) -> int:
        now_us = self._now_us()
        if now_us is None:
            raise StoreError("disconnected", "the store's time is not known", executed=False)
        return now_us

    async def note(self, record: Mapping[str, Any]) -> None:
        """The audit log is a file here (``audit_trail``)."""

    async def audit(self, before: str, count: int) -> list[tuple[str, dict[str, Any]]]:
        """The audit log is a file here (``audit_trail``)."""
        return []
