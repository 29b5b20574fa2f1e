"""Which Subjects are meant by a plan, a place and a Secret, a page at a time."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from quotad.core.plans import Service, Subject, UsagePlan
from quotad.core.table import Table


@dataclass(frozen=True, slots=True)
class Sought:
    """What is looked for; an empty field matches everything."""

    usage_plan_id: str = ""
    service_id: str = ""
    environment: str = ""
    secret_id: str = ""
    """Also where it shares counters with others."""
    shadow: bool | None = None
    """None: both."""
    search: str = ""
    """What stands in the id or name of the plan or the service; case does not matter."""
    api_id: str = ""

    def matches(self, subject: Subject) -> bool:
        """Whether the Subject is meant, whatever its Secrets."""
        return (
            self.usage_plan_id in ("", subject.plan.usage_plan_id)
            and self.service_id in ("", subject.service_id)
            and self.environment in ("", subject.environment)
            and self.shadow in (None, subject.shadow)
            and self.api_id in ("", subject.api_id)
        )

    def mentions(self, plan: UsagePlan, service: Service | None) -> bool:
        """Whether ``search`` stands in one of their ids and names."""
        if not self.search:
            return True
        words = [plan.usage_plan_id, plan.usage_plan_name]
        if service is not None:
            words += [service.service_id, service.service_name]
        text = self.search.lower()
        return any(text in each.lower() for each in words)


@runtime_checkable
class Finder(Protocol):
    """A table that finds without looking at all that it has."""

    def find(self, sought: Sought, limit: int, offset: int) -> tuple[int, list[Subject]]:
        """How many there are, and so many of them after ``offset``."""


def find(table: Table, sought: Sought, limit: int, offset: int = 0) -> tuple[int, list[Subject]]:
    """How many Subjects there are, and a page of them in the table's order."""
    if isinstance(table, Finder):
        return table.find(sought, limit, offset)
    found = [
        each
        for each in table.subjects()
        if sought.matches(each)
        and _concerns(table, each, sought.secret_id)
        and sought.mentions(each.plan, table.services.get(each.service_id))
    ]
    return len(found), found[offset : offset + limit]


def _concerns(table: Table, subject: Subject, secret_id: str) -> bool:
    if not secret_id or subject.secret_id == secret_id:
        return True
    by_environment = table.shadows if subject.shadow else table.callers
    place = subject.service_id, subject.environment, subject.api_id
    return by_environment(*place).get(secret_id) is subject
