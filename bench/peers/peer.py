"""What a peer is, and what it is given to run."""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.callers import Caller
from bench.cases import POOL_SIZE, Case
from bench.errors import BenchError

PEERS = Path(__file__).parent

LIMIT_HEADERS = (
    "RateLimit-Policy",
    "RateLimit",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
    "X-Request-Id",
)
"""What an answer carries when the whole job is done."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where and for whom one peer runs."""

    folder: Path
    """Empty, the peer's own, gone after the run."""
    port: int
    backend_port: int
    store_socket: Path
    script_sha: str
    """The SHA1 of the assembled reserve script, loaded in the store."""
    callers: list[Caller]
    case: Case

    @property
    def signed(self) -> bool:
        """True: the callers sign; False: they send their key pair."""
        return self.case.signed


@dataclass(frozen=True, slots=True)
class Peer:
    """A proxy that is measured."""

    name: str
    title: str
    job: str
    """What of quotad's job it does, for the table."""
    command: Callable[[Site], list[str]]
    """Writes its configuration and says how it is started, listening on the Site's port."""
    version: Callable[[], str]
    headers: tuple[str, ...] = ()
    """Response headers that prove that its limits were asked."""
    checks_callers: bool = False
    """A wrong key gets 401, the backend learns the caller's id and not the key; also does HMAC."""
    counts: Literal["nowhere", "own", "script"] = "nowhere"
    """``own``: at least one script call per request in Redis; ``script``: our counters, exactly."""
    lack: Callable[[], str] = str
    """Why it is left out on this machine; empty: it is not."""


def fill(source: Path, site: Site, **values: object) -> Path:
    """A configuration with each ``@NAME@`` replaced, in the Site's folder. Raises BenchError."""
    user = "user root;" if os.geteuid() == 0 else ""
    known: dict[str, object] = {
        "FOLDER": site.folder,
        "PORT": site.port,
        "BACKEND_PORT": site.backend_port,
        "STORE": site.store_socket,
        "POOL": POOL_SIZE,
        "USER": user,
        **values,
    }

    def value(found: re.Match[str]) -> str:
        name = found.group(1)
        if name not in known:
            raise BenchError(f"{source}: nothing is known as @{name}@")
        return str(known[name])

    path = site.folder / source.name
    path.write_text(re.sub(r"@([A-Z_]+)@", value, source.read_text()))
    return path
