"""How much plans have used, for a page of rows in one reading."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from quotad.catalog.records import plan_of
from quotad.controlplane.replica import Reach, Record, Replica
from quotad.core.plans import Subject
from quotad.core.quota import Usage

AT_ONCE = 500
"""Subjects in one reading: many more would not be answered within the store's deadline."""


class UsageReader(Protocol):
    """The verb of ``store.interface.Store`` that is needed here."""

    async def usage(self, subjects: Sequence[Subject]) -> list[Usage]:
        """What each Subject has in use now. Raises StoreError."""


class BoundRow(NamedTuple):
    """A plan in an environment of a service, as the clouds list it."""

    plan: Record
    reach: Reach
    service_name: str
    in_use: int
    """Requests of its lifetime total; all its Secrets together."""
    api: Record
    """The single Api for which it holds; empty: the whole environment."""


async def rows(replica: Replica, store: UsageReader, reaches: Sequence[Reach]) -> list[BoundRow]:
    """With what each has in use. The replica is read before the first await. Raises StoreError."""
    plans = {reach.usage_plan_id: replica.plan(reach.usage_plan_id) for reach in reaches}
    services = {reach.service_id: replica.service(reach.service_id) for reach in reaches}
    subjects: list[Subject] = []
    counts: list[int] = []
    for reach in reaches:
        record = plans[reach.usage_plan_id]
        mine = [] if record is None else list(_subjects(replica, record, reach))
        subjects += mine
        counts.append(len(mine))
    usages = iter(await _read(store, subjects))
    found: list[BoundRow] = []
    for reach, count in zip(reaches, counts, strict=True):
        in_use = sum(next(usages).total_charged for _ in range(count))
        record, service = plans[reach.usage_plan_id], services[reach.service_id] or {}
        if record is not None:
            name = service.get("serviceName", "")
            found.append(BoundRow(record, reach, name, in_use, _api(service, reach.api_id)))
    return found


def _api(service: Record, api_id: str) -> Record:
    apis = service.get("apis") or () if api_id else ()
    return next((api for api in apis if api["apiId"] == api_id), {})


async def _read(store: UsageReader, subjects: Sequence[Subject]) -> list[Usage]:
    found: list[Usage] = []
    for start in range(0, len(subjects), AT_ONCE):
        found += await store.usage(subjects[start : start + AT_ONCE])
    return found


def _subjects(replica: Replica, record: Record, reach: Reach) -> Iterator[Subject]:
    plan = plan_of(record).plan
    if plan.scope == "plan":
        yield Subject(plan, reach.service_id, reach.environment, api_id=reach.api_id)
        return
    _, holders = replica.holders(plan.usage_plan_id)
    for holder in holders:
        yield Subject(plan, reach.service_id, reach.environment, holder.secret_id, api_id=reach.api_id)
