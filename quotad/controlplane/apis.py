"""Changes of a service's single Apis, and of plans that go from a whole environment to them, as decisions."""

from collections.abc import Mapping, Sequence
from typing import Any

from quotad.controlplane.desk import Decide, Draft, State
from quotad.controlplane.plans import check_tag, doom_apis, known_plan, published
from quotad.controlplane.refusal import OperationError, Reason, invalid, no_api
from quotad.controlplane.replica import Reach, Record
from quotad.controlplane.services import known_service, throttle_values
from quotad.controlplane.values import ApiForm, environment, new_id, parsed
from quotad.core.api_paths import APIS_AT_MOST, pattern_of
from quotad.store.control import Write


def apis_of(service: Record) -> list[Record]:
    """Of a service's record, in the order in which they came."""
    return list(service.get("apis") or ())


def create_api(service_id: str, given: Mapping[str, Any]) -> Decide[Record]:
    """A new Api, bound to nothing."""

    async def decide(state: State) -> Draft[Record]:
        before = known_service(state, service_id)
        form = parsed(ApiForm, given)
        api = _said(form.api_id or new_id("api-"), form)
        there = apis_of(before)
        if any(each["apiId"] == api["apiId"] for each in there):
            raise OperationError(Reason.ID_EXISTS, "the apiId is taken", "apiId")
        if len(there) >= APIS_AT_MOST:
            raise OperationError(Reason.LIMIT, f"a service may have {APIS_AT_MOST} apis at most")
        _differs(api, there)
        return _changed(state, before, [*there, api], None, api)

    return decide


def modify_api(service_id: str, api_id: str, given: Mapping[str, Any], tag: str = "") -> Decide[Record]:
    """Another name, method or path; what is not given stays. Its counters stay."""

    async def decide(state: State) -> Draft[Record]:
        before = known_service(state, service_id)
        old = known_api(before, api_id)
        if given.get("apiId", api_id) != api_id:
            raise invalid("apiId", "cannot be changed: it names the counters")
        said = {name: value for name, value in given.items() if value is not None}
        form = parsed(ApiForm, {**_said_of(old), **said, "apiId": api_id})
        check_tag(old, tag)
        api = {**old, **_said(api_id, form)}
        if api == old:
            return Draft(old)
        others = [each for each in apis_of(before) if each["apiId"] != api_id]
        _differs(api, others)
        after = [api if each["apiId"] == api_id else each for each in apis_of(before)]
        return _changed(state, before, after, old, api)

    return decide


def delete_api(service_id: str, api_id: str, tag: str = "") -> Decide[None]:
    """Take away an Api that no plan is bound to; its counters are deleted soon after."""

    async def decide(state: State) -> Draft[None]:
        before = known_service(state, service_id)
        old = known_api(before, api_id)
        check_tag(old, tag)
        bound, found = state.replica.reaches(service_id=service_id, api_id=api_id)
        if bound:
            plan_id = found[0].usage_plan_id
            raise OperationError(Reason.API_IN_USE, f"plan {plan_id} is bound to the api: unbind it first")
        kept = [each for each in apis_of(before) if each["apiId"] != api_id]
        draft = _changed(state, before, kept, old, None)
        writes = [*draft.writes, doom_apis(service_id, [api_id], state.now_us)]
        return Draft(None, draft.target, writes, before=old)

    return decide


def set_throttle(
    service_id: str, api_ids: Sequence[str], place: str, given: Mapping[str, Any] | None
) -> Decide[list[Record]]:
    """Bound all callers of each of these Apis in an environment; None takes the bound away.

    The result has the Apis as they are now, in the order in which they were named.
    """

    async def decide(state: State) -> Draft[list[Record]]:
        before = known_service(state, service_id)
        where, throttle = environment(place), None if given is None else throttle_values(given)
        old = {api_id: known_api(before, api_id) for api_id in api_ids}
        new = {api_id: _held_to(throttle, where, api) for api_id, api in old.items()}
        found = list(new.values())
        if new == old:
            return Draft(found)
        after = [new.get(each["apiId"], each) for each in apis_of(before)]
        if len(old) == 1:
            draft: Draft[Any] = _changed(state, before, after, *old.values(), *found)
        else:
            draft = _changed(state, before, after, {"apis": list(old.values())}, {"apis": found})
        return Draft(found, draft.target, draft.writes, before=draft.before, after=draft.after)

    return decide


