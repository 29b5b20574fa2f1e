"""How often a caller's address may fail to say who it is: guesses are slowed, and nobody else is.

A bucket of failures for each address, or for each /64. Where it is empty the next request is not looked
at, right or wrong: whoever could still try would still learn. What is kept of an address is one number,
and of how many addresses is bounded.
"""

from math import ceil
from typing import Final

from quotad.core.client_address import network_of

MOST: Final = 65_536
"""Addresses that are remembered; beyond them the one that failed longest ago is forgotten."""


class AuthFailures:
    """``burst`` failures at once, then ``per_minute``. Times are monotonic seconds."""

    __slots__ = ("_all_s", "_full_at_s", "_interval_s", "_most")

    def __init__(self, per_minute: int, burst: int, most: int = MOST) -> None:
        self._interval_s = 60 / per_minute
        self._all_s = self._interval_s * (burst - 1)
        self._most = most
        self._full_at_s: dict[str, float] = {}
        """When an address's bucket will be full; in the order of the last failures."""

    def __len__(self) -> int:
        return len(self._full_at_s)

    def wait_s(self, address: str, now_s: float) -> int:
        """0: ``address`` may try; else for how many whole seconds it may not."""
        full_at_s = self._full_at_s.get(network_of(address))
        if full_at_s is None:
            return 0
        return max(0, ceil(full_at_s - now_s - self._all_s))

    def failed(self, address: str, now_s: float) -> None:
        """``address`` said who it is, and it was not so."""
        key = network_of(address)
        full_at_s = self._full_at_s.pop(key, now_s)
        if len(self._full_at_s) >= self._most:
            del self._full_at_s[next(iter(self._full_at_s))]
        self._full_at_s[key] = max(now_s, full_at_s) + self._interval_s
