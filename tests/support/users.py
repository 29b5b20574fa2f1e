"""Servers that know the two users whose rights docs/operations.md gives to sidecars and admin processes."""

import contextlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.support.servers import Engine, StoreServer, every_engine, running_server

SIDECAR, ADMIN = "quotad", "quotad-admin"
PASSWORD = "of-the-test"
NEWER = [engine for engine in every_engine() if engine != "redis-6.2"]
"""Those whose rights tell reading from writing."""

_DOCUMENT = Path(__file__).parents[2] / "docs" / "operations.md"
_SECTION = "### Users for the control records"


def documented(user: str) -> list[str]:
    """The words of the line for this user in the section about control records."""
    section = _DOCUMENT.read_text(encoding="utf-8").partition(_SECTION)[2]
    (line,) = re.findall(rf"^ACL SETUSER {user} .*$", section, re.MULTILINE)
    words: list[str] = line.replace("PASSWORD", PASSWORD).split()
    return words


def run(client: Any, words: Sequence[str]) -> object:
    """One command as it stands."""
    return client.execute_command(*words)


@contextlib.contextmanager
def secured(engine: Engine = "valkey") -> Iterator[StoreServer]:
    """A server that knows both."""
    with running_server(engine) as started, started.client() as client:
        for user in (SIDECAR, ADMIN):
            run(client, documented(user))
        yield started


def by(user: str, server: StoreServer) -> str:
    """The server's URL for a user."""
    return f"redis://{user}:{PASSWORD}@127.0.0.1:{server.port}/0"
