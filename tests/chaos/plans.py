"""The plans that every run puts under load, each with a caller of its own, and a Sidecar's configuration."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from quotad.core.plans import Subject, UsagePlan
from tests.chaos.history import Limits
from tests.chaos.load import Caller

SERVICE = "service-orders01"


@dataclass(frozen=True, slots=True)
class TestedPlan:
    """One plan: what the file says of it, and what is expected of it."""

    name: str
    """Short, as the table shows it."""
    limits: Limits
    fields: dict[str, object] = field(default_factory=dict)
    """What its section of the file says besides the limits."""

    # Not a group of tests.
    __test__ = False

    @property
    def plan_id(self) -> str:
        """Its id in the file."""
        return f"usagePlan-{self.name}"

    @property
    def caller(self) -> Caller:
        """The only one who has it."""
        return Caller(self.plan_id, f"AKID{self.name}", f"secret-{self.name}")

    @property
    def subject(self) -> Subject:
        """What its counters belong to."""
        return Subject(UsagePlan(self.plan_id, self.name), SERVICE, "release")

    def section(self, zone: str) -> dict[str, object]:
        """Its section of the file."""
        limits = self.limits
        classes = [f"{digit}xx" for digit in sorted(limits.classes)]
        said: dict[str, object] = {"usagePlanId": self.plan_id, "timezone": zone}
        if limits.rate_rps >= 0:
            said |= {"rateRps": limits.rate_rps, "burst": limits.burst}
        if limits.quota >= 0:
            said["dayQuotaRequest"] = limits.quota
        if classes:
            said["quotaCondition"] = classes
        return said | self.fields


def all_answers(quota: int, **fields: object) -> TestedPlan:
    """A plan in which every admitted request counts."""
    return TestedPlan("all", Limits(quota), fields)


def good_answers(quota: int, **fields: object) -> TestedPlan:
    """A plan in which only 2xx count: every request takes a Hold."""
    return TestedPlan("2xx", Limits(quota, classes=frozenset((2,))), fields)


def rate_only(rate_rps: int, burst: int, **fields: object) -> TestedPlan:
    """A plan without quotas."""
    return TestedPlan("rate", Limits(-1, rate_rps, burst), fields)


LEASE = {"max": 20, "ttlMs": 1_000}


def with_leases(quota: int) -> tuple[TestedPlan, ...]:
    """One of each kind, with leases."""
    return (
        all_answers(quota, lease=LEASE),
        good_answers(quota, lease=LEASE),
        rate_only(200, 50, lease=LEASE),
    )


def configuration(
    plans: tuple[TestedPlan, ...], store: dict[str, object], backend_port: int, zone: str, workers: int = 1
) -> dict[str, object]:
    """A Sidecar's file, every port free."""
    bound = [{"service": SERVICE, "environment": "release"}]
    whole: dict[str, object] = {
        "listen": {"address": "127.0.0.1:0"},
        "telemetry": {"address": "127.0.0.1:0", "accessLog": ""},
        "store": store,
        "routes": [
            {
                "pathPrefix": "/orders",
                "service": SERVICE,
                "environment": "release",
                "upstreams": [f"http://127.0.0.1:{backend_port}"],
            }
        ],
        "services": [{"serviceId": SERVICE}],
        "plans": [plan.section(zone) for plan in plans],
        "secrets": [
            {"secretId": plan.caller.secret_id, "secretKey": plan.caller.secret_key} for plan in plans
        ],
        "bindings": [
            {"usagePlanId": plan.plan_id, "secretIds": [plan.caller.secret_id], "environments": bound}
            for plan in plans
        ],
    }
    if workers > 1:
        whole["workers"] = workers
    return whole


def write(path: Path, said: dict[str, object]) -> Path:
    """Write a configuration (JSON is YAML); answers its path."""
    path.write_text(json.dumps(said, indent=1))
    return path


def zone_at(hour_there: int, hour_utc: int) -> str:
    """A zone in which it is about ``hour_there`` o'clock when it is ``hour_utc`` o'clock in UTC.

    A run must not cross the end of a day by chance: its quotas would begin anew.
    """
    # POSIX names these zones by hours west of Greenwich; they reach from 12 west to 14 east.
    west = (hour_utc - hour_there) % 24
    if west > 12:
        west -= 24
    return "Etc/UTC" if west == 0 else f"Etc/GMT{west:+d}"
