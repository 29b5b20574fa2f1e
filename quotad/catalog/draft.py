"""Changes in the making: records on their way from the store to the table, until they are one state.

A sidecar reads only Secrets of plans that are bound to services which its routes name. So a commit that
binds a plan there asks for more than it says: for the Secrets that the plan had before. They are read
as they are by then, the commits up to then are added, and all of it comes into force at once.
"""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Protocol

from quotad.catalog.live import Changes, LiveTable
from quotad.catalog.records import BoundPlan, Record, RecordError, plan_of, secret_of, service_of
from quotad.catalog.vault import Vault
from quotad.core.plans import Secret, Service
from quotad.store.control import Commit, Head

EVERY_PLAN = "*"
"""Stands for all plans, and Secrets without one: where a default plan is, whoever is known may call."""
SOMEBODY = Secret("", "", b"")
"""Each Secret where nobody calls: a hundred thousand of their own would be memory for nothing."""
_PAGE = 500
"""Secrets read and opened at a time: some milliseconds of the event loop."""


class Reader(Protocol):
    """The verbs of ``store.control.ControlStore`` that are needed here. All raise StoreError."""

    async def head(self) -> Head:
        """Which state the records are in."""

    def records(self, kind: str) -> AsyncIterator[list[tuple[str, dict[str, Any]]]]:
        """All records of a kind, in pages."""

    def members(self, plan_ids: Sequence[str]) -> AsyncIterator[list[str]]:
        """The SecretIds that have any of these plans, in pages."""

    async def get(self, kind: str, ids: Sequence[str]) -> list[dict[str, Any] | None]:
        """Records by id."""

    async def since(self, version: int, wait_ms: int = 0) -> list[Commit]:
        """The commits after a version, oldest first."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a process reads, and how."""

    references: frozenset[str]
    """Ids or names of the services that its routes name."""
    vault: Vault | None
    """None: nobody calls there. Of Secrets it knows which there are, and those alone that count for
    themselves (``scope: secret``)."""
    journal: bool = True
    """Whether it can write down what it admits without the store."""
    secrets: bool = True
    """False: it reads none."""


