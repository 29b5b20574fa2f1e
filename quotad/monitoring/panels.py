"""What the dashboard shows: a table of panels, each with its queries, from the top to the bottom.

Queries are of PromQL with Grafana's variables: ``$job``, ``$instance``, ``$service``, ``$plan`` and
``$__rate_interval``.
"""

from typing import Literal, NamedTuple

from quotad.monitoring.names import by, selector, series
from quotad.telemetry.families import STOCK_PLACE

CHOSEN = 'job=~"$job",instance=~"$instance"'
RANGE = "[$__rate_interval]"


class Query(NamedTuple):
    """One query and what its lines are called."""

    expression: str
    legend: str


class Panel(NamedTuple):
    """One picture. ``unit`` is one of Grafana's; ``width`` is of 24 columns."""

    title: str
    text: str
    unit: str
    queries: tuple[Query, ...]
    kind: Literal["timeseries", "stat", "bargauge"] = "timeseries"
    width: int = 8


class Row(NamedTuple):
    """A headline and the panels under it."""

    title: str
    panels: tuple[Panel, ...]


def now(name: str, *labels: str, how: str = "sum", legend: str = "") -> Query:
    """A gauge, as it is."""
    return Query(f"{how}{by(*labels)} ({series(name)}{selector(name, CHOSEN)})", legend or _legend(labels))


def rate(name: str, *labels: str, part: str = "", legend: str = "") -> Query:
    """How fast a counter grows, per second."""
    return Query(
        f"sum{by(*labels)} (rate({series(name, part)}{selector(name, CHOSEN)}{RANGE}))",
        legend or _legend(labels),
    )


def quantile(share: float, name: str, *labels: str) -> Query:
    """What so many of the requests or calls took at most, in seconds."""
    inner = rate(name, "le", *labels, part="_bucket").expression
    words = f"{share * 100:g} %"
    legend = f"{_legend(labels)} {words}" if labels else words
    return Query(f"histogram_quantile({share:g}, {inner})", legend)


def used_share() -> Query:
    """What is in use of each limit, 0 to 1."""
    stock = {
        name: f"max{by(*STOCK_PLACE)} ({series(name)}{selector(name, CHOSEN)}{more})"
        for name, more in (("quotad_in_use_request_num", ""), ("quotad_max_request_num", " > 0"))
    }
    return Query(f"topk(20, {' / '.join(stock.values())})", _legend(STOCK_PLACE))


def denied_share() -> Query:
    """Which part of all requests was denied, 0 to 1."""
    return Query(
        f"{rate('quotad_denied').expression} / {rate('quotad_requests').expression}", "denied of all requests"
    )


def _legend(labels: tuple[str, ...]) -> str:
    return " ".join("{{" + label + "}}" for label in labels) or "all"


def _quantiles(name: str, *labels: str, shares: tuple[float, ...] = (0.5, 0.95, 0.99)) -> tuple[Query, ...]:
    return tuple(quantile(share, name, *labels) for share in shares)


TRAFFIC = Row(
    "Requests",
    (
        Panel(
            "Requests",
            "By the status class that callers got.",
            "reqps",
            (rate("quotad_requests", "code_class"),),
        ),
        Panel("Denied", "By the limit that refused.", "reqps", (rate("quotad_denied", "reason"),)),
        Panel("Share denied", "Of all requests.", "percentunit", (denied_share(),)),
        Panel(
            "Duration",
            "From first byte to the answer's end.",
            "s",
            _quantiles("quotad_request_duration_seconds"),
        ),
        Panel(
            "Backends' duration",
            "From sending a request on to the head of its answer.",
            "s",
            _quantiles("quotad_upstream_duration_seconds"),
        ),
        Panel(
            "Not accepted",
            "Callers without valid credentials, by what was wrong.",
            "reqps",
            (rate("quotad_auth_failures", "reason"),),
        ),
    ),
)

PLANS = Row(
    "Plans",
    (
        Panel("Used of the limit", "The fullest 20.", "percentunit", (used_share(),), "bargauge", 12),
        Panel(
            "In use",
            "Requests of each window; what the store says.",
            "short",
            (now("quotad_in_use_request_num", *STOCK_PLACE, how="max"),),
            width=12,
        ),
        Panel(
            "Held and ahead",
            "In flight and not decided yet; taken ahead by sidecars and not spent yet.",
            "short",
            (
                now("quotad_held_request_num", "plan", how="max", legend="{{plan}} held"),
                now("quotad_leased_request_num", "plan", how="max", legend="{{plan}} ahead"),
            ),
        ),
        Panel(
            "Overage",
            "Used or held beyond soft quotas.",
            "short",
            (now("quotad_overage_request_num", "plan", "window", how="max"),),
        ),
        Panel(
            "Shadow plans",
            "What they would have said.",
            "reqps",
            (rate("quotad_shadow_requests", "plan", "verdict"),),
        ),
        Panel(
            "Use of shadow plans",
            "What they would count.",
            "short",
            (now("quotad_shadow_in_use_request_num", "plan", "window", how="max"),),
        ),
    ),
)

