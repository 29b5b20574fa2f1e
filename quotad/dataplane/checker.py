"""Asking a backend at intervals whether it is well: a GET over a connection of its own."""

import asyncio
import logging
from collections.abc import Callable

from quotad.config.health_model import CheckRules
from quotad.core.response import ResponseHead
from quotad.dataplane.backend import Backend
from quotad.dataplane.dial import dial
from quotad.dataplane.upstream import Connection

JITTER = 0.2
"""By which part an interval is shorter or longer, so that many sidecars do not ask at once."""

log = logging.getLogger("quotad.dataplane")


class _Question:
    """One check: the user of its connection, and what keeps that."""

    def __init__(self, backend: Backend) -> None:
        self.health = backend.health
        self.name = backend.name
        self.wheel = backend.wheel
        self.responses = backend.responses
        self.status: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        """0: none came."""

    def keep(self, connection: Connection, now_s: float) -> None:
        """It is not kept (``upstream.Keeper``)."""

    def left(self, connection: Connection | None) -> None:
        """It had no place in a pool."""

    def failed(self, answered: bool) -> None:
        """A check says what it found in its own way."""

    def on_connection(self, connection: Connection) -> None:
        """It is opened here (``upstream.User``)."""

    def on_interim(self, response: ResponseHead) -> None:
        """The final one decides."""

    def on_response(self, response: ResponseHead) -> None:
        """The answer."""
        self._say(response.status)

    def on_failure(self, key: str) -> None:
        """There is none."""
        self._say(0)

    def _say(self, status: int) -> None:
        if not self.status.done():
            self.status.set_result(status)


class Checker:
    """Asks one backend, and tells its Health."""

    def __init__(self, backend: Backend, rules: CheckRules, draw: Callable[[], float]) -> None:
        """``draw`` answers a number from 0, included, to 1, excluded."""
        self._backend = backend
        self._rules = rules
        self._draw = draw
        self._asking: asyncio.Task[None] | None = None
        host = rules.host or backend.spec.shown_host
        self._request = (
            f"GET {rules.path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: quotad\r\nConnection: close\r\n\r\n"
        ).encode()

    def start(self) -> None:
        """Ask at once, then at intervals."""
        self._asking = asyncio.get_running_loop().create_task(self._ask_on())

    def stop(self) -> None:
        """Ask no more."""
        if self._asking is not None:
            self._asking.cancel()

    async def ask(self) -> bool:
        """Ask once; answers whether the backend is well."""
        try:
            async with asyncio.timeout(self._rules.timeout_s):
                return await self._status() in self._rules.statuses
        except (OSError, ValueError):
            return False

    async def _ask_on(self) -> None:
        backend = self._backend
        while True:
            good = await self.ask()
            if backend.health.checked(good, backend.wheel.clock()):
                log.warning("upstream %s: its checks %s", backend.name, "succeed" if good else "fail")
            await asyncio.sleep(self._rules.interval_s * (1 + JITTER * (2 * self._draw() - 1)))

    async def _status(self) -> int:
        question = _Question(self._backend)
        connection = await dial(self._backend.spec, question)
        try:
            if connection.closed:
                return 0
            connection.user = question
            connection.write(self._request)
            return await question.status
        finally:
            connection.drop()
