"""Changes of services and their environments, as decisions on one state of the records."""

from collections.abc import Mapping, Sequence
from typing import Any

from quotad.controlplane.desk import Decide, Draft, State
from quotad.controlplane.plans import check_tag, doom_apis, known_plan
from quotad.controlplane.refusal import OperationError, Reason, invalid, no_service
from quotad.controlplane.replica import Record
from quotad.controlplane.values import ServiceForm, ThrottleForm, environment, new_id, parsed
from quotad.core.plans import ENVIRONMENTS, UNLIMITED
from quotad.store.control import Write

RELEASE_DESC_LENGTH = 200


def create_service(given: Mapping[str, Any], most: int = 0) -> Decide[Record]:
    """A new service, published nowhere. ``most``: services that there may be; 0: any."""

    async def decide(state: State) -> Draft[Record]:
        form = parsed(ServiceForm, given)
        service_id = form.service_id or new_id("service-")
        if state.replica.service(service_id) is not None:
            raise OperationError(Reason.ID_EXISTS, "the serviceId is taken", "serviceId")
        if most and state.replica.counts()["service"] >= most:
            raise OperationError(Reason.LIMIT, f"there may be {most} services at most")
        record = {
            "serviceId": service_id,
            "serviceName": form.service_name,
            "serviceDesc": form.service_desc,
            "created": state.now_us,
            "modified": state.now_us,
            "environments": {each: _unpublished() for each in ENVIRONMENTS},
        }
        return Draft(record, f"service/{service_id}", [Write("service", service_id, record)], after=record)

    return decide


def _unpublished() -> dict[str, Any]:
    return {
        "published": False,
        "released": None,
        "versionName": "",
        "releaseDesc": "",
        "throttle": None,
        "defaultPlan": None,
    }


def modify_service(service_id: str, given: Mapping[str, Any], tag: str = "") -> Decide[Record]:
    """Another name or description; what is not given stays."""

    async def decide(state: State) -> Draft[Record]:
        before = known_service(state, service_id)
        if given.get("serviceId", service_id) != service_id:
            raise invalid("serviceId", "cannot be changed: it names the counters")
        old = {name: before[name] for name in ("serviceName", "serviceDesc")}
        merged = {**old, **{name: value for name, value in given.items() if value is not None}}
        form = parsed(ServiceForm, merged)
        check_tag(before, tag)
        after = {**before, "serviceName": form.service_name, "serviceDesc": form.service_desc}
        return _changed(state, before, after)

    return decide


def delete_service(service_id: str, tag: str = "") -> Decide[None]:
    """Take away a service that is published nowhere and has no plans."""

    async def decide(state: State) -> Draft[None]:
        before = known_service(state, service_id)
        check_tag(before, tag)
        bound, _ = state.replica.reaches(service_id=service_id)
        if bound:
            raise OperationError(Reason.SERVICE_IN_USE, "plans are bound to the service: unbind them first")
        if any(place["published"] for place in before["environments"].values()):
            raise OperationError(Reason.SERVICE_IN_USE, "the service is published: unpublish it first")
        writes = [Write("service", service_id, None)]
        if before.get("apis"):
            writes.append(doom_apis(service_id, [api["apiId"] for api in before["apis"]], state.now_us))
        return Draft(None, f"service/{service_id}", writes, before=before)

    return decide


def publish(service_id: str, place: str, release_desc: str = "", version_name: str = "") -> Decide[Record]:
    """Let an environment be bound and called; again: a new release."""

    async def decide(state: State) -> Draft[Record]:
        where, before = environment(place), known_service(state, service_id)
        if len(release_desc) > RELEASE_DESC_LENGTH:
            raise invalid("releaseDesc", f"must be at most {RELEASE_DESC_LENGTH} characters")
        released = {
            **before["environments"][where],
            "published": True,
            "released": state.now_us,
            "versionName": version_name or str(state.now_us // 1_000_000),
            "releaseDesc": release_desc,
        }
        return _with_place(state, before, where, released)

    return decide


def unpublish(service_id: str, place: str) -> Decide[Record]:
    """Have an environment answer 404 to its callers; what is bound to it stays bound."""

    async def decide(state: State) -> Draft[Record]:
        where, before = environment(place), known_service(state, service_id)
        if not before["environments"][where]["published"]:
            raise OperationError(
                Reason.NOT_PUBLISHED, f"{service_id} is not published in {where}", "environment"
            )
        return _with_place(state, before, where, {**before["environments"][where], "published": False})

    return decide


def set_throttle(service_id: str, places: Sequence[str], given: Mapping[str, Any] | None) -> Decide[Record]:
    """Bound all callers of these environments together; None takes the bound away."""

    async def decide(state: State) -> Draft[Record]:
        before = known_service(state, service_id)
        throttle = None if given is None else throttle_values(given)
        environments = dict(before["environments"])
        for place in places:
            where = environment(place)
            environments[where] = {**environments[where], "throttle": throttle}
        return _changed(state, before, {**before, "environments": environments})

    return decide


def throttle_values(given: Mapping[str, Any]) -> dict[str, int] | None:
    """A throttle as a record has it; None: unlimited is none. Raises OperationError."""
    form = parsed(ThrottleForm, given)
    if form.rate_rps == UNLIMITED:
        return None
    burst = form.rate_rps if form.burst is None or form.burst == UNLIMITED else form.burst
    return {"rateRps": form.rate_rps, "burst": burst}


def set_default_plan(service_id: str, place: str, plan_id: str | None) -> Decide[Record]:
    """The plan of callers who have none there; None: they are refused."""

    async def decide(state: State) -> Draft[Record]:
        where, before = environment(place), known_service(state, service_id)
        if plan_id is not None:
            known_plan(state, plan_id)
        return _with_place(state, before, where, {**before["environments"][where], "defaultPlan": plan_id})

    return decide


def known_service(state: State, service_id: str) -> Record:
    """Its record. Raises OperationError."""
    record = state.replica.service(service_id)
    if record is None:
        raise no_service(service_id)
    return record


def _with_place(state: State, before: Record, where: str, place: dict[str, Any]) -> Draft[Record]:
    return _changed(state, before, {**before, "environments": {**before["environments"], where: place}})


def _changed(state: State, before: Record, after: dict[str, Any]) -> Draft[Record]:
    if after == before:
        return Draft(before)
    after["modified"] = state.now_us
    service_id = before["serviceId"]
    return Draft(
        after,
        f"service/{service_id}",
        [Write("service", service_id, after)],
        before=before,
        after=after,
    )
