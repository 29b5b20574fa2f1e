"""What ``POST /v1/usage/reset`` and ``POST /v1/usage/top-up`` are told: one Subject and one change to it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Literal

from quotad.controlplane.answers import RefusedError
from quotad.controlplane.strict_json import json_object
from quotad.controlplane.subjects import Sought, find
from quotad.core.plans import UNLIMITED, Subject
from quotad.core.quota import Reset, TopUp, Window
from quotad.core.table import Table

LARGEST = 2**53 - 1
REASON_LENGTH = 500

UNTIL_WINDOW_END = -1
UNTIL_NEVER = 0

_PLACE = ("usagePlanId", "serviceId", "environment", "apiId", "secretId", "shadow")
_FIELDS = {
    "reset": (*_PLACE, "windows", "reason"),
    "top-up": (*_PLACE, "window", "amount", "until", "reason"),
}
_WINDOWS = {"day": Window.DAY, "month": Window.MONTH, "total": Window.TOTAL}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Action = Literal["reset", "top-up"]


@dataclass(frozen=True, slots=True)
class Place:
    """Which Subject is meant."""

    usage_plan_id: str
    service_id: str
    environment: str
    secret_id: str = ""
    shadow: bool = False
    api_id: str = ""

    def subject(self, table: Table) -> Subject:
        """The one Subject. Raises RefusedError when there is none, or not only one."""
        sought = Sought(
            self.usage_plan_id, self.service_id, self.environment, shadow=self.shadow, api_id=self.api_id
        )
        _, found = find(table, sought, 1)
        if not found:
            raise RefusedError(404, "This plan is not bound there.")
        if found[0].api_id and not self.api_id:
            raise RefusedError(400, "This plan is bound to single Apis there: name an apiId.")
        if not found[0].secret_id and self.secret_id:
            raise RefusedError(400, "The Secrets of this plan share their counters: leave secretId out.")
        if found[0].secret_id:
            if not self.secret_id:
                raise RefusedError(400, "Each Secret of this plan has its own counters: name a secretId.")
            _, found = find(table, replace(sought, secret_id=self.secret_id), 1)
        if not found:
            raise RefusedError(404, "This plan is not bound for this Secret there.")
        return found[0]


@dataclass(frozen=True, slots=True)
class Change:
    """What is asked for, checked as far as that goes without the table."""

    action: Action
    place: Place
    reason: str
    windows: frozenset[Window]
    amount: int = 0
    until_us: int = UNTIL_NEVER
    """Of a top-up: store microseconds, ``UNTIL_NEVER`` or ``UNTIL_WINDOW_END``."""
    fingerprint: str = ""
    """The same for two bodies that say the same."""

    def versioned(self, version: int) -> Reset | TopUp:
        """As the store takes it."""
        if self.action == "reset":
            return Reset(version, self.windows)
        (window,) = self.windows
        return TopUp(version, window, self.amount, self.until_us)

    def check(self, subject: Subject, now_us: int) -> None:
        """Whether it means something for this Subject. Raises RefusedError."""
        if self.action == "reset":
            return
        (window,) = self.windows
        plan = subject.plan
        limits = {
            Window.DAY: plan.day_quota_request,
            Window.MONTH: plan.month_quota_request,
            Window.TOTAL: plan.max_request_num,
        }
        if limits[window] == UNLIMITED:
            raise RefusedError(400, "The plan has no such limit: there is nothing to top up.")
        if 0 < self.until_us <= now_us:
            raise RefusedError(400, "until has passed.")


def parse_change(action: Action, body: bytes) -> Change:
    """Read a request's body. Raises RefusedError: nothing is guessed."""
    members = json_object(body)
    known = _FIELDS[action]
    if set(members) - set(known):
        raise RefusedError(400, f"Unknown field; known are {', '.join(known)}.")
    canonical = json.dumps([action, members], sort_keys=True, separators=(",", ":"))
    shadow = members.get("shadow", False)
    if not isinstance(shadow, bool):
        raise RefusedError(400, "shadow must be true or false.")
    place = Place(
        _text(members, "usagePlanId"),
        _text(members, "serviceId"),
        _text(members, "environment"),
        _text(members, "secretId") if "secretId" in members else "",
        shadow,
        _text(members, "apiId") if "apiId" in members else "",
    )
    read = _reset if action == "reset" else _top_up
    windows, amount, until_us = read(members)
    fingerprint = sha256(canonical.encode()).hexdigest()
    return Change(action, place, _reason(members), windows, amount, until_us, fingerprint)


def _reset(members: Mapping[str, Any]) -> tuple[frozenset[Window], int, int]:
    names = members.get("windows")
    if not isinstance(names, list) or not names or not all(_is_window(name) for name in names):
        raise RefusedError(400, f"windows must be a list of {', '.join(_WINDOWS)}.")
    return frozenset(_WINDOWS[name] for name in names), 0, UNTIL_NEVER


def _top_up(members: Mapping[str, Any]) -> tuple[frozenset[Window], int, int]:
    name, amount, until = members.get("window"), members.get("amount"), members.get("until")
    if not isinstance(name, str) or not _is_window(name):
        raise RefusedError(400, f"window must be one of {', '.join(_WINDOWS)}.")
    if not isinstance(amount, int) or isinstance(amount, bool) or not 1 <= amount <= LARGEST:
        raise RefusedError(400, "amount must be a whole number from 1 to 2^53-1.")
    window = _WINDOWS[name]
    if until == "windowEnd" and window is Window.TOTAL:
        raise RefusedError(400, "A total has no end: until must be never or a time.")
    return frozenset((window,)), amount, _until(until)


def _until(text: object) -> int:
    if text == "never":
        return UNTIL_NEVER
    if text == "windowEnd":
        return UNTIL_WINDOW_END
    return instant_us(text, lambda: RefusedError(400, "until must be windowEnd, never or an RFC 3339 time."))


def instant_us(text: object, refusal: Callable[[], Exception]) -> int:
    """An RFC 3339 time as microseconds since the epoch. Raises ``refusal()``."""
    try:
        time = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        time = None
    if time is None or time.tzinfo is None or time.year > 2200 or "T" not in str(text):
        raise refusal()
    return (time - _EPOCH) // timedelta(microseconds=1)


def _is_window(name: object) -> bool:
    return isinstance(name, str) and name in _WINDOWS


def _text(members: Mapping[str, Any], name: str) -> str:
    value = members.get(name)
    if not isinstance(value, str) or not value:
        raise RefusedError(400, f"{name} must be given as text.")
    return value


def _reason(members: Mapping[str, Any]) -> str:
    reason = _text(members, "reason")
    if len(reason) > REASON_LENGTH or not reason.isprintable() or not reason.strip():
        raise RefusedError(400, f"reason must be 1 to {REASON_LENGTH} characters on one line.")
    return reason
