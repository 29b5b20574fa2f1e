"""Every metric that a process counts by itself: name, text, labels, and how several processes make one.

A new number is a line here and one in ``sources.Sources.figures``: the scrape of one process and the sum
over workers follow. ``STOCK`` are the values that the store knows for all; ``collector`` reads them.
"""

from typing import Literal, NamedTuple

PLACE = ("service", "environment", "plan", "api")
"""``api`` is left out where it is empty: where plans hold for whole environments."""


STOCK_PLACE = ("plan", "service", "environment", "window", "api")
_SHARED = " Every sidecar exports the same store-wide number: aggregate with max, not sum."


class Family(NamedTuple):
    """One metric. ``kind`` says how the numbers of several processes become one.

    ``counter`` and ``histogram``: added up, also those of processes that have ended. ``level``: added up
    over the living. ``peak``: the greatest of the living.

    ``piecemeal``: a process tells the others only those series that changed, else always all of them.
    """

    kind: Literal["counter", "histogram", "level", "peak"]
    text: str
    labels: tuple[str, ...] = ()
    piecemeal: bool = False


FAMILIES = {
    "quotad_requests": Family(
        "counter", "Requests by the status class that the caller got.", (*PLACE, "code_class"), piecemeal=True
    ),
    "quotad_denied": Family(
        "counter",
        "Requests that a plan's limits, a throttle or the store refused.",
        (*PLACE, "reason"),
        piecemeal=True,
    ),
    "quotad_shadow_requests": Family(
        "counter",
        "What a shadow plan would have said of requests that the enforcing plan admitted.",
        ("plan", "service", "environment", "api", "verdict"),
        piecemeal=True,
    ),
    "quotad_auth_failures": Family("counter", "Requests whose caller was not accepted.", ("reason",)),
    "quotad_statuses_told": Family(
        "counter",
        "Requests that were held until another proxy told their status: counted, given_back, overdue"
        " (counted), unknown (nobody waited for it).",
        ("result",),
    ),
    "quotad_request_duration_seconds": Family(
        "histogram", "From a request's first byte to the end of its answer."
    ),
    "quotad_upstream_duration_seconds": Family(
        "histogram", "From sending a request upstream to the head of the answer."
    ),
    "quotad_connections": Family("level", "Connections of callers that are open."),
    "quotad_connections_refused": Family(
        "counter",
        "Connections of callers closed unserved: too many in all, of one address, or arriving at once;"
        " or idle ones that made room for others.",
        ("reason",),
    ),
    "quotad_tunnels": Family("level", "Upgraded connections (WebSocket and others) that are open."),
    "quotad_tunnels_ended": Family("counter", "Upgraded connections that have ended."),
    "quotad_tunnel_seconds": Family(
        "counter", "How long the upgraded connections that have ended were open, all together."
    ),
    "quotad_tunnel_bytes": Family(
        "counter",
        "Bytes of upgraded connections that have ended, from callers (in) or to them.",
        ("direction",),
    ),
    "quotad_upstream_out": Family(
        "level",
        "1 while a backend gets no requests (ejected, or checks fail); added up over processes and routes.",
        ("upstream",),
    ),
    "quotad_upstream_ejections": Family("counter", "How often a backend was ejected.", ("upstream",)),
    "quotad_upstream_connections": Family(
        "level", "Connections to a backend, open or being opened.", ("upstream",)
    ),
    "quotad_upstream_waiting": Family(
        "level", "Requests that wait for a connection to a backend.", ("upstream",)
    ),
    "quotad_upstream_retries": Family(
        "counter",
        "Tries after the first: unsent, unanswered; over_budget: those of the latter that were not made.",
        ("kind",),
    ),
    "quotad_unaccounted": Family(
        "counter", "Requests admitted without the store under onStoreFailure: open.", ("plan",)
    ),
    "quotad_store_duration_seconds": Family(
        "histogram", "From sending a script call to its answer.", ("script",)
    ),
    "quotad_store_errors": Family("counter", "Store calls that gave no answer to trust.", ("kind",)),
    "quotad_settle_age_seconds": Family(
        "peak", "How long the longest untold outcome of a request has waited for the store; 0: none waits."
    ),
    "quotad_event_loop_lag_seconds": Family(
        "peak", "The greatest delay of a timer in the last 15 to 30 seconds."
    ),
    "quotad_access_log_dropped": Family(
        "counter", "Access log lines dropped because the log's writer was too slow or failed."
    ),
    "quotad_control_age_seconds": Family(
        "peak", "Since what is served was last known to be as the control records are."
    ),
    "quotad_control_failures": Family("counter", "Failures to follow the control records.", ("reason",)),
    "quotad_webhook_attempts": Family(
        "counter",
        "Attempts to deliver events to webhooks: delivered (2xx), refused (another status), unanswered.",
        ("result",),
    ),
    "quotad_webhook_events": Family(
        "counter", "Events of webhooks: told (on their way), given_up (not delivered in time).", ("result",)
    ),
    "quotad_webhook_pending": Family(
        "level", "Events on their way to webhooks; of the process that delivers, 0 of all others."
    ),
    "quotad_webhook_oldest_pending_seconds": Family(
        "peak", "How long the oldest of them has been on its way; 0: none is."
    ),
    "quotad_webhook_sweep_seconds": Family(
        "peak", "How long the last look at all use took, rests included; of the process that delivers."
    ),
    "quotad_workers": Family("level", "Workers that are ready."),
    "quotad_worker_restarts": Family("counter", "Workers that were put in a dead one's place."),
    "quotad_worker_cpu_seconds": Family(
        "counter", "CPU time of all workers; process_ is the supervisor's own."
    ),
    "quotad_worker_resident_memory_bytes": Family("level", "Resident memory of all workers."),
}

STOCK = {
    "quotad_in_use_request_num": Family("peak", "Requests used." + _SHARED, STOCK_PLACE),
    "quotad_max_request_num": Family("peak", "The limit; -1: none." + _SHARED, STOCK_PLACE),
    "quotad_held_request_num": Family(
        "peak", "Requests in flight whose use is not decided yet." + _SHARED, STOCK_PLACE
    ),
    "quotad_leased_request_num": Family("peak", "Requests taken ahead by sidecars." + _SHARED, STOCK_PLACE),
    "quotad_overage_request_num": Family("peak", "Used or held beyond a soft quota." + _SHARED, STOCK_PLACE),
    "quotad_shadow_in_use_request_num": Family(
        "peak", "What a shadow plan would count as used." + _SHARED, STOCK_PLACE
    ),
    "quotad_usage_age_seconds": Family("peak", "Since the store was last heard for the request_num values."),
}
"""Gauges with what the store says; read once for all processes behind one telemetry port."""

CONFIG_VERSION = "quotad_config_version"

FAMILIES_OF_A_SCRAPE = {
    **FAMILIES,
    **STOCK,
    CONFIG_VERSION: Family("peak", "1; the label is a digest of the configuration in force.", ("version",)),
}
"""Everything that ``/metrics`` has of quotad's own."""
