"""Soft quotas (``onBreach: allow``): over them requests pass, and count as overage.

To the store one travels as a negative number below -1. To all that decides it is thus unlimited, also to
processes and scripts that know nothing of soft quotas; and the plan version that binds, top-ups and
healing treat it as they treat the other limits.
"""

from quotad.core.plans import UNLIMITED, QuotaWindow, UsagePlan

LARGEST = 2**53 - 1
LARGEST_SOFT = 2**53 - 3
"""Its negative form must be a whole number in a double."""


def softened(plan: UsagePlan, window: QuotaWindow, limit: int) -> int:
    """The limit in the form in which it travels; ``limit`` is that of the plan, or -1."""
    if limit < 0 or window not in plan.soft_quotas:
        return limit
    return -2 - min(limit, LARGEST_SOFT)


def is_soft(limit: int) -> bool:
    """Whether a limit that has travelled denies nobody, though it is one."""
    return limit < UNLIMITED


def number_of(limit: int) -> int:
    """The number of a limit that has travelled; -1: there is none."""
    return -2 - limit if limit < UNLIMITED else limit


def raised(limit: int, units: int) -> int:
    """A limit that has travelled, with top-ups; unlimited stays unlimited, a soft one soft."""
    if limit == UNLIMITED:
        return limit
    return min(limit + units, LARGEST) if limit >= 0 else max(limit - units, -2 - LARGEST_SOFT)


def overage(limit: int, in_use: int) -> int:
    """How far use is beyond a soft limit; 0 for one that denies."""
    return max(0, in_use + 2 + limit) if limit < UNLIMITED else 0
