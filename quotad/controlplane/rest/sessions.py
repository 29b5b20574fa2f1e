"""Routes of sessions: the console's way in and out."""

from aiohttp import web

from quotad.controlplane.answers import as_json
from quotad.controlplane.desk import rfc3339
from quotad.controlplane.operations import Operations
from quotad.controlplane.rest import admin_shapes as shapes
from quotad.controlplane.rest.route import Answer, Call, Route
from quotad.controlplane.sessions import Sessions

_SESSION = "/v1/session"


class SessionRoutes:
    """What they do."""

    def __init__(self, operations: Operations, sessions: Sessions) -> None:
        self._operations = operations
        self._sessions = sessions

    def routes(self) -> list[Route]:
        """All of them."""
        return [
            Route("POST", _SESSION, "Describe", "Whoever shows a token gets a cookie in its place",
                  self._begin, shapes.SessionBegun),
            Route("DELETE", _SESSION, "Describe", "The cookie is good for nothing any more", self._end),
        ]  # fmt: skip

    async def _begin(self, call: Call) -> web.Response:
        asker, mode = call.asker, "file" if self._operations.read_only else "control"
        response = web.Response()
        ends_s = await self._sessions.begin(asker, call.request, response)
        who = {"name": asker.name, "role": asker.role, "means": asker.means, "mode": mode}
        said = as_json(200, {**who, "expiresAt": None if ends_s is None else rfc3339(ends_s * 1_000_000)})
        said.cookies.update(response.cookies)
        return said

    async def _end(self, call: Call) -> web.Response | Answer:
        response = web.Response(status=204)
        await self._sessions.end(call.request, response)
        return response
