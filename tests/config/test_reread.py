import json
from dataclasses import replace
from pathlib import Path

import pytest

from quotad.config.file import load
from quotad.config.model import Address, Authorize
from quotad.config.reread import FIXED, KEPT, reread
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
    sections = {"listen", "authorize", "admin", "store", "control", "workers", "supervised", "reload"}
    assert set(FIXED) == sections | {"tracing.endpoint", "telemetry.address", "telemetry.access_log"}


def test_how_much_of_the_admin_port_is_logged_may_change(tmp_path: Path) -> None:
    """The sampling of its log is taken at once; anything else of it needs a restart."""
    path = written(tmp_path / "q.yaml")
    document = json.loads(path.read_text())
    admin = {"address": "127.0.0.1:9", "token": "a-token-of-twenty-characters", "accessLog": "-"}
    path.write_text(json.dumps({**document, "admin": admin}))
    current = load(path)
    path.write_text(json.dumps({**document, "admin": {**admin, "accessLogOneIn": 7}}))
    taken = reread(path, current).admin
    assert taken is not None
    assert taken.access_log_one_in == 7
    path.write_text(json.dumps({**document, "admin": {**admin, "accessLog": "other"}}))
    with pytest.raises(ConfigError, match="admin: changing this needs a restart"):
        reread(path, current)


def test_how_much_is_logged_may_change(tmp_path: Path) -> None:
    """Level and sampling are taken at once; where lines go needs a restart, and is named as in the file."""
    path = written(tmp_path / "q.yaml")
    current = load(path)
    document = json.loads(path.read_text())
    more = {"accessLogOneIn": 10, "logLevel": "debug"}
    path.write_text(json.dumps({**document, "telemetry": {**document["telemetry"], **more}}))
    telemetry = reread(path, current).telemetry
    assert (telemetry.access_log_one_in, telemetry.log_level) == (10, "debug")
    path.write_text(json.dumps({**document, "telemetry": {**document["telemetry"], "accessLog": "other"}}))
    with pytest.raises(ConfigError, match=r"telemetry\.accessLog: changing this needs a restart"):
        reread(path, current)


def test_the_port_of_other_proxies(tmp_path: Path) -> None:
    """At a reload it cannot change at all, at a swap all but its address, which cannot come or go either."""
    path = written(tmp_path / "q.yaml")
    plain = load(path)
    here = Authorize(Address("127.0.0.1", 8081), "caddy")
    with pytest.raises(ConfigError, match="authorize"):
        reread(path, replace(plain, authorize=here))
    with pytest.raises(ConfigError, match=r"authorize\.address"):
        reread(path, replace(plain, authorize=here), KEPT)
    document = json.loads(path.read_text())
    path.write_text(json.dumps({**document, "authorize": {"address": "127.0.0.1:8081", "shape": "envoy"}}))
    found = reread(path, replace(plain, authorize=here), KEPT).authorize
    assert found is not None
    assert found.shape == "envoy"
