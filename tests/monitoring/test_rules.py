import subprocess
from pathlib import Path

import pytest

from quotad.monitoring.files import write
from quotad.monitoring.rules import RUNBOOK, rules

ROOT = Path(__file__).parents[2]
RULES = [rule for group in rules()["groups"] for rule in group["rules"]]


def test_each_alert_has_its_section_in_the_runbook() -> None:
    """Its link leads to a headline, and no headline there is of an alert that is gone."""
    text = (ROOT / RUNBOOK).read_text(encoding="utf-8")
    headlines = [
        line.removeprefix("## ").lower() for line in text.splitlines() if line.startswith("## Quotad")
    ]
    assert [rule["annotations"]["runbook"].partition("#")[2] for rule in RULES] == headlines


def test_each_alert_says_who_what_and_how_bad() -> None:
    """Summary, description and severity are there."""
    for rule in RULES:
        assert rule["labels"]["severity"] in {"info", "warning", "critical"}
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["description"]


@pytest.mark.debian
def test_promtool_takes_the_rules(tmp_path: Path) -> None:
    """The file is one that Prometheus loads, templates included."""
    write(tmp_path)
    done = subprocess.run(
        ["promtool", "check", "rules", "--lint-fatal", tmp_path / "monitoring" / "alerts.yaml"],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
