"""What is sold to whom: plans, secrets, services, bindings, and the table that finds a caller's plan.

Everything here is immutable; what changes is a new object in its place.
"""

from dataclasses import dataclass, field
from datetime import date
from typing import Literal, Protocol

UNLIMITED = -1
"""A limit of -1 never denies; its use is counted and reported all the same. 0 denies everything."""

Environment = Literal["release", "prepub", "test"]
StatusClass = Literal["2xx", "3xx", "4xx", "5xx", "others"]
QuotaWindow = Literal["day", "month", "total"]

ENVIRONMENTS: tuple[Environment, ...] = ("release", "prepub", "test")
QUOTA_WINDOWS: tuple[QuotaWindow, ...] = ("day", "month", "total")


@dataclass(frozen=True, slots=True)
class StoreFailurePolicy:
    """What happens to requests of a plan while the store does not answer (``onStoreFailure``)."""

    mode: Literal["closed", "open", "local"] = "closed"
    budget: int = 0
    """With ``open``: requests admitted per process and outage before it acts as ``closed``."""
    units: int = 0
    """With ``local``: units that each process in use holds ahead, to be spent while the store is away."""


@dataclass(frozen=True, slots=True)
class LeaseRule:
    """How far ahead a process may take units, to spend them without asking (``lease``)."""

    max_units: int
    ttl_ms: int = 1_000
    """A Lease not renewed for this long has ended."""


@dataclass(frozen=True, slots=True)
class UsagePlan:
    """The limits of one product, in requests; field meanings as in docs/guarantees.md."""

    usage_plan_id: str
    usage_plan_name: str
    usage_plan_desc: str = ""
    rate_rps: int = UNLIMITED
    burst: int = UNLIMITED
    """Bucket size in requests; equals ``rate_rps`` unless the plan says otherwise."""
    day_quota_request: int = UNLIMITED
    month_quota_request: int = UNLIMITED
    max_request_num: int = UNLIMITED
    quota_condition: frozenset[StatusClass] = frozenset()
    """Empty: every admitted request counts. Else only answers of these classes use quota."""
    scope: Literal["plan", "secret"] = "plan"
    timezone: str = "UTC"
    month_anchor_day: int = 1
    on_store_failure: StoreFailurePolicy = StoreFailurePolicy()
    on_crash: Literal["charge", "release"] = "charge"
    soft_quotas: frozenset[QuotaWindow] = frozenset()
    """Quotas that never deny: what passes them is overage (``onBreach: allow``)."""
    lease: LeaseRule | None = None
    """None: every request is decided by the store (strict)."""
    first_period_offset: int = 0
    """Requests by which the month quota is smaller in the month that contains ``starts_on``."""
    starts_on: date | None = None
    """The plan's first day, in its own time zone; only for ``first_period_offset``."""
    disabled: bool = False
    version: int = 0
    """Of two sidecars with different versions, the higher one's limits bind for the Subject."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A caller's key pair, or an id with two keys. No key ever appears in ``repr``."""

    secret_name: str
    secret_id: str
    secret_key: bytes = field(repr=False)
    enabled: bool = True
    expires_at_s: float | None = None
    """Seconds since the epoch; None: does not expire."""
    secondary_key: bytes = field(default=b"", repr=False)
    """A second key, as good as the other and for as long; empty: none."""
    previous_keys: tuple[tuple[bytes, float], ...] = field(default=(), repr=False)
    """What either was before a rotation, good while the overlap lasts, and when that ends (seconds since
    the epoch)."""
    secret_desc: str = ""


@dataclass(frozen=True, slots=True)
class EnvironmentRule:
    """What holds for all who call a service, or one Api of it, in an environment, beside their plans."""

    environment: Environment
    rate_rps: int = UNLIMITED
    """The throttle: requests a second of all callers together."""
    burst: int = UNLIMITED
    """Its bucket in requests."""
    version: int = 0
    """Of the throttle, as ``UsagePlan.version``."""
    default_plan_id: str = ""
    """The plan of callers that are bound to none there; empty: they have none. Not of an Api."""


