"""The control records as a ``core.table.Table``, for what is asked on the admin port: found with SQL.

Knows no SecretKeys. True until the replica learns of the next commit.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol, TypeVar

from quotad.catalog.records import plan_of, service_of
from quotad.controlplane.replica import Reach, Replica
from quotad.controlplane.subjects import Sought
from quotad.core.apis import ApiMatcher
from quotad.core.plans import ENVIRONMENTS, Environment, Secret, Service, Subject, UsagePlan
from quotad.core.table import Throttles, throttles_of
from quotad.store.control import Head

_Value = TypeVar("_Value")


class Records(Protocol):
    """The verb of ``operations.Operations`` that is needed here."""

    async def records(self) -> Replica:
        """All records, as new as they are. Raises StoreError."""


class RecordTable:
    """All services, plans and Secrets, also those that no route names."""

    def __init__(self, replica: Replica) -> None:
        self._replica = replica
        self._known: dict[str, UsagePlan | None] = {}
        self.services: Mapping[str, Service] = _Found(self._service)
        self.plans: Mapping[str, UsagePlan] = _Found(self._plan)
        self.secrets: Mapping[str, Secret] = _Found(self._secret)

    @property
    def generation(self) -> int:
        """See ``Table``."""
        return self._replica.head.version

    def entrance(self, service: str, environment: Environment) -> tuple[str, str]:
        """See ``Table``."""
        found = self.services.get(service)
        return service, "" if found is not None and environment in found.environments else "no_route"

    def apis(self, service_id: str, environment: Environment) -> ApiMatcher | None:
        """See ``Table``."""
        service = self.services.get(service_id)
        _, reaches = self._replica.reaches(service_id=service_id, environment=environment)
        if service is None or not any(reach.api_id for reach in reaches):
            return None
        return ApiMatcher(service.apis)

    def callers(self, service_id: str, environment: Environment, api_id: str = "") -> Mapping[str, Subject]:
        """See ``Table``."""
        at = Reach("", service_id, environment, False, 0, api_id)
        return _Found(lambda secret_id: self._subject(secret_id, at))

    def shadows(self, service_id: str, environment: Environment, api_id: str = "") -> Mapping[str, Subject]:
        """See ``Table``."""
        at = Reach("", service_id, environment, True, 0, api_id)
        return _Found(lambda secret_id: self._subject(secret_id, at))

    def bound_shadows(
        self, service_id: str, environment: Environment, api_id: str = ""
    ) -> Mapping[str, Subject]:
        """See ``Table``."""
        there = Sought(service_id=service_id, environment=environment, shadow=True)
        found = [reach for reach in self._reaches(there) if reach.api_id == api_id]
        plans = [self.plans[reach.usage_plan_id] for reach in found]
        place = service_id, environment, "", True, api_id
        return {plan.usage_plan_id: Subject(plan, *place) for plan in plans}

    def throttle(self, service_id: str, environment: Environment, api_id: str = "") -> Subject | None:
        """See ``Table``."""
        return self._throttles(service_id, environment).get(api_id)

    def throttled_apis(self, service_id: str, environment: Environment) -> ApiMatcher | None:
        """See ``Table``."""
        service = self.services.get(service_id)
        single = self._throttles(service_id, environment).keys() - {""}
        return ApiMatcher(service.apis) if service is not None and single else None

    def has_default(
        self, service_id: str, environment: Environment, secret_id: str, api_id: str = ""
    ) -> bool:
        """See ``Table``."""
        if self._default(service_id, environment) is None or secret_id not in self.secrets:
            return False
        return self._bound(secret_id, Reach("", service_id, environment, False, 0, api_id)) is None

    def subjects(self) -> Iterator[Subject]:
        """See ``Table``. A plan that is bound to an environment is there also without any Secret."""
        yield from self.find(Sought(), 2**62, 0)[1]

    def find(self, sought: Sought, limit: int, offset: int) -> tuple[int, list[Subject]]:
        """See ``subjects.Finder``."""
        total, found = 0, list[Subject]()
        for reach in self._reaches(sought):
            plan = self.plans.get(reach.usage_plan_id)
            if plan is None or not sought.mentions(plan, self._service_if(sought, reach.service_id)):
                continue
            count = self._count(plan, reach, sought.secret_id)
            skipped = max(0, offset - total)
            total += count
            wanted = min(count - skipped, limit - len(found))
            if wanted > 0:
                found += self._some(plan, reach, sought.secret_id, wanted, skipped)
        return total, found

    def pages(self, size: int) -> Iterator[list[Subject]]:
        """All that enforce, plan by plan and at most ``size`` at once: for whoever pauses in between."""
        for plan_id in self._replica.plan_ids():
            for reach in list(self._reaches(Sought(plan_id, shadow=False))):
                plan, offset = self.plans.get(plan_id), 0
                while plan is not None:
                    found = list(self._some(plan, reach, "", size, offset))
                    yield found
                    offset += size
                    if plan.scope == "plan" or len(found) < size:
                        break

    # What is bound where.

    def _reaches(self, sought: Sought) -> Iterator[Reach]:
        """By service, environment and plan, shadows last; default plans too."""
        asked = sought.usage_plan_id, sought.service_id, sought.environment
        bound = self._replica.reaches(*asked, api_id=sought.api_id)[1]
        places = {
            (each.usage_plan_id, each.service_id, each.environment, each.api_id): each for each in bound
        }
        for reach in self._default_reaches(sought) if not sought.api_id else ():
            places.setdefault((reach.usage_plan_id, reach.service_id, reach.environment, ""), reach)
        order = {name: at for at, name in enumerate(ENVIRONMENTS)}
        found = sorted(
            places.values(),
            key=lambda each: (
                *(each.shadow, each.service_id, order[each.environment]),
                *(each.api_id, each.usage_plan_id),
            ),
        )
        return (each for each in found if sought.shadow in (None, each.shadow))

    def _default_reaches(self, sought: Sought) -> Iterator[Reach]:
        for plan_id, service_id, environment in self._replica.defaults():
            if (
                sought.usage_plan_id in ("", plan_id)
                and sought.service_id in ("", service_id)
                and sought.environment in ("", environment)
            ):
                yield Reach(plan_id, service_id, environment, shadow=False, bound=0)

    def _count(self, plan: UsagePlan, reach: Reach, secret_id: str) -> int:
        if secret_id:
            subject = self._subject(secret_id, reach)
            return int(subject is not None and subject.plan.usage_plan_id == plan.usage_plan_id)
        return 1 if plan.scope == "plan" else self._replica.holder_count(plan.usage_plan_id)

    def _some(
        self, plan: UsagePlan, reach: Reach, secret_id: str, limit: int, offset: int
    ) -> Iterator[Subject]:
        ids = [""]
        if plan.scope == "secret":
            ids = [secret_id] if secret_id else self._replica.holder_ids(plan.usage_plan_id, limit, offset)
        for each in ids:
            yield Subject(plan, reach.service_id, reach.environment, each, reach.shadow, reach.api_id)

    def _subject(self, secret_id: str, at: Reach) -> Subject | None:
        """``at``: a place, whatever its plan."""
        plan_id = self._bound(secret_id, at)
        if plan_id is None and not at.shadow and not at.api_id and secret_id in self.secrets:
            plan_id = self._default(at.service_id, at.environment)
        plan = None if plan_id is None else self.plans.get(plan_id)
        if plan is None:
            return None
        own = secret_id if plan.scope == "secret" else ""
        return Subject(plan, at.service_id, at.environment, own, at.shadow, at.api_id)

    def _bound(self, secret_id: str, at: Reach) -> str | None:
        return self._replica.plan_at(
            secret_id, at.service_id, at.environment, shadow=at.shadow, api_id=at.api_id
        )

    def _default(self, service_id: str, environment: Environment) -> str | None:
        record = self._replica.service(service_id)
        found = None if record is None else record["environments"][environment]["defaultPlan"]
        return None if found is None else str(found)

    def _throttles(self, service_id: str, environment: Environment) -> Throttles:
        service = self.services.get(service_id)
        return {} if service is None else throttles_of(service).get(environment, {})

    # Records as core knows them.

    def _service(self, service_id: str) -> Service | None:
        record = self._replica.service(service_id)
        return None if record is None else service_of(record)

    def _service_if(self, sought: Sought, service_id: str) -> Service | None:
        """A service, where its name matters."""
        return self.services.get(service_id) if sought.search else None

    def _plan(self, plan_id: str) -> UsagePlan | None:
        if plan_id not in self._known:
            record = self._replica.plan(plan_id)
            self._known[plan_id] = None if record is None else plan_of(record).plan
        return self._known[plan_id]

    def _secret(self, secret_id: str) -> Secret | None:
        row = self._replica.secret(secret_id)
        if row is None:
            return None
        expires_s = None if row.expires_at is None else row.expires_at / 1e6
        return Secret(row.secret_name, row.secret_id, b"", row.enabled, expires_s)


class RecentTable:
    """The table of the newest records; the same one, with what it has looked up, until they change."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._replica: Replica | None = None
        self._head: Head | None = None
        self._table: RecordTable | None = None

    async def table(self) -> RecordTable:
        """Raises StoreError."""
        replica = await self._records.records()
        if self._table is None or replica is not self._replica or replica.head != self._head:
            self._replica, self._head, self._table = replica, replica.head, RecordTable(replica)
        return self._table


class _Found(Mapping[str, _Value]):
    """Looked up one by one; nobody counts them."""

    __slots__ = ("_find",)

    def __init__(self, find: Callable[[str], _Value | None]) -> None:
        self._find = find

    def __getitem__(self, name: str) -> _Value:
        found = self._find(name)
        if found is None:
            raise KeyError(name)
        return found

    def __iter__(self) -> Iterator[str]:
        raise NotImplementedError("looked up one by one")

    def __len__(self) -> int:
        raise NotImplementedError("looked up one by one")
