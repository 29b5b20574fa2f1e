"""Who may call what under which plan: every lookup of a request, O(1)."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from quotad.core.apis import ApiMatcher
from quotad.core.plans import (
    UNLIMITED,
    Binding,
    Environment,
    EnvironmentRule,
    Secret,
    Service,
    Subject,
    UsagePlan,
    Webhook,
)

_ByPlace = dict[tuple[str, Environment, str], dict[str, Subject]]
"""By service, environment and Api (empty: the whole environment): SecretId to Subject."""
Throttles = dict[str, Subject]
"""Of one environment: its own under the empty id, and those of single Apis."""


def throttle_of(service_id: str, rule: EnvironmentRule, api_id: str = "") -> Subject:
    """The Subject of a throttle, of an environment or one Api there: a rate and nothing else, no Secret's.

    No plan's id has a dot. Each throttle has an id of its own, since what is made of a plan is kept by it.
    """
    own = f".{api_id}" if api_id else ""
    plan = UsagePlan(
        f".throttle.{service_id}.{rule.environment}{own}",
        "throttle",
        rate_rps=rule.rate_rps,
        burst=rule.burst,
        version=rule.version,
    )
    return Subject(plan, service_id, rule.environment, api_id=api_id)


def throttles_of(service: Service) -> dict[Environment, Throttles]:
    """All throttles of a service."""
    found: dict[Environment, Throttles] = {}
    for api_id, rules in [("", service.rules), *((api.api_id, api.rules) for api in service.apis)]:
        for rule in rules:
            if rule.rate_rps != UNLIMITED:
                throttle = throttle_of(service.service_id, rule, api_id)
                found.setdefault(rule.environment, {})[api_id] = throttle
    return found


class Table(Protocol):
    """What is looked up, wherever it comes from: a file (``PlanTable``) or control records.

    What a method answers is true until ``generation`` changes, which happens between events of the
    loop: what is looked up without waiting in between belongs together.
    """

    @property
    def generation(self) -> int:
        """Grows with every change."""

    @property
    def services(self) -> Mapping[str, Service]:
        """By id."""

    @property
    def plans(self) -> Mapping[str, UsagePlan]:
        """By id."""

    @property
    def secrets(self) -> Mapping[str, Secret]:
        """By id."""

    def entrance(self, service: str, environment: Environment) -> tuple[str, str]:
        """The id of the service that a route names, and why nobody can call it now.

        The second is a key of ``core.replies``, empty when it can be called.
        """

    def apis(self, service_id: str, environment: Environment) -> ApiMatcher | None:
        """Finds a request's Api, where plans are bound to single ones; None: plans hold for all of it.

        Where it finds none there is no api; where the Api has no plan for a Secret, the Secret has what
        ``callers`` of the whole environment says, which then are those with its default plan.
        """

    def callers(self, service_id: str, environment: Environment, api_id: str = "") -> Mapping[str, Subject]:
        """SecretId to Subject for one environment, or for one Api there; empty when nobody has a plan."""

    def shadows(self, service_id: str, environment: Environment, api_id: str = "") -> Mapping[str, Subject]:
        """SecretId to the Subject of its shadow plan, which is computed beside and denies nobody."""

    def bound_shadows(
        self, service_id: str, environment: Environment, api_id: str = ""
    ) -> Mapping[str, Subject]:
        """By plan, what is bound there as a shadow; under ``scope: secret`` a Subject without a Secret."""

    def throttle(self, service_id: str, environment: Environment, api_id: str = "") -> Subject | None:
        """The Subject of all who call a service in an environment, or one Api of it there.

        None where these are not throttled.
        """

    def throttled_apis(self, service_id: str, environment: Environment) -> ApiMatcher | None:
        """Finds a request's Api, where single ones are throttled; None: none is."""

    def has_default(
        self, service_id: str, environment: Environment, secret_id: str, api_id: str = ""
    ) -> bool:
        """Whether this Secret has its plan there because the environment names one for whoever has none."""

    def subjects(self) -> Iterator[Subject]:
        """Every plan's Subject once, shadows last."""


