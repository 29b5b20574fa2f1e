import json
import stat
from pathlib import Path

import pytest

from quotad.controlplane import audit
from quotad.controlplane.audit import AuditLog


def opened(tmp_path: Path) -> AuditLog:
    return AuditLog(tmp_path / "audit.jsonl", lambda: 1_795_000_000.25)


def test_each_line_is_a_record(tmp_path: Path) -> None:
    """With time, event and members; the file is its owner's alone."""
    log = opened(tmp_path)
    log.append("asked", {"id": "1", "reason": "a\nb"})
    log.append("done", {"id": "1"})
    first, second = (tmp_path / "audit.jsonl").read_text().splitlines()
    assert json.loads(first) == {
        "time": "2026-11-18T11:06:40.250Z",
        "event": "asked",
        "id": "1",
        "reason": "a\nb",
    }
    assert log.tail() == [json.loads(first), json.loads(second)]
    assert stat.S_IMODE((tmp_path / "audit.jsonl").stat().st_mode) == 0o600


def test_what_stands_there_stays(tmp_path: Path) -> None:
    """Lines are only ever added, also after another one that has no end."""
    path = tmp_path / "audit.jsonl"
    path.write_text('{"id":"0"}\n{"torn')
    log = opened(tmp_path)
    log.append("asked", {"id": "1"})
    assert path.read_text().startswith('{"id":"0"}\n{"torn\n{"time"')
    assert [record["id"] for record in log.tail()] == ["0", "1"]


def test_a_file_that_was_moved_away_is_made_anew(tmp_path: Path) -> None:
    """Whoever rotates it needs to tell nobody."""
    log = opened(tmp_path)
    assert log.tail() == []
    log.append("asked", {"id": "1"})
    (tmp_path / "audit.jsonl").rename(tmp_path / "old")
    log.append("done", {"id": "1"})
    assert [record["event"] for record in log.tail()] == ["done"]


def test_only_the_end_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a long file the latest records; one that is cut is left out, as is what is no object."""
    log = opened(tmp_path)
    for number in range(9):
        log.append("asked", {"id": number})
    with (tmp_path / "audit.jsonl").open("a") as file:
        file.write("[1]\n7\n")
    monkeypatch.setattr(audit, "TAIL_BYTES", 150)
    assert [record["id"] for record in log.tail()] == [7, 8]


def test_a_place_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    """A folder in its place, or none to be in."""
    (tmp_path / "audit.jsonl").mkdir()
    with pytest.raises(OSError, match="directory"):
        opened(tmp_path).append("asked", {})
    with pytest.raises(OSError, match="No such file"):
        AuditLog(tmp_path / "none" / "x", lambda: 0.0).append("asked", {})
