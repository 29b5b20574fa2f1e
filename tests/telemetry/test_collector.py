import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from prometheus_client import Metric
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from quotad.core.histogram import Histogram
from quotad.dataplane.fleet import Row
from quotad.telemetry.collector import make_registry, render
from quotad.telemetry.metrics import Recorder
from quotad.telemetry.sources import Scrape, Sources
from quotad.telemetry.stock import Stock
from tests.support.samples import SERVICE, SHARED, TABLE, FixedReader, Place, outcome, usage

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]

NAMES = {
    "quotad_requests",
    "quotad_denied",
    "quotad_auth_failures",
    "quotad_shadow_requests",
    "quotad_shadow_in_use_request_num",
    "quotad_request_duration_seconds",
    "quotad_upstream_duration_seconds",
    "quotad_store_duration_seconds",
    "quotad_store_errors",
    "quotad_connections",
    "quotad_connections_refused",
    "quotad_statuses_told",
    "quotad_tunnels",
    "quotad_tunnels_ended",
    "quotad_tunnel_seconds",
    "quotad_tunnel_bytes",
    "quotad_unaccounted",
    "quotad_config_version",
    "quotad_upstream_out",
    "quotad_upstream_ejections",
    "quotad_upstream_connections",
    "quotad_upstream_waiting",
    "quotad_upstream_retries",
    "quotad_settle_age_seconds",
    "quotad_event_loop_lag_seconds",
    "quotad_access_log_dropped",
    "quotad_in_use_request_num",
    "quotad_max_request_num",
    "quotad_held_request_num",
    "quotad_leased_request_num",
    "quotad_overage_request_num",
    "quotad_usage_age_seconds",
}


async def scraped() -> Scrape:
    """What is shown of a process that has served three requests and heard from its store."""
    recorder = Recorder()
    recorder.configure((Place(),), TABLE)
    recorder.record(outcome())
    denied = outcome(429)
    denied.reason, denied.limit = "quota", "day"
    recorder.record(denied)
    stranger = outcome(401, plan=None)
    stranger.reason = "hmac_missing"
    recorder.record(stranger)
    stock = Stock(FixedReader(usage(7, 2)), recorder, lambda: 5.0)
    await stock.refresh()
    reserve = Histogram()
    reserve.observe(0.0004)
    sources = Sources(
        recorder=recorder,
        store_durations=lambda: {"reserve": reserve},
        store_errors=lambda: {"oom": 3},
        unaccounted=lambda: {SHARED.usage_plan_id: 4},
        log_dropped=lambda: 9,
        upstreams=lambda: [Row("[::1]:80", True, 2, 5, 1), Row("[::1]:80", False, 1, 2, 0)],
        upstream_retries=lambda: {"unsent": 6},
    )
    return Scrape(sources.figures, stock, lambda: "abc123")


def sample(samples: Samples, name: str, **labels: str) -> float:
    """One value."""
    return samples[name, frozenset(labels.items())]


async def test_every_metric_under_its_name() -> None:
    """The exposition has exactly the documented names, each with a HELP text, and the right values."""
    body, content_type = render(make_registry(await scraped()), "")
    families = {family.name: family for family in text_string_to_metric_families(body.decode())}
    assert {name for name in families if name.startswith("quotad")} == NAMES
    assert all(family.documentation for family in families.values())
    assert content_type.startswith("text/plain")
    samples = {
        (found.name, frozenset(found.labels.items())): found.value
        for family in families.values()
        for found in family.samples
    }
    flow = {"service": SERVICE.service_id, "environment": "release", "plan": SHARED.usage_plan_id}
    assert sample(samples, "quotad_requests_total", **flow, code_class="2xx") == 1
    assert sample(samples, "quotad_requests_total", **flow, code_class="4xx") == 1
    assert sample(samples, "quotad_requests_total", **{**flow, "plan": ""}, code_class="4xx") == 1
    assert sample(samples, "quotad_denied_total", **flow, reason="day") == 1
    assert sample(samples, "quotad_auth_failures_total", reason="hmac_missing") == 1
    assert sample(samples, "quotad_auth_failures_total", reason="secret_invalid") == 0
    assert sample(samples, "quotad_request_duration_seconds_count") == 3
    assert sample(samples, "quotad_request_duration_seconds_bucket", le="0.0025") == 3
    assert sample(samples, "quotad_store_duration_seconds_bucket", script="reserve", le="0.0005") == 1
    assert sample(samples, "quotad_store_errors_total", kind="oom") == 3
    assert sample(samples, "quotad_unaccounted_total", plan=SHARED.usage_plan_id) == 4
    assert sample(samples, "quotad_config_version", version="abc123") == 1
    assert sample(samples, "quotad_access_log_dropped_total") == 9
    there = {"upstream": "[::1]:80"}
    assert sample(samples, "quotad_upstream_out", **there) == 1
    assert sample(samples, "quotad_upstream_ejections_total", **there) == 3
    assert sample(samples, "quotad_upstream_connections", **there) == 7
    assert sample(samples, "quotad_upstream_waiting", **there) == 1
    assert sample(samples, "quotad_upstream_retries_total", kind="unsent") == 6
    assert sample(samples, "quotad_in_use_request_num", **flow, window="day") == 7
    assert sample(samples, "quotad_max_request_num", **flow, window="total") == 1000
    assert sample(samples, "quotad_max_request_num", **flow, window="month") == -1
    assert sample(samples, "quotad_held_request_num", **flow, window="month") == 2
    assert sample(samples, "quotad_leased_request_num", **flow, window="day") == 0
    assert sample(samples, "quotad_usage_age_seconds") == 0
    assert "process_cpu_seconds" in families


async def test_stock_says_how_to_aggregate() -> None:
    """300 pods export the same stock number, so HELP says to take the maximum."""
    body, _ = render(make_registry(await scraped()), "")
    helps = [
        line for line in body.decode().splitlines() if line.startswith("# HELP") and "_request_num " in line
    ]
    assert len(helps) == 6
    assert all("aggregate with max, not sum" in line for line in helps)


async def test_openmetrics_is_valid() -> None:
    """Whoever asks for OpenMetrics gets it, and its own parser reads it."""
    body, content_type = render(make_registry(await scraped()), "application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text; version=1.0.0")
    parse: Callable[[str], Iterator[Metric]] = vars(openmetrics)["text_string_to_metric_families"]
    assert {family.name for family in parse(body.decode())} >= NAMES


@pytest.mark.parametrize(
    "accept",
    [
        "*/*",
        "text/plain",
        "application/openmetrics-text; version=x.y",
        "text/plain; version=,;;=",
        "\xff" * 9000,
    ],
)
async def test_any_accept_is_answered(accept: str) -> None:
    """Whatever Accept says, there is an exposition."""
    body, content_type = render(make_registry(await scraped()), accept)
    assert b"quotad_requests_total" in body
    assert "\n" not in content_type


async def test_without_a_store_there_is_no_stock() -> None:
    """A process that knows nothing of its store shows no stock family."""
    body, _ = render(make_registry(Scrape(Sources(Recorder()).figures)), "")
    assert b"request_num" not in body


def test_prometheus_client_waits_for_the_first_scrape() -> None:
    """Starting the telemetry port imports no prometheus_client, and never a web framework."""
    script = "import sys, quotad.telemetry.server, quotad.telemetry.stock, quotad.telemetry.access_log\n"
    script += "print([name for name in ('prometheus_client', 'aiohttp', 'redis') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