class PlanTable:
    """All plans, secrets, services and bindings of one configuration version; never changes.

    Expects bindings that were checked (``config.file``): every id known, at most one
    enforcing and one shadow plan for a Secret in one (service, environment), or for one Api there, and no
    service with plans of both kinds. A Secret that is bound to no
    enforcing plan there has the environment's default plan, if there is one. The same Subject is the same
    object within a table.
    """

    def __init__(
        self,
        services: Iterable[Service] = (),
        plans: Iterable[UsagePlan] = (),
        secrets: Iterable[Secret] = (),
        bindings: Iterable[Binding] = (),
        webhooks: Iterable[Webhook] = (),
    ) -> None:
        self.generation = 0
        self.services: Mapping[str, Service] = {service.service_id: service for service in services}
        self.plans: Mapping[str, UsagePlan] = {plan.usage_plan_id: plan for plan in plans}
        self.secrets: Mapping[str, Secret] = {secret.secret_id: secret for secret in secrets}
        self.bindings: tuple[Binding, ...] = tuple(bindings)
        self.webhooks: tuple[Webhook, ...] = tuple(webhooks)
        self._enforced: _ByPlace = {}
        self._shadows: _ByPlace = {}
        self._bound_shadows: _ByPlace = {}
        """The same by plan."""
        self._single: set[tuple[str, Environment]] = set()
        """Where plans are bound to single Apis."""
        self._matchers: dict[str, ApiMatcher] = {}
        """By service; made when asked for."""
        self._throttles: dict[tuple[str, Environment], Throttles] = {}
        self._by_default: dict[tuple[str, Environment], frozenset[str]] = {}
        shared: dict[str, Subject] = {}
        for binding in self.bindings:
            plan = self.plans[binding.usage_plan_id]
            by_place = self._shadows if binding.shadow else self._enforced
            for service_id, environment, api_id in _places_of(binding):
                key = service_id, environment, api_id
                if binding.shadow:
                    bound = self._bound_shadows.setdefault(key, {})
                    bound[plan.usage_plan_id] = Subject(
                        plan, service_id, environment, shadow=True, api_id=api_id
                    )
                callers = by_place.setdefault(key, {})
                for secret_id in binding.secret_ids:
                    own = secret_id if plan.scope == "secret" else ""
                    subject = Subject(plan, service_id, environment, own, binding.shadow, api_id)
                    callers[secret_id] = shared.setdefault(subject.tag, subject)
                if api_id:
                    self._single.add((service_id, environment))
        for service in self.services.values():
            for environment, throttles in throttles_of(service).items():
                self._throttles[service.service_id, environment] = throttles
            for rule in service.rules:
                self._take_default(service.service_id, rule, shared)

    def _matcher(self, service_id: str) -> ApiMatcher:
        matcher = self._matchers.get(service_id)
        if matcher is None:
            service = self.services.get(service_id)
            matcher = self._matchers[service_id] = ApiMatcher(() if service is None else service.apis)
        return matcher

    def _take_default(self, service_id: str, rule: EnvironmentRule, shared: dict[str, Subject]) -> None:
        place = service_id, rule.environment
        if not rule.default_plan_id:
            return
        plan = self.plans[rule.default_plan_id]
        callers = self._enforced.setdefault((*place, ""), {})
        self._by_default[place] = unbound = frozenset(self.secrets.keys() - callers.keys())
        for secret_id in self.secrets:
            if secret_id in unbound:
                own = secret_id if plan.scope == "secret" else ""
                subject = Subject(plan, service_id, rule.environment, own)
                callers[secret_id] = shared.setdefault(subject.tag, subject)

    def entrance(self, service: str, environment: Environment) -> tuple[str, str]:
        """See ``Table``: a file's routes name services by id, which are published."""
        return service, ""

    def apis(self, service_id: str, environment: Environment) -> ApiMatcher | None:
        """See ``Table``."""
        return self._matcher(service_id) if (service_id, environment) in self._single else None

    def callers(self, service_id: str, environment: Environment, api_id: str = "") -> Mapping[str, Subject]:
        """See ``Table``."""
        return self._enforced.get((service_id, environment, api_id), {})

    def shadows(self, service_id: str, environment: Environment, api_id: str = "") -> Mapping[str, Subject]:
        """See ``Table``."""
        return self._shadows.get((service_id, environment, api_id), {})

    def bound_shadows(
        self, service_id: str, environment: Environment, api_id: str = ""
    ) -> Mapping[str, Subject]:
        """By plan, what is bound there as a shadow; under ``scope: secret`` a Subject without a Secret."""
        return self._bound_shadows.get((service_id, environment, api_id), {})

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
        return secret_id in self._by_default.get((service_id, environment), ())

    def subjects(self) -> Iterator[Subject]:
        """Every plan's Subject once, shadows last, each in the order of the bindings; no throttles."""
        seen: set[str] = set()
        for by_place in (self._enforced, self._shadows):
            for callers in by_place.values():
                for subject in callers.values():
                    if subject.tag not in seen:
                        seen.add(subject.tag)
                        yield subject


def _places_of(binding: Binding) -> Iterator[tuple[str, Environment, str]]:
    for service_id, environment in binding.environments:
        for api_id in binding.api_ids or ("",):
            yield service_id, environment, api_id
