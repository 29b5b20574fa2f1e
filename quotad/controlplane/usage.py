"""``GET /v1/usage``: what each plan has in use, per service and environment.

Query: ``usagePlanId``, ``serviceId``, ``environment`` (all exact), ``limit`` (1 to 1000, default 100),
``offset`` (default 0). The answer holds ``totalCount`` (after the filter, before the page), ``limit``,
``offset``, ``storeTime`` (null when the page is empty) and ``usage``, a list of rows:

``usagePlanId usagePlanName serviceId serviceName environment``, under ``scope: secret`` also
``secretId secretName``; ``inUseRequestNum`` and ``maxRequestNum`` are the lifetime total, ``held`` its
requests in flight whose use is not decided yet; ``windows`` has ``day``, ``month`` and ``total``, each with
``inUse``, ``held``, ``max`` and ``endsAt`` (null: no window is open, or it has no end); ``rate`` has
``rateRps`` and ``burst``. -1 is unlimited.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from quotad.core.plans import ENVIRONMENTS, UNLIMITED, Subject
from quotad.core.quota import Usage
from quotad.core.table import PlanTable

PAGE_LENGTH = 100
PAGE_LENGTH_MAX = 1000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PARAMETERS = ("usagePlanId", "serviceId", "environment", "limit", "offset")
_INT_DIGITS = 15

Row = dict[str, Any]


class QueryError(ValueError):
    """The query is not one that ``/v1/usage`` understands; the text says why."""


@dataclass(frozen=True, slots=True)
class UsageQuery:
    """What was asked for; an empty filter matches everything."""

    usage_plan_id: str = ""
    service_id: str = ""
    environment: str = ""
    limit: int = PAGE_LENGTH
    offset: int = 0

    def matches(self, subject: Subject) -> bool:
        """Whether the Subject passes the filters."""
        return (
            self.usage_plan_id in ("", subject.plan.usage_plan_id)
            and self.service_id in ("", subject.service_id)
            and self.environment in ("", subject.environment)
        )


def parse_query(parameters: Iterable[tuple[str, str]]) -> UsageQuery:
    """Read the query's (name, value) pairs. Raises QueryError: nothing is guessed or clamped."""
    given: dict[str, str] = {}
    for name, value in parameters:
        if name not in _PARAMETERS:
            raise QueryError(f"Unknown query parameter; known are {', '.join(_PARAMETERS)}.")
        if name in given:
            raise QueryError(f"{name} is given more than once.")
        given[name] = value
    environment = given.get("environment", "")
    if environment and environment not in ENVIRONMENTS:
        raise QueryError(f"environment must be one of {', '.join(ENVIRONMENTS)}.")
    return UsageQuery(
        usage_plan_id=given.get("usagePlanId", ""),
        service_id=given.get("serviceId", ""),
        environment=environment,
        limit=_whole(given, "limit", PAGE_LENGTH, 1, PAGE_LENGTH_MAX),
        offset=_whole(given, "offset", 0, 0, 10**_INT_DIGITS),
    )


def select(table: PlanTable, query: UsageQuery) -> tuple[list[Subject], int]:
    """The page's Subjects in the order of the bindings, and how many match in all."""
    matching = [subject for subject in table.subjects() if query.matches(subject)]
    return matching[query.offset : query.offset + query.limit], len(matching)


def document(
    table: PlanTable, query: UsageQuery, page: Sequence[Subject], usages: Sequence[Usage], total_count: int
) -> Row:
    """The answer's body; ``usages`` belong to the Subjects of ``page``, one each."""
    return {
        "totalCount": total_count,
        "limit": query.limit,
        "offset": query.offset,
        "storeTime": _stamp(usages[0].now_us) if usages else None,
        "usage": [row(table, subject, usage) for subject, usage in zip(page, usages, strict=True)],
    }


def row(table: PlanTable, subject: Subject, usage: Usage) -> Row:
    """One Subject's row."""
    plan = subject.plan
    entry: Row = {
        "usagePlanId": plan.usage_plan_id,
        "usagePlanName": plan.usage_plan_name,
        "serviceId": subject.service_id,
        "serviceName": table.services[subject.service_id].service_name,
        "environment": subject.environment,
    }
    if subject.secret_id:
        entry["secretId"] = subject.secret_id
        entry["secretName"] = table.secrets[subject.secret_id].secret_name
    entry["inUseRequestNum"] = usage.total_charged
    entry["maxRequestNum"] = plan.max_request_num
    entry["held"] = usage.total_open
    entry["windows"] = {
        "day": _window(usage.day_charged, usage.day_open, plan.day_quota_request, usage.day_end_us),
        "month": _window(usage.month_charged, usage.month_open, plan.month_quota_request, usage.month_end_us),
        "total": _window(usage.total_charged, usage.total_open, plan.max_request_num, 0),
    }
    burst = plan.rate_rps if plan.burst == UNLIMITED else plan.burst
    entry["rate"] = {"rateRps": plan.rate_rps, "burst": burst}
    return entry


def _window(in_use: int, held: int, maximum: int, end_us: int) -> Row:
    return {"inUse": in_use, "held": held, "max": maximum, "endsAt": _stamp(end_us) if end_us else None}


def _stamp(time_us: int) -> str:
    return (_EPOCH + timedelta(microseconds=time_us)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _whole(given: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    text = given.get(name)
    if text is None:
        return default
    if text.isascii() and text.isdigit() and len(text) <= _INT_DIGITS and low <= int(text) <= high:
        return int(text)
    raise QueryError(f"{name} must be a whole number from {low} to {high}.")