class LostTrackError(Exception):
    """What is known is not a state from which the commits lead on. ``kind`` is a word for metrics."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Draft:
    """What is to be applied to a table."""

    def __init__(
        self,
        table: LiveTable,
        reading: Reading,
        followed: Collection[str],
        kept: Mapping[str, Secret],
    ) -> None:
        """``followed``: plans whose Secrets the table has all of.

        ``kept``: Secrets in force; one that is as it was stays the same object, so that a second reading
        takes no second memory.
        """
        self.changes = Changes(table)
        self.wanted = set(followed)
        """Plans whose Secrets the table will have all of."""
        self.unreadable: list[RecordError] = []
        self._table = table
        self._reading = reading
        self._kept = kept
        self._complete = set(followed)
        self._stale = not followed

    def follow(self, head: Head, commits: Sequence[Commit]) -> Head:
        """Add commits that lead on from ``head``; answers where they lead. Raises LostTrackError."""
        for commit in commits:
            if commit.version != head.version + 1:
                raise LostTrackError("gap", f"commits after version {head.version} are no longer in the log")
            if commit.prev != head.uid:
                raise LostTrackError("fork", f"version {head.version} was made twice: a commit was lost")
            for write in commit.writes:
                self.put(write.kind, write.id, write.record)
            head = Head(commit.version, commit.uid)
        return head

    def put(self, kind: str, record_id: str, record: Record | None) -> None:
        """Add one record as it is now; None: it is no more. Kinds that are no sidecar's are passed by."""
        try:
            self._put(kind, record_id, record)
        except RecordError as error:
            # Better to know nothing of it than what it was before.
            self.unreadable.append(error)
            self._put(kind, record_id, None)

    def missing(self) -> set[str]:
        """The plans whose Secrets must be read before what there is is one state."""
        if self._stale:
            self._stale = False
            self.wanted = self._find_wanted()
        return self.wanted - self._complete

    async def fetch(self, control: Reader, plan_ids: Collection[str]) -> None:
        """Read the Secrets of these plans as they are now. Raises StoreError."""
        if EVERY_PLAN in plan_ids:
            async for records in control.records("secret"):
                for secret_id, found in records:
                    self.put("secret", secret_id, found)
        ids: dict[str, None] = {}
        async for page in control.members([each for each in plan_ids if each != EVERY_PLAN]):
            ids.update(dict.fromkeys(page))
        unknown = [each for each in ids if not self._is_known(each)]
        for start in range(0, len(unknown), _PAGE):
            asked = unknown[start : start + _PAGE]
            for secret_id, record in zip(asked, await control.get("secret", asked), strict=True):
                if record is not None:
                    self.put("secret", secret_id, record)
        self._complete.update(plan_ids)

    def _put(self, kind: str, record_id: str, record: Record | None) -> None:
        if kind == "secret":
            self._put_secret(record_id, record)
        elif kind == "plan":
            self._put_plan(record_id, record)
        elif kind == "service":
            self._put_service(record_id, record)

    def _put_service(self, service_id: str, record: Record | None) -> None:
        self._stale = True
        service = None if record is None else service_of(record)
        if service is not None and service.service_id != service_id:
            raise RecordError(f"service {service_id} has the record of another")
        self.changes.services[service_id] = service

    def _put_plan(self, plan_id: str, record: Record | None) -> None:
        self._stale = True
        bound = None if record is None else plan_of(record, journal=self._reading.journal)
        if bound is not None and bound.plan.usage_plan_id != plan_id:
            raise RecordError(f"plan {plan_id} has the record of another")
        self.changes.plans[plan_id] = bound

    def _put_secret(self, secret_id: str, record: Record | None) -> None:
        if record is None:
            self.changes.drop(secret_id)
            return
        plans = record.get("plans")
        # Asked in this order: of 100,000 that are read at a start the first two tell.
        if (
            isinstance(plans, dict)
            and self.wanted.isdisjoint(plans)
            and EVERY_PLAN not in self.wanted
            and not self._is_known(secret_id)
        ):
            return
        secret, plan_ids = secret_of(record, self._reading.vault)
        if secret.secret_id != secret_id:
            raise RecordError(f"secret {secret_id} has the record of another")
        if self._reading.vault is None:
            secret = SOMEBODY
        kept = self._kept.get(secret_id)
        self.changes.hold(secret_id, secret if kept is None or kept != secret else kept, plan_ids)

    def _is_known(self, secret_id: str) -> bool:
        changes = self.changes
        return secret_id in changes.secrets or (
            secret_id in self._table.secrets and secret_id not in changes.gone
        )

    def _find_wanted(self) -> set[str]:
        if not self._reading.secrets:
            return set()
        services: dict[str, Service | None] = {**self._table.services, **self.changes.services}
        routed = self._routed(services)
        plans = {**self._table.bound, **self.changes.plans}
        named_there = (services.get(service_id) for service_id in routed)
        for rule in chain.from_iterable(each.rules for each in named_there if each is not None):
            if rule.default_plan_id and self._counts(plans.get(rule.default_plan_id)):
                return {EVERY_PLAN}
        return {
            plan_id
            for plan_id, bound in plans.items()
            if bound is not None
            and self._counts(bound)
            and any(at.service_id in routed for at in bound.places)
        }

    def _routed(self, services: Mapping[str, Service | None]) -> set[str]:
        """The services that the routes name, or may name once another of that name is gone."""
        named: dict[str, list[str]] = {}
        for service in services.values():
            if service is not None:
                named.setdefault(service.service_name, []).append(service.service_id)
        routed: set[str] = set()
        for reference in self._reading.references:
            routed.update((reference,) if services.get(reference) else named.get(reference, ()))
        return routed

    def _counts(self, bound: BoundPlan | None) -> bool:
        """Whether it matters here who has this plan."""
        if self._reading.vault is not None:
            return True
        return bound is not None and bound.plan.scope == "secret"
