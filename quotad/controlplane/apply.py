"""Makes the control records equal to a file: in one commit where one can hold it, else in several.

Several go in an order that breaks no rule in between: plans lose environments (new plans come, bound
nowhere), services change, Secrets lose plans, plans gain environments, Secrets gain plans and new ones
come, and last Secrets, plans and services are deleted. Until the end some callers may have no plan; none
ever has two.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from quotad.config.webhook_checks import WEBHOOKS_AT_MOST
from quotad.controlplane import views
from quotad.controlplane.apis import apis_of
from quotad.controlplane.desk import ATTEMPTS, Asker, Decide, Desk, Draft, State, pause
from quotad.controlplane.plans import doom, doom_apis, doom_from
from quotad.controlplane.refusal import OperationError, Reason
from quotad.controlplane.replica import Record, Where
from quotad.controlplane.views import Difference, difference
from quotad.controlplane.wanted import (
    Bound,
    Place,
    apis_exist,
    bound_by,
    names_of,
    one_level_each,
    one_plan_each,
    place_of,
    wanted_plan,
    wanted_secret,
    wanted_service,
    wanted_webhook,
)
from quotad.core.table import PlanTable
from quotad.store.control import WRITES_AT_MOST, Head, Write

ACTION = "ApplyRecords"
BREATH = 100
"""Secrets that are compared before others have their turn: some milliseconds."""

Pair = tuple[Record | None, Record | None]
"""A record before and after."""
Members = list[tuple[str, str, bool]]
_ALL = 1_000_000_000


@dataclass(slots=True)
class Step:
    """Some of the writes, which belong into one commit."""

    writes: list[Write] = field(default_factory=list)
    members: Members = field(default_factory=list)


@dataclass(slots=True)
class Plan:
    """How to come from the records at ``head`` to those that are wanted."""

    head: Head
    differences: list[Difference]
    steps: list[Step]


class Applier:
    """Works out what a file would change, and does it."""

    def __init__(self, desk: Desk, asker: Asker, table: PlanTable, *, prune: bool) -> None:
        """``prune``: services, plans and Secrets that the file does not name are deleted."""
        self._desk = desk
        self._asker = asker
        self._table = table
        self._prune = prune

    async def plan(self, compared: Callable[[int], object] = lambda _: None) -> Plan:
        """What there is to do now; ``compared`` hears how many more Secrets were.

        Raises OperationError and StoreError.
        """
        state = await self._desk.read()
        head = state.replica.head
        target = _Target(state, self._table, self._asker.name, prune=self._prune)
        await target.work_out(compared)
        return Plan(head, target.differences, list(_steps(target)))

    async def apply(self, shown: Plan, told: Callable[[int], object] = lambda _: None) -> None:
        """Do what was shown; others may change other records meanwhile. Raises OperationError and StoreError.

        ``told`` hears how many writes each commit made. What has been committed when an error comes stays:
        applied again, the rest is done.
        """
        expected, plan = {str(each) for each in shown.differences}, shown
        for lost in range(1, ATTEMPTS + 1):
            if await self._commit_all(plan, told):
                return
            await pause(lost)
            plan = await self.plan()
            if not expected.issuperset(map(str, plan.differences)):
                raise OperationError(Reason.STALE, "the records were changed meanwhile: apply it again")
        raise OperationError(Reason.BUSY, "others change the same records all the time: try again")

    async def _commit_all(self, plan: Plan, told: Callable[[int], object]) -> bool:
        head = plan.head
        for step in plan.steps:
            if not await self._desk.change(self._asker, ACTION, _commit(head, step)):
                return False
            # Nothing is awaited between the commit and this line.
            head = self._desk.replica.head
            told(len(step.writes))
        return True


def _commit(head: Head, step: Step) -> Decide[bool]:
    async def decide(state: State) -> Draft[bool]:
        if state.replica.head != head:
            return Draft(result=False)
        after = {
            "written": [f"{each.kind}/{each.id}" for each in step.writes if each.record is not None],
            "deleted": [f"{each.kind}/{each.id}" for each in step.writes if each.record is None],
        }
        writes = [_from_now(each, state.now_us) for each in step.writes]
        return Draft(True, "records", writes, step.members, after=after)

    return decide


def _from_now(write: Write, now_us: int) -> Write:
    """Counters are deleted so long after the commit, however long people looked at the differences."""
    if write.kind != "doomed" or write.record is None:
        return write
    return doom_from(write.record, now_us)


class _Target:
    """Records before and after, by kind and id; only those that differ."""

    def __init__(self, state: State, table: PlanTable, modifier: str, *, prune: bool) -> None:
        self.state = state
        self.differences: list[Difference] = []
        self.services: dict[str, Pair] = {}
        self.plans: dict[str, Pair] = {}
        self.secrets: dict[str, Pair] = {}
        self.webhooks: dict[str, Pair] = {}
        self._table = table
        self._modifier = modifier
        self._prune = prune
        self._named = names_of(table)
        self._bound = bound_by(table.bindings)
        replica = state.replica
        self._old_services = {each["serviceId"]: each for each in replica.services(Where())[1]}
        self._old_plans = {each["usagePlanId"]: each for each in replica.plans(Where())[1]}
        self._old_secret_ids = replica.secret_ids("", _ALL)

    async def work_out(self, compared: Callable[[int], object]) -> None:
        """Compare all; ``compared`` as in ``Applier.plan``. Raises OperationError and StoreError."""
        self._compare_services()
        places = self._compare_plans()
        held = await self._compare_secrets(compared)
        self._compare_webhooks()
        one_level_each(places)
        apis_exist(places, self._service_after)
        one_plan_each(places, held)

    def _service_after(self, service_id: str) -> Record | None:
        pair = self.services.get(service_id)
        return self._old_services.get(service_id) if pair is None else pair[1]

    def _compare_services(self) -> None:
        plan_ids = set(self._table.plans) if self._prune else {*self._table.plans, *self._old_plans}
        for service_id, service in self._table.services.items():
            before = self._old_services.get(service_id)
            after = wanted_service(service, before, plan_ids, self.state.now_us)
            if self._note(
                "service", service_id, _view(views.service_view, before), views.service_view(after)
            ):
                self.services[service_id] = before, after
        self._delete("service", self.services, self._old_services)

    def _compare_plans(self) -> dict[str, set[Place]]:
        """Also answers where each plan will be bound."""
        places = {}
        for plan_id, plan in self._table.plans.items():
            before = self._old_plans.get(plan_id)
            places[plan_id] = self._places(plan_id, before)
            after = wanted_plan(plan, before, places[plan_id], self.state.now_us, self._modifier)
            if self._note("plan", plan_id, _view(views.plan_view, before), views.plan_view(after)):
                self.plans[plan_id] = before, after
        if not self._prune:
            for plan_id, record in self._old_plans.items():
                places.setdefault(plan_id, {place_of(each) for each in record["environments"]})
        self._delete("plan", self.plans, self._old_plans)
        return places

    def _places(self, plan_id: str, before: Record | None) -> set[Place]:
        """What the file says, and places in services that it does not name."""
        places = set(self._bound.get(plan_id, Bound()).places)
        if before is not None and not self._prune:
            old = map(place_of, before["environments"])
            places.update(place for place in old if place[0] not in self._named["service"])
        return places

    async def _compare_secrets(self, compared: Callable[[int], object]) -> list[tuple[str, frozenset[str]]]:
        """Also answers which plans each Secret will have."""
        wanted: dict[str, set[str]] = {secret_id: set() for secret_id in self._table.secrets}
        for plan_id, own in self._bound.items():
            for secret_id in own.secrets:
                wanted[secret_id].add(plan_id)
        old_ids = set(self._old_secret_ids)
        asked = [each for each in self._old_secret_ids if self._prune or each in wanted]
        old = dict(zip(asked, await self.state.secrets(asked), strict=True))
        held = []
        for number, (secret_id, plan_ids) in enumerate(wanted.items(), 1):
            if number % BREATH == 0:
                # A process may serve callers on this loop. What changes meanwhile, the commit notices.
                await asyncio.sleep(0)
                compared(BREATH)
            before = old.get(secret_id)
            if before is not None and not self._prune:
                plan_ids.update(each for each in before["plans"] if each not in self._named["plan"])
            held.append((secret_id, frozenset(plan_ids)))
            self._compare_secret(secret_id, before, plan_ids)
        compared(len(wanted) % BREATH)
        if not self._prune:
            plans_of = self.state.replica.plans_of
            held += [(each, frozenset(plans_of(each))) for each in old_ids - wanted.keys()]
        self._delete("secret", self.secrets, {key: each for key, each in old.items() if each is not None})
        return held

    def _compare_secret(self, secret_id: str, before: Record | None, plan_ids: Iterable[str]) -> None:
        secret = self._table.secrets[secret_id]
        after, fresh = wanted_secret(secret, before, plan_ids, self.state.now_us, self.state.vault)
        view: dict[str, Any] = dict(views.secret_view(after))
        if before is not None:
            view |= dict.fromkeys(fresh, "another one")
        if self._note("secret", secret_id, _view(views.secret_view, before), view):
            self.secrets[secret_id] = before, after

    def _compare_webhooks(self) -> None:
        state, old = self.state, {each["webhookId"]: each for each in self.state.replica.webhooks()}
        for webhook in self._table.webhooks:
            before = old.get(webhook.webhook_id)
            after, fresh = wanted_webhook(webhook, before, state.now_us, state.vault)
            view: dict[str, Any] = dict(views.webhook_view(after))
            if fresh and before is not None:
                view["signingKey"] = "another one"
            if self._note("webhook", webhook.webhook_id, _view(views.webhook_view, before), view):
                self.webhooks[webhook.webhook_id] = before, after
        self._delete("webhook", self.webhooks, old)
        if len(old.keys() | self._named["webhook"]) > WEBHOOKS_AT_MOST and not self._prune:
            raise OperationError(Reason.LIMIT, f"there may be {WEBHOOKS_AT_MOST} webhooks at most")

    def _note(self, kind: str, record_id: str, before: views.View | None, after: views.View | None) -> bool:
        found = difference(kind, record_id, before, after)
        if found is not None:
            self.differences.append(found)
        return found is not None

    def _delete(self, kind: str, noted: dict[str, Pair], old: Mapping[str, Record]) -> None:
        if not self._prune:
            return
        for record_id in sorted(old.keys() - self._named[kind]):
            self.differences.append(Difference("-", kind, record_id, ""))
            noted[record_id] = old[record_id], None


def _view(make: Callable[[Record], views.View], record: Record | None) -> views.View | None:
    return None if record is None else make(record)


def _steps(target: _Target) -> Iterator[Step]:
    whole = Step()
    for kind, pairs in (
        ("plan", target.plans),
        ("service", target.services),
        ("secret", target.secrets),
        ("webhook", target.webhooks),
    ):
        for record_id, (before, after) in pairs.items():
            _add(whole, kind, record_id, before, after, target.state.now_us)
    if len(whole.writes) <= WRITES_AT_MOST:
        return iter([whole] if whole.writes else [])
    return _in_order(target)


def _add(
    step: Step, kind: str, record_id: str, before: Record | None, after: Record | None, now_us: int
) -> None:
    step.writes.append(Write(kind, record_id, after))
    if after is None and kind in ("plan", "secret"):
        step.writes.append(doom(kind, record_id, now_us))
    if kind == "service":
        old_ids, kept = (
            [] if each is None else [api["apiId"] for api in apis_of(each)] for each in (before, after)
        )
        gone = [api_id for api_id in old_ids if api_id not in set(kept)]
        step.writes += [doom_apis(record_id, gone, now_us)] if gone else []
    if kind == "secret":
        old, new = (set() if each is None else set(each["plans"]) for each in (before, after))
        step.members += [(plan_id, record_id, False) for plan_id in sorted(old - new)]
        step.members += [(plan_id, record_id, True) for plan_id in sorted(new - old)]


def _in_order(target: _Target) -> Iterator[Step]:
    """See the head of this module."""
    less_plans, less_secrets = {}, {}
    for plan_id, (before, after) in target.plans.items():
        if after is not None:
            less_plans[plan_id] = before, _less(after, before, "environments")
    for secret_id, (before, after) in target.secrets.items():
        if before is not None and after is not None and before["plans"].keys() - after["plans"].keys():
            less_secrets[secret_id] = before, _less(after, before, "plans")
    phases: Sequence[tuple[str, Mapping[str, Pair]]] = (
        ("plan", less_plans),
        ("service", {key: pair for key, pair in target.services.items() if pair[1] is not None}),
        ("secret", less_secrets),
        ("plan", {key: (less, target.plans[key][1]) for key, (_, less) in less_plans.items()}),
        ("secret", _rest(target.secrets, less_secrets)),
        ("webhook", target.webhooks),
        *(
            (kind, {key: pair for key, pair in pairs.items() if pair[1] is None})
            for kind, pairs in (
                ("secret", target.secrets),
                ("plan", target.plans),
                ("service", target.services),
            )
        ),
    )
    for kind, pairs in phases:
        yield from _portions(kind, pairs, target.state.now_us)


def _rest(
    secrets: Mapping[str, Pair],
    less: Mapping[str, Pair],
) -> dict[str, Pair]:
    rest: dict[str, Pair] = {}
    for key, (before, after) in secrets.items():
        if after is not None:
            rest[key] = less[key][1] if key in less else before, after
    return rest


def _less(after: Record, before: Record | None, name: str) -> Record:
    """As it is to be, but bound only where it was bound before too."""
    if name == "plans":
        old = {} if before is None else before["plans"]
        return {**after, "plans": {key: bound for key, bound in after["plans"].items() if key in old}}
    kept = set() if before is None else set(map(place_of, before["environments"]))
    return {**after, "environments": [each for each in after["environments"] if place_of(each) in kept]}


def _portions(kind: str, pairs: Mapping[str, Pair], now_us: int) -> Iterator[Step]:
    step = Step()
    for record_id, (before, after) in pairs.items():
        if before == after:
            continue
        if len(step.writes) + 2 > WRITES_AT_MOST:
            yield step
            step = Step()
        _add(step, kind, record_id, before, after, now_us)
    if step.writes:
        yield step