@dataclass(frozen=True, slots=True)
class Api:
    """One operation of a service, or several alike: what a plan can be bound to instead of an environment."""

    api_id: str
    api_name: str
    method: str
    """Upper case; ``ANY``: every one that no other Api of the same path has."""
    path: str
    """As the backend is asked for it (``core.apis`` says what may stand in it)."""
    rules: tuple[EnvironmentRule, ...] = ()
    """Throttles of its own, at most one for each environment."""


@dataclass(frozen=True, slots=True)
class Service:
    """A backend as callers know it, and the environments in which it is published."""

    service_id: str
    service_name: str
    description: str = ""
    environments: tuple[Environment, ...] = ENVIRONMENTS
    rules: tuple[EnvironmentRule, ...] = ()
    """At most one for each of ``environments``."""
    apis: tuple[Api, ...] = ()
    """No two alike in id, or in method and path."""


@dataclass(frozen=True, slots=True)
class Binding:
    """Gives the callers of ``secret_ids`` the plan in each (service_id, environment) listed."""

    usage_plan_id: str
    secret_ids: tuple[str, ...]
    environments: tuple[tuple[str, Environment], ...]
    shadow: bool = False
    """True: the plan is computed and reported there, and denies nobody."""
    api_ids: tuple[str, ...] = ()
    """Of single Apis of the one service that ``environments`` names; empty: whole environments."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """Who is told that use of a plan has crossed a part of its quota. The keys never appear in ``repr``."""

    webhook_id: str
    name: str
    url: str
    key: bytes = field(repr=False)
    """What deliveries are signed with."""
    thresholds: tuple[int, ...] = (50, 80, 100)
    """Percent of a quota, ascending."""
    windows: tuple[QuotaWindow, ...] = QUOTA_WINDOWS
    forecast: bool = False
    """Also told when a day's or month's quota would end before its window, were use to go on as it has."""
    plan_ids: tuple[str, ...] = ()
    """Empty: all plans."""
    enabled: bool = True
    allow_http: bool = False
    """Whether the URL may be a plain one."""
    previous_key: bytes = field(default=b"", repr=False)
    """The key before a rotation, which signs too while the overlap lasts; empty: none."""
    previous_until_s: float = 0.0
    """When the overlap ends, in seconds since the epoch."""


class Tagged(Protocol):
    """What has keys of its own in the store, all in one slot of a Cluster."""

    @property
    def tag(self) -> str:
        """What stands in braces in each of its keys."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What one set of counters belongs to.

    ``tag`` is unique per Subject and made of id characters and ``/`` only: it becomes the Redis
    hash tag. ``secret_id`` is empty unless the plan's scope is ``secret``.
    """

    plan: UsagePlan
    service_id: str
    environment: Environment
    secret_id: str = ""
    shadow: bool = False
    """Its counters are those of a shadow plan, apart from all that enforce."""
    api_id: str = ""
    """Of the one Api whose requests count here; empty: those of the whole environment."""
    tag: str = field(init=False, compare=False)
    """``plan/service/environment``, and ``/secret`` under ``scope: secret``; before the secret ``/.shadow``
    for a shadow's, and ``/.api.ID`` for an Api's. Made once: every request looks its counters up by it."""

    def __post_init__(self) -> None:
        parts = [self.plan.usage_plan_id, self.service_id, self.environment]
        if self.shadow:
            parts.append(".shadow")
        if self.api_id:
            parts.append(f".api.{self.api_id}")
        if self.secret_id:
            parts.append(self.secret_id)
        object.__setattr__(self, "tag", "/".join(parts))


def secret_of_tag(own: list[str]) -> str:
    """The Secret in what a tag says after plan, service and environment; empty: it names none.

    Raises ValueError for what no tag says.
    """
    rest = own[1:] if own[:1] == [".shadow"] else own
    rest = rest[1:] if rest[:1] and rest[0].startswith(".api.") else rest
    if len(rest) > 1 or any(part.startswith(".") for part in rest):
        raise ValueError("the tag names no Subject")
    return rest[0] if rest else ""
