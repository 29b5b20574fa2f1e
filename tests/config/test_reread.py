from pathlib import Path

import pytest

from quotad.config.file import load
from quotad.config.reread import FIXED, reread
from quotad.errors import ConfigError
from tests.support.processes import write_config


def written(path: Path, limit: int = 5, workers: int = 2, **store: object) -> Path:
    """A configuration on a store that nobody asks."""
    return write_config(path, {"url": "redis://127.0.0.1:1", **store}, 9, {"dayQuotaRequest": limit}, workers)


def test_a_changed_limit_is_taken(tmp_path: Path) -> None:
    """What may change while running comes out as the file says now."""
    path = written(tmp_path / "q.yaml")
    current = load(path)
    written(path, limit=6)
    (plan,) = reread(path, current).table.plans.values()
    assert plan.day_quota_request == 6


def test_what_needs_a_restart_is_named(tmp_path: Path) -> None:
    """Each part that cannot change is a problem of its own."""
    path = written(tmp_path / "q.yaml")
    current = load(path)
    written(path, workers=3, namespace="other")
    with pytest.raises(ConfigError) as caught:
        reread(path, current)
    assert [problem.path for problem in caught.value.problems] == ["store", "workers"]
    assert set(FIXED) == {
        "listen",
        "telemetry",
        "admin",
        "store",
        "workers",
        "supervised",
        "reload",
        "control",
    }
