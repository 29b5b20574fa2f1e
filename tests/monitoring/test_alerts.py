"""Each alert by promtool: it fires on what it is for, and on nothing that only looks like it."""

import json
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from quotad.monitoring.alerts import GROUPS
from quotad.monitoring.files import write

ALERTS = {alert.name: alert for alerts in GROUPS.values() for alert in alerts}

PROCESS = 'job="quotad",instance="a:9090"'
OTHER = 'job="quotad",instance="b:9090"'
PLACE = 'service="service-1",environment="release",plan="plan-1"'
HEARD = {f"quotad_usage_age_seconds{{{PROCESS}}}": "0x200"}


def used(numbers: str, limit: int, age: str = "0x200") -> dict[str, str]:
    """A day's use of one plan, as one process shows it."""
    day = f'{{{PROCESS},{PLACE},window="day"}}'
    return {
        f"quotad_in_use_request_num{day}": numbers,
        f"quotad_max_request_num{day}": f"{limit}x200",
        f"quotad_usage_age_seconds{{{PROCESS}}}": age,
    }


def one(name: str, numbers: str, more: str = "") -> dict[str, str]:
    """One series of one process."""
    return {f"{name}{{{PROCESS}{more}}}": numbers}


def denials(denied: str, requests: str) -> dict[str, str]:
    """What a plan's callers asked for, and what of it was denied."""
    return {
        **one("quotad_denied_total", denied, f',{PLACE},reason="rate"'),
        **one("quotad_requests_total", requests, f',{PLACE},code_class="4xx"'),
    }


def calls(count: str, quick: str) -> dict[str, str]:
    """Store calls, and how many of them took at most 10 ms."""
    script = ',script="reserve"'
    return {
        **one("quotad_store_duration_seconds_count", count, script),
        **one("quotad_store_duration_seconds_bucket", quick, script + ',le="0.01"'),
        **one("quotad_store_duration_seconds_bucket", count, script + ',le="0.1"'),
        **one("quotad_store_duration_seconds_bucket", count, script + ',le="+Inf"'),
    }


class Case(NamedTuple):
    """What Prometheus sees, a sample every 30 seconds, and whose alert fires after ``minutes``."""

    alert: str
    series: dict[str, str]
    minutes: int
    fires: str
    """Labels of the alert besides name and severity; empty: it does not fire."""


PLAN_LABELS = f'{PLACE},window="day"'
OLDEST = "quotad_webhook_oldest_pending_seconds"
REFUSED = "quotad_connections_refused_total"
GONE = one("quotad_store_errors_total", "0x20 0+30x180", ',kind="deadline"')

