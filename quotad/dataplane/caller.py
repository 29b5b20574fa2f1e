"""What an exchange needs of the caller's connection, where it waits, and what may interrupt it."""

from collections.abc import Callable
from typing import Any, Final

from quotad.core.client_address import Origin
from quotad.core.replies import Refusal
from quotad.dataplane.flow import Flow, Timed
from quotad.dataplane.relay import Inlet

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


class Client(Timed):
    """The caller's connection (``relay.Caller``), and the coroutine that serves it.

    The base of ``connection.Connection``, no protocol: compiled code calls a class's own methods directly.
    """

    __slots__ = ("ahead", "ending", "inlet", "origin", "source", "wake")

    ahead: bytes
    """Bytes received after the request's head, not taken yet."""
    inlet: Inlet | None
    """Takes what is received, instead of ``ahead``."""
    origin: Origin
    """Who is at the other end, and what a backend is told of it."""
    source: Flow | None
    """Slowed down while the caller is slow to take the answer."""
    ending: bool
    """The caller has said that it will send no more."""

    wake: Wake
    """Lets the waiting exchange go on, with an event."""

    def write(self, data: bytes) -> None:
        """Send; nothing happens when the caller is gone."""
        raise NotImplementedError

    def pause_flow(self) -> None:
        """Read no more for now."""
        raise NotImplementedError

    def resume_flow(self) -> None:
        """Read on."""
        raise NotImplementedError

    def moved_by(self, deadline_s: float) -> None:
        """Until when the next byte of the request's body must have come."""
        raise NotImplementedError

    def reset(self) -> None:
        """End the connection so that what was sent cannot pass for a whole answer."""
        raise NotImplementedError

    def write_eof(self) -> None:
        """Say that no more will be sent; what comes is still taken."""
        raise NotImplementedError

    def interrupt(self, error: Exception) -> None:
        """Let the waiting exchange go on by raising ``error`` in it."""
        raise NotImplementedError


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
