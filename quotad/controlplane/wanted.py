"""What the records are to be, by a file, and the writes that lead there, in an order that breaks no rule.

What the file names becomes as the file says. What it does not name stays, unless ``prune``. A binding
is the file's when the file names both of its ends.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from quotad.catalog.records import plan_fields
from quotad.catalog.vault import (
    KEY_FIELD,
    PREVIOUS_FIELD,
    SECONDARY_FIELD,
    SECONDARY_PREVIOUS_FIELD,
    UNTIL_FIELDS,
    Vault,
)
from quotad.catalog.webhooks import open_key, seal_key, webhook_fields
from quotad.controlplane.refusal import OperationError, Reason
from quotad.controlplane.replica import Record
from quotad.core.plans import ENVIRONMENTS, UNLIMITED, Api, Binding, Secret, Service, UsagePlan, Webhook
from quotad.core.table import PlanTable

Place = tuple[str, str, bool, str]
"""Service, environment, whether the plan is a shadow there, and the one Api for which it holds (or none)."""

NOWHERE: dict[str, Any] = {
    "published": False,
    "released": None,
    "versionName": "",
    "releaseDesc": "",
    "throttle": None,
    "defaultPlan": None,
}


@dataclass(slots=True)
class Bound:
    """What a file binds a plan to: all of these Secrets in all of these places."""

    secrets: set[str] = field(default_factory=set)
    places: set[Place] = field(default_factory=set)


def bound_by(bindings: Iterable[Binding]) -> dict[str, Bound]:
    """By plan. Raises OperationError for what the records cannot hold: some Secrets here, others there."""
    reached: dict[str, set[tuple[str, Place]]] = {}
    bound: dict[str, Bound] = {}
    for binding in bindings:
        own = bound.setdefault(binding.usage_plan_id, Bound())
        pairs = reached.setdefault(binding.usage_plan_id, set())
        places = {
            (service_id, where, binding.shadow, api_id)
            for service_id, where in binding.environments
            for api_id in binding.api_ids or ("",)
        }
        own.secrets.update(binding.secret_ids)
        own.places |= places
        pairs |= {(secret_id, place) for secret_id in binding.secret_ids for place in places}
    for plan_id, own in bound.items():
        _is_whole(plan_id, own, reached[plan_id])
    return bound


def _is_whole(plan_id: str, own: Bound, pairs: set[tuple[str, Place]]) -> None:
    for service_id, where, shadow, api_id in own.places:
        if shadow and (service_id, where, False, api_id) in own.places:
            raise OperationError(
                Reason.INVALID,
                f"plan {plan_id} is bound to {place_words(service_id, where, api_id)}"
                " both as a shadow and not",
                "bindings",
            )
    if len(pairs) == len(own.secrets) * len(own.places):
        return
    for secret_id in sorted(own.secrets):
        for place in sorted(own.places):
            if (secret_id, place) not in pairs:
                raise OperationError(
                    Reason.INVALID,
                    f"plan {plan_id}: secret {secret_id} would have it in"
                    f" {place_words(place[0], place[1], place[3])} too:"
                    " all secrets of a plan have it in all of its environments; use a second plan",
                    "bindings",
                )


def wanted_service(
    service: Service, before: Record | None, plan_ids: Iterable[str], now_us: int
) -> dict[str, Any]:
    """A service's record. ``plan_ids``: those that there will be."""
    rules = {rule.environment: rule for rule in service.rules}
    known = set(plan_ids)
    environments = {}
    for name in ENVIRONMENTS:
        old = NOWHERE if before is None else before["environments"][name]
        if name not in service.environments:
            default = old["defaultPlan"] if old["defaultPlan"] in known else None
            environments[name] = {**old, "published": False, "defaultPlan": default}
            continue
        rule = rules.get(name)
        limited = rule is not None and rule.rate_rps != UNLIMITED
        environments[name] = {
            **old,
            **({} if old["published"] else {"released": now_us, "versionName": str(now_us // 1_000_000)}),
            "published": True,
            "throttle": {"rateRps": rule.rate_rps, "burst": rule.burst} if rule and limited else None,
            "defaultPlan": (rule.default_plan_id or None) if rule else None,
        }
    return {
        "serviceId": service.service_id,
        "serviceName": service.service_name,
        "serviceDesc": service.description,
        "created": now_us if before is None else before["created"],
        "modified": now_us,
        "environments": environments,
        "apis": _wanted_apis(service, before),
    }


def _wanted_apis(service: Service, before: Record | None) -> list[dict[str, Any]]:
    """A throttle of an environment in which the service is not published stays, as the service's own does."""
    old = (
        {}
        if before is None
        else {each["apiId"]: each.get("throttles") or {} for each in before.get("apis") or ()}
    )
    wanted = []
    for api in service.apis:
        fields = api_fields(api)
        kept = {
            name: each for name, each in old.get(api.api_id, {}).items() if name not in service.environments
        }
        throttles = {**kept, **fields.pop("throttles", {})}
        wanted.append({**fields, "throttles": throttles} if throttles else fields)
    return wanted


def api_fields(api: Api) -> dict[str, Any]:
    """An Api as a service's record has it."""
    fields = {"apiId": api.api_id, "apiName": api.api_name, "method": api.method, "path": api.path}
    throttles = {rule.environment: {"rateRps": rule.rate_rps, "burst": rule.burst} for rule in api.rules}
    return {**fields, "throttles": throttles} if throttles else fields


def wanted_plan(
    plan: UsagePlan, before: Record | None, places: Iterable[Place], now_us: int, modifier: str
) -> dict[str, Any]:
    """A plan's record. ``places``: where it is to be bound."""
    old = {} if before is None else {place_of(each): each["bound"] for each in before["environments"]}
    version = now_us // 1000 if before is None else max(before["version"] + 1, now_us // 1000)
    return {
        **plan_fields(plan),
        "environments": [
            {
                "serviceId": place[0],
                "environment": place[1],
                "shadow": place[2],
                "bound": old.get(place, now_us),
                **({"apiId": place[3]} if place[3] else {}),
            }
            for place in sorted(places)
        ],
        "created": now_us if before is None else before["created"],
        "modified": now_us,
        "modifier": modifier,
        "version": max(version, plan.version),
    }


def wanted_secret(
    secret: Secret, before: Record | None, plan_ids: Iterable[str], now_us: int, vault: Vault
) -> tuple[dict[str, Any], list[str]]:
    """A Secret's record, and which of its keys are others. Raises OperationError where there is no key."""
    if before is None and not secret.secret_key:
        raise OperationError(
            Reason.MISSING, f"secret {secret.secret_id} is not there yet: it needs a secretKey", "secretKey"
        )
    kept: Mapping[str, Any] = {} if before is None else before
    held = kept.get("plans", {})
    described = secret.secret_desc or "secretDesc" in kept
    record = {
        "type": "manual",
        "created": now_us,
        **kept,
        "secretId": secret.secret_id,
        "secretName": secret.secret_name,
        **({"secretDesc": secret.secret_desc} if described else {}),
        "enabled": secret.enabled,
        "expiresAt": None if secret.expires_at_s is None else round(secret.expires_at_s * 1e6),
        "modified": now_us,
        "plans": {plan_id: held.get(plan_id, now_us) for plan_id in sorted(plan_ids)},
    }
    fresh = []
    for name, previous, key in (
        (KEY_FIELD, PREVIOUS_FIELD, secret.secret_key),
        (SECONDARY_FIELD, SECONDARY_PREVIOUS_FIELD, secret.secondary_key),
    ):
        sealed = kept.get(name)
        if key and (not sealed or vault.open(secret.secret_id, sealed, name) != key):
            record |= {name: vault.seal(secret.secret_id, key, name)}
            record |= {previous: None, UNTIL_FIELDS[previous]: None}
            fresh.append(name)
    return record, fresh


def wanted_webhook(
    webhook: Webhook, before: Record | None, now_us: int, vault: Vault
) -> tuple[dict[str, Any], bool]:
    """A webhook's record, and whether its key is another one. Raises OperationError where there is no key."""
    webhook_id = webhook.webhook_id
    if before is None and not webhook.key:
        raise OperationError(
            Reason.MISSING, f"webhook {webhook_id} is not there yet: it needs a signingKey", "signingKey"
        )
    fresh = before is None or (
        webhook.key != b"" and open_key(vault, webhook_id, before["signingKey"]) != webhook.key
    )
    kept: Mapping[str, Any] = {} if before is None else before
    record = {
        "created": now_us,
        "disabledReason": None,
        **kept,
        **webhook_fields(webhook),
        "modified": now_us,
    }
    if webhook.enabled:
        record["disabledReason"] = None
    if fresh:
        sealed = seal_key(vault, webhook_id, webhook.key)
        record |= {"signingKey": sealed, "previousKey": None, "previousUntil": None}
    return record, fresh


def place_of(each: Record) -> Place:
    """A plan's place as a record has it."""
    return each["serviceId"], each["environment"], bool(each["shadow"]), each.get("apiId", "")


def place_words(service_id: str, environment: str, api_id: str = "") -> str:
    """A place as errors and differences name it."""
    return "/".join(filter(None, (service_id, environment, api_id)))


def one_plan_each(places: Mapping[str, Iterable[Place]], held: Iterable[tuple[str, frozenset[str]]]) -> None:
    """Every Secret has one plan and one shadow plan at most in each place. Raises OperationError.

    ``places``: of each plan. ``held``: SecretIds and their plans.
    """
    seen: set[frozenset[str]] = set()
    for secret_id, plan_ids in held:
        if len(plan_ids) < 2 or plan_ids in seen:
            continue
        seen.add(plan_ids)
        reached: dict[Place, str] = {}
        for plan_id in sorted(plan_ids):
            for place in places.get(plan_id, ()):
                other = reached.setdefault(place, plan_id)
                if other != plan_id:
                    raise OperationError(
                        Reason.SECRET_CONFLICT,
                        f"secret {secret_id} would have plans {other} and {plan_id} in"
                        f" {place_words(place[0], place[1], place[3])}: one plan each",
                        "bindings",
                    )


def one_level_each(places: Mapping[str, Iterable[Place]]) -> None:
    """A service's plans are bound to whole environments or to single Apis. Raises OperationError."""
    levels: dict[str, tuple[bool, str]] = {}
    for plan_id, own in places.items():
        for service_id, _, _, api_id in own:
            single, other = levels.setdefault(service_id, (bool(api_id), plan_id))
            if single != bool(api_id):
                raise OperationError(
                    Reason.LEVEL_CONFLICT,
                    f"plans {other} and {plan_id} would be bound to {service_id}, one as a whole and one for"
                    " single apis: one of the two",
                    "bindings",
                )


def apis_exist(places: Mapping[str, Iterable[Place]], service_after: Callable[[str], Record | None]) -> None:
    """Every Api for which a plan holds is there. Raises OperationError."""
    for plan_id, own in places.items():
        for service_id, _, _, api_id in own:
            service = service_after(service_id) if api_id else None
            if service is not None and all(api["apiId"] != api_id for api in service.get("apis") or ()):
                raise OperationError(
                    Reason.API_IN_USE,
                    f"plan {plan_id} is bound to api {api_id} of {service_id}, which would be gone",
                    "services",
                )


def names_of(table: PlanTable) -> dict[str, set[str]]:
    """What a file names, by kind."""
    named = {"service": set(table.services), "plan": set(table.plans), "secret": set(table.secrets)}
    return {**named, "webhook": {each.webhook_id for each in table.webhooks}}
