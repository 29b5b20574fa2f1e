"""Prometheus' rule file of the alerts."""

from typing import Any

from quotad.monitoring.alerts import GROUPS, Alert

RUNBOOK = "docs/alerts.md"


def rules() -> dict[str, Any]:
    """All groups, as a file for ``rule_files``, or as the ``spec`` of a PrometheusRule."""
    return {
        "groups": [
            {"name": name, "rules": [_rule(alert) for alert in alerts]} for name, alerts in GROUPS.items()
        ]
    }


def anchor(name: str) -> str:
    """The headline of an alert in ``RUNBOOK``, as a link names it."""
    return name.lower()


def _rule(alert: Alert) -> dict[str, Any]:
    return {
        "alert": alert.name,
        "expr": alert.expression,
        "for": alert.lasts,
        "labels": {"severity": alert.severity},
        "annotations": {
            "summary": alert.summary,
            "description": alert.description,
            "runbook": f"{RUNBOOK}#{anchor(alert.name)}",
        },
    }