STORE = Row(
    "Store",
    (
        Panel(
            "Store latency",
            "By script.",
            "s",
            _quantiles("quotad_store_duration_seconds", "script", shares=(0.99,)),
        ),
        Panel(
            "Store calls",
            "By script.",
            "ops",
            (rate("quotad_store_duration_seconds", "script", part="_count"),),
        ),
        Panel(
            "Store errors", "Calls without an answer to trust.", "ops", (rate("quotad_store_errors", "kind"),)
        ),
        Panel(
            "Unaccounted",
            "Admitted without the store, since the processes started.",
            "short",
            (now("quotad_unaccounted", "plan"),),
        ),
        Panel(
            "Untold outcomes",
            "How long the longest has waited for the store.",
            "s",
            (now("quotad_settle_age_seconds", "instance", how="max"),),
        ),
        Panel(
            "Age of what the store said",
            "Of the numbers of plans above.",
            "s",
            (now("quotad_usage_age_seconds", "instance", how="max"),),
        ),
    ),
)

FLEET = Row(
    "Fleet",
    (
        Panel(
            "Sidecars",
            "Processes that answer Prometheus.",
            "short",
            (
                Query(
                    f"count(count by (instance) ({series('quotad_config_version')}{{{CHOSEN}}}))", "sidecars"
                ),
            ),
            "stat",
            4,
        ),
        Panel("Workers", "Ready ones.", "short", (now("quotad_workers"),), "stat", 4),
        Panel(
            "Configuration",
            "How many sidecars have which version.",
            "short",
            (Query(f"count by (version) ({series('quotad_config_version')}{{{CHOSEN}}})", "{{version}}"),),
        ),
        Panel(
            "Age of the control records",
            "Since what is in force was last known to be what the store has.",
            "s",
            (now("quotad_control_age_seconds", "instance", how="max"),),
        ),
        Panel(
            "Failures to follow the control records",
            "By reason.",
            "ops",
            (rate("quotad_control_failures", "reason"),),
        ),
        Panel(
            "Workers replaced",
            "Since the supervisors started.",
            "short",
            (now("quotad_worker_restarts", "instance"),),
        ),
        Panel(
            "Access log lines dropped",
            "Since the processes started.",
            "short",
            (now("quotad_access_log_dropped", "instance"),),
        ),
        Panel(
            "CPU",
            "Cores in use, workers included.",
            "short",
            (
                Query(
                    f"sum by (instance) (rate(process_cpu_seconds_total{{{CHOSEN}}}{RANGE}))", "{{instance}}"
                ),
                rate("quotad_worker_cpu_seconds", "instance", legend="{{instance}} workers"),
            ),
        ),
        Panel(
            "Memory",
            "Resident.",
            "bytes",
            (
                Query(f"sum by (instance) (process_resident_memory_bytes{{{CHOSEN}}})", "{{instance}}"),
                now("quotad_worker_resident_memory_bytes", "instance", legend="{{instance}} workers"),
            ),
        ),
        Panel(
            "Event loop lag",
            "The greatest of the last 15 to 30 seconds.",
            "s",
            (now("quotad_event_loop_lag_seconds", "instance", how="max"),),
        ),
    ),
)

CONNECTIONS = Row(
    "Connections and backends",
    (
        Panel("Callers' connections", "Open ones.", "short", (now("quotad_connections", "instance"),)),
        Panel(
            "Connections refused",
            "Closed unserved, by reason.",
            "ops",
            (rate("quotad_connections_refused", "reason"),),
        ),
        Panel(
            "Statuses told by other proxies",
            "Of requests that were held for it (authorize.conditional: settle), by what became of them.",
            "ops",
            (rate("quotad_statuses_told", "result"),),
        ),
        Panel(
            "Tunnels",
            "Open ones, and how many end a second.",
            "short",
            (
                now("quotad_tunnels", legend="open"),
                rate("quotad_tunnels_ended", legend="ended a second"),
            ),
        ),
        Panel(
            "Bytes of tunnels",
            "Counted when a tunnel ends.",
            "Bps",
            (rate("quotad_tunnel_bytes", "direction"),),
        ),
        Panel(
            "Time in tunnels",
            "Of those that have ended.",
            "s",
            (now("quotad_tunnel_seconds", "instance"),),
        ),
        Panel(
            "Backends out",
            "Those that get no requests.",
            "short",
            (
                now("quotad_upstream_out", "upstream"),
                now("quotad_upstream_ejections", "upstream", legend="{{upstream}} ejected in all"),
            ),
        ),
        Panel(
            "Connections to backends",
            "Open or being opened.",
            "short",
            (now("quotad_upstream_connections", "upstream"),),
        ),
        Panel(
            "Waiting for a backend",
            "Requests that wait for a connection.",
            "short",
            (now("quotad_upstream_waiting", "upstream"),),
        ),
        Panel("Tried again", "Requests, by why.", "reqps", (rate("quotad_upstream_retries", "kind"),)),
    ),
)

WEBHOOKS = Row(
    "Webhooks",
    (
        Panel(
            "Events of webhooks",
            "Told, and given up because nobody took them.",
            "ops",
            (rate("quotad_webhook_events", "result"),),
        ),
        Panel(
            "Deliveries",
            "Attempts, by what came of them.",
            "ops",
            (rate("quotad_webhook_attempts", "result"),),
        ),
        Panel("Events on their way", "Not taken yet.", "short", (now("quotad_webhook_pending"),)),
        Panel(
            "Oldest event on its way",
            "Since it came to be.",
            "s",
            (now("quotad_webhook_oldest_pending_seconds", how="max"),),
        ),
        Panel(
            "A look at all use",
            "How long the last one took: so late is a crossing told at most.",
            "s",
            (now("quotad_webhook_sweep_seconds", how="max"),),
        ),
    ),
)

ROWS = (TRAFFIC, PLANS, STORE, FLEET, CONNECTIONS, WEBHOOKS)
