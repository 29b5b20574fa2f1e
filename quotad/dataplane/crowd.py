"""Everybody who is connected: counted, bounded in total and by address, and waited for at the end."""

import asyncio
import resource
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Final, Protocol

from quotad.core.client_address import network_of

MOST: Final = 65_536
"""Connections of a process, where neither the file nor the descriptors say less."""

RESERVE: Final = 64
"""Descriptors for the store, logs, the event loop and listening sockets."""

_LOOKED_AT: Final = 32
"""How many a newcomer may have looked at to find one that can go."""


class Guest(Protocol):
    """A caller's connection."""

    @property
    def is_waiting(self) -> bool:
        """Whether it has no request that is served."""

    def make_room(self) -> None:
        """Go at once, without a word."""

    def drain(self) -> None:
        """Go when idle; else after the answer that is being made."""

    def abandon(self) -> None:
        """Go now."""


class Crowd:
    """Every connection of a listener that still has something to do."""

    __slots__ = ("_at", "_empty", "_members", "_most", "_most_at", "refused", "replaced")

    def __init__(self, most: int = MOST, most_at: int = 0) -> None:
        """``most`` connections, of them ``most_at`` of one address, or of one /64; 0: no such bound."""
        self._most = most
        self._most_at = most_at
        self._members: dict[Guest, str] = {}
        self._at: Counter[str] = Counter()
        self._empty = asyncio.Event()
        self.refused: dict[str, int] = {"total": 0, "address": 0}
        """Connections that were closed at once, by the bound that they met."""
        self.replaced = 0
        """Connections without a request that had to make room."""

    def __len__(self) -> int:
        return len(self._members)

    def __iter__(self) -> "Iterator[Guest]":
        return iter(self._members)

    def has_room_at(self, address: str) -> bool:
        """Whether one more of ``address`` may come; says no once for each that is refused."""
        if not self._most_at or not address or self._at[network_of(address)] < self._most_at:
            return True
        self.refused["address"] += 1
        return False

    def join(self, guest: Guest, address: str) -> bool:
        """``guest`` has something to do; False: there is no room. ``address``: empty for no bound of its own.

        Where there are too many, one that has been here long and has no request goes.
        """
        if not self.has_room_at(address):
            return False
        if len(self._members) >= self._most and not self._make_room():
            self.refused["total"] += 1
            return False
        key = network_of(address) if self._most_at and address else ""
        if key:
            self._at[key] += 1
        self._members[guest] = key
        return True

    def leave(self, guest: Guest) -> None:
        """``guest`` has nothing more to do."""
        key = self._members.pop(guest, None)
        if key:
            self._at[key] -= 1
            if not self._at[key]:
                del self._at[key]
        if not self._members:
            self._empty.set()

    async def gone(self) -> None:
        """Wait until nobody is left."""
        while self._members:
            self._empty.clear()
            await self._empty.wait()

    def _make_room(self) -> bool:
        """The clock algorithm: who is busy goes to the end of the line, who is not makes room."""
        members = self._members
        for guest in list(islice(members, _LOOKED_AT)):
            members[guest] = members.pop(guest)
            if guest.is_waiting:
                self.replaced += 1
                guest.make_room()
                return True
        return False


def most_connections(configured: int, pooled: int) -> int:
    """How many connections a process may have; ``pooled``: those to backends.

    Not configured: what the descriptors allow, with room for ``pooled`` and ``RESERVE``, and half of them
    at least.
    """
    if configured:
        return configured
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if descriptors == resource.RLIM_INFINITY:
        return MOST
    return min(MOST, max(descriptors // 2, descriptors - pooled - RESERVE))
