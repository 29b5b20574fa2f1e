"""Which parts of its quotas a Subject's use has reached: decided from its counters and what was told before.

A mark counts how often something changed: odd, it was told and stands; even, it may be told (again). So each
crossing has a number of its own, and with it an id that comes out the same wherever it is worked out.
"""

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from hashlib import sha256
from typing import Final, NamedTuple

from quotad.core.breach import is_soft, number_of, raised, softened
from quotad.core.first_period import month_limit_at
from quotad.core.plans import QuotaWindow, Subject, Webhook
from quotad.core.quota import Usage
from quotad.core.windows import windows

FORECAST: Final = "forecast"
"""The mark of a forecast; the others are named by their percent."""

ARMED_AGAIN_BELOW: Final = 5
"""Percent points (or half of a small threshold) by which use must fall for a threshold to be told again."""

Marks = dict[str, int]
"""Of one webhook, one Subject and one window."""


class Reading(NamedTuple):
    """One limited window of a Subject, as it was read."""

    window: QuotaWindow
    used: int
    """What is settled or charged; not what requests in flight hold, nor what sidecars have ahead."""
    limit: int
    """With top-ups, above 0."""
    soft: bool
    """Whether it denies nobody."""
    start_us: int
    end_us: int
    """0, as the start: a total has neither."""


class Outlook(NamedTuple):
    """What a window comes to, were use to go on as it has since its start."""

    projected: int
    """Units at its end."""
    runs_out_us: int
    """When the quota is used up."""


def readings(subject: Subject, usage: Usage) -> Iterator[Reading]:
    """Every window that is open and has a limit above 0."""
    plan, leased = subject.plan, usage.leased
    day = raised(softened(plan, "day", plan.day_quota_request), usage.day_raised)
    month = raised(softened(plan, "month", month_limit_at(plan, usage.now_us)), usage.month_raised)
    total = raised(softened(plan, "total", plan.max_request_num), usage.total_raised)
    if number_of(day) > 0 and usage.day_end_us:
        start_us, _ = _starts(usage.day_end_us, plan.timezone, plan.month_anchor_day)
        yield _reading("day", usage.day_charged - leased, day, start_us, usage.day_end_us)
    if number_of(month) > 0 and usage.month_end_us:
        _, start_us = _starts(usage.month_end_us, plan.timezone, plan.month_anchor_day)
        yield _reading("month", usage.month_charged - leased, month, start_us, usage.month_end_us)
    if number_of(total) > 0:
        yield _reading("total", usage.total_charged - leased, total, 0, 0)


@lru_cache(maxsize=4_096)
def _starts(end_us: int, timezone: str, month_anchor_day: int) -> tuple[int, int]:
    """Where the day and the month begin that end then; thousands of Subjects share a few of them."""
    found = windows(end_us - 1, timezone, month_anchor_day)
    return found.day_start_us, found.month_start_us


def _reading(window: QuotaWindow, used: int, limit: int, start_us: int, end_us: int) -> Reading:
    return Reading(window, max(0, used), number_of(limit), is_soft(limit), start_us, end_us)


def concerns(webhook: Webhook, subject: Subject) -> bool:
    """Whether a webhook is told of a Subject. Of shadow plans nobody is: they deny nobody."""
    if not webhook.enabled or subject.shadow:
        return False
    return not webhook.plan_ids or subject.plan.usage_plan_id in webhook.plan_ids


def outlook(reading: Reading, now_us: int) -> Outlook | None:
    """None where there is nothing to go by: no window, less than a tenth of it over, or the quota used up.

    Linear: units so far times the window's length by the time that is over.
    """
    length_us, over_us = reading.end_us - reading.start_us, now_us - reading.start_us
    if not reading.end_us or over_us * 10 < length_us or not 0 < reading.used < reading.limit:
        return None
    left = reading.limit - reading.used
    return Outlook(reading.used * length_us // over_us, now_us + left * over_us // reading.used)


def decide(webhook: Webhook, reading: Reading, marks: Marks, now_us: int) -> tuple[Marks, list[str]]:
    """The marks from now on, and the names of those that are to be told, the lowest first."""
    if reading.window not in webhook.windows:
        return marks, []
    if not marks and reading.used * 100 < webhook.thresholds[0] * reading.limit and not webhook.forecast:
        return marks, []
    after, told = dict(marks), list[str]()
    for threshold in webhook.thresholds:
        reached = reading.used * 100 >= threshold * reading.limit
        below = reading.used * 200 < max(2 * (threshold - ARMED_AGAIN_BELOW), threshold) * reading.limit
        _mark(after, told, str(threshold), reached=reached, below=below)
    if webhook.forecast:
        found = outlook(reading, now_us)
        reached = found is not None and found.projected > reading.limit
        below = found is not None and found.projected * 10 < reading.limit * 9
        _mark(after, told, FORECAST, reached=reached, below=below)
    return after, told


def _mark(marks: Marks, told: list[str], name: str, *, reached: bool, below: bool) -> None:
    count = marks.get(name, 0)
    if reached and count % 2 == 0:
        marks[name] = count + 1
        told.append(name)
    elif below and count % 2 == 1:
        marks[name] = count + 1


def event_id(webhook_id: str, subject: Subject, reading: Reading, name: str, count: int) -> str:
    """The same for the same crossing, whoever finds it, and however often."""
    parts = (webhook_id, subject.tag, reading.window, str(reading.end_us), name, str(count))
    return f"event-{sha256('|'.join(parts).encode()).hexdigest()[:32]}"


def pack_marks(marks: Mapping[str, Marks]) -> str:
    """The marks of one Subject and window, by webhook; empty where there are none."""
    kept = {webhook_id: own for webhook_id, own in marks.items() if own}
    return json.dumps(kept, separators=(",", ":"), sort_keys=True) if kept else ""


def unpack_marks(packed: bytes | None) -> dict[str, Marks]:
    """What ``pack_marks`` made. What cannot be read was never told."""
    if not packed:
        return {}
    try:
        found = json.loads(packed)
        return {
            str(each): {str(name): int(count) for name, count in own.items()} for each, own in found.items()
        }
    except (ValueError, TypeError, AttributeError):
        return {}
