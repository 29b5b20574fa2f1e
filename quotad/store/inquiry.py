"""Several calls whose replies are awaited together, wherever each of them went."""

import asyncio

from quotad.errors import StoreError


class Inquiry:
    """Collects ``count`` replies. ``all`` is done when the last is in; it never fails."""

    __slots__ = ("_items", "_missing", "all")

    def __init__(self, loop: asyncio.AbstractEventLoop, count: int) -> None:
        self.all: asyncio.Future[list[object]] = loop.create_future()
        """One item per call in the order of their places: the reply, or a StoreError."""
        self._items: list[object] = [None] * count
        self._missing = count

    def at(self, place: int) -> "Place":
        """The Sink for the call of this place, from 0; to be asked for once per place."""
        return Place(self, place)

    def take(self, place: int, item: object) -> None:
        """The reply to one call, or why it has none."""
        self._items[place] = item
        self._missing -= 1
        if not self._missing and not self.all.done():
            self.all.set_result(self._items)


class Place:
    """One call of an Inquiry (``wire.Sink``)."""

    __slots__ = ("_inquiry", "_place")

    def __init__(self, inquiry: Inquiry, place: int) -> None:
        self._inquiry = inquiry
        self._place = place

    def on_reply(self, reply: object) -> None:
        """The reply."""
        self._inquiry.take(self._place, reply)

    def on_late(self) -> None:
        """Whoever waits for ``all`` has a time-out of its own."""

    def on_failed(self, error: StoreError) -> None:
        """There is none."""
        self._inquiry.take(self._place, error)
