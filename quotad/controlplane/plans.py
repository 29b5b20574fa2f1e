"""Changes of plans and of what they are bound to, as decisions on one state of the records."""

from collections.abc import Mapping, Sequence
from typing import Any

from quotad.controlplane.desk import Decide, Draft, State
from quotad.controlplane.refusal import (
    OperationError,
    Reason,
    invalid,
    missing,
    no_api,
    no_plan,
    no_secret,
    no_service,
)
from quotad.controlplane.replica import Record, tag_of
from quotad.controlplane.values import environment, new_id, plan_values
from quotad.core.plans import Environment
from quotad.store.control import Write

_OF_RECORD = frozenset({"environments", "created", "modified", "modifier", "version"})
"""Of a plan's record, beside its values."""

DOOMED_AFTER_US = 5_000_000
"""Sidecars hear of a deletion within a second; what they count until then is deleted too."""


def values_of(record: Record) -> dict[str, Any]:
    """A plan's own values, without what quotad notes about it."""
    return {name: value for name, value in record.items() if name not in _OF_RECORD}


def create_plan(given: Mapping[str, Any], modifier: str, most: int = 0) -> Decide[Record]:
    """A new plan; an id of its own unless one is given. ``most``: plans that there may be, 0: any."""

    async def decide(state: State) -> Draft[Record]:
        plan_id = given.get("usagePlanId")
        if plan_id is None:
            plan_id = new_id("usagePlan-")
        values = plan_values({**given, "usagePlanId": plan_id})
        if not values.get("usagePlanName"):
            raise missing("usagePlanName")
        if state.replica.plan(plan_id) is not None:
            raise OperationError(Reason.ID_EXISTS, "the usagePlanId is taken", "usagePlanId")
        if most and state.replica.counts()["plan"] >= most:
            raise OperationError(Reason.LIMIT, f"there may be {most} plans at most")
        record = {
            **values,
            "environments": [],
            "created": state.now_us,
            "modified": state.now_us,
            "modifier": modifier,
            "version": state.now_us // 1000,
        }
        return Draft(record, f"plan/{plan_id}", [Write("plan", plan_id, record)], after=record)

    return decide


