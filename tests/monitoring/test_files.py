import json
import subprocess
import sys
from pathlib import Path

import yaml

from quotad.monitoring.dashboard import dashboard
from quotad.monitoring.files import files
from quotad.monitoring.rules import rules

ROOT = Path(__file__).parents[2]
COMMITTED = ROOT / "deploy"


def test_what_is_committed_is_what_is_made() -> None:
    """Dashboard and alerts cannot drift from the code; otherwise run ``python -m quotad.monitoring``."""
    for name, text in files().items():
        assert (COMMITTED / name).read_text(encoding="utf-8") == text, name


def test_the_files_say_what_the_tables_say() -> None:
    """Written and read again, nothing is another."""
    texts = files()
    assert json.loads(texts["monitoring/dashboard.json"]) == dashboard()
    assert yaml.safe_load(texts["monitoring/alerts.yaml"]) == rules()
    operators = "kubernetes/components/monitoring/"
    assert json.loads(texts[f"{operators}dashboard.json"]) == dashboard()
    assert yaml.safe_load(texts[f"{operators}prometheusrule.yaml"])["spec"] == rules()


def test_the_command_writes_them(tmp_path: Path) -> None:
    """``python -m quotad.monitoring FOLDER`` makes the folders and all files."""
    folder = tmp_path / "made" / "here"
    subprocess.run([sys.executable, "-m", "quotad.monitoring", folder], check=True, cwd=ROOT, timeout=600)
    made = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert made == set(files())
