"""What an exchange needs of the caller's connection, where it waits, and what may interrupt it."""

from collections.abc import Callable
from typing import Any, Final, Protocol

from quotad.core.client_address import Origin
from quotad.core.replies import Refusal
from quotad.dataplane.flow import Flow
from quotad.dataplane.relay import Caller

Wake = Callable[[Any], Any]

BUSY: Final = 0
VERDICT: Final = 1
CONNECTION: Final = 2
RESPONSE: Final = 3
BODY: Final = 4
DISCARD: Final = 5
USE: Final = 6
TUNNEL: Final = 7
PROOF: Final = 8
"""What an exchange waits for. Plain numbers: each request passes most of them."""


class Client(Caller, Protocol):
    """The caller's connection, and the coroutine that serves it."""

    origin: Origin
    """Who is at the other end, and what a backend is told of it."""
    source: Flow | None
    """Slowed down while the caller is slow to take the answer."""
    ending: bool
    """The caller has said that it will send no more."""

    def reset(self) -> None:
        """End the connection so that what was sent cannot pass for a whole answer."""

    wake: Wake
    """Lets the waiting exchange go on, with an event."""

    def write_eof(self) -> None:
        """Say that no more will be sent; what comes is still taken."""

    def interrupt(self, error: Exception) -> None:
        """Let the waiting exchange go on by raising ``error`` in it."""


class RefusedError(Exception):
    """The request gets an answer of ours."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.key)
        self.refusal = refusal


class CallerLeftError(Exception):
    """Nobody is there any more to answer to."""


class BrokeOffError(Exception):
    """An answer that has begun cannot be ended; or none may be given (``reason``, of ``Outcome``)."""

    def __init__(self, reason: str = "upstream_reset") -> None:
        super().__init__(reason)
        self.reason = reason
