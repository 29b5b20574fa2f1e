"""The files that are committed under deploy/monitoring/."""

import json
from pathlib import Path

import yaml

from quotad.monitoring.dashboard import dashboard
from quotad.monitoring.rules import rules

_MADE = "# Made by `python -m quotad.monitoring` from the metrics in the code: change it there.\n"


def files() -> dict[str, str]:
    """Name to text."""
    return {
        "dashboard.json": json.dumps(dashboard(), indent=2) + "\n",
        "alerts.yaml": _MADE + yaml.safe_dump(rules(), sort_keys=False, width=110, allow_unicode=True),
    }


def write(folder: Path) -> None:
    """Make the folder, where it is missing, and write the files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files().items():
        (folder / name).write_text(text, encoding="utf-8")
