"""Serves the routes of the native wire format."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from functools import cache
from hashlib import sha256
from typing import Any, Protocol
from urllib.parse import quote

from aiohttp import web

from quotad.controlplane.answers import RefusedError, as_json, problem_of
from quotad.controlplane.desk import Asker
from quotad.controlplane.refusal import OperationError, Reason
from quotad.controlplane.rest import strict
from quotad.controlplane.rest.lines import NDJSON
from quotad.controlplane.rest.openapi import body_schema
from quotad.controlplane.rest.route import Answer, Call, Route
from quotad.controlplane.roles import NEEDED, may
from quotad.controlplane.strict_json import json_object
from quotad.controlplane.visits import visit_of

ASKER = web.RequestKey("asker", Asker)


class Admits(Protocol):
    """What finds out who asks."""

    async def asker(self, request: web.Request) -> Asker:
        """Who sent it. Raises RefusedError and StoreError."""


class RestDoor:
    """Has every path that no other door has."""

    def __init__(self, access: Admits, routes: Sequence[Route]) -> None:
        self._access = access
        self._routes = routes

    def has(self, path: str) -> bool:
        """See ``server.Door``."""
        return True

    def add_to(self, app: web.Application) -> None:
        """See ``server.Door``."""
        for route in self._routes:
            app.router.add_route(route.method, route.path, _handler(route))
            if route.method == "GET":
                app.router.add_route("HEAD", route.path, _handler(route))

    async def admit(self, request: web.Request) -> None:
        """See ``server.Door``. Whoever proves nothing learns not even which paths there are."""
        visit = visit_of(request)
        visit.asker = replace(await self._access.asker(request), request_id=visit.request_id)
        request[ASKER] = visit.asker

    def refused(self, error: Exception, request_id: str) -> web.Response:
        """See ``server.Door``."""
        return problem_of(error, request_id)


def _handler(route: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        asker = request[ASKER]
        visit_of(request).action = route.action
        if not may(asker.role, route.action):
            raise OperationError(Reason.FORBIDDEN, f"this needs the role {NEEDED[route.action]}")
        accept = request.headers.getall("Accept", [])
        if route.lines is None or not strict.asks_for(accept, NDJSON):
            strict.check_accept(accept)
        call = await _read(route, request, asker)
        answer = await route.handler(call)
        return answer if isinstance(answer, web.StreamResponse) else _response(route, answer)

    return handle


async def _read(route: Route, request: web.Request, asker: Asker) -> Call:
    if route.reads_itself:
        return Call(asker, request, request.match_info, {}, {})
    query: Mapping[str, Any] = {}
    if route.query is not None:
        query = strict.query_of(route.query, request.query.items())
    elif request.query:
        raise RefusedError(400, "Nothing can be asked for in the query here.")
    text, body = b"", {}
    if route.body is not None:
        text = await request.read()
        if text or not route.body.optional:
            body = _body(request, text, _schema(route.body))
    elif (await request.read()).strip() not in (b"", b"{}"):
        raise RefusedError(400, "Nothing can be sent in a body here.")
    path = dict(request.match_info)
    tag = ""
    if route.current_tag is not None:
        given = request.headers.getall("If-Match", [])
        tag = strict.wanted_tag(given, await route.current_tag(path)) if given else ""
    if route.method == "POST" and route.keyed:
        asker = _with_key(asker, request, text)
    return Call(asker, request, path, query, body, tag)


_schema = cache(body_schema)
"""Made when it is first needed: all of them together take a while."""


def _body(request: web.Request, text: bytes, schema: Mapping[str, Any]) -> dict[str, Any]:
    if request.content_type != "application/json":
        raise RefusedError(415, "The body must be application/json.")
    body = json_object(text)
    for name in body:
        if name not in schema["properties"]:
            raise OperationError(
                Reason.UNKNOWN_FIELD, f"the body has an unknown field; {_hint(name, schema)}"
            )
    strict.no_nulls(body, schema["properties"])
    return body


def _hint(name: str, schema: Mapping[str, Any]) -> str:
    """What may have been meant. The name itself is not told: it may be a value that slipped."""
    close = get_close_matches(name[:64], schema["properties"], 1)
    return f"did you mean {close[0]}?" if close else f"known are {', '.join(schema['properties'])}"


def _with_key(asker: Asker, request: web.Request, text: bytes) -> Asker:
    key = strict.idempotency_key(request.headers.getall("Idempotency-Key", []))
    if not key:
        return asker
    fingerprint = sha256(f"{request.method} {request.path}\n".encode() + text).hexdigest()
    return replace(asker, key=key, fingerprint=fingerprint)


def _response(route: Route, answer: Answer) -> web.Response:
    members = answer.members
    response = web.Response(status=204) if members is None else as_json(route.status, members)
    if answer.tag:
        response.headers["ETag"] = f'"{answer.tag}"'
    if answer.location:
        response.headers["Location"] = quote(answer.location)
    return response
