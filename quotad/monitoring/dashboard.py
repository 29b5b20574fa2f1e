"""Grafana's JSON of the panels (schema 39, Grafana 10 and newer)."""

from collections.abc import Iterator
from typing import Any

from quotad.monitoring.names import series
from quotad.monitoring.panels import CHOSEN, ROWS, Panel, Row

UID = "quotad"
COLUMNS = 24
HEIGHT = 8
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}


def dashboard() -> dict[str, Any]:
    """The whole dashboard, to be imported or provisioned as it is."""
    return {
        "uid": UID,
        "title": "quotad",
        "description": "Made by `python -m quotad.monitoring` from the metrics in the code.",
        "tags": ["quotad"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "timezone": "browser",
        "annotations": {"list": [_reloads()]},
        "links": [],
        "templating": {"list": _variables()},
        "panels": list(_panels()),
    }


def _reloads() -> dict[str, Any]:
    version = series("quotad_config_version")
    return {
        "name": "Configuration changed",
        "datasource": _SOURCE,
        "enable": True,
        "hide": False,
        "iconColor": "blue",
        "expr": f"count by (version) ({version}{{{CHOSEN}}}) unless count by (version) "
        f"({version}{{{CHOSEN}}} offset 1m)",
    }


def _variables() -> list[dict[str, Any]]:
    version, requests = series("quotad_config_version"), series("quotad_requests")
    return [
        {"name": "datasource", "type": "datasource", "label": "Prometheus", "query": "prometheus"},
        _chosen("job", f"label_values({version}, job)"),
        _chosen("instance", f'label_values({version}{{job=~"$job"}}, instance)'),
        _chosen("service", f"label_values({requests}{{{CHOSEN}}}, service)"),
        _chosen("plan", f"label_values({requests}{{{CHOSEN}}}, plan)"),
    ]


def _chosen(name: str, query: str) -> dict[str, Any]:
    """A list to choose from; all of it at first, also series that have the label empty."""
    return {
        "name": name,
        "type": "query",
        "label": name.capitalize(),
        "datasource": _SOURCE,
        "query": {"query": query, "refId": name},
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": ["All"], "value": ["$__all"]},
    }


def _panels() -> Iterator[dict[str, Any]]:
    number, top = 0, 0
    for row in ROWS:
        number += 1
        yield {
            "id": number,
            "type": "row",
            "title": row.title,
            "collapsed": False,
            "panels": [],
            "gridPos": {"x": 0, "y": top, "w": COLUMNS, "h": 1},
        }
        top += 1
        for panel, left, down in _places(row):
            number += 1
            place = {"x": left, "y": top + down, "w": panel.width, "h": HEIGHT}
            yield {"id": number, "gridPos": place, **_panel(panel)}
        top += max(down for _, _, down in _places(row)) + HEIGHT


def _places(row: Row) -> Iterator[tuple[Panel, int, int]]:
    """Each panel with its column and line: as many beside each other as fit."""
    left = down = 0
    for panel in row.panels:
        if left + panel.width > COLUMNS:
            left, down = 0, down + HEIGHT
        yield panel, left, down
        left += panel.width


def _panel(panel: Panel) -> dict[str, Any]:
    defaults: dict[str, Any] = {"unit": panel.unit, "min": 0}
    if panel.kind == "bargauge":
        defaults["max"] = 1
        steps = [(None, "green"), (0.8, "orange"), (1, "red")]
        defaults["thresholds"] = {
            "mode": "absolute",
            "steps": [{"value": value, "color": color} for value, color in steps],
        }
    is_instant = panel.kind != "timeseries"
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.text,
        "datasource": _SOURCE,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": _OPTIONS[panel.kind],
        "targets": [
            {
                "refId": chr(ord("A") + index),
                "datasource": _SOURCE,
                "expr": query.expression,
                "legendFormat": query.legend,
                "instant": is_instant,
                "range": not is_instant,
            }
            for index, query in enumerate(panel.queries)
        ],
    }


_REDUCE = {"values": False, "calcs": ["lastNotNull"], "fields": ""}
_OPTIONS: dict[str, dict[str, Any]] = {
    "timeseries": {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    "stat": {"reduceOptions": _REDUCE, "colorMode": "value", "graphMode": "area"},
    "bargauge": {"reduceOptions": _REDUCE, "orientation": "horizontal", "displayMode": "basic"},
}
