"""A plan's Terms at the present instant, made once per plan and day."""

from quotad.core.plans import UsagePlan
from quotad.core.quota import Limits, Terms
from quotad.core.windows import WindowCache


class TermsBook:
    """Plan to Terms. The same object is answered until the plan changes or its day ends.

    Identity matters: the store packs Terms once per object and sends equal ones once per call.
    """

    def __init__(self) -> None:
        self._windows = WindowCache()
        self._made: dict[str, tuple[UsagePlan, Terms]] = {}

    def terms(self, plan: UsagePlan, now_us: int) -> Terms:
        """What the plan says, with the calendar windows that contain ``now_us``."""
        made = self._made.get(plan.usage_plan_id)
        if made is not None and made[0] is plan:
            windows = made[1].windows
            if windows.day_start_us <= now_us < windows.day_end_us:
                return made[1]
        terms = Terms(
            Limits(
                plan.version,
                plan.rate_rps,
                plan.burst,
                plan.day_quota_request,
                plan.month_quota_request,
                plan.max_request_num,
            ),
            self._windows.windows(now_us, plan.timezone, plan.month_anchor_day),
            bool(plan.quota_condition),
            plan.on_crash == "release",
        )
        self._made[plan.usage_plan_id] = (plan, terms)
        return terms
