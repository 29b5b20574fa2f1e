"""The one plan of the bench: every limit is set, so that every limit is asked, and none is reached."""

from bench.callers import ENVIRONMENT, PLAN_ID, SERVICE_ID, Caller
from quotad.core.plans import Subject, UsagePlan

NAMESPACE = "bench"
HOLD_S = 60

PLAN = UsagePlan(
    usage_plan_id=PLAN_ID,
    usage_plan_name="bench",
    rate_rps=1_000_000,
    burst=1_000_000,
    day_quota_request=1_000_000_000,
    month_quota_request=20_000_000_000,
    max_request_num=1_000_000_000_000,
    scope="secret",
)
"""``scope: secret``: each caller has counters of its own, so requests of two callers never share one."""

LEASE = {"max": 1000, "ttlMs": 5000}
"""Of the cases with leases: what quotad takes ahead, at most, and for how long."""

POLICY = (
    f'"rate";q={PLAN.rate_rps};w=1, "day";q={PLAN.day_quota_request};w=86400, '
    f'"month";q={PLAN.month_quota_request};w=2678400, "total";q={PLAN.max_request_num}'
)
"""The RateLimit-Policy header as quotad writes it."""


def subject(caller: Caller) -> Subject:
    """What the caller's counters belong to."""
    return Subject(PLAN, SERVICE_ID, ENVIRONMENT, caller.secret_id)


UNREACHED = UsagePlan(
    "usagePlan-measured",
    "measured",
    rate_rps=2**30,
    burst=2**30,
    day_quota_request=2**40,
    month_quota_request=2**45,
    max_request_num=2**50,
)
"""What script calls are measured with, without a proxy."""
