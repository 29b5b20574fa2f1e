"""Control records for tests: a small world of services, plans and Secrets, and who writes it down."""

import asyncio
import contextlib
import secrets as randomness
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any

from quotad.catalog.draft import Reading
from quotad.catalog.vault import PREVIOUS_FIELD, Vault
from quotad.errors import StoreError
from quotad.store.control import Change, Commit, ControlStore, Head, Write

VAULT = Vault([("k1", b"1" * 32)])
SERVICE_ID = "service-orders01"
PLAN_ID = "usagePlan-gold0001"
ROUTED = Reading(frozenset((SERVICE_ID,)), VAULT)

Place = tuple[str, str, bool] | tuple[str, str, bool, str]
"""Service, environment, whether the plan is a shadow there; the Api, if it is bound to one."""
HERE: Place = (SERVICE_ID, "release", False)


def service(
    service_id: str = SERVICE_ID,
    published: Iterable[str] = ("release",),
    rules: Mapping[str, Mapping[str, Any]] | None = None,
    **more: Any,
) -> Write:
    """A service's record; ``published``: where; ``rules``: more of its environments."""
    environments = {
        name: {
            "published": name in published,
            "released": 1 if name in published else None,
            "versionName": "",
            "releaseDesc": "",
            "throttle": None,
            "defaultPlan": None,
            **(rules or {}).get(name, {}),
        }
        for name in ("release", "prepub", "test")
    }
    record = {
        "serviceId": service_id,
        "serviceName": "orders",
        "serviceDesc": "",
        "created": 1,
        "modified": 1,
    }
    return Write("service", service_id, {**record, "environments": environments, **more})


def plan(plan_id: str = PLAN_ID, places: Iterable[Place] = (HERE,), **limits: Any) -> Write:
    """A plan's record, bound at ``places``."""
    bound = [
        {
            "serviceId": service_id,
            "environment": environment,
            "shadow": shadow,
            "bound": 1,
            **({"apiId": api_ids[0]} if api_ids and api_ids[0] else {}),
        }
        for service_id, environment, shadow, *api_ids in places
    ]
    record = {"usagePlanId": plan_id, "usagePlanName": "gold", "created": 1, "modified": 1, "version": 1}
    return Write("plan", plan_id, {**record, "environments": bound, **limits})


def key_of(secret_id: str) -> str:
    """The SecretKey of a Secret of this world."""
    return f"key-of-{secret_id}"


def secret(
    secret_id: str, plans: Iterable[str] = (PLAN_ID,), key: str = "", previous: str = "", **more: Any
) -> Write:
    """A Secret's record, bound to ``plans``."""
    record = {
        "secretName": f"name-{secret_id}",
        "secretId": secret_id,
        "type": "manual",
        "secretKey": VAULT.seal(secret_id, (key or key_of(secret_id)).encode()),
        "previousKey": VAULT.seal(secret_id, previous.encode(), PREVIOUS_FIELD) if previous else None,
        "previousUntil": None,
        "enabled": True,
        "expiresAt": None,
        "created": 1,
        "modified": 1,
        "plans": dict.fromkeys(plans, 1),
    }
    return Write("secret", secret_id, {**record, **more})


class Scribe:
    """Writes records down as an admin process does, members and all; the only writer."""

    def __init__(self, control: ControlStore) -> None:
        self._control = control
        self._plans: dict[str, set[str]] = {}

    async def write(self, *writes: Write) -> Head:
        """All of it in one commit."""
        head = await self._control.commit(
            Change(await self._control.head(), writes, members=list(self._members(writes)))
        )
        assert head is not None
        return head

    def _members(self, writes: Sequence[Write]) -> Iterable[tuple[str, str, bool]]:
        for kind, secret_id, record in writes:
            if kind == "secret":
                before = self._plans.get(secret_id, set())
                after = self._plans[secret_id] = set(record["plans"]) if record is not None else set()
                yield from ((plan_id, secret_id, True) for plan_id in after - before)
                yield from ((plan_id, secret_id, False) for plan_id in before - after)


class MemoryControl:
    """A ``catalog.draft.Reader`` without a server: what a page finds is what stands there by then."""

    def __init__(self) -> None:
        self.at = Head(0, "")
        self.kept: dict[str, dict[str, dict[str, Any]]] = {"service": {}, "plan": {}, "secret": {}}
        self.log: list[Commit] = []
        self.meanwhile: list[list[Write]] = []
        """Commits that others make, one after each answer from here."""
        self.read: list[str] = []
        """Ids of Secrets that were asked for."""
        self.away = False
        self._written = asyncio.Event()

    def write(self, *writes: Write) -> None:
        """One commit."""
        before = self.at
        self.at = Head(before.version + 1 if before.version else 1_700_000_000_000, randomness.token_hex(8))
        for kind, record_id, record in writes:
            if record is None:
                self.kept[kind].pop(record_id, None)
            else:
                self.kept[kind][record_id] = dict(record)
        self.log.append(Commit(self.at.version, before.uid, self.at.uid, list(writes)))
        self._written.set()

    async def head(self) -> Head:
        self._others()
        return self.at

    async def records(self, kind: str) -> AsyncIterator[list[tuple[str, dict[str, Any]]]]:
        for record_id in list(self.kept[kind]):
            self._others()
            if record_id in self.kept[kind]:
                yield [(record_id, self.kept[kind][record_id])]

    async def members(self, plan_ids: Sequence[str]) -> AsyncIterator[list[str]]:
        for plan_id in plan_ids:
            self._others()
            yield [each for each, record in self.kept["secret"].items() if plan_id in record["plans"]]

    async def get(self, kind: str, ids: Sequence[str]) -> list[dict[str, Any] | None]:
        self._others()
        self.read += ids
        kept: Mapping[str, dict[str, Any]] = self.kept[kind]
        return [kept.get(each) for each in ids]

    async def since(self, version: int, wait_ms: int = 0) -> list[Commit]:
        self._others()
        if wait_ms and self.at.version == version:
            self._written = asyncio.Event()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_ms / 1000):
                    await self._written.wait()
            self._others()
        return [commit for commit in self.log if commit.version > version][:100]

    def _others(self) -> None:
        if self.away:
            raise StoreError("disconnected", "the store is away")
        if self.meanwhile:
            self.write(*self.meanwhile.pop(0))