CASES = (
    Case("QuotadPlanAt80Percent", used("70+1x200", 100), 6, PLAN_LABELS),
    Case("QuotadPlanAt80Percent", used("79x200", 100), 6, ""),
    Case("QuotadPlanAt80Percent", used("100x200", 100), 6, ""),
    Case("QuotadPlanAt80Percent", used("90x200", -1), 6, ""),
    Case("QuotadPlanAt80Percent", used("90x200", 100, age="61x200"), 6, ""),
    Case("QuotadPlanUsedUp", used("90+1x200", 100), 6, PLAN_LABELS),
    Case("QuotadPlanUsedUp", used("99x200", 100), 6, ""),
    Case("QuotadPlanUsedUp", used("0x200", 0), 6, ""),
    # 30 a minute, then 180: of 300 requests.
    Case("QuotadDenialsRising", denials("0+15x140 2100+90x60", "0+150x200"), 90, f'job="quotad",{PLACE}'),
    # None before, not even a series.
    Case("QuotadDenialsRising", denials("_x140 0+90x60", "0+150x200"), 90, f'job="quotad",{PLACE}'),
    # As many as ever.
    Case("QuotadDenialsRising", denials("0+90x200", "0+150x200"), 90, ""),
    # More than ever, and few.
    Case("QuotadDenialsRising", denials("0+1x140 140+10x60", "0+150x200"), 90, ""),
    Case("QuotadStoreGone", one("quotad_usage_age_seconds", "0x10 0+30x20"), 9, PROCESS),
    Case("QuotadStoreGone", {**HEARD, **GONE, **calls("0+30x20 600x180", "0x200")}, 20, PROCESS),
    Case("QuotadStoreGone", GONE, 20, PROCESS),
    Case("QuotadStoreGone", {**HEARD, **GONE, **calls("0+300x200", "0+300x200")}, 20, ""),
    Case("QuotadStoreErrors", {**GONE, **calls("0+300x200", "0+300x200")}, 20, PROCESS),
    Case("QuotadStoreErrors", {**GONE, **calls("0+9000x200", "0+9000x200")}, 20, ""),
    Case("QuotadStoreSlow", calls("0+300x200", "0+280x200"), 20, PROCESS),
    Case("QuotadStoreSlow", calls("0+300x200", "0+299x200"), 20, ""),
    Case("QuotadNoSettle", one("quotad_settle_age_seconds", "0x10 0+30x20"), 8, PROCESS),
    Case("QuotadNoSettle", one("quotad_settle_age_seconds", "0.02x200"), 8, ""),
    Case("QuotadUnaccounted", one("quotad_unaccounted_total", "0x10 7x200", ',plan="plan-1"'), 9,
         'job="quotad",plan="plan-1"'),
    # A counter that begins with its first number.
    Case("QuotadUnaccounted", one("quotad_unaccounted_total", "_x10 7x200", ',plan="plan-1"'), 9,
         'job="quotad",plan="plan-1"'),
    Case("QuotadUnaccounted", one("quotad_unaccounted_total", "7x200", ',plan="plan-1"'), 40, ""),
    Case("QuotadDown", {f"up{{{PROCESS}}}": "1x10 0x100",
         **one("quotad_config_version", "1x10", ',version="1"')}, 20, PROCESS),
    Case("QuotadDown", {f"up{{{PROCESS}}}": "0x100", **one("node_load1", "1x100")}, 20, ""),
    Case("QuotadVersionsApart", {
        **one("quotad_config_version", "1x100", ',version="1"'),
        f'quotad_config_version{{{OTHER},version="2"}}': "1x100"}, 20, 'job="quotad"'),
    # All change to 2 within three minutes.
    Case("QuotadVersionsApart", {
        **one("quotad_config_version", "1x30 _x70", ',version="1"'),
        **one("quotad_config_version", "_x31 1x70", ',version="2"'),
        f'quotad_config_version{{{OTHER},version="2"}}': "_x25 1x75"}, 20, ""),
    Case("QuotadControlStale", one("quotad_control_age_seconds", "1x10 0+30x20"), 9, PROCESS),
    Case("QuotadControlStale", one("quotad_control_age_seconds", "1x200"), 9, ""),
    Case("QuotadControlRecords", one("quotad_control_failures_total", "_x10 1x100", ',reason="record"'), 9,
         f'{PROCESS},reason="record"'),
    Case("QuotadControlRecords", one("quotad_control_failures_total", "0+1x100", ',reason="store"'), 9, ""),
    Case("QuotadWorkersDie", one("quotad_worker_restarts_total", "0+1x100"), 9, PROCESS),
    Case("QuotadWorkersDie", one("quotad_worker_restarts_total", "0x10 1x100"), 9, ""),
    Case("QuotadBusy", one("quotad_event_loop_lag_seconds", "0.4x100"), 9, PROCESS),
    Case("QuotadBusy", one("quotad_event_loop_lag_seconds", "0.01x10 0.4x2 0.01x80"), 7, ""),
    Case("QuotadConnectionsRefused", one(REFUSED, "0+30x100", ',reason="total"'),
         20, f'{PROCESS},reason="total"'),
    Case("QuotadConnectionsRefused", one(REFUSED, "0+30x100", ',reason="made_room"'),
         20, ""),
    Case("QuotadBackendOut", one("quotad_upstream_out", "0x10 1x90", ',upstream="10.0.0.9:80"'), 20,
         f'{PROCESS},upstream="10.0.0.9:80"'),
    Case("QuotadBackendOut", one("quotad_upstream_out", "0x10 1x4 0x90", ',upstream="10.0.0.9:80"'), 20, ""),
    Case("QuotadWebhooksStuck", one(OLDEST, "3700+30x100"), 9, 'job="quotad"'),
    Case("QuotadWebhooksStuck", one(OLDEST, "600+0x100"), 9, ""),
    Case("QuotadWebhooksGivenUp", one("quotad_webhook_events_total", "0x10 2x100", ',result="given_up"'), 9,
         'job="quotad"'),
    Case("QuotadWebhooksGivenUp", one("quotad_webhook_events_total", "0+5x100", ',result="told"'), 9, ""),
    Case("QuotadAccessLogDropped", one("quotad_access_log_dropped_total", "0x10 9x100"), 9, PROCESS),
    Case("QuotadAccessLogDropped", one("quotad_access_log_dropped_total", "9x100"), 40, ""),
)  # fmt: skip


def unit_test(case: Case) -> dict[str, object]:
    """The case as promtool reads it. ALERTS has no annotations, so their words are free to change."""
    fired = (
        f'ALERTS{{alertname="{case.alert}",alertstate="firing",severity="{ALERTS[case.alert].severity}"'
        f",{case.fires}}}"
    )
    return {
        "name": f"{case.alert} at {case.minutes} minutes",
        "interval": "30s",
        "input_series": [{"series": name, "values": values} for name, values in case.series.items()],
        "promql_expr_test": [
            {
                "expr": f'ALERTS{{alertname="{case.alert}",alertstate="firing"}}',
                "eval_time": f"{case.minutes}m",
                "exp_samples": [{"labels": fired, "value": 1}] if case.fires else [],
            }
        ],
    }


@pytest.mark.debian
def test_each_alert_fires_on_what_it_is_for_and_on_nothing_else(tmp_path: Path) -> None:
    """Every case is as it is said, by promtool."""
    write(tmp_path)
    tests = tmp_path / "tests.yaml"
    tests.write_text(
        json.dumps(
            {
                "rule_files": ["monitoring/alerts.yaml"],
                "evaluation_interval": "1m",
                "tests": [*map(unit_test, CASES)],
            }
        )
    )
    done = subprocess.run(
        ["promtool", "test", "rules", tests], capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_has_both_kinds_of_case() -> None:
    """No alert is there that was not seen firing and quiet."""
    fired = {case.alert for case in CASES if case.fires}
    quiet = {case.alert for case in CASES if not case.fires}
    assert fired == quiet == set(ALERTS)


def test_names_are_told_apart() -> None:
    """No two alerts have one name: their runbooks are found by it."""
    assert len(ALERTS) == sum(map(len, GROUPS.values()))
