"""What is in use, as rows: the shape of ``/v1/usage``, and of what a caller sees of its own.

A row: ``usagePlanId usagePlanName serviceId serviceName environment``, where the plan is bound to
single Apis also ``apiId apiName``, under ``scope: secret`` ``secretId secretName``, of a shadow plan
``shadow: true``; ``inUseRequestNum`` and ``maxRequestNum`` are the lifetime total, ``held`` its
requests in flight whose use is not decided yet, ``leased`` what sidecars took ahead of it (in use, not
spent yet); ``windows`` has ``day``, ``month`` and ``total``, each with ``inUse``, ``held``, ``max``,
``left``, ``overage`` (of a soft quota: how far use is beyond it), ``onBreach`` (``allow``: a soft one)
and ``endsAt`` (null: no window is open, or it has no end); ``rate`` has ``rateRps`` and
``burst``. Each ``max`` has the top-ups in it that are in force. -1 is unlimited.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from quotad.core.breach import is_soft, number_of, overage, raised, softened
from quotad.core.first_period import month_limit_at
from quotad.core.plans import UNLIMITED, Subject
from quotad.core.quota import Usage
from quotad.core.table import Table

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Row = dict[str, Any]


class Page:
    """A part of a list of Subjects: ``limit`` of them from ``offset`` on, of ``total_count``."""

    __slots__ = ("limit", "offset", "subjects", "total_count")

    def __init__(self, subjects: Sequence[Subject], total_count: int, limit: int, offset: int = 0) -> None:
        self.subjects = subjects
        self.total_count = total_count
        self.limit = limit
        self.offset = offset


def document(table: Table, page: Page, usages: Sequence[Usage]) -> Row:
    """The body of an answer; ``usages`` belong to the Subjects of ``page``, one each.

    ``totalCount`` (after the filter, before the page), ``limit``, ``offset``, ``storeTime`` (null when the
    page is empty) and ``usage``, the rows.
    """
    return {
        "totalCount": page.total_count,
        "limit": page.limit,
        "offset": page.offset,
        "storeTime": stamp(usages[0].now_us) if usages else None,
        "usage": [row(table, subject, usage) for subject, usage in zip(page.subjects, usages, strict=True)],
    }


def identity(table: Table, subject: Subject) -> Row:
    """What a Subject's row begins with: whose it is."""
    plan = subject.plan
    service = table.services.get(subject.service_id)
    entry: Row = {
        "usagePlanId": plan.usage_plan_id,
        "usagePlanName": plan.usage_plan_name,
        "serviceId": subject.service_id,
        "serviceName": service.service_name if service is not None else "",
        "environment": subject.environment,
    }
    if subject.api_id:
        apis = () if service is None else service.apis
        entry["apiId"] = subject.api_id
        entry["apiName"] = next((api.api_name for api in apis if api.api_id == subject.api_id), "")
    if subject.secret_id:
        secret = table.secrets.get(subject.secret_id)
        entry["secretId"] = subject.secret_id
        entry["secretName"] = secret.secret_name if secret is not None else ""
    if subject.shadow:
        entry["shadow"] = True
    return entry


def row(table: Table, subject: Subject, usage: Usage) -> Row:
    """One Subject's row."""
    plan = subject.plan
    entry = identity(table, subject)
    entry["inUseRequestNum"] = usage.total_charged
    total = raised(softened(plan, "total", plan.max_request_num), usage.total_raised)
    entry["maxRequestNum"] = number_of(total)
    entry["held"] = usage.total_open
    entry["leased"] = usage.leased
    day = raised(softened(plan, "day", plan.day_quota_request), usage.day_raised)
    month = raised(softened(plan, "month", month_limit_at(plan, usage.now_us)), usage.month_raised)
    entry["windows"] = {
        "day": window(usage.day_charged, usage.day_open, day, usage.day_end_us),
        "month": window(usage.month_charged, usage.month_open, month, usage.month_end_us),
        "total": window(usage.total_charged, usage.total_open, total, 0),
    }
    burst = plan.rate_rps if plan.burst == UNLIMITED else plan.burst
    entry["rate"] = {"rateRps": plan.rate_rps, "burst": burst}
    return entry


def stamp(time_us: int) -> str:
    """An instant, UTC, RFC 3339, whole seconds."""
    return (_EPOCH + timedelta(microseconds=time_us)).strftime("%Y-%m-%dT%H:%M:%SZ")


def window(in_use: int, held: int, limit: int, end_us: int) -> Row:
    """One window of a row; ``limit`` as it travels, ``end_us`` 0: it has no end, or none is open."""
    maximum = number_of(limit)
    return {
        "inUse": in_use,
        "held": held,
        "max": maximum,
        "left": UNLIMITED if maximum == UNLIMITED else max(0, maximum - in_use - held),
        "overage": overage(limit, in_use + held),
        "onBreach": "allow" if is_soft(limit) else "deny",
        "endsAt": stamp(end_us) if end_us else None,
    }
