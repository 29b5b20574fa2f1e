"""What an exchange needs of the caller's connection, where it waits, and what may interrupt it."""

from enum import IntEnum
from typing import Protocol

from quotad.core.replies import Refusal
from quotad.dataplane.flow import Flow
from quotad.dataplane.relay import Caller


class Client(Caller, Protocol):
    """The caller's connection, and the coroutine that serves it."""

    about: bytes
    """Header lines about this caller for a backend: X-Forwarded-For and its kind."""
    peer: str
    source: Flow | None
    """Slowed down while the caller is slow to take the answer."""
    ending: bool
    """The caller has said that it will send no more."""

    def reset(self) -> None:
        """End the connection so that what was sent cannot pass for a whole answer."""

    def resume(self, event: object) -> None:
        """Let the waiting exchange go on, with ``event``."""

    def interrupt(self, error: Exception) -> None:
        """Let the waiting exchange go on by raising ``error`` in it."""


class Stage(IntEnum):
    """What an exchange waits for."""

    BUSY = 0
    VERDICT = 1
    CONNECTION = 2
    RESPONSE = 3
    BODY = 4
    DISCARD = 5


class RefusedError(Exception):
    """The request gets an answer of ours."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.key)
        self.refusal = refusal


class CallerLeftError(Exception):
    """Nobody is there any more to answer to."""


class BrokeOffError(Exception):
    """An answer that has begun cannot be ended."""
