"""What somebody must be told: a table of alerts. What to do for each stands in docs/alerts.md.

Each expression answers series only while something is wrong. Those about one process keep ``job`` and
``instance``, so that ``up`` and the labels of its Pod can be looked at.
"""

from typing import Literal, NamedTuple

from quotad.monitoring.names import by, series
from quotad.telemetry.families import PLACE, STOCK_PLACE

PROCESS = ("job", "instance")
NEVER_GONE_FOR = "6h"
"""How long a process that does not answer is remembered."""


class Alert(NamedTuple):
    """One rule. ``lasts`` is how long it must hold; a text may use Prometheus' templates."""

    name: str
    severity: Literal["info", "warning", "critical"]
    lasts: str
    expression: str
    summary: str
    description: str


def _max(name: str, *labels: str, only: str = "") -> str:
    return f"max{by(*labels)} ({series(name)}{only})"


def _rate(name: str, within: str, *labels: str, part: str = "", matching: str = "") -> str:
    return f"sum{by(*labels)} (rate({series(name, part)}{matching}[{within}]))"


def _grew(name: str, within: str, *labels: str, matching: str = "") -> str:
    """By how much a counter grew; one that is new came from 0, which ``increase`` cannot know."""
    counter = series(name) + matching
    new = f"({counter} > 0 unless {counter} offset {within})"
    return f"sum{by(*labels)} (increase({counter}[{within}]) > 0 or {new})"


_FRESH = f" and on (job, instance) {series('quotad_usage_age_seconds')} < 60"
"""A process that has not heard from the store may still show yesterday's numbers."""
_USED = (
    f"{_max('quotad_in_use_request_num', *STOCK_PLACE, only=_FRESH)}"
    f" / ({_max('quotad_max_request_num', *STOCK_PLACE, only=_FRESH)} > 0)"
)
_WHOSE = "{{ $labels.plan }} of {{ $labels.service }}, {{ $labels.environment }}"
_DENIED_NOW = _rate("quotad_denied", "10m", "job", *PLACE)
_DENIED_BEFORE = f"sum{by('job', *PLACE)} (rate({series('quotad_denied')}[10m] offset 1h))"

PLANS = (
    Alert(
        "QuotadPlanAt80Percent",
        "info",
        "0m",
        f"{_USED} >= 0.8 < 1",
        f"Plan {_WHOSE}: 80 % of the {{{{ $labels.window }}}} is used",
        "{{ $value | humanizePercentage }} of the limit is in use.",
    ),
    Alert(
        "QuotadPlanUsedUp",
        "warning",
        "0m",
        f"{_USED} >= 1",
        f"Plan {_WHOSE}: the {{{{ $labels.window }}}} is used up",
        "Its callers get 429 until the window ends, or until the limit is raised.",
    ),
    Alert(
        "QuotadDenialsRising",
        "warning",
        "5m",
        f"({_DENIED_NOW} > 3 * ({_DENIED_BEFORE} or {_DENIED_NOW} * 0))"
        f" and {_DENIED_NOW} > 0.1 * {_rate('quotad_requests', '10m', 'job', *PLACE)}"
        f" and {_DENIED_NOW} > 0.1",
        f"Plan {_WHOSE}: many more requests are denied than an hour ago",
        "{{ $value | humanize }} a second: over three times as many as an hour ago, and over 10 % of all.",
    ),
)

STORE = (
    Alert(
        "QuotadStoreGone",
        "critical",
        "30s",
        f"{_max('quotad_usage_age_seconds', *PROCESS)} > 30"
        f" or ({_rate('quotad_store_errors', '2m', *PROCESS)} > 0"
        f" unless {_rate('quotad_store_duration_seconds', '2m', *PROCESS, part='_count')} > 0)",
        "{{ $labels.instance }}: the store does not answer",
        "Requests are decided by each plan's onStoreFailure.",
    ),
    Alert(
        "QuotadStoreErrors",
        "warning",
        "5m",
        f"{_rate('quotad_store_errors', '5m', *PROCESS)}"
        f" > 0.01 * {_rate('quotad_store_duration_seconds', '5m', *PROCESS, part='_count')}",
        "{{ $labels.instance }}: store calls fail",
        "{{ $value | humanize }} a second, more than 1 % of all calls.",
    ),
    Alert(
        "QuotadStoreSlow",
        "warning",
        "5m",
        "histogram_quantile(0.99, "
        f"{_rate('quotad_store_duration_seconds', '5m', 'le', *PROCESS, part='_bucket')}) > 0.025",
        "{{ $labels.instance }}: the store is slow",
        "1 % of its calls take longer than {{ $value | humanizeDuration }}; at store.deadlineMs they fail.",
    ),
    Alert(
        "QuotadNoSettle",
        "critical",
        "30s",
        f"{_max('quotad_settle_age_seconds', *PROCESS)} > 15",
        "{{ $labels.instance }}: outcomes of requests do not reach the store",
        "The longest waits for {{ $value | humanizeDuration }} now; after store.holdMs onCrash decides.",
    ),
    Alert(
        "QuotadUnaccounted",
        "warning",
        "0m",
        f"{_grew('quotad_unaccounted', '15m', 'job', 'plan')} > 0",
        "Plan {{ $labels.plan }}: requests were admitted without the store",
        "{{ $value | humanize }} in 15 minutes, under onStoreFailure: open. The journal counts them later.",
    ),
)