def modify_plan(plan_id: str, given: Mapping[str, Any], modifier: str, tag: str = "") -> Decide[Record]:
    """Other values; what is not given stays, None takes a value back to its default."""

    async def decide(state: State) -> Draft[Record]:
        before = known_plan(state, plan_id)
        if given.get("usagePlanId", plan_id) != plan_id:
            raise invalid("usagePlanId", "cannot be changed: it names the counters")
        merged = {**values_of(before), **given, "usagePlanId": plan_id}
        values = plan_values({name: value for name, value in merged.items() if value is not None})
        if not values.get("usagePlanName"):
            raise missing("usagePlanName")
        check_tag(before, tag)
        if values == values_of(before):
            return Draft(before)
        record = {
            **values,
            "environments": before["environments"],
            "created": before["created"],
            "modified": state.now_us,
            "modifier": modifier,
            "version": max(before["version"] + 1, state.now_us // 1000),
        }
        return _changed("plan", plan_id, before, record)

    return decide


def delete_plan(plan_id: str, tag: str = "") -> Decide[None]:
    """Take away a plan that nothing is bound to; its counters are deleted soon after."""

    async def decide(state: State) -> Draft[None]:
        before = known_plan(state, plan_id)
        check_tag(before, tag)
        if state.replica.holder_count(plan_id) or before["environments"]:
            raise OperationError(Reason.PLAN_IN_USE, "the plan is bound to secrets or environments")
        if state.replica.default_places(plan_id):
            raise OperationError(Reason.PLAN_IN_USE, "the plan is an environment's default plan")
        writes = [Write("plan", plan_id, None), doom("plan", plan_id, state.now_us)]
        return Draft(None, f"plan/{plan_id}", writes, before=before)

    return decide


def bind_secrets(plan_id: str, secret_ids: Sequence[str], most: int = 0, most_plans: int = 0) -> Decide[None]:
    """Give the plan to all of these Secrets, or to none. ``most``: Secrets of a plan; 0: any."""

    async def decide(state: State) -> Draft[None]:
        known_plan(state, plan_id)
        ids = list(dict.fromkeys(secret_ids))
        if not ids:
            raise missing("secretIds")
        records = await _known_secrets(state, ids)
        if most and state.replica.holder_count(plan_id) + len(ids) > most:
            raise OperationError(Reason.LIMIT, f"a plan may have {most} secrets at most")
        writes = []
        for secret_id, record in zip(ids, records, strict=True):
            _may_have(state, secret_id, record, plan_id, most_plans)
            plans = {**record["plans"], plan_id: state.now_us}
            writes.append(Write("secret", secret_id, {**record, "plans": plans, "modified": state.now_us}))
        members = [(plan_id, secret_id, True) for secret_id in ids]
        return Draft(None, f"plan/{plan_id}", writes, members, after={"secretIds": ids})

    return decide


def _may_have(state: State, secret_id: str, record: Record, plan_id: str, most_plans: int) -> None:
    if plan_id in record["plans"]:
        raise OperationError(
            Reason.ALREADY_BOUND, f"secret {secret_id} is bound to this plan already", "secretIds"
        )
    if most_plans and len(record["plans"]) >= most_plans:
        raise OperationError(Reason.LIMIT, f"a secret may have {most_plans} plans at most", "secretIds")
    rival = state.replica.rival(secret_id, plan_id)
    if rival is not None:
        other, service_id, place = rival
        raise OperationError(
            Reason.SECRET_CONFLICT,
            f"secret {secret_id} has plan {other} in {service_id}/{place} already: one plan each",
            "secretIds",
        )


def unbind_secrets(plan_id: str, secret_ids: Sequence[str]) -> Decide[None]:
    """Take the plan from all of these Secrets, or from none."""

    async def decide(state: State) -> Draft[None]:
        known_plan(state, plan_id)
        ids = list(dict.fromkeys(secret_ids))
        if not ids:
            raise missing("secretIds")
        writes = []
        for secret_id, record in zip(ids, await _known_secrets(state, ids), strict=True):
            if plan_id not in record["plans"]:
                raise OperationError(
                    Reason.NO_BINDING, f"secret {secret_id} is not bound to this plan", "secretIds"
                )
            plans = {other: bound for other, bound in record["plans"].items() if other != plan_id}
            writes.append(Write("secret", secret_id, {**record, "plans": plans, "modified": state.now_us}))
        members = [(plan_id, secret_id, False) for secret_id in ids]
        return Draft(None, f"plan/{plan_id}", writes, members, before={"secretIds": ids})

    return decide


def bind_environment(
    plan_ids: Sequence[str],
    service_id: str,
    place: str,
    *,
    shadow: bool = False,
    api_ids: Sequence[str] = (),
) -> Decide[None]:
    """Have all of these plans hold in an environment, or none. ``shadow``: they deny nobody there.

    ``api_ids``: for each of these Apis alone.
    """

    async def decide(state: State) -> Draft[None]:
        where = published(state, service_id, place)
        apis = _known_apis(state, service_id, api_ids)
        _is_level(state, service_id, single=bool(api_ids))
        ids = list(dict.fromkeys(plan_ids))
        if not ids:
            raise missing("usagePlanIds")
        plans = [known_plan(state, plan_id) for plan_id in ids]
        there = _bound_there(state, service_id, where, shadow=shadow)
        at = {"serviceId": service_id, "environment": where, "shadow": shadow, "bound": state.now_us}
        writes = []
        for plan in plans:
            plan_id = plan["usagePlanId"]
            for api_id in apis:
                words = "/".join(filter(None, (service_id, where, api_id)))
                if any(_is_at(each, service_id, where, (api_id,)) for each in plan["environments"]):
                    raise OperationError(
                        Reason.ENVIRONMENT_CONFLICT,
                        f"plan {plan_id} is bound to {words} already",
                        "usagePlanIds",
                    )
                others = there.setdefault(api_id, [])
                for other in others:
                    _share_nobody(state, plan_id, other, words)
                others.append(plan_id)
            bound = [{**at, "apiId": api_id} if api_id else at for api_id in apis]
            record = {**plan, "environments": [*plan["environments"], *bound], "modified": state.now_us}
            writes.append(Write("plan", plan_id, record))
        target = f"service/{service_id}/{where}"
        single = {"apiIds": apis} if api_ids else {}
        return Draft(None, target, writes, after={"usagePlanIds": ids, "shadow": shadow, **single})

    return decide


def _known_apis(state: State, service_id: str, api_ids: Sequence[str]) -> list[str]:
    """Each once; the empty one stands for the whole environment."""
    service = state.replica.service(service_id)
    known = {api["apiId"] for api in (service or {}).get("apis") or ()}
    for api_id in api_ids:
        if api_id not in known:
            raise no_api(service_id, api_id)
    return list(dict.fromkeys(api_ids)) or [""]


def _is_level(state: State, service_id: str, *, single: bool) -> None:
    """A service's plans are bound to whole environments or to single Apis."""
    level = state.replica.level(service_id)
    if level is None or level[0] == single:
        return
    other = level[1]
    words = (
        "for single apis: unbind it first" if other.api_id else "as a whole: demote it first, or unbind it"
    )
    raise OperationError(
        Reason.LEVEL_CONFLICT,
        f"plan {other.usage_plan_id} is bound to {service_id}/{other.environment} {words}",
        "usagePlanIds",
    )


def _bound_there(state: State, service_id: str, where: Environment, *, shadow: bool) -> dict[str, list[str]]:
    """Plans by Api."""
    _, reaches = state.replica.reaches(service_id=service_id, environment=where)
    there: dict[str, list[str]] = {}
    for reach in reaches:
        if reach.shadow == shadow:
            there.setdefault(reach.api_id, []).append(reach.usage_plan_id)
    return there


def _share_nobody(state: State, plan_id: str, other: str, where: str) -> None:
    secret_id = state.replica.shared_secret(plan_id, other)
    if secret_id is not None:
        raise OperationError(
            Reason.ENVIRONMENT_CONFLICT,
            f"secret {secret_id} has plan {other} in {where} already: one plan each",
            "usagePlanIds",
        )


def unbind_environment(
    plan_ids: Sequence[str], service_id: str, place: str, api_ids: Sequence[str] = ()
) -> Decide[None]:
    """Take all of these plans out of an environment, or none; ``api_ids``: from these Apis there."""

    async def decide(state: State) -> Draft[None]:
        where = environment(place)
        if state.replica.service(service_id) is None:
            raise no_service(service_id)
        gone = _known_apis(state, service_id, api_ids)
        ids = list(dict.fromkeys(plan_ids))
        if not ids:
            raise missing("usagePlanIds")
        writes = []
        for plan_id in ids:
            plan = known_plan(state, plan_id)
            before = plan["environments"]
            for api_id in gone:
                if not any(_is_at(each, service_id, where, (api_id,)) for each in before):
                    words = "/".join(filter(None, (service_id, where, api_id)))
                    raise OperationError(
                        Reason.NO_BINDING, f"plan {plan_id} is not bound to {words}", "usagePlanIds"
                    )
            kept = [each for each in before if not _is_at(each, service_id, where, gone)]
            writes.append(Write("plan", plan_id, {**plan, "environments": kept, "modified": state.now_us}))
        return Draft(None, f"service/{service_id}/{where}", writes, before={"usagePlanIds": ids})

    return decide


# What several changes need.


def known_plan(state: State, plan_id: str) -> Record:
    """Its record. Raises OperationError."""
    record = state.replica.plan(plan_id)
    if record is None:
        raise no_plan(plan_id)
    return record


def published(state: State, service_id: str, place: str) -> Environment:
    """The environment, if it can be bound. Raises OperationError."""
    where = environment(place)
    service = state.replica.service(service_id)
    if service is None:
        raise no_service(service_id)
    if not service["environments"][where]["published"]:
        raise OperationError(Reason.NOT_PUBLISHED, f"{service_id} is not published in {where}", "environment")
    return where


def check_tag(before: Record, tag: str) -> None:
    """Whether the record is still the one that the asker has seen. Raises OperationError."""
    if tag and tag != tag_of(before):
        raise OperationError(Reason.STALE, "it was changed meanwhile: read it again")


def doom(kind: str, record_id: str, now_us: int) -> Write:
    """Note that counters are to be deleted, until some admin process has done it."""
    return doom_from({"kind": kind, "id": record_id}, now_us)


def doom_apis(service_id: str, api_ids: Sequence[str], now_us: int) -> Write:
    """The same for Apis of a service that go in one change; ``now_us`` tells it from others."""
    note = {"kind": "api", "id": f"{service_id}:{now_us}", "serviceId": service_id, "apiIds": list(api_ids)}
    return doom_from(note, now_us)


def doom_from(note: Record, now_us: int) -> Write:
    """A note as it is written now: sidecars have the time from here on."""
    return Write("doomed", f"{note['kind']}:{note['id']}", {**note, "at": now_us + DOOMED_AFTER_US})


def spared(doomed_id: str) -> Decide[None]:
    """Take a note away that ``doom`` made: what it asked for is done."""

    async def decide(state: State) -> Draft[None]:
        writes = [Write("doomed", doomed_id, None)]
        known = any(f"{each['kind']}:{each['id']}" == doomed_id for each in state.replica.doomed())
        return Draft(None, doomed_id.replace(":", "/", 1), writes if known else [])

    return decide


async def _known_secrets(state: State, ids: Sequence[str]) -> list[Record]:
    """Their records. Raises OperationError and StoreError."""
    found = await state.secrets(ids)
    records = [record for record in found if record is not None]
    if len(records) < len(ids):
        raise no_secret(ids[found.index(None)])
    return list(records)


def _is_at(each: Record, service_id: str, where: Environment, api_ids: Sequence[str]) -> bool:
    """``api_ids``: at one of these, the empty one for the whole environment."""
    there = bool(each["serviceId"] == service_id and each["environment"] == where)
    return there and each.get("apiId", "") in api_ids


def _changed(kind: str, record_id: str, before: Record, after: Record) -> Draft[Record]:
    return Draft(after, f"{kind}/{record_id}", [Write(kind, record_id, after)], before=before, after=after)
