"""Whether an answer of the management API is what its own description says."""

import functools
import json
import re
from typing import Any, cast

import httpx
from jsonschema import Draft202012Validator

from quotad.controlplane.operations import Operations
from quotad.controlplane.rest.fleet import Fleet
from quotad.controlplane.rest.lines import NDJSON
from quotad.controlplane.rest.openapi import document
from quotad.controlplane.rest.route import Route
from quotad.controlplane.rest.routes import all_routes
from quotad.controlplane.rest.use import Use
from quotad.controlplane.rest.webhooks import Webhooks


@functools.cache
def every_route() -> tuple[Route, ...]:
    """All that can be served, with nothing behind it."""
    nothing: Any = None
    fleet = Fleet(nothing, nothing)
    use = Use(nothing, nothing, None, cast(Any, object()))
    webhooks = Webhooks(nothing, nothing, None)
    return tuple(all_routes(cast(Operations, nothing), None, use, cast(Any, object()), fleet, webhooks))


@functools.cache
def description() -> dict[str, Any]:
    """The OpenAPI document of ``every_route``."""
    return document(every_route())


def check_described(answer: httpx.Response) -> None:
    """Status, type and body of one answer of ``/v1``; what has no route is a problem document."""
    request, path = answer.request, answer.request.url.path
    if request.method == "HEAD" or not path.startswith("/v1/"):
        return
    told = _operation(request.method, path)
    if told is None:
        _check_problem(answer)
        return
    assert str(answer.status_code) in told["responses"], (request.method, path, answer.status_code)
    if answer.is_error:
        _check_problem(answer)
        return
    said = told["responses"][str(answer.status_code)]
    media = answer.headers.get("Content-Type", "")
    if media == NDJSON:
        for line in answer.text.splitlines():
            _check(said["content"][media]["x-line"], answer, json.loads(line))
        return
    for name in said.get("headers", ()):
        assert name in answer.headers, (request.method, path, name)
    if "content" not in said:
        assert answer.content == b""
        return
    assert media == "application/json"
    _check(said["content"][media]["schema"], answer)


def _check_problem(answer: httpx.Response) -> None:
    assert answer.is_error, (answer.request.method, answer.request.url.path)
    assert answer.headers["Content-Type"] == "application/problem+json"
    _check({"$ref": "#/components/schemas/Problem"}, answer)


def _check(schema: dict[str, Any], answer: httpx.Response, part: object = None) -> None:
    """``part`` of it; None: all."""
    members = answer.json() if part is None else part
    found = [
        (list(error.absolute_path), error.message)
        for error in _validator(json.dumps(schema)).iter_errors(members)
    ]
    assert not found, (answer.request.method, answer.request.url.path, found)


@functools.cache
def _validator(schema: str) -> Draft202012Validator:
    return Draft202012Validator({**json.loads(schema), "components": description()["components"]})


@functools.cache
def _patterns() -> list[tuple[re.Pattern[str], dict[str, Any]]]:
    """The paths, those without a variable first."""
    paths = sorted(description()["paths"].items(), key=lambda pair: "{" in pair[0])
    return [(re.compile(re.sub(r"\\?\{[^/]*?\\?\}", "[^/]+", re.escape(path))), of) for path, of in paths]


def _operation(method: str, path: str) -> dict[str, Any] | None:
    for pattern, methods in _patterns():
        if pattern.fullmatch(path):
            found: dict[str, Any] | None = methods.get(method.lower())
            return found
    return None
