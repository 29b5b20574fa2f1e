"""A shell in which the commands of a page are typed."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]

_PROGRAMS = {
    "quotad": f'exec {sys.executable} -m quotad "$@"',
    "python3": f'exec {sys.executable} "$@"',
    # What is refused is a failure, and said; no proxy between a test and its own ports.
    "curl": 'exec /usr/bin/curl --noproxy "*" --silent --show-error --fail-with-body "$@"',
}


class Terminal:
    """A shell in a folder, with this tree's quotad as a program."""

    def __init__(
        self, folder: Path, *, never: str = "", programs: Path | None = None, **variables: str
    ) -> None:
        """``never``: what must not be printed; ``programs``: a folder with more of them."""
        own = folder / "bin"
        own.mkdir()
        for name, line in _PROGRAMS.items():
            (own / name).write_text(f"#!/bin/sh\n{line}\n")
            (own / name).chmod(0o755)
        path = [str(own), *([str(programs)] if programs else []), os.environ["PATH"]]
        mine = {"PATH": ":".join(path), "PYTHONPATH": str(ROOT), "HOME": str(folder), **variables}
        self._never = never
        self._folder = folder
        self._environment = {
            name: value for name, value in os.environ.items() if not name.startswith("QUOTAD_")
        } | mine

    def run(self, lines: str | Sequence[str]) -> str:
        """What was printed; the first line that fails ends it."""
        done = subprocess.run(
            ["sh", "-e"],
            input=lines if isinstance(lines, str) else "\n".join(lines),
            env=self._environment,
            cwd=self._folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=1800,
        )
        assert done.returncode == 0, (done.stdout[-2000:], done.stderr)
        assert not self._never or self._never not in done.stdout + done.stderr
        return done.stdout
