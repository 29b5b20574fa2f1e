"""What a route says of its upstreams' health, and of trying again, as inert values."""

from quotad.frozen import frozen


@frozen
class CheckRules:
    """How an upstream is asked whether it is well."""

    path: str
    host: str = ""
    """What Host says; empty: the upstream as the route names it."""
    interval_s: float = 5.0
    timeout_s: float = 1.0
    statuses: frozenset[int] = frozenset(range(200, 300))
    """Those of an upstream that is well."""
    rise: int = 2
    fall: int = 3
    """So many answers in a row bring it in, or leave it out."""


@frozen
class HealthRules:
    """When an upstream gets no requests, and how it comes back."""

    failures: int = 5
    """So many in a row eject it; 0: none does."""
    ejection_s: float = 10.0
    """The first; twice as long each time it does not last."""
    max_ejection_s: float = 300.0
    return_s: float = 10.0
    """From its return until it gets its whole share; 0: at once."""
    panic_percent: int = 25
    """When fewer than so many of 100 upstreams are in, all get requests."""
    check: CheckRules | None = None
    """None: it is judged by its answers alone."""


@frozen
class RetryRules:
    """What one request may be tried."""

    most: int = 2
    """Tries after the first; 0: none."""
    budget_percent: int = 20
    """Retries of requests that were sent, of 100 requests."""
