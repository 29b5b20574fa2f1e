"""What a route says of its upstreams' health, and of trying again."""

import re
from typing import Annotated

from pydantic import BeforeValidator, Field

from quotad.config import fields as kind
from quotad.config.section import Section

_STATUSES = re.compile(r"(?:[1-5]xx|[1-5][0-9]{2})(?:,(?:[1-5]xx|[1-5][0-9]{2}))*", re.ASCII)


def parse_statuses(text: str) -> frozenset[int]:
    """``2xx``, ``200`` or several of them parted by commas. Raises ValueError."""
    if _STATUSES.fullmatch(text) is None:
        raise ValueError("must be statuses like 200, 2xx or 200,204,3xx")
    found: set[int] = set()
    for part in text.split(","):
        first = int(part.replace("x", "0"))
        found.update(range(first, first + (100 if "x" in part else 1)))
    return frozenset(found)


def _number(value: object) -> object:
    """A single status is a number in YAML."""
    return str(value) if type(value) is int else value


Statuses = Annotated[frozenset[int], kind.Parsed(parse_statuses, _STATUSES.pattern), BeforeValidator(_number)]
CheckPath = Annotated[
    str, kind.Matches(r"/[\x21-\x22\x24-\x7e]{0,1023}", "must begin with / and hold visible ASCII, no #")
]
CheckHost = Annotated[
    str, kind.Matches(r"[A-Za-z0-9._:\[\]-]{1,255}", "must be a host name or address, perhaps with a port")
]


class CheckSection(Section):
    """How a backend is asked whether it is well: a GET over a connection of its own."""

    path: CheckPath
    """What is asked for; no caller's quota is used."""
    host: CheckHost | None = None
    """What Host says; absent: the backend as the route names it."""
    interval_ms: Annotated[int, Field(ge=50, le=86_400_000), kind.WHOLE] = 5_000
    """From one question to the next, a fifth more or less by chance."""
    timeout_ms: kind.DurationMs = 1_000
    """For the connection and the head of the answer."""
    expected_status: Statuses = Field(default="2xx", validate_default=True)
    """What a backend answers that is well."""
    rise: Annotated[int, Field(ge=1, le=100), kind.WHOLE] = 2
    """Good answers in a row that bring a backend in."""
    fall: Annotated[int, Field(ge=1, le=100), kind.WHOLE] = 3
    """Bad ones in a row that leave it out; the first answer of all decides alone."""


class HealthSection(Section):
    """When a backend gets no requests, and how it comes back."""

    failures: Annotated[int, Field(ge=0, le=1_000_000), kind.WHOLE] = 5
    """Failures in a row that eject a backend; 0: none do."""
    ejection_ms: kind.DurationMs = 10_000
    """How long the first time; twice as long each time it does not help."""
    max_ejection_ms: kind.DurationMs = 300_000
    """How long at most."""
    return_ms: Annotated[int, Field(ge=0, le=86_400_000), kind.WHOLE] = 10_000
    """From a backend's return until it gets its whole share; 0: at once."""
    panic_percent: Annotated[int, Field(ge=1, le=100), kind.WHOLE] = 25
    """When fewer than so many of 100 backends are in, all get requests."""
    check: CheckSection | None = None
    """Absent: a backend is judged by what requests meet."""


class RetrySection(Section):
    """When a request is tried again."""

    most: Annotated[int, Field(ge=0, le=10, alias="max"), kind.WHOLE] = 2
    """Tries after the first; 0: none."""
    budget_percent: Annotated[int, Field(ge=0, le=100), kind.WHOLE] = 20
    """Retries of requests that had been sent, of 100 requests."""