def _held_to(throttle: Record | None, where: str, api: Record) -> Record:
    """With this throttle in this environment; one that has none there has no word of it."""
    throttles = {name: each for name, each in (api.get("throttles") or {}).items() if name != where}
    if throttle is not None:
        throttles[where] = throttle
    others = {name: value for name, value in api.items() if name != "throttles"}
    return {**others, "throttles": throttles} if throttles else others


def demote(
    service_id: str, place: str | None = None, plan_ids: Sequence[str] | None = None
) -> Decide[list[str]]:
    """Bind plans that hold for whole environments of a service to each of its Apis there instead.

    ``place``: in one environment only; ``plan_ids``: these only. The result names the plans. Each Api has
    the plan's quotas for itself from then on, beginning with none used.
    """

    async def decide(state: State) -> Draft[list[str]]:
        service = known_service(state, service_id)
        where = None if place is None else published(state, service_id, place)
        for plan_id in plan_ids or ():
            known_plan(state, plan_id)
        if not apis_of(service):
            raise OperationError(Reason.NO_API, f"{service_id} has no api to bind plans to", "serviceId")
        whole = [each for each in state.replica.reaches(service_id=service_id)[1] if not each.api_id]
        moved = [
            each
            for each in whole
            if where in (None, each.environment) and (plan_ids is None or each.usage_plan_id in plan_ids)
        ]
        missing = set(plan_ids or ()) - {each.usage_plan_id for each in moved}
        if not moved or missing:
            words = ", ".join(sorted(missing)) or "no plan"
            raise OperationError(
                Reason.NO_BINDING, f"{words}: not bound to {service_id} as a whole there", "usagePlanIds"
            )
        _leaves_none(service_id, [each for each in whole if each not in moved])
        api_ids = [each["apiId"] for each in apis_of(service)]
        names = sorted({each.usage_plan_id for each in moved})
        writes = [_demoted(state, plan_id, moved, api_ids) for plan_id in names]
        target = f"service/{service_id}" + (f"/{where}" if where else "")
        after = {"usagePlanIds": names, "apiIds": api_ids}
        return Draft(names, target, writes, before={"usagePlanIds": names}, after=after)

    return decide


def _leaves_none(service_id: str, left: Sequence[Reach]) -> None:
    if left:
        words = ", ".join(sorted({f"{each.usage_plan_id} ({each.environment})" for each in left}))
        raise OperationError(
            Reason.LEVEL_CONFLICT,
            f"plans are bound to {service_id} as a whole too: {words}; demote them together, or unbind them",
            "usagePlanIds",
        )


def _demoted(state: State, plan_id: str, moved: Sequence[Reach], api_ids: Sequence[str]) -> Write:
    plan = known_plan(state, plan_id)
    gone = {(each.service_id, each.environment) for each in moved if each.usage_plan_id == plan_id}
    environments: list[dict[str, Any]] = []
    for each in plan["environments"]:
        if (each["serviceId"], each["environment"]) in gone:
            environments += [{**each, "apiId": api_id, "bound": state.now_us} for api_id in api_ids]
        else:
            environments.append(each)
    return Write("plan", plan_id, {**plan, "environments": environments, "modified": state.now_us})


def known_api(service: Record, api_id: str) -> Record:
    """Its part of the service's record. Raises OperationError."""
    for api in apis_of(service):
        if api["apiId"] == api_id:
            return api
    raise no_api(service["serviceId"], api_id)


def _said_of(api: Record) -> dict[str, Any]:
    return {name: api[name] for name in ("apiName", "method", "path")}


def _said(api_id: str, form: ApiForm) -> dict[str, Any]:
    return {"apiId": api_id, "apiName": form.api_name, "method": form.method, "path": form.path}


def _differs(api: Record, others: Sequence[Record]) -> None:
    alike = api["method"], pattern_of(api["path"])
    for other in others:
        if (other["method"], pattern_of(other["path"])) == alike:
            raise OperationError(
                Reason.API_EXISTS, f"api {other['apiId']} has the same method and path", "path"
            )


def _changed(
    state: State, before: Record, apis: Sequence[Record], old: Record | None, new: Record | None
) -> Draft[Any]:
    service_id = before["serviceId"]
    record = {**before, "apis": list(apis), "modified": state.now_us}
    named = new or old or {}
    target = f"service/{service_id}" + (f"/{named['apiId']}" if "apiId" in named else "")
    return Draft(new, target, [Write("service", service_id, record)], before=old, after=new)
