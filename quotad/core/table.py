"""Who may call what under which plan: every lookup of a request, O(1), immutable."""

from collections.abc import Iterable, Iterator, Mapping

from quotad.core.plans import Binding, Environment, Secret, Service, Subject, UsagePlan

_ByEnvironment = dict[tuple[str, Environment], dict[str, Subject]]


class PlanTable:
    """All plans, secrets, services and bindings of one configuration version.

    Expects bindings that were checked (``config.file``): every id known, at most one
    enforcing and one shadow plan for a Secret in one (service, environment). The same Subject is the
    same object within a table.
    """

    def __init__(
        self,
        services: Iterable[Service] = (),
        plans: Iterable[UsagePlan] = (),
        secrets: Iterable[Secret] = (),
        bindings: Iterable[Binding] = (),
    ) -> None:
        self.services: Mapping[str, Service] = {service.service_id: service for service in services}
        self.plans: Mapping[str, UsagePlan] = {plan.usage_plan_id: plan for plan in plans}
        self.secrets: Mapping[str, Secret] = {secret.secret_id: secret for secret in secrets}
        self.bindings: tuple[Binding, ...] = tuple(bindings)
        self._enforced: _ByEnvironment = {}
        self._shadows: _ByEnvironment = {}
        shared: dict[tuple[str, str, Environment, bool], Subject] = {}
        for binding in self.bindings:
            plan = self.plans[binding.usage_plan_id]
            by_environment = self._shadows if binding.shadow else self._enforced
            for service_id, environment in binding.environments:
                callers = by_environment.setdefault((service_id, environment), {})
                for secret_id in binding.secret_ids:
                    own = secret_id if plan.scope == "secret" else ""
                    subject = Subject(plan, service_id, environment, own, binding.shadow)
                    if not own:
                        key = (plan.usage_plan_id, service_id, environment, binding.shadow)
                        subject = shared.setdefault(key, subject)
                    callers[secret_id] = subject

    def callers(self, service_id: str, environment: Environment) -> Mapping[str, Subject]:
        """SecretId to Subject for one environment; empty when nothing is bound there."""
        return self._enforced.get((service_id, environment), {})

    def shadows(self, service_id: str, environment: Environment) -> Mapping[str, Subject]:
        """SecretId to the Subject of its shadow plan, which is computed beside and denies nobody."""
        return self._shadows.get((service_id, environment), {})

    def subjects(self) -> Iterator[Subject]:
        """Every Subject once, shadows last, each in the order of the bindings."""
        seen: set[str] = set()
        for by_environment in (self._enforced, self._shadows):
            for callers in by_environment.values():
                for subject in callers.values():
                    if subject.tag not in seen:
                        seen.add(subject.tag)
                        yield subject
