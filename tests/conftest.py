"""What every test stands on: the store fixtures, one Hypothesis profile, patient clients."""

import functools
import ssl
from pathlib import Path
from typing import Any

from httpx._config import DEFAULT_TIMEOUT_CONFIG, create_ssl_context
from httpx._transports import default as transports

from quotad.store import scripts
from tests.support.midnight import pass_midnight
from tests.support.properties import load_profile
from tests.support.servers import shared_store, store_server
from tests.support.waiting import AT_MOST_S

__all__ = ["shared_store", "store_server"]

load_profile()

# httpx gives up after five seconds, which a machine may stand still.
for part in ("connect", "read", "write", "pool"):
    setattr(DEFAULT_TIMEOUT_CONFIG, part, AT_MOST_S)

EVERYBODY = create_ssl_context()


def context(verify: Any = True, cert: Any = None, trust_env: bool = True) -> ssl.SSLContext:
    """As httpx makes it, but that of the usual authorities is read once: each client took 30 ms for it."""
    return EVERYBODY if verify is True and cert is None else create_ssl_context(verify, cert, trust_env)


vars(transports)["create_ssl_context"] = context

assemble = scripts.load


@functools.cache
def assembled(name: str, clock_text: str | None, _place: Path) -> scripts.Script:
    """A script of one folder, put together once instead of for each store: all of them take 20 ms."""
    return assemble(name, clock_text)


def load(name: str, clock_text: str | None = None) -> scripts.Script:
    """As the real one."""
    return assembled(name, clock_text, scripts.directory())


vars(scripts)["load"] = load


def pytest_runtest_setup() -> None:
    """Real servers count by real days."""
    pass_midnight()
