"""Which connection a Subject's script call takes: all the same one, or on a Cluster its slot's owner's."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from quotad.core.plans import Tagged
from quotad.errors import StoreError
from quotad.store import topology
from quotad.store.endpoint import Endpoint
from quotad.store.link import Link, LinkOptions
from quotad.store.locator import Locator
from quotad.store.wire import Sink

SUBJECTS_PER_CALL = 64
"""A script call of more Subjects would hold up the server's other clients for milliseconds."""

_UNFIT = frozenset({"noauth", "noperm", "tls", "unfit", "wrongpass"})
"""What waiting does not mend. On a later connect they are awaited all the same: somebody may mend them."""


class Route(Protocol):
    """The servers, as the verbs of ``redis_store`` see them. A new verb needs nothing new here."""

    @property
    def subjects_per_call(self) -> int:
        """How many Subjects one script call may have."""

    @property
    def ready(self) -> bool:
        """Whether calls for any Subject can go out now."""

    @property
    def reconnects(self) -> int:
        """How many connections were made in the place of earlier ones."""

    @property
    def facts(self) -> topology.Facts | None:
        """What a server said of itself at the latest connect."""

    def now_us(self) -> int | None:
        """See ``Store.now_us``."""

    @property
    def redirects(self) -> int:
        """How often a call was sent on from one node to another."""

    def post(self, subject: Tagged, payload: bytes, sink: Sink, durable: bool = True) -> None:
        """Send one script call to where ``subject`` lives; it goes out with the next ``flush``.

        ``durable``: see ``Link.send``. The call's other Subjects must live there too. Never raises,
        never calls the sink before returning.
        """

    def flush(self) -> None:
        """Write what was posted: one write per server."""

    def flush_soon(self) -> None:
        """``flush`` at the end of this tick."""

    def way(self, subject: Tagged) -> tuple[object, ...]:
        """Where calls for ``subject`` go: another value once they may go to another server or connection."""

    def links(self) -> Sequence[Link]:
        """A connection to each server that keys may lie on. Raises StoreError where one is missing."""

    def renew(self, subject: Tagged, kind: str) -> None:
        """The server that ``subject`` lives on only refuses (``StoreError.kind``): look for another."""

    async def start(self) -> None:
        """Connect. Raises StoreError when a server is unfit, not when it is merely away."""

    async def close(self) -> None:
        """Let open calls end within the deadline, then disconnect."""


class OneServer:
    """The Route to one server at a time."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        locator: Locator,
        options: LinkOptions,
        *,
        allow_eviction: bool,
    ) -> None:
        self._locator = locator
        self._allow_eviction = allow_eviction
        self.facts: topology.Facts | None = None
        """See ``Route.facts``."""
        options = replace(options, inspect=self._inspect, doubt=locator.doubt)
        self._link = Link(loop, locator.locate, options)

    @property
    def subjects_per_call(self) -> int:
        """See ``Route.subjects_per_call``."""
        return SUBJECTS_PER_CALL

    @property
    def ready(self) -> bool:
        """See ``Route.ready``."""
        return self._link.ready

    @property
    def reconnects(self) -> int:
        """See ``Route.reconnects``."""
        return self._link.reconnects

    def now_us(self) -> int | None:
        """See ``Route.now_us``."""
        return self._link.now_us()

    @property
    def redirects(self) -> int:
        """See ``Route.redirects``."""
        return 0

    def post(self, subject: Tagged, payload: bytes, sink: Sink, durable: bool = True) -> None:
        """See ``Route.post``."""
        self._link.post(payload, sink, durable)

    def flush(self) -> None:
        """See ``Route.flush``."""
        self._link.flush()

    def flush_soon(self) -> None:
        """See ``Route.flush_soon``."""
        self._link.flush_soon()

    def way(self, subject: Tagged) -> tuple[object, ...]:
        """See ``Route.way``."""
        return (self._link.reconnects,)

    def links(self) -> Sequence[Link]:
        """See ``Route.links``."""
        return (self._link,)

    def renew(self, subject: Tagged, kind: str) -> None:
        """See ``Route.renew``."""
        self._link.renew(kind)

    async def start(self) -> None:
        """See ``Route.start``. Ends when the first attempt to connect has."""
        self._locator.start(self._link.confirm)
        self._link.start()
        await self._link.wait_attempt()
        refused = unfit((self._link,))
        if refused is not None:
            await self.close()
            raise refused

    async def close(self) -> None:
        """See ``Route.close``."""
        await self._link.close()
        await self._locator.close()

    def _inspect(self, endpoint: Endpoint, info: bytes) -> None:
        self.facts = topology.judge(endpoint, info, self._allow_eviction)


class Attempt(Protocol):
    """What was tried: a Link, or a look at a topology."""

    @property
    def last_error(self) -> StoreError | None:
        """Why the latest attempt failed; None once one succeeded."""


def unfit(attempts: Sequence[Attempt]) -> StoreError | None:
    """Why one of these cannot be used before somebody mends its server; None when all may be awaited."""
    for attempt in attempts:
        error = attempt.last_error
        if error is not None and error.kind in _UNFIT:
            return error
    return None
