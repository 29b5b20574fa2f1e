import json
import subprocess
import sys
from pathlib import Path

import yaml

from quotad.monitoring.dashboard import dashboard
from quotad.monitoring.files import files
from quotad.monitoring.rules import rules

ROOT = Path(__file__).parents[2]
COMMITTED = ROOT / "deploy" / "monitoring"


def test_what_is_committed_is_what_is_made() -> None:
    """Dashboard and alerts cannot drift from the code; otherwise run ``python -m quotad.monitoring``."""
    assert {path.name: path.read_text(encoding="utf-8") for path in COMMITTED.iterdir()} == files()


def test_the_files_say_what_the_tables_say() -> None:
    """Written and read again, nothing is another."""
    texts = files()
    assert json.loads(texts["dashboard.json"]) == dashboard()
    assert yaml.safe_load(texts["alerts.yaml"]) == rules()


def test_the_command_writes_them(tmp_path: Path) -> None:
    """``python -m quotad.monitoring FOLDER`` makes the folder and both files."""
    folder = tmp_path / "made" / "here"
    subprocess.run([sys.executable, "-m", "quotad.monitoring", folder], check=True, cwd=ROOT, timeout=60)
    assert {path.name for path in folder.iterdir()} == set(files())
