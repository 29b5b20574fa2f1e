"""The month in which a plan begins has a smaller quota: it is given for a part of a month only.

As the ``offset`` of an AWS API Gateway usage plan: requests subtracted from the limit in the initial
period.
"""

from quotad.core.plans import UsagePlan
from quotad.core.windows import day_start_us, windows


def month_limit(plan: UsagePlan, month_start_us: int, month_end_us: int) -> int:
    """The plan's month quota in the window ``[month_start_us, month_end_us)``; -1 is unlimited.

    Smaller by ``first_period_offset``, never below 0, where the window contains the start of
    ``starts_on`` in the plan's time zone; days of that month before it are no exception.
    """
    whole = plan.month_quota_request
    if whole < 0 or plan.starts_on is None:
        return whole
    if month_start_us <= day_start_us(plan.starts_on, plan.timezone) < month_end_us:
        return max(0, whole - plan.first_period_offset)
    return whole


def month_limit_at(plan: UsagePlan, now_us: int) -> int:
    """The same for the month that contains ``now_us``, for whoever shows it."""
    if plan.starts_on is None:
        return plan.month_quota_request
    made = windows(now_us, plan.timezone, plan.month_anchor_day)
    return month_limit(plan, made.month_start_us, made.month_end_us)
