"""The admin port: one address, and behind it several doors, each with a wire format of its own.

A door says which paths are its own, who may ask there, and how an error looks. The last one has all
paths that no other has.
"""

import logging
import ssl
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from aiohttp import web, web_response

from quotad.clock import monotonic_s
from quotad.config.model import Admin
from quotad.controlplane.answers import is_foreseen
from quotad.controlplane.guard import Guard
from quotad.controlplane.visits import Tell, ended, visit_of
from quotad.errors import QuotadError

BODY_BYTES = 256 * 1024
"""Of one request: 200 key pairs have some 50 kB."""

logger = logging.getLogger("quotad.admin")
# A malformed request's text may hold a token, so aiohttp's own words about it go nowhere.
_silent = logging.getLogger("quotad.admin.protocol")
_silent.disabled = True

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Door(Protocol):
    """One wire format."""

    def add_to(self, app: web.Application) -> None:
        """Serve it there."""

    def has(self, path: str) -> bool:
        """Whether a path is its own, also one under which there is nothing."""

    async def admit(self, request: web.Request) -> None:
        """Find out who asks, as far as that is not done later. Raises what ``refused`` takes."""

    def refused(self, error: Exception, request_id: str) -> web.StreamResponse:
        """How it says what went wrong."""


class AdminServer:
    """Listens for whoever manages."""

    def __init__(
        self,
        admin: Admin,
        doors: Sequence[Door],
        tls: ssl.SSLContext | None = None,
        socket: str = "",
        home: str = "",
        tell: Tell | None = None,
    ) -> None:
        """``socket``: the path of one to listen on instead; ``home``: where a browser is sent from ``/``.

        ``tell`` hears of each request. Raises QuotadError, see ``Guard``.
        """
        self._home = home
        self._tell = tell
        self._address = admin.address
        self._guard = Guard(admin)
        self._doors = doors
        self._tls = tls
        self._socket = socket
        self._runner: web.AppRunner | None = None

    async def start(self) -> int:
        """Listen; returns the port, 0 on a socket. Raises QuotadError when the address cannot be had."""
        # aiohttp names itself and Python to whoever sends it a malformed request; it has no setting for it.
        vars(web_response)["SERVER_SOFTWARE"] = "quotad"
        app = web.Application(middlewares=[self._middleware], client_max_size=BODY_BYTES)
        for door in self._doors:
            door.add_to(app)
        runner = web.AppRunner(
            app, handle_signals=False, access_log=None, logger=_silent, keepalive_timeout=30
        )
        await runner.setup()
        try:
            await self._site(runner).start()
        except OSError as error:
            await runner.cleanup()
            place = f"{self._address.host}:{self._address.port}"
            raise QuotadError(f"admin {place}: {error.strerror or error}") from error
        self._runner = runner
        port: int = 0 if self._socket else runner.addresses[0][1]
        return port

    def _site(self, runner: web.AppRunner) -> web.BaseSite:
        if self._socket:
            return web.UnixSite(runner, self._socket)
        return web.TCPSite(runner, self._address.host, self._address.port, ssl_context=self._tls)

    async def close(self) -> None:
        """Stop listening and end what is open."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    @web.middleware
    async def _middleware(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        started_s, status = monotonic_s(), 0
        try:
            response = await self._answer(request, handler)
            status = response.status
            response.headers.setdefault("Cache-Control", "no-store")
            response.headers.setdefault("X-Request-Id", visit_of(request).request_id)
            response.headers["X-Content-Type-Options"] = "nosniff"
            return response
        finally:
            if self._tell is not None:
                self._tell(ended(request, status, started_s, monotonic_s()))

    async def _answer(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        door = next((door for door in self._doors if door.has(request.path)), self._doors[-1])
        try:
            self._guard.check(request.headers.getall("Host", []), request.headers.get("Origin"))
            if self._home and _is_visit(request):
                raise web.HTTPSeeOther(self._home)
            await door.admit(request)
            return await handler(request)
        except web.HTTPSeeOther as found:
            return web.Response(status=found.status, headers={"Location": str(found.location)})
        except Exception as error:
            request_id = visit_of(request).request_id
            if not is_foreseen(error):
                logger.exception("an admin request failed (%s)", request_id)
            return door.refused(error, request_id)


def _is_visit(request: web.Request) -> bool:
    """Whether somebody typed the bare address into a browser; a client of the cloud's format is none."""
    visits = request.method == "GET" and request.headers.get("Sec-Fetch-Mode") == "navigate"
    return visits and request.path_qs == "/"
