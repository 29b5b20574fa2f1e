"""Who hears of the calls that a link makes for itself (``wire.Sink``)."""

from collections.abc import Callable

from quotad.errors import StoreError


class Heartbeat:
    """Hears the server's time about once a second; ``open`` while one is asked for."""

    def __init__(self, on_time: Callable[[object], None]) -> None:
        self.open = False
        self._on_time = on_time

    def on_reply(self, reply: object) -> None:
        """The reply to ``TIME``."""
        self.open = False
        self._on_time(reply)

    def on_late(self) -> None:
        """The watch over silence sees to it."""

    def on_failed(self, error: StoreError) -> None:
        """The next one may come."""
        self.open = False


class Chore:
    """Hears that something was done again after the server had forgotten it, well or not."""

    def __init__(self, on_end: Callable[[], None]) -> None:
        self._on_end = on_end

    def on_reply(self, reply: object) -> None:
        """It is done."""
        self._on_end()

    def on_late(self) -> None:
        """The repeated calls have deadlines of their own."""

    def on_failed(self, error: StoreError) -> None:
        """A later refusal has it done anew."""
        self._on_end()
