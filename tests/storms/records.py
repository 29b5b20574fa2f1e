"""The control records as they stand in the store, read without quotad, and what must be true of them."""

import itertools
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from quotad.catalog.vault import SEALED_FIELDS, UNTIL_FIELDS, Vault
from tests.support.servers import StoreServer

Record = Mapping[str, Any]
Place = tuple[str, ...]
"""A service and an environment; of an Api there also its id, which is its path's last word."""

_PREFIX = "quotad:{.control}:"
_KINDS = ("service", "plan", "secret")


@dataclass
class Records:
    """All of them at one moment."""

    version: int
    uid: str
    services: dict[str, Record] = field(default_factory=dict)
    plans: dict[str, Record] = field(default_factory=dict)
    secrets: dict[str, Record] = field(default_factory=dict)
    members: dict[str, set[str]] = field(default_factory=dict)
    """The index from plans to SecretIds."""
    log: list[tuple[int, str, str, list[Any]]] = field(default_factory=list)
    """(version, uid before, uid, writes), the oldest first."""

    def of(self, kind: str) -> dict[str, Record]:
        """By id."""
        return {"service": self.services, "plan": self.plans, "secret": self.secrets}[kind]


def read_records(server: StoreServer, *, at_rest: bool = True) -> Records:
    """In one transaction, so that no commit falls into it; index and log only ``at_rest``."""
    with server.client() as client:
        names = client.scan_iter(f"{_PREFIX}members:*") if at_rest else ()
        indexes = [key.decode() for key in names]
        asked = client.pipeline(transaction=True)
        asked.hgetall(f"{_PREFIX}meta")
        for kind in _KINDS:
            asked.hgetall(_PREFIX + kind)
        asked.xrange(f"{_PREFIX}log", min="-" if at_rest else "+")
        for index in indexes:
            asked.smembers(index)
        meta, services, plans, secrets, log, *members = asked.execute()
    return Records(
        int(meta[b"version"]),
        meta[b"uid"].decode(),
        _parsed(services),
        _parsed(plans),
        _parsed(secrets),
        {
            index.removeprefix(f"{_PREFIX}members:"): {each.decode() for each in found}
            for index, found in zip(indexes, members, strict=True)
            if found
        },
        [
            (
                int(name.partition(b"-")[0]),
                entry[b"prev"].decode(),
                entry[b"uid"].decode(),
                json.loads(entry[b"writes"]),
            )
            for name, entry in log
        ],
    )


def _parsed(kept: Mapping[bytes, bytes]) -> dict[str, Record]:
    return {name.decode(): json.loads(packed) for name, packed in kept.items()}


def broken(records: Records, *, at_rest: bool = True) -> list[str]:
    """Every rule that does not hold, in words; those of index and log only ``at_rest``."""
    found = [*_two_plans(records), *_two_levels(records), *_unknown(records), *_odd_apis(records)]
    return [*found, *_wrong_index(records), *_wrong_log(records)] if at_rest else found


def _two_plans(records: Records) -> Iterator[str]:
    for secret_id, secret in records.secrets.items():
        reached = Counter(
            place
            for plan_id in secret["plans"]
            for place in _reached(records.plans.get(plan_id, {"environments": ()}))
        )
        for (service_id, environment, shadow, api_id), count in reached.items():
            if count > 1:
                kind = "shadow plans" if shadow else "plans"
                yield f"secret {secret_id} has {count} {kind} in {service_id}/{environment}/{api_id}"


def _two_levels(records: Records) -> Iterator[str]:
    levels: dict[str, set[bool]] = {}
    for plan in records.plans.values():
        for service_id, _, _, api_id in _reached(plan):
            levels.setdefault(service_id, set()).add(bool(api_id))
    for service_id, found in levels.items():
        if len(found) > 1:
            yield f"{service_id} has plans of whole environments and of single apis"


def _odd_apis(records: Records) -> Iterator[str]:
    for service_id, service in records.services.items():
        apis = service.get("apis", ())
        for name in ("apiId", "path"):
            if len({api[name] for api in apis}) < len(apis):
                yield f"{service_id} has two apis of one {name}"