FLEET = (
    Alert(
        "QuotadDown",
        "critical",
        "2m",
        f"up == 0 and on (job, instance) last_over_time({series('quotad_config_version')}[{NEVER_GONE_FOR}])",
        "{{ $labels.instance }} does not answer Prometheus",
        "It answered within the last 6 hours. Its callers may get nothing.",
    ),
    Alert(
        "QuotadVersionsApart",
        "warning",
        "10m",
        f"count by (job) (count by (job, version) ({series('quotad_config_version')})) > 1",
        "{{ $labels.job }}: sidecars have different configurations",
        "{{ $value }} versions for ten minutes.",
    ),
    Alert(
        "QuotadControlStale",
        "warning",
        "1m",
        f"{_max('quotad_control_age_seconds', *PROCESS)} > 10",
        "{{ $labels.instance }} does not follow the control records",
        "What it serves was last known to be true {{ $value | humanizeDuration }} ago.",
    ),
    Alert(
        "QuotadControlRecords",
        "warning",
        "0m",
        _grew("quotad_control_failures", "15m", *PROCESS, "reason", matching='{reason!="store"}') + " > 0",
        "{{ $labels.instance }}: control records are wrong ({{ $labels.reason }})",
        "Its log names them.",
    ),
    Alert(
        "QuotadWorkersDie",
        "warning",
        "0m",
        f"{_grew('quotad_worker_restarts', '15m', *PROCESS)} > 2",
        "{{ $labels.instance }}: workers die",
        "About {{ $value | humanize }} were put in the place of dead ones in 15 minutes.",
    ),
    Alert(
        "QuotadBusy",
        "warning",
        "5m",
        f"{_max('quotad_event_loop_lag_seconds', *PROCESS)} > 0.25",
        "{{ $labels.instance }} has more to do than a core can",
        "A timer came {{ $value | humanizeDuration }} late; every request waits as long.",
    ),
    Alert(
        "QuotadConnectionsRefused",
        "warning",
        "5m",
        _rate("quotad_connections_refused", "5m", *PROCESS, "reason", matching='{reason!="made_room"}')
        + " > 0.1",
        "{{ $labels.instance }} closes connections unserved ({{ $labels.reason }})",
        "{{ $value | humanize }} a second.",
    ),
    Alert(
        "QuotadBackendOut",
        "warning",
        "5m",
        f"{_max('quotad_upstream_out', *PROCESS, 'upstream')} > 0",
        "{{ $labels.instance }}: backend {{ $labels.upstream }} gets no requests",
        "It was ejected, or its checks fail.",
    ),
    Alert(
        "QuotadAccessLogDropped",
        "warning",
        "0m",
        f"{_grew('quotad_access_log_dropped', '15m', *PROCESS)} > 0",
        "{{ $labels.instance }}: access log lines are lost",
        "{{ $value | humanize }} in 15 minutes: the log's writer is too slow, or fails.",
    ),
)

WEBHOOKS = (
    Alert(
        "QuotadWebhooksStuck",
        "warning",
        "5m",
        f"{_max('quotad_webhook_oldest_pending_seconds', 'job')} > 3600",
        "{{ $labels.job }}: a webhook does not take its events",
        "The oldest has been tried for {{ $value | humanizeDuration }}; after three days it is given up.",
    ),
    Alert(
        "QuotadWebhooksGivenUp",
        "warning",
        "0m",
        _grew("quotad_webhook_events", "15m", "job", matching='{result="given_up"}') + " > 0",
        "{{ $labels.job }}: events of webhooks were given up",
        "About {{ $value | humanize }} in 15 minutes: not taken for three days, or the receiver is gone.",
    ),
)

GROUPS = {"quotad-plans": PLANS, "quotad-store": STORE, "quotad-fleet": FLEET, "quotad-webhooks": WEBHOOKS}
