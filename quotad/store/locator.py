"""Where the server is now: asked before every attempt to connect, and when a connection is in doubt."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from quotad.config.model import StoreConfig
from quotad.store import passwords, topology
from quotad.store.endpoint import Endpoint

Found = Callable[[str, int], None]
"""Hears the host and port of the primary, each time that the topology has said it anew."""


class Locator(Protocol):
    """What finds the one server that counts (standalone or a primary under Sentinels)."""

    @property
    def doubt(self) -> Callable[[], None] | None:
        """To be called when a deadline was missed; ``Found`` hears what the topology says then.

        None: there is nobody to ask, the address stands in the URL.
        """

    async def locate(self) -> Endpoint:
        """The server's address and our login there, as they are now. Raises StoreError or OSError."""

    def start(self, found: Found) -> None:
        """Begin to listen for news of the topology, and to answer doubts."""

    async def close(self) -> None:
        """End everything that ``start`` began."""


class FixedLocator:
    """The server that a URL names. Its host name is resolved at every connect."""

    def __init__(self, endpoint: Endpoint, password_file: Path | None = None) -> None:
        self._endpoint = endpoint
        self._password_file = password_file

    @property
    def doubt(self) -> None:
        """Nobody to ask."""
        return

    async def locate(self) -> Endpoint:
        """See ``Locator.locate``."""
        if self._password_file is None:
            return self._endpoint
        return replace(self._endpoint, password=passwords.read(self._password_file))

    def start(self, found: Found) -> None:
        """There is no news to come."""

    async def close(self) -> None:
        """Nothing was begun."""


def locator(url: str, config: StoreConfig) -> Locator:
    """The Locator for a URL of one server, or of Sentinels. Raises ValueError, which never shows the URL."""
    if "+sentinel://" in url.partition("@")[0]:
        # Sentinels are asked through redis-py: 10 MB, and half of the time that a start takes.
        from quotad.store.sentinel import SentinelLocator

        return SentinelLocator(
            topology.parse_sentinels(url), config.password_file, config.sentinel_password_file
        )
    return FixedLocator(topology.parse(url), config.password_file)