def _unknown(records: Records) -> Iterator[str]:
    for secret_id, secret in records.secrets.items():
        for plan_id in secret["plans"].keys() - records.plans.keys():
            yield f"secret {secret_id} has plan {plan_id}, which there is not"
    for plan_id, plan in records.plans.items():
        for service_id, environment, _, api_id in _reached(plan):
            if api_id and api_id not in _apis(records, service_id):
                yield f"plan {plan_id} is bound to api {api_id} of {service_id}, which there is not"
            if environment not in records.services.get(service_id, {}).get("environments", ()):
                yield f"plan {plan_id} is bound to {service_id}/{environment}, which there is not"
    for service_id, service in records.services.items():
        for environment, at in service["environments"].items():
            default = at.get("defaultPlan")
            if default is not None and default not in records.plans:
                yield f"{service_id}/{environment} has default plan {default}, which there is not"


def _wrong_index(records: Records) -> Iterator[str]:
    said = {(plan_id, each) for plan_id, ids in records.members.items() for each in ids}
    held = {(plan_id, each) for each, secret in records.secrets.items() for plan_id in secret["plans"]}
    for plan_id, secret_id in sorted(said ^ held):
        yield f"secret {secret_id} is in the index of plan {plan_id}, or has the plan, not both"


def _wrong_log(records: Records) -> Iterator[str]:
    for before, after in itertools.pairwise(records.log):
        if (after[0], after[1]) != (before[0] + 1, before[2]):
            yield f"commit {after[0]} does not stand on {before[0]}"
    if not records.log or (records.log[-1][0], records.log[-1][2]) != (records.version, records.uid):
        yield "the last commit of the log is not the newest"
    told = {(kind, name): record for _, _, _, writes in records.log for kind, name, record in writes}
    for (kind, name), record in told.items():
        if kind in _KINDS and records.of(kind).get(name) != record:
            yield f"{kind} {name} is not as its last commit says"


def _reached(plan: Record) -> set[tuple[str, str, bool, str]]:
    return {
        (at["serviceId"], at["environment"], at["shadow"], at.get("apiId", "")) for at in plan["environments"]
    }


def _apis(records: Records, service_id: str) -> dict[str, Record]:
    return {api["apiId"]: api for api in records.services.get(service_id, {}).get("apis", ())}


@dataclass(frozen=True)
class Due:
    """What a request must get: one of these statuses; if admitted, under this plan and limit."""

    statuses: frozenset[int]
    plan_id: str = ""
    limit: int = 0


_NO_API, _UNKNOWN, _NO_PLAN, _THROTTLED = (Due(frozenset((status,))) for status in (404, 401, 403, 429))


def due(records: Records, secret_id: str, key: str, place: Place, vault: Vault, now_s: float) -> Due:
    """By the records alone. What would change at another second than this one must not be asked."""
    service = records.services.get(place[0])
    if service is None or not service["environments"][place[1]]["published"]:
        return _NO_API
    api = _apis(records, place[0]).get("/".join(place[2:]))
    if api is None and any(
        at[:2] == place[:2] and at[3] for plan in records.plans.values() for at in _reached(plan)
    ):
        # Where plans are bound to single Apis, nothing else is served.
        return _NO_API
    secret = records.secrets.get(secret_id)
    if secret is None or not secret["enabled"] or _is_past(secret["expiresAt"], now_s):
        return _UNKNOWN
    if key not in _keys(secret, vault, now_s):
        return _UNKNOWN
    wholly, single = ((*place[:2], False, api_id) for api_id in ("", "" if api is None else api["apiId"]))
    here = [
        plan_id for plan_id in secret["plans"] if {wholly, single} & _reached(records.plans[plan_id])
    ] or [service["environments"][place[1]].get("defaultPlan")]
    if here[0] is None:
        # Whether a sidecar still knows a Secret that has no plan here is its own affair.
        return Due(_NO_PLAN.statuses | _UNKNOWN.statuses)
    plan = records.plans[here[0]]
    if plan.get("disabled"):
        return _NO_PLAN
    throttles = service["environments"][place[1]]["throttle"], (api or {}).get("throttles", {}).get(place[1])
    if any(throttle is not None and throttle["rateRps"] == 0 for throttle in throttles):
        return _THROTTLED
    return Due(frozenset((200,)), here[0], plan["dayQuotaRequest"])


def _keys(secret: Record, vault: Vault, now_s: float) -> Iterable[str]:
    secret_id = secret["secretId"]
    for name in SEALED_FIELDS:
        until = UNTIL_FIELDS.get(name)
        if secret.get(name) is not None and not (until and _is_past(secret[until], now_s)):
            yield vault.open(secret_id, secret[name], name).decode()


def _is_past(time_us: int | None, now_s: float) -> bool:
    return time_us is not None and time_us / 1e6 <= now_s
