"""The table of a sidecar that follows control records: the lookups of ``core.table``, changed in place.

What changes is one commit or several, whole, between two events of the loop. A change costs what it
names, a lookup one or two dictionary look-ups, whatever the number of Secrets.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

from quotad.catalog.records import BoundPlan
from quotad.core.apis import ApiMatcher
from quotad.core.plans import ENVIRONMENTS, Environment, Secret, Service, Subject, UsagePlan
from quotad.core.table import Throttles, throttles_of

_Key = tuple[str, Environment]
_ApiKey = tuple[str, Environment, str]
"""With an Api, or for the whole environment without."""
_Set = frozenset[str]
_Value = TypeVar("_Value")

_SPARE = 1_000
"""Sets of plans that may be remembered beyond those that Secrets have."""


class Changes:
    """What is new of services, plans and Secrets, by id; None: it is no more. The last word counts."""

    __slots__ = ("_sets", "gone", "plan_ids", "plans", "secrets", "services")

    def __init__(self, table: "LiveTable") -> None:
        """To be applied to ``table``."""
        self._sets = table.sets
        self.services: dict[str, Service | None] = {}
        self.plans: dict[str, BoundPlan | None] = {}
        self.secrets: dict[str, Secret] = {}
        self.plan_ids: dict[str, _Set] = {}
        """Of each of ``secrets``."""
        self.gone: set[str] = set()
        """Ids of Secrets that are no more."""

    def hold(self, secret_id: str, secret: Secret, plan_ids: _Set) -> None:
        """A Secret as it is now, and the plans that it has."""
        self.gone.discard(secret_id)
        self.secrets[secret_id] = secret
        # Most Secrets have the same few plans: one set is kept for all of them, and its hash with it.
        self.plan_ids[secret_id] = self._sets.setdefault(plan_ids, plan_ids)

    def drop(self, secret_id: str) -> None:
        """A Secret that is no more."""
        self.gone.add(secret_id)
        self.secrets.pop(secret_id, None)
        self.plan_ids.pop(secret_id, None)


class LiveTable:
    """All that is known of the control records: a ``core.table.Table`` that only ``apply`` changes."""

    def __init__(self) -> None:
        self.generation = 0
        self.loaded = False
        """Whether the records were ever read; until then nobody can be served."""
        self.services: dict[str, Service] = {}
        self.plans: dict[str, UsagePlan] = {}
        self.secrets: dict[str, Secret] = {}
        self.bound: dict[str, BoundPlan] = {}
        """Every plan and where it is bound, by id."""
        self.sets: dict[_Set, _Set] = {}
        """Sets of plan ids, each once."""
        self._ids_by_name: dict[str, list[str]] = {}
        self._plan_ids: dict[str, _Set] = {}
        self._enforced: dict[_ApiKey, _Place] = {}
        self._shadows: dict[_ApiKey, _Place] = {}
        self._apis_bound: dict[_Key, int] = {}
        """How often plans are bound to single Apis."""
        self._matchers: dict[str, ApiMatcher] = {}
        """By service; made when asked for."""
        self._throttles: dict[_Key, Throttles] = {}
        self._defaults: dict[_Key, str] = {}
        """Plans of whoever has none there."""

    def apply(self, changes: Changes) -> None:
        """Take over all of it at once."""
        if changes.services:
            _renew(self.services, changes.services)
            self._ids_by_name = {}
            for service in self.services.values():
                self._ids_by_name.setdefault(service.service_name, []).append(service.service_id)
            for service_id in changes.services:
                self._matchers.pop(service_id, None)
                self._take_rules(service_id)
        for plan_id, bound in changes.plans.items():
            self._bind(plan_id, bound)
        for key, plan_id in self._defaults.items() if changes.services or changes.plans else ():
            self._default(key, self.plans.get(plan_id))
        self.secrets.update(changes.secrets)
        self._plan_ids.update(changes.plan_ids)
        for secret_id in changes.gone:
            self.secrets.pop(secret_id, None)
            self._plan_ids.pop(secret_id, None)
        if len(self.sets) > 2 * len(self.secrets) + _SPARE:
            self.sets = {plan_ids: plan_ids for plan_ids in self._plan_ids.values()}
        self.generation += 1

    def adopt(self, other: "LiveTable") -> None:
        """Be what ``other`` is, from one moment to the next; ``other`` is of no more use."""
        vars(self).update({**vars(other), "loaded": True, "generation": self.generation + 1})

    def find_service(self, reference: str) -> Service | None:
        """The service of this id, else the only one of this name."""
        found = self.services.get(reference)
        if found is None:
            ids = self._ids_by_name.get(reference, ())
            found = self.services[ids[0]] if len(ids) == 1 else None
        return found

    def entrance(self, service: str, environment: Environment) -> tuple[str, str]:
        """See ``Table``. A service that is not there, or not published there, is no api."""
        if not self.loaded:
            return "", "not_loaded"
        found = self.find_service(service)
        if found is None:
            return "", "no_route"
        return found.service_id, "" if environment in found.environments else "no_route"

    def apis(self, service_id: str, environment: Environment) -> ApiMatcher | None:
        """See ``Table``."""
        return self._matcher(service_id) if (service_id, environment) in self._apis_bound else None

    def callers(self, service_id: str, environment: Environment, api_id: str = "") -> Mapping[str, Subject]:
        """See ``Table``. A place that is not published has its callers all the same."""
        return self._enforced.get((service_id, environment, api_id), {})

    def shadows(self, service_id: str, environment: Environment, api_id: str = "") -> Mapping[str, Subject]:
        """See ``Table``."""
        return self._shadows.get((service_id, environment, api_id), {})

    def bound_shadows(
        self, service_id: str, environment: Environment, api_id: str = ""
    ) -> Mapping[str, Subject]:
        """See ``Table``."""
        place = self._shadows.get((service_id, environment, api_id))
        return {} if place is None else place.by_plan

    def throttle(self, service_id: str, environment: Environment, api_id: str = "") -> Subject | None:
        """See ``Table``."""
        return self._throttles.get((service_id, environment), {}).get(api_id)

    def throttled_apis(self, service_id: str, environment: Environment) -> ApiMatcher | None:
        """See ``Table``."""
        single = self._throttles.get((service_id, environment), {}).keys() - {""}
        return self._matcher(service_id) if single else None

    def has_default(
        self, service_id: str, environment: Environment, secret_id: str, api_id: str = ""
    ) -> bool:
        """See ``Table``."""
        if api_id and secret_id in self.callers(service_id, environment, api_id):
            return False
        place = self._enforced.get((service_id, environment, ""))
        return place is not None and place.has_default(secret_id)

    def subjects(self) -> Iterator[Subject]:
        """See ``Table``: by service and environment, then by plan. Takes as long as there are Secrets."""
        holders: dict[_Set, list[str]] = {}
        for secret_id, plan_ids in self._plan_ids.items():
            holders.setdefault(plan_ids, []).append(secret_id)
        sets: dict[str, list[_Set]] = {}
        for plan_ids in holders:
            for plan_id in plan_ids:
                sets.setdefault(plan_id, []).append(plan_ids)
        for places in (self._enforced, self._shadows):
            for key in sorted(places):
                yield from places[key].subjects(sets, holders)

    def _matcher(self, service_id: str) -> ApiMatcher:
        matcher = self._matchers.get(service_id)
        if matcher is None:
            service = self.services.get(service_id)
            matcher = self._matchers[service_id] = ApiMatcher(() if service is None else service.apis)
        return matcher

    def _take_rules(self, service_id: str) -> None:
        service = self.services.get(service_id)
        rules = {rule.environment: rule for rule in (() if service is None else service.rules)}
        throttles = {} if service is None else throttles_of(service)
        for environment in ENVIRONMENTS:
            key, rule = (service_id, environment), rules.get(environment)
            self._throttles.pop(key, None)
            if environment in throttles:
                self._throttles[key] = throttles[environment]
            if self._defaults.pop(key, None):
                self._default(key, None)
            if rule is not None and rule.default_plan_id:
                self._defaults[key] = rule.default_plan_id

    def _default(self, key: _Key, plan: UsagePlan | None) -> None:
        place = self._enforced.get((*key, ""))
        if place is None:
            if plan is None:
                return
            place = self._enforced[*key, ""] = _Place(self._plan_ids)
        place.default(None if plan is None else Subject(plan, *key))
        if not place.is_used:
            del self._enforced[*key, ""]

    def _bind(self, plan_id: str, bound: BoundPlan | None) -> None:
        before = self.bound.pop(plan_id, None)
        self.plans.pop(plan_id, None)
        for service_id, environment, shadow, api_id in () if before is None else before.places:
            places, key = self._shadows if shadow else self._enforced, (service_id, environment, api_id)
            if key in places and not places[key].unbind(plan_id):
                del places[key]
            if api_id:
                self._count_bound((service_id, environment), -1)
        if bound is None:
            return
        self.bound[plan_id] = bound
        self.plans[plan_id] = bound.plan
        for service_id, environment, shadow, api_id in bound.places:
            places, key = self._shadows if shadow else self._enforced, (service_id, environment, api_id)
            place = places.get(key)
            if place is None:
                place = places[key] = _Place(self._plan_ids)
            place.bind(Subject(bound.plan, service_id, environment, shadow=shadow, api_id=api_id))
            if api_id:
                self._count_bound((service_id, environment), 1)

    def _count_bound(self, key: _Key, more: int) -> None:
        count = self._apis_bound.pop(key, 0) + more
        if count:
            self._apis_bound[key] = count


class _Place(Mapping[str, Subject]):
    """Who has which plan in one environment of one service: SecretId to Subject."""

    __slots__ = ("_by_set", "_default", "_plan_ids", "by_plan")

    def __init__(self, plan_ids: Mapping[str, _Set]) -> None:
        """``plan_ids``: of each Secret, the table's own."""
        self._plan_ids = plan_ids
        self.by_plan: dict[str, Subject] = {}
        """By plan; under ``scope: secret`` one without a Secret, from which each makes its own."""
        self._by_set: dict[_Set, Subject | None] = {}
        """What Secrets with these plans have here."""
        self._default: Subject | None = None
        """Of whoever has none of the plans."""

    def bind(self, subject: Subject) -> None:
        """A plan is bound here."""
        self.by_plan[subject.plan.usage_plan_id] = subject
        self._by_set = {}

    def unbind(self, plan_id: str) -> bool:
        """A plan is bound here no more; answers whether another is."""
        self.by_plan.pop(plan_id, None)
        self._by_set = {}
        return self.is_used

    def default(self, subject: Subject | None) -> None:
        """What those have who have no plan here."""
        if subject != self._default:
            self._default = subject
            self._by_set = {}

    def has_default(self, secret_id: str) -> bool:
        """Whether this Secret has no plan of its own here."""
        plan_ids = self._plan_ids.get(secret_id)
        return self._default is not None and plan_ids is not None and plan_ids.isdisjoint(self.by_plan)

    @property
    def is_used(self) -> bool:
        """Whether any plan is left here."""
        return bool(self.by_plan) or self._default is not None

    def subjects(
        self, sets: Mapping[str, Sequence[_Set]], holders: Mapping[_Set, Sequence[str]]
    ) -> Iterator[Subject]:
        """Each Subject once; ``sets``: of plans, by each plan in them; ``holders``: Secrets by their set."""
        default = self._default
        own = [] if default is None else [default.plan.usage_plan_id]
        for plan_id in sorted({*self.by_plan, *own}):
            by_default = default is not None and own == [plan_id]
            subject = self.by_plan.get(plan_id) or default
            if subject is None:
                continue
            among = holders if by_default else sets.get(plan_id, ())
            here = [each for each in among if self._of_set(each) is subject]
            if subject.plan.scope != "secret":
                yield from (subject,) if here else ()
                continue
            for secret_id in sorted(secret_id for plan_ids in here for secret_id in holders[plan_ids]):
                yield _own(subject, secret_id)

    def __getitem__(self, secret_id: str) -> Subject:
        subject = self._of_set(self._plan_ids[secret_id])
        if subject is None:
            raise KeyError(secret_id)
        return subject if subject.plan.scope != "secret" else _own(subject, secret_id)

    def __iter__(self) -> Iterator[str]:
        for secret_id, plan_ids in self._plan_ids.items():
            if self._of_set(plan_ids) is not None:
                yield secret_id

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _of_set(self, plan_ids: _Set) -> Subject | None:
        try:
            return self._by_set[plan_ids]
        except KeyError:
            pass
        if len(self._by_set) > 2 * len(self._plan_ids) + _SPARE:
            self._by_set = {}
        # Nobody has two plans here; should the records say so, everyone takes the same one.
        here = min(plan_ids & self.by_plan.keys(), default=None)
        found = self._default if here is None else self.by_plan[here]
        if here is None and found is not None:
            # Bound here too, it is one Subject for both.
            found = self.by_plan.get(found.plan.usage_plan_id, found)
        self._by_set[plan_ids] = found
        return found


def _own(subject: Subject, secret_id: str) -> Subject:
    place = subject.service_id, subject.environment
    return Subject(subject.plan, *place, secret_id, subject.shadow, subject.api_id)


def _renew(kept: dict[str, _Value], changes: Mapping[str, _Value | None]) -> None:
    for name, value in changes.items():
        if value is None:
            kept.pop(name, None)
        else:
            kept[name] = value
