"""``Filters`` of Cloud API 3.0: all must hold; one with several values holds when any of them does."""

from collections.abc import Mapping, Sequence
from typing import Any

from quotad.controlplane.dialects.fields import ITEMS_AT_MOST, DialectError
from quotad.controlplane.replica import Where
from quotad.core.plans import ENVIRONMENTS

_UNSUPPORTED = "InvalidParameterValue.InvalidFilterNotSupportedName"
_Given = Mapping[str, list[str]]

PLAN_FILTERS = ("UsagePlanId", "UsagePlanName", "NotServiceId", "NotApiId", "Environment")
SECRET_FILTERS = ("AccessKeyId", "SecretName", "NotUsagePlanId", "Status", "KeyWord")
SERVICE_FILTERS = ("ServiceId", "ServiceName", "NotUsagePlanId", "Environment")


def plans_where(filters: list[Any]) -> Where:
    """Which plans. ``Environment`` beside ``NotServiceId``: not bound to that environment of the service."""
    given = _read(filters, PLAN_FILTERS)
    where = _among(given, {"UsagePlanId": "id", "UsagePlanName": "name"})
    places = _environments(given)
    if apis := given.get("NotApiId"):
        where.add(f"id NOT IN (SELECT plan_id FROM reach WHERE reach.api_id IN {_marks(apis)})", *apis)
    if services := given.get("NotServiceId"):
        condition = f"reach.service_id IN {_marks(services)}"
        if places:
            condition += f" AND reach.environment IN {_marks(places)}"
        where.add(f"id NOT IN (SELECT plan_id FROM reach WHERE {condition})", *services, *places)
    elif places:
        where.add(f"id IN (SELECT plan_id FROM reach WHERE environment IN {_marks(places)})", *places)
    return where


def secrets_where(filters: list[Any]) -> Where:
    """Which Secrets. Nothing is found by its SecretKey."""
    given = _read(filters, SECRET_FILTERS)
    where = _among(given, {"AccessKeyId": "id", "SecretName": "name"})
    if plans := given.get("NotUsagePlanId"):
        where.add(f"id NOT IN (SELECT secret_id FROM holder WHERE plan_id IN {_marks(plans)})", *plans)
    if states := given.get("Status"):
        if not {"0", "1"} >= set(states):
            raise DialectError("InvalidParameterValue.NotInOptions", "`Status` must be 0 or 1.")
        where.among("enabled", [int(state) for state in states])
    for word in given.get("KeyWord", []):
        where.has(("id", "name"), word)
    return where


def services_where(filters: list[Any]) -> Where:
    """Which services. ``Environment``: published there; beside ``NotUsagePlanId``: and not bound there."""
    given = _read(filters, SERVICE_FILTERS)
    where = _among(given, {"ServiceId": "id", "ServiceName": "name"})
    places = _environments(given)
    if places:
        where.add(
            f"id IN (SELECT service_id FROM place WHERE published = 1 AND environment IN {_marks(places)})",
            *places,
        )
    if plans := given.get("NotUsagePlanId"):
        condition = f"plan_id IN {_marks(plans)}"
        if places:
            condition += f" AND environment IN {_marks(places)}"
        where.add(f"id NOT IN (SELECT service_id FROM reach WHERE {condition})", *plans, *places)
    return where


def _read(filters: list[Any], names: tuple[str, ...]) -> _Given:
    given: dict[str, list[str]] = {}
    for each in filters:
        if not isinstance(each, dict) or each.keys() != {"Name", "Values"}:
            raise DialectError("InvalidParameter", "A filter must have `Name` and `Values`.")
        name, values = each["Name"], each["Values"]
        if not isinstance(name, str) or name not in names:
            raise DialectError(_UNSUPPORTED, f"A filter's name must be one of {', '.join(names)}.")
        if name in given:
            raise DialectError("InvalidParameter", f"The filter `{name}` is given twice.")
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values) or not values:
            raise DialectError("InvalidParameter", f"The filter `{name}` must have a list of texts.")
        if len(values) > ITEMS_AT_MOST:
            raise DialectError("InvalidParameterValue.LimitExceeded", f"`{name}` has too many values.")
        given[name] = values
    return given


def _among(given: _Given, columns: Mapping[str, str]) -> Where:
    where = Where()
    for name, column in columns.items():
        if name in given:
            where.among(column, given[name])
    return where


def _environments(given: _Given) -> list[str]:
    places = given.get("Environment", [])
    if not set(ENVIRONMENTS) >= set(places):
        raise DialectError(
            "InvalidParameterValue.InvalidEnv", f"`Environment` must be one of {', '.join(ENVIRONMENTS)}."
        )
    return places


def _marks(values: Sequence[str]) -> str:
    """All that a statement gets of values: question marks."""
    return f"({', '.join('?' * len(values))})"
