"""The addresses of backends that are named: asked for again and again, never forgotten for want of an answer.

With ``aiodns`` (the ``dns`` extra) an answer is believed as long as it says, else as long as the route
says: the system's resolver does not tell.
"""

import asyncio
import logging
import socket
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from math import inf
from typing import Any

ASK_S = 5.0
"""How long an answer is waited for, and how soon it is asked again when there was none."""

SHORTEST_S = 1.0
"""A shorter life of an answer is not believed: it would be asked for all the time."""

MOST = 64
"""Addresses of one name."""

COMPLAIN_EVERY_S = 60.0

Answer = tuple[tuple[str, ...], float]
"""Addresses, and for how many seconds; infinite: nobody said."""
Ask = Callable[[str], Awaitable[Answer]]
"""Answers for a name. Raises OSError."""

log = logging.getLogger("quotad.dataplane")


class Name:
    """One name, and its addresses as they were heard last."""

    def __init__(self, host: str, refresh_s: float, ask: Ask, clock: Callable[[], float]) -> None:
        self.host = host
        self.refresh_s = refresh_s
        self.addresses: tuple[str, ...] = ()
        """Sorted. Empty until the first answer."""
        self.watchers: list[Callable[[], None]] = []
        """Called when they are others than before."""
        self._ask = ask
        self._clock = clock
        self._quiet_until_s = -inf
        self._asking: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Ask at once, then whenever the last answer is too old."""
        self._asking = asyncio.get_running_loop().create_task(self._ask_on())

    def stop(self) -> None:
        """Ask no more."""
        if self._asking is not None:
            self._asking.cancel()

    async def ask(self) -> float:
        """Ask once; answers in how many seconds to ask again."""
        try:
            async with asyncio.timeout(ASK_S):
                found, ttl_s = await self._ask(self.host)
        except (OSError, ValueError) as error:
            self._complain(error)
            return min(self.refresh_s, ASK_S)
        addresses = tuple(sorted(set(found))[:MOST])
        if addresses and addresses != self.addresses:
            self.addresses = addresses
            for watcher in tuple(self.watchers):
                watcher()
        return max(SHORTEST_S, min(self.refresh_s, ttl_s))

    async def _ask_on(self) -> None:
        while True:
            again_s = await self.ask()
            await asyncio.sleep(again_s)

    def _complain(self, error: Exception) -> None:
        now_s = self._clock()
        if now_s >= self._quiet_until_s:
            self._quiet_until_s = now_s + COMPLAIN_EVERY_S
            log.warning("the addresses of %s are not known: %s", self.host, str(error) or "no answer in time")


class Resolver:
    """Every name of this process."""

    def __init__(self, clock: Callable[[], float], ask: Ask | None = None) -> None:
        """``ask``: None for ``aiodns`` where it is installed, else the system's resolver."""
        self._clock = clock
        self._ask = ask
        self._names: dict[tuple[str, float], Name] = {}

    def name(self, host: str, refresh_s: float) -> Name:
        """A name, which is asked for from now on."""
        name = self._names.get((host, refresh_s))
        if name is None:
            if self._ask is None:
                self._ask = best_ask()
            name = self._names[host, refresh_s] = Name(host, refresh_s, self._ask, self._clock)
            name.start()
        return name

    def let_go(self, name: Name) -> None:
        """Somebody watches it no more; without watchers it is not asked for any more."""
        if not name.watchers:
            name.stop()
            self._names.pop((name.host, name.refresh_s), None)

    def close(self) -> None:
        """Ask no more."""
        for name in self._names.values():
            name.stop()


def best_ask() -> Ask:
    """``aiodns`` where it is installed, else the system's resolver."""
    try:
        return ask_by_dns()
    except ImportError:
        return ask_system


def ask_by_dns(**options: Any) -> Ask:
    """By ``aiodns``, which gets the options. Raises ImportError."""
    import aiodns

    async def ask(host: str) -> Answer:
        # A new one each time: it reads how the system resolves anew, and its cache hides no answer.
        resolver = aiodns.DNSResolver(timeout=2.0, tries=2, **options)
        try:
            found = await resolver.getaddrinfo(host, type=socket.SOCK_STREAM)
        except aiodns.error.DNSError as error:
            raise OSError(str(error.args[-1])) from None
        finally:
            await resolver.close()
        addresses = tuple(
            node.addr[0].decode() if isinstance(node.addr[0], bytes) else node.addr[0] for node in found.nodes
        )
        # 0 is what a file of hosts says, and a server that wants to be asked each time.
        return addresses, min((float(node.ttl) for node in found.nodes if node.ttl), default=inf)

    return ask


async def ask_system(host: str) -> Answer:
    """As the system resolves it. Raises OSError.

    In a thread of its own: nobody can end a question to the system's resolver, and neither others nor the
    end of this process are to wait for one.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Answer] = loop.create_future()

    def tell(got: Answer | OSError) -> None:
        if answer.done():
            return
        if isinstance(got, OSError):
            answer.set_exception(got)
        else:
            answer.set_result(got)

    def look_up() -> None:
        got: Answer | OSError
        try:
            rows = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
            got = tuple(str(row[4][0]) for row in rows), inf
        except (OSError, UnicodeError) as error:
            got = error if isinstance(error, OSError) else OSError(str(error))
        # The loop may have been closed meanwhile.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(tell, got)

    threading.Thread(target=look_up, name=f"resolve {host}", daemon=True).start()
    return await answer
