"""``GET /v1/usage``: what each plan has in use, per service and environment.

Query: ``usagePlanId``, ``serviceId``, ``environment``, ``apiId`` (all exact), ``limit`` (1 to 1000, default
100), ``offset`` (default 0), ``secretId`` (exact), ``shadow`` (true: only those, false: none), ``search`` (in
ids and names of plans and services), ``bySecret`` (true: ``limit`` up to 100). The answer is a
``core.usage_rows.document``, shadow plans last.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from quotad.controlplane.answers import RefusedError
from quotad.controlplane.subjects import Sought, find
from quotad.core.plans import ENVIRONMENTS
from quotad.core.table import Table
from quotad.core.usage_rows import Page

PAGE_LENGTH = 100
PAGE_LENGTH_MAX = 1000

_PARAMETERS = (
    "usagePlanId",
    "serviceId",
    "environment",
    "apiId",
    "secretId",
    "shadow",
    "search",
    "limit",
    "offset",
    "bySecret",
)
_INT_DIGITS = 15
_SEARCH = re.compile(r"[^\x00-\x1f\x7f]{0,50}")
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


class QueryError(RefusedError):
    """The query is not one that ``/v1/usage`` understands; the text says why."""

    def __init__(self, detail: str) -> None:
        super().__init__(400, detail)


@dataclass(frozen=True, slots=True)
class UsageQuery:
    """What was asked for; an empty filter matches everything."""

    usage_plan_id: str = ""
    service_id: str = ""
    environment: str = ""
    limit: int = PAGE_LENGTH
    offset: int = 0
    api_id: str = ""
    by_secret: bool = False
    """Whether use by Secret is wanted too, where Secrets share counters."""
    secret_id: str = ""
    shadow: bool | None = None
    """None: shadows too."""
    search: str = ""

    @property
    def sought(self) -> Sought:
        """The filters."""
        whose = self.secret_id, self.shadow, self.search
        return Sought(self.usage_plan_id, self.service_id, self.environment, *whose, self.api_id)


def parse_query(parameters: Iterable[tuple[str, str]]) -> UsageQuery:
    """Read the query's (name, value) pairs. Raises QueryError: nothing is guessed or clamped."""
    given: dict[str, str] = {}
    for name, value in parameters:
        if name not in _PARAMETERS:
            raise QueryError(f"Unknown query parameter; known are {', '.join(_PARAMETERS)}.")
        if name in given:
            raise QueryError(f"{name} is given more than once.")
        given[name] = value
    for name in ("usagePlanId", "serviceId", "apiId", "secretId"):
        check_id(given, name)
    if not _SEARCH.fullmatch(given.get("search", "")):
        raise QueryError("search must be at most 50 characters, none a control character.")
    environment = given.get("environment", "")
    if environment and environment not in ENVIRONMENTS:
        raise QueryError(f"environment must be one of {', '.join(ENVIRONMENTS)}.")
    by_secret = flag(given, "bySecret")
    return UsageQuery(
        usage_plan_id=given.get("usagePlanId", ""),
        service_id=given.get("serviceId", ""),
        environment=environment,
        api_id=given.get("apiId", ""),
        limit=_whole(given, "limit", PAGE_LENGTH, 1, PAGE_LENGTH if by_secret else PAGE_LENGTH_MAX),
        offset=_whole(given, "offset", 0, 0, 10**_INT_DIGITS),
        by_secret=by_secret,
        secret_id=given.get("secretId", ""),
        shadow=flag(given, "shadow") if "shadow" in given else None,
        search=given.get("search", ""),
    )


def check_id(given: Mapping[str, str], name: str) -> None:
    """A parameter that is absent or can be an id. Raises QueryError."""
    if name in given and not _ID.fullmatch(given[name]):
        raise QueryError(f"{name} must be 1 to 64 characters of A-Z a-z 0-9 _ -.")


def flag(given: Mapping[str, str], name: str) -> bool:
    """A parameter that is ``true`` or ``false``, the latter when absent. Raises QueryError."""
    text = given.get(name, "false")
    if text not in ("true", "false"):
        raise QueryError(f"{name} must be true or false.")
    return text == "true"


def select(table: Table, query: UsageQuery) -> Page:
    """The Subjects that were asked for, in the order of the bindings."""
    total, asked = find(table, query.sought, query.limit, query.offset)
    return Page(asked, total, query.limit, query.offset)


def _whole(given: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    text = given.get(name)
    if text is None:
        return default
    if text.isascii() and text.isdigit() and len(text) <= _INT_DIGITS and low <= int(text) <= high:
        return int(text)
    raise QueryError(f"{name} must be a whole number from {low} to {high}.")
