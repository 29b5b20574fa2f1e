"""The one record of how a request ended: all that metrics and the access log read.

Also the rules of which final status counts (docs/guarantees.md, Q1 and Q2).
"""

from collections.abc import Set as AbstractSet

from quotad.core.plans import StatusClass
from quotad.core.verdict import Verdict


class Outcome:
    """Filled while a request goes on, handed to telemetry once, at its end. Holds no secret."""

    __slots__ = (
        "api_id",
        "bytes_in",
        "bytes_out",
        "client",
        "counted",
        "ended_s",
        "environment",
        "host",
        "limit",
        "method",
        "parent_id",
        "plan_id",
        "reason",
        "request_id",
        "secret_id",
        "service_id",
        "shadow_limit",
        "span_id",
        "started_s",
        "status",
        "store_s",
        "target",
        "trace_id",
        "tunnel_s",
        "upstream",
        "upstream_s",
        "verdict",
    )

    def __init__(self, started_s: float) -> None:
        self.started_s = started_s
        """Monotonic seconds at the request's first byte; ``ended_s`` likewise at its end."""
        self.ended_s = 0.0
        self.request_id = ""
        self.trace_id = ""
        """32 hex digits; empty: it belongs to no trace."""
        self.span_id = ""
        """16, where the request is recorded as a span; empty where it is not."""
        self.parent_id = ""
        """Of that span; empty: it began the trace."""
        self.client = ""
        self.method = ""
        self.target = ""
        """As sent, query included."""
        self.host = ""
        self.service_id = ""
        """Empty until a route was found; then service, environment, plan and Secret are known ones."""
        self.environment = ""
        self.api_id = ""
        """Of the single Api asked for, where plans are bound to those."""
        self.plan_id = ""
        self.secret_id = ""
        """Empty until the caller proved to own it."""
        self.status = 0
        """What the caller got; 0 when it left before any status."""
        self.reason = ""
        """Empty when the upstream answered; ``own_use``: a caller was shown its own use; ``authorized``:
        another proxy forwards; else the refusal's key in ``core.replies``."""
        self.limit = ""
        self.shadow_limit = ""
        """What a shadow plan would have said: ``admitted``, a limit or ``store``; empty without one, and
        until its answer is there, which may be after the request's end."""
        self.counted: bool | None = None
        """Whether quota was used; None when the request was never admitted."""
        self.verdict: Verdict | None = None
        """Of a refused request, if it came to one: what the store said with it."""
        self.upstream = ""
        self.upstream_s = 0.0
        """From dispatch to the upstream's response head."""
        self.tunnel_s = 0.0
        """After a 101: how long bytes went both ways; they are in ``bytes_in`` and ``bytes_out``."""
        self.store_s = 0.0
        """From asking for a unit to the Verdict; 0 when it was at hand."""
        self.bytes_in = 0
        self.bytes_out = 0


def status_class(status: int) -> StatusClass:
    """The class of a final status. 101 counts as 2xx; outside 200-599, or none, is ``others``."""
    if 200 <= status < 300 or status == 101:
        return "2xx"
    if 300 <= status < 400:
        return "3xx"
    if 400 <= status < 500:
        return "4xx"
    if 500 <= status < 600:
        return "5xx"
    return "others"


def counts(condition: AbstractSet[StatusClass], status: int) -> bool:
    """Whether an answer of this status uses quota under a plan's ``quota_condition``."""
    return not condition or status_class(status) in condition
