"""The files that are committed under deploy/, made from the metrics in the code."""

import json
from pathlib import Path

import yaml

from quotad.monitoring.dashboard import dashboard
from quotad.monitoring.rules import rules

_MADE = "# Made by `python -m quotad.monitoring` from the metrics in the code: change it there.\n"


def files() -> dict[str, str]:
    """Path to text. What the Prometheus operator reads says the same, where kustomize finds it."""
    board = json.dumps(dashboard(), indent=2) + "\n"
    resource = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "quotad"},
        "spec": rules(),
    }
    operators = _yaml(resource)
    return {
        "monitoring/dashboard.json": board,
        "monitoring/alerts.yaml": _yaml(rules()),
        "kubernetes/components/monitoring/dashboard.json": board,
        "kubernetes/components/monitoring/prometheusrule.yaml": operators,
        "helm/quotad/prometheusrule.yaml": operators,
    }


def write(folder: Path) -> None:
    """Write the files, and make their folders where they are missing."""
    for name, text in files().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _yaml(value: object) -> str:
    return _MADE + yaml.safe_dump(value, sort_keys=False, width=110, allow_unicode=True)
