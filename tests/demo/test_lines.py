import shlex
import subprocess
from pathlib import Path

import pytest

from quotad.demo.lines import lines, program
from quotad.demo.setup import TRIAL_DAY, prepare

URL = "http://127.0.0.1:8080"


@pytest.mark.parametrize("with_curl", [True, False])
def test_lines_hold_no_key(tmp_path: Path, with_curl: bool) -> None:
    """Keys are read from their files when a line runs: they are neither printed nor in ps for quotad."""
    ground = prepare(tmp_path / "it's a demo", keep=False)
    for line in lines(ground, URL, with_curl=with_curl):
        assert ground.trial.secret_key not in line.command
        assert ground.business.secret_key not in line.command
        assert URL in line.command
        assert ("curl" in line.command) <= with_curl


def test_lines_leave_quota_for_the_check(tmp_path: Path) -> None:
    """All lines together stay below the trial plan's day."""
    ground = prepare(tmp_path, keep=False)
    calls = sum(
        int(line.command.rpartition("-n ")[2]) if "-n " in line.command else 1
        for line in lines(ground, URL, with_curl=True)
        if line.plan == "trial"
    )
    assert calls < TRIAL_DAY


def test_the_shown_program_runs() -> None:
    """What the lines call is this quotad."""
    done = subprocess.run([*shlex.split(program()), "version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("quotad ")
