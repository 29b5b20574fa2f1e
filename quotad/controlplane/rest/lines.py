"""An answer of JSON lines (``application/x-ndjson``) that comes while the work goes on.

What is refused before the first line is a problem document like any other. After it the status is out: the
last line then says ``failed``, with that document in it. An answer whose last line is neither ``done`` nor
``failed`` broke off.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from quotad.controlplane.answers import is_foreseen, problem_members
from quotad.controlplane.visits import visit_of

NDJSON = "application/x-ndjson"

logger = logging.getLogger("quotad.admin")


class Lines:
    """The lines of one answer."""

    def __init__(self, request: web.Request) -> None:
        self._request = request
        self._request_id = visit_of(request).request_id
        self._waiting: asyncio.Queue[bytes] = asyncio.Queue()
        self._begun = False
        self._hung_up = False

    def tell(self, event: str, **members: Any) -> None:
        """One more line."""
        self._begun = True
        self._waiting.put_nowait(json.dumps({"event": event, **members}, separators=(",", ":")).encode())

    async def answer(self, work: Callable[[], Awaitable[None]]) -> web.StreamResponse:
        """Have it done, and send what it tells. Raises what it raises before its first line.

        Whoever takes no lines, or has hung up, holds up nothing of the work.
        """
        response = web.StreamResponse()
        response.content_type = NDJSON
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["X-Request-Id"] = self._request_id
        doing = asyncio.get_running_loop().create_task(self._do(work))
        try:
            while line := await self._waiting.get():
                await self._send(response, line)
            await doing
        finally:
            doing.cancel()
            await asyncio.wait((doing,))
        return response

    async def _send(self, response: web.StreamResponse, line: bytes) -> None:
        if self._hung_up:
            return
        try:
            if not response.prepared:
                await response.prepare(self._request)
            await response.write(line + b"\n")
        except ConnectionError:
            self._hung_up = True

    async def _do(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
            self.tell("done")
        except Exception as error:
            if not self._begun:
                raise
            if not is_foreseen(error):
                logger.exception("an admin request failed (%s)", self._request_id)
            self.tell("failed", problem=problem_members(error, self._request_id))
        finally:
            self._waiting.put_nowait(b"")
