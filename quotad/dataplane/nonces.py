"""Which signatures' nonces were used before: in this process, or by whoever shares the store.

A nonce is remembered from its first use for as long as its signature could be taken again.
"""

from collections.abc import Callable
from typing import Protocol

from quotad.clock import MonotonicClock

REMEMBERED = 1_000_000
"""Nonces of one process, some 150 bytes each: 2,000 signed requests a second under the default rules."""

Tell = Callable[[bool | None], None]
"""True: it is new, and remembered from now on; False: it was used before; None: nobody knows."""


class FleetNonces(Protocol):
    """Those that every process of the same store knows (``quotad.store.redis_store.RedisStore``)."""

    def spend_nonce(self, secret_id: str, name: bytes, keep_s: float, tell: Tell) -> None:
        """Use up a nonce of this Secret; ``name`` stands for it, 32 hex digits.

        ``tell`` is called exactly once, within the store's deadline, never before this returns.
        """


class NonceTable:
    """Those of this process. Bounded; when it is full, nothing new is taken until the oldest ends."""

    __slots__ = ("_bound", "_clock", "_ends_s")

    def __init__(self, clock: MonotonicClock, bound: int = REMEMBERED) -> None:
        self._clock = clock
        self._bound = bound
        self._ends_s: dict[bytes, float] = {}
        """By name, in the order of their first use: mostly that of their ends."""

    def __len__(self) -> int:
        return len(self._ends_s)

    def spend(self, name: bytes, keep_s: float) -> bool | None:
        """Use up a nonce: True when it is new, None when there is no room to remember it."""
        now_s, ends_s = self._clock(), self._ends_s
        end_s = ends_s.get(name)
        if end_s is not None:
            if now_s < end_s:
                return False
            del ends_s[name]
        # Two for each that comes: what has ended never piles up, and no request pays for all of it.
        for _ in range(2):
            oldest = next(iter(ends_s), None)
            if oldest is None or now_s < ends_s[oldest]:
                break
            del ends_s[oldest]
        if len(ends_s) >= self._bound:
            return None
        ends_s[name] = now_s + keep_s
        return True
