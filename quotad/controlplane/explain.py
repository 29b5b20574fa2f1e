"""``GET /v1/explain``: why a request was refused, or what one would meet now.

Either ``requestId``, of a refusal among the last that each sidecar remembers; or ``secretId``, ``serviceId``
and ``environment``, where plans are bound to single Apis also ``apiId``: which plan holds there, what is left
of it, and what would refuse.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from quotad.controlplane.answers import RefusedError
from quotad.controlplane.usage import QueryError, check_id
from quotad.core.plans import ENVIRONMENTS, UNLIMITED, Environment, Subject
from quotad.core.quota import Usage
from quotad.core.table import Table
from quotad.core.usage_rows import Row, row, stamp
from quotad.telemetry.refusals import KEPT, PREFIX_LENGTH, is_request_id

_PLACE = ("secretId", "serviceId", "environment")
_API = "apiId"

TEXTS = {
    "": "A request would be admitted, unless its rate is exceeded.",
    "unknown_secret": "There is no such Secret: requests of this SecretId get 401.",
    "secret_disabled": "The Secret is disabled: its requests get 401.",
    "secret_expired": "The Secret has expired: its requests get 401.",
    "unknown_service": "There is no such service.",
    "unknown_api": "The service has no such Api: requests for none of its Apis get 404.",
    "api_needed": "Plans are bound to single Apis there: it depends on the Api (apiId).",
    "unpublished": "The service is not published in this environment.",
    "not_bound": "No enforcing plan is bound for this Secret there: its requests get 403.",
    "throttle": "The throttle of the environment admits nothing: its requests get 429.",
    "api_throttle": "The throttle of the Api admits nothing: its requests get 429.",
    "plan_disabled": "The plan is disabled: requests under it get 403.",
    "quota": "A request would be refused with 429 by this limit.",
    "in_flight": "All that is left is held by requests in flight, or ahead by sidecars: 429 may come.",
}
"""By ``reason``: what a request would meet."""


FindRefusal = Callable[[str], Awaitable[Row | None]]
"""What sidecars remember of a request id (``telemetry.refusals``); None: it is none of theirs."""


class NotKnownError(RefusedError):
    """Nothing is known of what was asked for; the text says why."""

    def __init__(self, detail: str) -> None:
        super().__init__(404, detail)


@dataclass(frozen=True, slots=True)
class Place:
    """A Secret that calls a service in an environment."""

    secret_id: str
    service_id: str
    environment: Environment
    api_id: str = ""
    """Which Api is called; matters where plans are bound to single ones."""


def parse_question(parameters: Iterable[tuple[str, str]]) -> Place | str:
    """Read the query: a place, or a request id. Raises QueryError: nothing is guessed."""
    given: dict[str, str] = {}
    for name, value in parameters:
        if name not in ("requestId", *_PLACE, _API):
            raise QueryError(f"Unknown query parameter; known are requestId, {', '.join(_PLACE)}, {_API}.")
        if name in given:
            raise QueryError(f"{name} is given more than once.")
        given[name] = value
    if "requestId" in given:
        if len(given) > 1:
            raise QueryError("requestId stands alone.")
        if not is_request_id(given["requestId"]):
            raise QueryError(
                "requestId is none of quotad's: 12 hex digits of the sidecar, 8 or more of the request."
            )
        return given["requestId"]
    missing = [name for name in _PLACE if not given.get(name)]
    if missing:
        raise QueryError(f"{missing[0]} is missing: give requestId, or all of {', '.join(_PLACE)}.")
    for name in ("secretId", "serviceId", _API):
        check_id(given, name)
    for environment in ENVIRONMENTS:
        if environment == given["environment"]:
            return Place(given["secretId"], given["serviceId"], environment, given.get(_API, ""))
    raise QueryError(f"environment must be one of {', '.join(ENVIRONMENTS)}.")


async def explain_request(find: FindRefusal, request_id: str) -> Row:
    """What refused a request. Raises NotKnownError."""
    story = await find(request_id)
    if story is None:
        raise NotKnownError(
            f"The request id is one of another sidecar, {request_id[:PREFIX_LENGTH]}, or of one that has "
            "ended: each remembers its own refusals, and forgets them with its end."
        )
    if story.get("missing") == "aged_out":
        raise NotKnownError(
            f"The request has aged out: the sidecar remembers its last {KEPT:,} refusals, and this one, if "
            "it was refused, came before them."
        )
    if "missing" in story:
        raise NotKnownError("The sidecar that gave this request id did not refuse the request, or not yet.")
    return story


class Finding:
    """Which plan holds at a place, and what stands in the way before any limit is looked at."""

    __slots__ = ("_single", "place", "reason", "shadow", "subject")

    def __init__(self, table: Table, place: Place, now_s: float) -> None:
        self.place = place
        self._single = table.apis(place.service_id, place.environment) is not None
        whole = place.service_id, place.environment
        where = (*whole, place.api_id if self._single else "")
        self.subject = table.callers(*where).get(place.secret_id)
        self.shadow = table.shadows(*where).get(place.secret_id)
        if self.subject is None and place.api_id:
            # What nobody has a plan for has the environment's default plan.
            self.subject = table.callers(*whole).get(place.secret_id)
        self.reason = self._obstacle(table, now_s)
        """A key of ``TEXTS``; empty when it is up to the limits."""

    @property
    def subjects(self) -> list[Subject]:
        """Whose use is to be read for ``explanation``."""
        return [subject for subject in (self.subject, self.shadow) if subject is not None]

    def _obstacle(self, table: Table, now_s: float) -> str:
        secret = table.secrets.get(self.place.secret_id)
        service = table.services.get(self.place.service_id)
        if secret is None:
            return "unknown_secret"
        if not secret.enabled:
            return "secret_disabled"
        if secret.expires_at_s is not None and now_s >= secret.expires_at_s:
            return "secret_expired"
        if service is None:
            return "unknown_service"
        if self.place.environment not in service.environments:
            return "unpublished"
        if self._single and not self.place.api_id:
            return "api_needed"
        if self.place.api_id and all(api.api_id != self.place.api_id for api in service.apis):
            return "unknown_api"
        if self.subject is None:
            return "not_bound"
        return "plan_disabled" if self.subject.plan.disabled else ""


def explanation(table: Table, finding: Finding, usages: Sequence[Usage]) -> Row:
    """What a request would meet now; ``usages`` belong to ``finding.subjects``, one each."""
    place = finding.place
    found = dict(zip((subject.tag for subject in finding.subjects), usages, strict=True))
    told: Row = {
        "secretId": place.secret_id,
        "serviceId": place.service_id,
        "environment": place.environment,
        "apiId": place.api_id,
        "admitted": False,
        "reason": finding.reason,
        "detail": TEXTS[finding.reason],
        "limit": "none",
        "comesBackAt": None,
        "storeTime": stamp(usages[0].now_us) if usages else None,
        "plan": None,
        "byDefault": finding.subject is not None
        and table.has_default(
            place.service_id, place.environment, place.secret_id, finding.subject.api_id or place.api_id
        ),
        "throttle": None,
        "apiThrottle": None,
        "shadow": None,
    }
    if finding.subject is not None:
        told["plan"] = _plan(table, finding.subject, found[finding.subject.tag])
        if not finding.reason:
            told |= _limits(told["plan"])
    throttles = {"throttle": table.throttle(place.service_id, place.environment)}
    if place.api_id:
        api_throttle = table.throttle(place.service_id, place.environment, place.api_id)
        throttles = {"apiThrottle": api_throttle, **throttles}
    for name, throttle in throttles.items():
        if throttle is not None:
            told[name] = {"rateRps": throttle.plan.rate_rps, "burst": throttle.plan.burst}
            if told["admitted"] and 0 in told[name].values():
                told |= _verdict("api_throttle" if throttle.api_id else "throttle", "rate", None)
    if finding.shadow is not None:
        shadow = _plan(table, finding.shadow, found[finding.shadow.tag])
        told["shadow"] = {**shadow, **_limits(shadow)}
    return told


def _plan(table: Table, subject: Subject, usage: Usage) -> Row:
    plan = subject.plan
    return {
        **row(table, subject, usage),
        "subject": subject.tag,
        "disabled": plan.disabled,
        "scope": plan.scope,
        "quotaCondition": sorted(plan.quota_condition),
        "timezone": plan.timezone,
        "onStoreFailure": plan.on_store_failure.mode,
        "leaseMax": 0 if plan.lease is None else plan.lease.max_units,
    }


def _limits(shown: Row) -> Row:
    """Which limit refuses now: of several the one that comes back last (total, month, day, rate)."""
    windows: Mapping[str, Row] = shown["windows"]
    for name in ("total", "month", "day"):
        window = windows[name]
        if window["max"] == UNLIMITED or window["left"] > 0 or window["onBreach"] == "allow":
            continue
        held = window["inUse"] - shown["leased"] < window["max"]
        reason = "in_flight" if held else "quota"
        comes_back = None if held else window["endsAt"]
        return _verdict(reason, name, comes_back)
    if shown["rate"]["rateRps"] == 0:
        return _verdict("quota", "rate", None)
    return {**_verdict("", "none", None), "admitted": True}


def _verdict(reason: str, limit: str, comes_back: str | None) -> Row:
    return {
        "admitted": False,
        "reason": reason,
        "detail": TEXTS[reason],
        "limit": limit,
        "comesBackAt": comes_back,
    }
