"""Who may call what under which plan: every lookup of a request, O(1), immutable."""

from collections.abc import Iterable, Iterator, Mapping

from quotad.core.plans import Binding, Environment, Secret, Service, Subject, UsagePlan


class PlanTable:
    """All plans, secrets, services and bindings of one configuration version.

    Expects bindings that were checked (``config.file``): every id known, at most one plan for a
    Secret in one (service, environment). The same Subject is the same object within a table.
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
        self._by_environment: dict[tuple[str, Environment], dict[str, Subject]] = {}
        shared: dict[tuple[str, str, Environment], Subject] = {}
        for binding in self.bindings:
            plan = self.plans[binding.usage_plan_id]
            for service_id, environment in binding.environments:
                callers = self._by_environment.setdefault((service_id, environment), {})
                for secret_id in binding.secret_ids:
                    if plan.scope == "secret":
                        callers[secret_id] = Subject(plan, service_id, environment, secret_id)
                        continue
                    key = (plan.usage_plan_id, service_id, environment)
                    callers[secret_id] = shared.setdefault(key, Subject(plan, service_id, environment))

    def callers(self, service_id: str, environment: Environment) -> Mapping[str, Subject]:
        """SecretId to Subject for one environment; empty when nothing is bound there."""
        return self._by_environment.get((service_id, environment), {})

    def subjects(self) -> Iterator[Subject]:
        """Every Subject once, in the order of the bindings."""
        seen: set[str] = set()
        for callers in self._by_environment.values():
            for subject in callers.values():
                if subject.tag not in seen:
                    seen.add(subject.tag)
                    yield subject
