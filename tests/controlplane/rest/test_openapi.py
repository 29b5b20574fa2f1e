"""The description of the native routes: well-formed, closed, and true of what serves them."""

import asyncio
import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import validate

from quotad.controlplane.rest.openapi import body_schema
from quotad.controlplane.rest.route import Body, Route
from quotad.controlplane.roles import NEEDED
from quotad.controlplane.values import SecretForm, ServiceForm
from tests.support.described import description, every_route
from tests.support.known import make_known
from tests.support.offices import TOKEN, admin_process, office
from tests.support.servers import StoreServer

SETTINGS = Path(__file__).with_name("schemathesis.toml")
FREE = {
    *(("OpenApi", name) for name in ("info", "servers", "security", "tags", "paths", "components")),
    *(("AuditRecord", name) for name in ("before", "after")),
    ("Delivery", "payload"),
}
"""What may be anything: the description itself, and records of any kind as they were."""
HOOKS = {
    "SCHEMATHESIS_HOOKS": "tests.support.schemathesis_hooks",
    "PYTHONPATH": str(Path(__file__).parents[3]),
}
MANY = os.environ.get("QUOTAD_REST_EXAMPLES", "")
SAME = ("--max-examples", "3", "--generation-deterministic")


TWICE = (
    *("/v1/apply", "/v1/secret-imports"),
    *(f"/v1/webhooks/{{webhookId}}/{each}" for each in ("test", "deliveries/{deliveryId}/redeliver")),
)
"""What does no more when it is sent twice, or is asked for once more."""


def objects(schema: Any) -> Iterator[dict[str, Any]]:
    """Every schema of an object in it."""
    if isinstance(schema, dict):
        if schema.get("type") == "object":
            yield schema
        for part in schema.values():
            yield from objects(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from objects(part)


async def test_it_is_well_formed_and_closed(store_server: StoreServer, tmp_path: Path) -> None:
    """OpenAPI 3.1 says so; every object in a body or an answer refuses members that are not described."""
    async with office(store_server.url, tmp_path) as port:
        served = await port.done("GET", "/v1/openapi.json")
    validate(served)
    assert served["openapi"].startswith("3.1.")
    found = [*objects(served["components"]["schemas"]), *objects(served["paths"])]
    assert len(found) > 40
    assert [each for each in found if each.get("additionalProperties") is not False] == []
    free = {
        (name, member)
        for name, schema in served["components"]["schemas"].items()
        for member, of in schema.get("properties", {}).items()
        if "JsonValue" in str(of)
    }
    assert free - FREE == set()


def operations() -> list[tuple[Route, dict[str, Any]]]:
    """Every route and what the document says of it."""
    routes, paths = every_route(), description()["paths"]
    assert sum(map(len, paths.values())) == len(routes)
    return [(route, paths[route.path][route.method.lower()]) for route in routes]


def test_each_operation_says_all_of_itself() -> None:
    """Its id, a summary, a tag, the role that it needs, and one good answer with a closed schema or none."""
    found = operations()
    names = [told["operationId"] for _, told in found]
    assert len(set(names)) == len(names)
    for route, told in found:
        assert told["summary"][:1].isupper(), route.path
        assert len(told["tags"]) == 1
        assert told["x-quotad-role"] == NEEDED[route.action]
        assert told["description"] == f"Needs the role {told['x-quotad-role']}."
        (good,) = (status for status in told["responses"] if status < "400")
        assert ("content" in told["responses"][good]) == (good != "204")


def test_each_operation_says_how_it_may_fail() -> None:
    """All errors, by what can be wrong with a request of its kind; each is a problem document."""
    for route, told in operations():
        wanted = {"400", "401", "403", "406", "421", "429", "500", "503"}
        if "parameters" in told and any(each["in"] == "path" for each in told["parameters"]):
            wanted.add("404")
        if "requestBody" in told:
            wanted |= {"404", "413", "415"}
        if route.method != "GET":
            wanted.add("409")
        if any(each["name"] == "If-Match" for each in told.get("parameters", ())):
            wanted.add("412")
        if route.method == "POST" and route.path not in TWICE:
            wanted.add("422")
        said = {status: of for status, of in told["responses"].items() if status >= "400"}
        assert wanted <= set(said), (route.method, route.path)
        assert all(of == {"$ref": "#/components/responses/Problem"} for of in said.values())


def test_what_changes_a_record_can_be_asked_to_change_only_that_one() -> None:
    """PATCH and DELETE of one thing and apply take If-Match, POST an Idempotency-Key if twice is more."""
    for route, told in operations():
        names = {each["name"] for each in told.get("parameters", ())}
        assert ("Idempotency-Key" in names) == (route.method == "POST" and route.path not in TWICE)
        one_thing = re.fullmatch(r"/v1/([a-z-]+/\{[A-Za-z]+\}/?)+", route.path) is not None
        changes = (route.method in ("PATCH", "DELETE") and one_thing) or route.path == "/v1/apply"
        assert ("If-Match" in names) == changes, route.path
        if "201" in told["responses"]:
            assert "Location" in told["responses"]["201"]["headers"]
            assert told["responses"]["201"]["links"]


@pytest.mark.timeout(7200 if MANY else 1800)
async def test_it_is_true(store_server: StoreServer, tmp_path: Path) -> None:
    """Schemathesis finds nothing that is served and not described, described and not served, or that breaks.

    The requests are the same in each run, unless ``QUOTAD_REST_EXAMPLES`` says how many to make up anew for
    each operation.
    """
    how = ("--max-examples", MANY) if MANY else SAME
    async with admin_process(store_server.url, tmp_path) as port:
        await make_known(port)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(SETTINGS)),
            *("run", f"{port.url}/v1/openapi.json", "-H", f"Authorization: Bearer {TOKEN}"),
            # Wrong proof is limited by address: it would end the rest of the run. test_access has it.
            *("--checks", "all", "--exclude-checks", "ignored_auth", "--no-color", *how),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=tmp_path,
            env={**os.environ, **HOOKS, "PYTHONHASHSEED": "0"},
        )
        told, _ = await process.communicate()
        words = told.decode()
    assert process.returncode == 0, words[-12_000:]
    assert all(f"{phase} (in" in words for phase in ("Coverage", "Fuzzing", "Stateful")), words[-3_000:]


def test_a_change_requires_nothing() -> None:
    """Of a partial body nothing is required, has a default, or depends on what else is given."""
    schema = body_schema(Body(SecretForm, partial=True, without=("secretId", "secretKey", "secondaryKey")))
    assert set(schema["properties"]) == {"secretName", "secretDesc", "expiresAt"}
    assert not {"required", "anyOf"} & schema.keys()
    assert "default" not in json.dumps(schema)


def test_what_is_cleared_may_be_null_and_what_is_needed_not() -> None:
    """``cleared`` allows null, ``needed`` requires a value, ``without`` takes a field away."""
    schema = body_schema(Body(ServiceForm, needed=("serviceId",), cleared=("serviceDesc",)))
    assert schema["required"] == ["serviceId", "serviceName"]
    assert "anyOf" not in schema["properties"]["serviceId"]
    assert {"type": "null"} in schema["properties"]["serviceDesc"]["anyOf"]
