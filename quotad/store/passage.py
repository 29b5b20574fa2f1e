"""One script call on its way through a Cluster: sent on when its slot has moved, within its one deadline."""

import asyncio
from typing import Protocol

from quotad.errors import StoreError
from quotad.store.link import Link
from quotad.store.wire import Sink

REDIRECTS_AT_MOST = 3
"""Nodes that send a call back and forth are between two views; the next call finds them agreed."""


class Node:
    """One primary, and the link to it."""

    __slots__ = ("address", "attempts", "doubted", "link", "posted")

    def __init__(self, address: str) -> None:
        self.address = address
        self.link: Link
        self.attempts = 0
        """How often it was looked for: at every attempt to connect."""
        self.doubted = -1
        """How many surveys were begun when it missed a deadline; -1: it did not."""
        self.posted = False
        """Whether something was posted since the last flush."""


class Traffic(Protocol):
    """Who knows the way (``cluster.Cluster``)."""

    def again(self, passage: "Passage", error: StoreError) -> bool:
        """Whether the call, which failed so, is under way once more."""


class Passage:
    """``wire.Sink`` at each node in turn; tells its own Sink what came of it in the end."""

    __slots__ = (
        "_sink",
        "_timer",
        "_traffic",
        "durable",
        "expires_s",
        "late",
        "node",
        "payload",
        "redirects",
        "slot",
    )

    def __init__(
        self, traffic: Traffic, slot: int, payload: bytes, sink: Sink, expires_s: float, durable: bool
    ) -> None:
        self.slot = slot
        self.payload = payload
        self.expires_s = expires_s
        """On the loop's clock."""
        self.durable = durable
        """See ``Link.post``."""
        self.node: Node | None = None
        """Whom it was sent to last; None while nobody is known."""
        self.redirects = 0
        self.late = False
        """Its deadline has passed: it is not sent any more."""
        self._traffic = traffic
        self._sink = sink
        self._timer: asyncio.TimerHandle | None = None

    def on_reply(self, reply: object) -> None:
        """The answer."""
        self._end_watch()
        self._sink.on_reply(reply)

    def on_late(self) -> None:
        """The deadline passed: as the link says at first, as its own timer says after it was sent on."""
        if not self.late:
            self.late = True
            self._sink.on_late()

    def on_failed(self, error: StoreError) -> None:
        """The node refused, or the connection broke."""
        if not self._traffic.again(self, error):
            self.fail(error)

    def fail(self, error: StoreError) -> None:
        """It ends without an answer."""
        self._end_watch()
        self._sink.on_failed(error)

    def watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """See to the deadline from here on: a link that it is sent to now would count from now."""
        if self._timer is None and not self.late:
            self._timer = loop.call_at(self.expires_s, self.on_late)

    def _end_watch(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
