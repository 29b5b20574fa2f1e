"""What an action of Cloud API 3.0 is, and what it is given when it is called."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from quotad.controlplane.desk import Asker
from quotad.controlplane.dialects.fields import Field, Shown
from quotad.controlplane.dialects.in_use import UsageReader
from quotad.controlplane.dialects.signed import KeyPairs
from quotad.controlplane.operations import Operations
from quotad.controlplane.replica import Page
from quotad.core.plans import ENVIRONMENTS


class Tally(Protocol):
    """The verb of ``store.control.ControlStore`` that counts over all admin processes."""

    async def tally(self, name: str, window_ms: int, add: int = 1) -> int:
        """The count since its window began, this included. Raises StoreError."""


def _uncounted(_address: str) -> None:
    """Nobody counts failed logins."""


@dataclass(frozen=True, slots=True)
class Backing:
    """What the dialects stand on."""

    operations: Operations
    keys: KeyPairs
    store: UsageReader
    control: Tally
    failed: Callable[[str], None] = _uncounted
    """Told the address of whoever signed wrongly."""


A_SECOND_AT_MOST = 20
"""Requests of one key pair and action, in all admin processes together."""


async def is_too_often(control: Tally, key_id: str, action: str) -> bool:
    """Count a request; whether it is one too many. Raises StoreError."""
    return await control.tally(f"v3:{key_id}:{action}", 1_000) > A_SECOND_AT_MOST


@dataclass(frozen=True, slots=True)
class Call:
    """One request, checked."""

    backing: Backing
    asker: Asker
    values: Mapping[str, Any]
    """By their names on the wire."""
    record: Mapping[str, Any]
    """Those that are values of a record, by their canonical names."""

    @property
    def operations(self) -> Operations:
        """What does it."""
        return self.backing.operations

    @property
    def page(self) -> Page:
        """Which part of a list."""
        return Page(self.values["Limit"], self.values["Offset"])


@dataclass(frozen=True, slots=True)
class Action:
    """One action. ``run`` answers ``Result``, or a flat answer's members. It raises as ``operations`` do."""

    name: str
    fields: tuple[Field, ...]
    run: Callable[[Call], Awaitable[Any]]
    shown: tuple[Shown, ...] = ()
    """Of what it answers, or of each item of its list."""
    listed: tuple[str, str] = ("", "")
    """The names of the count and of the list around the items; empty: it answers no list."""
    flat: bool = False
    """Whether the answer has no ``Result``."""
    reads: bool = False
    """Whether it changes nothing."""
    note: str = ""
    absent: tuple[str, ...] = ()
    """What the cloud's answer has and this one has not."""


PAGING: tuple[Field, ...] = (
    Field("Limit", "number", least=1, most=100, default=20, code="InvalidParameterValue.LimitExceeded"),
    Field("Offset", "number", least=0, most=2**31 - 1, default=0),
)
PLAN_ID = Field("UsagePlanId", canonical="usagePlanId", required=True)
SERVICE_ID = Field("ServiceId", canonical="serviceId", required=True)
KEY_ID = Field("AccessKeyId", canonical="secretId", required=True)
TAGS = Field("Tags", "tags", status="not done", note="quotad keeps no tags")
_INVALID_ENV = "InvalidParameterValue.InvalidEnv"


def environment(name: str) -> Field:
    """The field of one of a service's environments, exactly as it is written."""
    return Field(name, required=True, options=tuple(ENVIRONMENTS), code=_INVALID_ENV)


def environments(name: str, *, required: bool = True) -> Field:
    """The same for several; absent where not ``required``: all of them."""
    return Field(name, "texts", required=required, most=3, options=tuple(ENVIRONMENTS), code=_INVALID_ENV)


def filters(names: tuple[str, ...], missing: str = "") -> Field:
    """The field of conditions on a list."""
    note = ", ".join(names)
    if not missing:
        return Field("Filters", "filters", most=10, note=note)
    return Field("Filters", "filters", most=10, status="different", note=f"{note}; not done: {missing}")
