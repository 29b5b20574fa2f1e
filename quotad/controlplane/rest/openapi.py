"""The OpenAPI 3.1 document of the routes: made of the same table and models that serve them."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from http import HTTPStatus
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from quotad import __version__
from quotad.controlplane.answers import CODES
from quotad.controlplane.rest import forms
from quotad.controlplane.rest.lines import NDJSON
from quotad.controlplane.rest.route import Body, Route
from quotad.controlplane.rest.shapes import Problem
from quotad.controlplane.rest.strict import allows_null
from quotad.controlplane.roles import NEEDED

Schema = dict[str, Any]

_PROBLEM = {"$ref": "#/components/responses/Problem"}
_REFERENCE = "#/components/schemas/{model}"
_ALWAYS = (400, 401, 403, 406, 421, 429, 500, 503)
_KINDS = {
    "environment": {"type": "string", "enum": ["release", "prepub", "test"]},
}
_ID: Schema = {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"}
_WORDS = {
    "services": "Services",
    "plans": "Plans",
    "bindings": "Bindings",
    "secret": "Secrets",
    "credentials": "Admin access",
    "apply": "Records",
    "export": "Records",
    "audit": "Admin access",
    "whoami": "Admin access",
    "session": "Admin access",
    "usage": "Use",
    "activity": "Use",
    "refusals": "Use",
    "fleet": "Fleet",
    "webhooks": "Webhooks",
    "explain": "Use",
}


def document(routes: Sequence[Route]) -> Schema:
    """The whole document."""
    paths: dict[str, Schema] = {}
    for route in routes:
        operation = paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
        if route.status == 201:
            operation["responses"]["201"]["links"] = dict(_links(route, routes))
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "quotad",
            "version": __version__,
            "summary": "Keys, plans, bindings and use.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "tags": [{"name": name} for name in dict.fromkeys(_WORDS.values())],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": _schemas(routes),
            "responses": {
                "Problem": {
                    "description": "What went wrong (RFC 9457).",
                    "content": {"application/problem+json": {"schema": _reference(Problem)}},
                }
            },
        },
    }


def _operation(route: Route) -> Schema:
    tag = next(
        (words for part, words in _WORDS.items() if route.path.startswith(f"/v1/{part}")), "Admin access"
    )
    found: Schema = {
        "operationId": route.name,
        "summary": route.summary,
        "description": f"Needs the role {NEEDED[route.action]}.",
        "x-quotad-role": NEEDED[route.action],
        "tags": [tag],
        "responses": _responses(route),
    }
    parameters = list(_parameters(route))
    if parameters:
        found["parameters"] = parameters
    if route.body is not None:
        found["requestBody"] = {
            "required": not route.body.optional,
            "content": {"application/json": {"schema": body_schema(route.body)}},
        }
    return found


def _responses(route: Route) -> Schema:
    headers: Schema = {}
    if route.tagged:
        headers["ETag"] = {"description": "Changes with the record.", "schema": {"type": "string"}}
    if route.status == 201:
        headers["Location"] = {"description": "Where it is from now on.", "schema": {"type": "string"}}
    if route.answer is None:
        good: tuple[str, Schema] = ("204", {"description": "Done."})
    else:
        content: Schema = {"application/json": {"schema": _reference(route.answer)}}
        if route.lines is not None:
            words = f"When Accept asks for it: a line of JSON for each step, see {route.lines.__name__}."
            each = {"type": "string", "description": words}
            content[NDJSON] = {"schema": each, "x-line": _reference(route.lines)}
        good = (str(route.status), {"description": HTTPStatus(route.status).phrase, "content": content})
    if headers:
        good[1]["headers"] = headers
    return {good[0]: good[1], **{str(status): dict(_PROBLEM) for status in _statuses(route)}}


def _links(made: Route, routes: Sequence[Route]) -> Iterator[tuple[str, Schema]]:
    """What can be done with what was made."""
    for route in routes:
        match = re.match(rf"{re.escape(made.path)}/\{{([A-Za-z]+)\}}(/[a-z]+)?$", route.path)
        if match is not None:
            parameters = {match[1]: f"$response.body#/{match[1]}"}
            yield route.name, {"operationId": route.name, "parameters": parameters}


def _statuses(route: Route) -> Iterable[int]:
    more = set(_ALWAYS)
    if (
        "{" in route.path
        or route.body is not None
        or route.query in (forms.ExplainQuery, forms.SecretBindingsQuery)
    ):
        more.add(404)
    if route.body is not None:
        more |= {413, 415}
    if route.method != "GET" or route.action == "ExportRecords":
        more.add(409)
    if route.matched:
        more.add(412)
    if route.method == "POST" and route.keyed:
        more.add(422)
    return sorted(more & CODES.keys())


def _parameters(route: Route) -> Iterator[Schema]:
    for name in re.findall(r"\{([A-Za-z]+)[:}]", route.path):
        yield {"name": name, "in": "path", "required": True, "schema": _KINDS.get(name, _ID)}
    if route.query is not None:
        schema = _inlined(route.query)
        required = schema.get("required", ())
        for name, of in schema["properties"].items():
            kept = {key: value for key, value in of.items() if key not in ("title", "description")}
            yield {
                "name": name,
                "in": "query",
                "required": name in required,
                "description": of.get("description", ""),
                "schema": _without_null(kept),
            }
    if route.method == "POST" and route.keyed:
        yield _header("Idempotency-Key", "Sent again with it, a change is made once (for a day).", 255)
    if route.matched:
        yield _header("If-Match", "Only while the record has this ETag.", 0)


def _header(name: str, words: str, length: int) -> Schema:
    schema: Schema = {"type": "string"}
    if length:
        schema = {"type": "string", "pattern": f"^[\\x21-\\x7e]{{1,{length}}}$"}
    return {"name": name, "in": "header", "required": False, "description": words, "schema": schema}


def body_schema(body: Body) -> Schema:
    """What a request's body must be."""
    found = _inlined(body.model)
    properties: Schema = {
        name: _untitled(of) for name, of in found["properties"].items() if name not in body.without
    }
    for name in body.cleared:
        if not allows_null(properties[name]):
            properties[name] = {"anyOf": [properties[name], {"type": "null"}]}
    for name in body.needed:
        properties[name] = _without_null(properties[name])
    required = [] if body.partial else [*found.get("required", ()), *body.needed]
    schema: Schema = {**found, "properties": properties, "additionalProperties": False}
    schema["required"] = sorted({name for name in required if name not in body.without})
    if body.partial:
        for of in properties.values():
            of.pop("default", None)
        for word in ("dependentRequired", "anyOf"):
            schema.pop(word, None)
    if not schema["required"]:
        del schema["required"]
    return _untitled(schema)


