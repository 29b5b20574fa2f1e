"""What a new user meets first: `make` on a machine that lacks something."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
INTERPRETERS = ("python3.13", "python3.12", "python3.11", "python3", "python")

# Asked with `-c` to print the version, to compare it, or to import venv, each answers as such a Python would.
TOO_OLD = """#!/bin/sh
case "$2" in *print*) echo 3.9;; *) exit 1;; esac
"""
WITHOUT_VENV = """#!/bin/sh
case "$2" in *print*) echo 3.12;; *venv*) exit 1;; esac
"""
UNUSABLE = """#!/bin/sh
exit 127
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A fresh checkout's makefile and scripts, in a folder whose name needs quoting."""
    checkout = tmp_path / "a user's quotad"
    shutil.copytree(ROOT / ".ci", checkout / ".ci")
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, checkout / name)
    return checkout


def make(folder: Path, target: str, interpreter: str) -> subprocess.CompletedProcess[str]:
    """Run a target on a machine where every Python is this one."""
    programs = folder / "programs"
    programs.mkdir()
    for name in INTERPRETERS:
        (programs / name).write_text(interpreter)
        (programs / name).chmod(0o755)
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "PYTHON"))
    }
    environment["PATH"] = f"{programs}:/usr/bin:/bin"
    return subprocess.run(
        ["make", target], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("target", ["demo", "test"])
def test_too_old_a_python_is_named_with_its_remedy(folder: Path, target: str) -> None:
    """Where no Python is new enough, what was found and what to install are said, and nothing is made."""
    done = make(folder, target, TOO_OLD)
    assert done.returncode != 0
    assert "Python 3.11 or newer is needed. python3.13 is Python 3.9." in done.stderr
    assert "apt install python3 python3-venv" in done.stderr
    assert not (folder / ".venv").exists()


def test_a_missing_venv_module_is_named_with_its_remedy(folder: Path) -> None:
    """Where Python came without venv or ensurepip, the package that brings it is said."""
    done = make(folder, "demo", WITHOUT_VENV)
    assert done.returncode != 0
    assert "Python 3.12 stands here without its venv or ensurepip module." in done.stderr
    assert "apt install python3.12-venv" in done.stderr


def test_no_python_at_all_is_said(folder: Path) -> None:
    """A name on PATH that does not run (a version manager's shim) is no Python."""
    done = make(folder, "demo", UNUSABLE)
    assert done.returncode != 0
    assert "Python 3.11 or newer is needed. PATH holds none." in done.stderr


def test_missing_programs_are_named_by_their_packages() -> None:
    """Each missing program is said by its Debian package; one that is there is not."""
    command = [
        "sh",
        str(ROOT / ".ci" / "tools"),
        "sh:dash",
        "no-such-program:its-package",
        "nor-this:another",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.strip().endswith("apt install its-package another")


def test_files_are_asked_for_by_their_path(tmp_path: Path) -> None:
    """A module that a program loads is a file, not a program: it is missing when nothing is there."""
    there = tmp_path / "module.so"
    there.touch()
    command = ["sh", str(ROOT / ".ci" / "tools"), f"{there}:its-package", f"{there}.no:another"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.strip().endswith("apt install another")


def test_help_names_every_target(folder: Path) -> None:
    """`make help` needs no Python and lists what can be made."""
    done = make(folder, "help", UNUSABLE)
    assert done.returncode == 0
    for target in ("demo", "test", "test-all", "chaos", "bench", "clean"):
        assert f"make {target} " in done.stdout
