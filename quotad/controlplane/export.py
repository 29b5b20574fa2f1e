"""The control records as a file says them: the sections that file mode reads."""

from collections.abc import AsyncIterator, Iterator
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from typing import Any, NamedTuple

from quotad.catalog.records import plan_fields, plan_of
from quotad.catalog.vault import KEY_FIELD, SECONDARY_FIELD
from quotad.catalog.webhooks import open_key, webhook_fields, webhook_of
from quotad.config.webhook_schema import encoded_key
from quotad.controlplane.desk import State
from quotad.controlplane.replica import Record, Where, chunks
from quotad.controlplane.views import shown_place
from quotad.core.plans import ENVIRONMENTS

_ALL = 1_000_000_000


class Part(NamedTuple):
    """Some items of one section."""

    section: str
    """services, plans, secrets, bindings, webhooks; or remarks, which are text."""
    items: list[Any]


async def exported(state: State, *, with_keys: bool) -> AsyncIterator[Part]:
    """Services, plans, Secrets, bindings, webhooks, remarks, in this order.

    Raises OperationError and StoreError.

    A Secret without its key stands for one that is there already. Not in it: what a key was before
    its rotation, times, and, but for a remark, bindings to what was unpublished since.
    """
    replica = state.replica
    services = replica.services(Where())[1]
    plans = replica.plans(Where())[1]
    holders = {each["usagePlanId"]: _holders(state, each["usagePlanId"]) for each in plans}
    yield Part("services", list(map(_service, services)))
    yield Part("plans", list(map(_plan, plans)))
    ids = replica.secret_ids("", _ALL)
    open_places = {
        (each["serviceId"], name)
        for each in services
        for name in ENVIRONMENTS
        if each["environments"][name]["published"]
    }
    bindings = [
        binding for each in plans for binding in _bindings(each, holders[each["usagePlanId"]], open_places)
    ]
    webhooks = [_webhook(state, each, with_keys=with_keys) for each in replica.webhooks()]
    for part in chunks(ids):
        records = [record for record in await state.secrets(part) if record is not None]
        yield Part("secrets", [_secret(state, record, with_keys=with_keys) for record in records])
    yield Part("bindings", bindings)
    yield Part("webhooks", webhooks)
    yield Part("remarks", [text for each in plans for text in _remarks(each, open_places)])


def _remarks(plan: Record, open_places: AbstractSet[tuple[str, str]]) -> Iterator[str]:
    for place in plan["environments"]:
        if (place["serviceId"], place["environment"]) not in open_places:
            where = shown_place(place)
            yield f"{plan['usagePlanId']} is bound to {where} too, which is not published."


def _service(record: Record) -> dict[str, Any]:
    said = {name: record[name] for name in ("serviceId", "serviceName", "serviceDesc") if record.get(name)}
    places: list[Any] = []
    for name in ENVIRONMENTS:
        place = record["environments"][name]
        rules = {rule: place[rule] for rule in ("throttle", "defaultPlan") if place[rule] is not None}
        if place["published"]:
            places.append({"environment": name, **rules} if rules else name)
    apis = [_api(api, record["environments"]) for api in record.get("apis") or ()]
    return {**said, "environments": places, **({"apis": apis} if apis else {})}


def _api(api: Record, environments: Record) -> dict[str, Any]:
    """Its throttles are said where the service is published, as a file says them."""
    said = {name: value for name, value in api.items() if name != "throttles"}
    throttles = api.get("throttles") or {}
    places = [
        {"environment": name, "throttle": throttles[name]}
        for name in ENVIRONMENTS
        if name in throttles and environments[name]["published"]
    ]
    return {**said, "environments": places} if places else said


def _plan(record: Record) -> dict[str, Any]:
    fields = plan_fields(plan_of(record).plan)
    return {name: value for name, value in fields.items() if name != "version" and value != ""}


def _secret(state: State, record: Record, *, with_keys: bool) -> dict[str, Any]:
    said = {name: record[name] for name in ("secretId", "secretName", "secretDesc") if record.get(name)}
    if with_keys:
        for name in (KEY_FIELD, SECONDARY_FIELD):
            if record.get(name):
                said[name] = state.vault.open(record["secretId"], record[name], name).decode("ascii")
    if not record["enabled"]:
        said["enabled"] = False
    if record["expiresAt"] is not None:
        said["expiresAt"] = _instant(record["expiresAt"])
    return said


def _webhook(state: State, record: Record, *, with_keys: bool) -> dict[str, Any]:
    found = webhook_fields(webhook_of(record, state.vault))
    defaults = {"allowHttp": False, "forecast": False, "usagePlanIds": None, "enabled": True}
    said = {name: value for name, value in found.items() if value != defaults.get(name, ...)}
    if with_keys:
        said["signingKey"] = encoded_key(open_key(state.vault, record["webhookId"], record["signingKey"]))
    return said


def _instant(time_us: int) -> str:
    """RFC 3339, whole to the microsecond."""
    whole_s, rest_us = divmod(time_us, 1_000_000)
    fraction = f".{rest_us:06d}" if rest_us else ""
    # strftime writes the year 907 with three digits.
    return f"{datetime.fromtimestamp(whole_s, UTC).replace(tzinfo=None).isoformat()}{fraction}Z"


def _holders(state: State, plan_id: str) -> list[str]:
    return [row.secret_id for row in state.replica.holders(plan_id)[1]]


def _bindings(
    plan: Record, secret_ids: list[str], open_places: AbstractSet[tuple[str, str]]
) -> Iterator[dict[str, Any]]:
    """One for where it denies, one for where it is a shadow; one that is not whole says ``[]``."""
    for shadow in (False, True):
        apis: dict[tuple[str, str], list[str]] = {}
        for each in plan["environments"]:
            place = each["serviceId"], each["environment"]
            if each["shadow"] == shadow and place in open_places:
                apis.setdefault(place, []).extend([each["apiId"]] if each.get("apiId") else [])
        places = [
            {"service": service_id, "environment": where, **({"apis": named} if named else {})}
            for (service_id, where), named in apis.items()
        ]
        if places or (secret_ids and not shadow and not plan["environments"]):
            said = {"usagePlanId": plan["usagePlanId"], "secretIds": secret_ids, "environments": places}
            yield {**said, "shadow": True} if shadow else said