def _inlined(model: type[BaseModel]) -> Schema:
    """A model's schema without references."""
    found = model.model_json_schema(by_alias=True)
    definitions = found.pop("$defs", {})

    def resolved(part: Any) -> Any:
        if isinstance(part, dict):
            if "$ref" in part:
                rest = {key: value for key, value in part.items() if key != "$ref"}
                return {**resolved(deepcopy(definitions[part["$ref"].rpartition("/")[2]])), **rest}
            return {key: resolved(value) for key, value in part.items()}
        return [resolved(each) for each in part] if isinstance(part, list) else part

    return dict(resolved(found))


def _untitled(schema: Schema) -> Schema:
    return {key: value for key, value in schema.items() if key != "title"}


def _without_null(schema: Schema) -> Schema:
    """The same where null cannot be: a query has no such thing."""
    if not allows_null(schema):
        return schema
    branches = [branch for branch in schema["anyOf"] if branch.get("type") != "null"]
    rest = {key: value for key, value in schema.items() if key not in ("anyOf", "default")}
    return {**rest, **branches[0]} if len(branches) == 1 else {**rest, "anyOf": branches}


def _reference(model: type[BaseModel]) -> Schema:
    return {"$ref": _REFERENCE.format(model=model.__name__)}


def _schemas(routes: Sequence[Route]) -> Mapping[str, Any]:
    models: list[type[BaseModel]] = [Problem]
    models += [each for route in routes for each in (route.answer, route.lines) if each is not None]
    asked: list[tuple[type[BaseModel], Literal["serialization"]]]
    asked = [(each, "serialization") for each in dict.fromkeys(models)]
    _, found = models_json_schema(asked, by_alias=True, ref_template=_REFERENCE)
    return dict(found["$defs"])
