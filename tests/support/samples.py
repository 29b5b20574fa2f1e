"""A small table of plans, the Outcome of a request, and readers of usage for tests of what is shown."""

from collections.abc import Sequence

from quotad.core.outcome import Outcome
from quotad.core.plans import Binding, Secret, Service, Subject, UsagePlan
from quotad.core.quota import Usage
from quotad.core.table import PlanTable
from quotad.errors import StoreError

SERVICE = Service("service-aaaaaaaa", "orders", environments=("release", "test"))
SHARED = UsagePlan(
    "usagePlan-shared", "shared", rate_rps=5, burst=5, day_quota_request=100, max_request_num=1000
)
OWN = UsagePlan("usagePlan-own", "own", month_quota_request=50, scope="secret")
SECRETS = tuple(Secret(f"name{letter}", f"AKID{letter}", b"k" * 40) for letter in "abcd")

TABLE = PlanTable(
    [SERVICE],
    [SHARED, OWN],
    SECRETS,
    [
        Binding(SHARED.usage_plan_id, ("AKIDa", "AKIDb"), ((SERVICE.service_id, "release"),)),
        Binding(OWN.usage_plan_id, ("AKIDc", "AKIDd"), ((SERVICE.service_id, "test"),)),
    ],
)

NOW_US = 1_795_000_000_000_000
"""2026-11-18 11:06:40 UTC."""


class Place:
    """A route, as far as metrics are concerned."""

    service_id = SERVICE.service_id
    environment = "release"


def outcome(status: int = 200, plan: UsagePlan | None = SHARED, secret_id: str = "AKIDa") -> Outcome:
    """An answered request of 2 ms; without a plan, one of an unknown caller."""
    ended = Outcome(100.0)
    ended.ended_s = 100.002
    ended.upstream_s = 0.001
    ended.status = status
    ended.service_id = SERVICE.service_id
    ended.environment = "test" if plan is OWN else "release"
    if plan is not None:
        ended.plan_id = plan.usage_plan_id
        ended.secret_id = secret_id
        ended.counted = True
    ended.method = "GET"
    ended.target = "/a"
    return ended


def usage(charged: int = 7, held: int = 2) -> Usage:
    return Usage(NOW_US, NOW_US + 1, charged, held, NOW_US + 2, charged, held, charged, held)


class FixedReader:
    """Answers the same use for every Subject and remembers who was asked for."""

    def __init__(self, answer: Usage | None = None) -> None:
        self.answer = usage() if answer is None else answer
        self.asked: list[list[str]] = []
        self.away = False

    async def usage(self, subjects: Sequence[Subject]) -> list[Usage]:
        self.asked.append([subject.tag for subject in subjects])
        if self.away:
            raise StoreError("disconnected", "the store is away")
        return [self.answer] * len(subjects)
