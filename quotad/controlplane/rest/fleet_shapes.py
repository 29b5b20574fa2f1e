"""What the routes of the fleet answer."""

from quotad.config.section import Section
from quotad.controlplane.rest.shapes import Listed


class Sidecar(Section):
    """One process start that serves callers, as it last told of itself."""

    sidecar_id: str
    """As its request ids begin."""
    alive: bool
    """Heard within the last 15 seconds."""
    host: str
    pid: int
    version: str
    config_version: str
    mode: str
    started_at: str
    heard_at: str
    connections: int
    held: int
    """Units that requests in flight hold."""
    leased: int
    """Units taken ahead that are not spent yet."""
    unaccounted: int
    """Requests admitted without the store since its start."""
    store_errors: int
    store_us: int
    """From a call to its answer, on average since its start, in microseconds."""
    lag_us: int
    """The greatest delay of its event loop in the last 15 to 30 seconds."""


class FleetNow(Section):
    """All of them."""

    store_time: str
    sidecars: list[Sidecar]


class Denied(Section):
    """How many one limit refused."""

    limit: str
    """rate, day, month or total, else the reason."""
    count: int


class Minute(Section):
    """What one minute brought."""

    minute: str
    admitted: int
    denied: list[Denied]


class Activity(Section):
    """The last 60 minutes, the oldest first; the running one is in it."""

    store_time: str
    minutes: list[Minute]


class Refused(Section):
    """How often one caller was refused by one limit in the last hour."""

    secret_id: str
    secret_name: str
    usage_plan_id: str
    usage_plan_name: str
    service_id: str
    service_name: str
    environment: str
    limit: str
    """rate, day, month or total, else the reason."""
    count: int
    last_minute: str


class RefusalList(Listed):
    """The most refused first."""

    refusals: list[Refused]
