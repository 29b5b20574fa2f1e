"""A plan's Terms at the present instant, made once per plan and day."""

from quotad.core.breach import softened
from quotad.core.first_period import month_limit
from quotad.core.plans import UsagePlan
from quotad.core.quota import Limits, Terms, Windows
from quotad.core.windows import WindowCache
from quotad.engine.leases import lease_us


class TermsBook:
    """Plan to Terms. The same object is answered until the plan changes or its day ends.

    Identity matters: the store packs Terms once per object and sends equal ones once per call.
    """

    def __init__(self, hold_us: int = 60_000_000) -> None:
        self._hold_us = hold_us
        self._windows = WindowCache()
        self._made: dict[str, tuple[UsagePlan, Terms]] = {}

    def terms(self, plan: UsagePlan, now_us: int) -> Terms:
        """What the plan says, with the calendar windows that contain ``now_us``."""
        made = self._made.get(plan.usage_plan_id)
        if made is not None and made[0] is plan:
            windows = made[1].windows
            if windows.day_start_us <= now_us < windows.day_end_us:
                return made[1]
        windows = self._windows.windows(now_us, plan.timezone, plan.month_anchor_day)
        month = month_limit(plan, windows.month_start_us, windows.month_end_us)
        terms = Terms(
            Limits(
                plan.version,
                plan.rate_rps,
                plan.burst,
                softened(plan, "day", plan.day_quota_request),
                softened(plan, "month", month),
                softened(plan, "total", plan.max_request_num),
            ),
            _under_one_limit(plan, month, windows),
            bool(plan.quota_condition),
            plan.on_crash == "release",
            lease_us(plan, self._hold_us),
        )
        self._made[plan.usage_plan_id] = (plan, terms)
        return terms


def _under_one_limit(plan: UsagePlan, month: int, windows: Windows) -> Windows:
    """``windows`` without the next month where that has another limit.

    A sidecar a moment behind would open it under this one's. Sent none that fits, the store answers
    WINDOWS_UNFIT and is asked again with the next month's Terms. Month edges are day edges, so Terms
    made for a day hold for all of it.
    """
    if month_limit(plan, windows.month_end_us, windows.next_month_end_us) == month:
        return windows
    return windows._replace(next_month_end_us=windows.month_end_us)
