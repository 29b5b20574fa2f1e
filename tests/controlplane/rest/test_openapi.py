"""The description of the native routes: well-formed, closed, and true of what serves them."""

import asyncio
import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from openapi_spec_validator import validate

from quotad.controlplane.rest.openapi import body_schema
from quotad.controlplane.rest.route import Body
from quotad.controlplane.values import SecretForm, ServiceForm
from tests.support.offices import TOKEN, office
from tests.support.servers import StoreServer

SETTINGS = Path(__file__).with_name("schemathesis.toml")
EXAMPLES = os.environ.get("QUOTAD_REST_EXAMPLES", "3")


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
        document = await port.done("GET", "/v1/openapi.json")
    validate(document)
    assert document["openapi"].startswith("3.1.")
    found = [*objects(document["components"]["schemas"]), *objects(document["paths"])]
    assert len(found) > 40
    assert [each for each in found if each.get("additionalProperties") is not False] == []
    operations = [each for path in document["paths"].values() for each in path.values()]
    ids = [each["operationId"] for each in operations]
    assert len(set(ids)) == len(ids) > 40


async def test_it_is_true(store_server: StoreServer, tmp_path: Path) -> None:
    """Schemathesis finds nothing that is served and not described, described and not served, or that breaks.

    ``QUOTAD_REST_EXAMPLES`` says how many requests it makes up for each operation.
    """
    async with office(store_server.url, tmp_path) as port:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "schemathesis.cli", "--config-file", str(SETTINGS), "run", f"{port.url}/v1/openapi.json"),
            *("-H", f"Authorization: Bearer {TOKEN}", "--max-examples", EXAMPLES, "--no-color"),
            # Wrong proof is limited by address: it would end the rest of the run. test_access has it.
            *("--checks", "all", "--exclude-checks", "ignored_auth"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=tmp_path,
        )
        told, _ = await process.communicate()
        words = told.decode()
    assert process.returncode == 0, words[-12_000:]
    assert re.search(r"Tested: (\d+)", words), words
    assert all(f"{phase} (in" in words for phase in ("Coverage", "Fuzzing", "Stateful")), words[-3_000:]


def test_a_change_requires_nothing() -> None:
    """Of a partial body nothing is required, has a default, or depends on what else is given."""
    schema = body_schema(Body(SecretForm, partial=True, without=("secretId", "secretKey")))
    assert set(schema["properties"]) == {"secretName", "expiresAt"}
    assert not {"required", "anyOf"} & schema.keys()
    assert "default" not in json.dumps(schema)


def test_what_is_cleared_may_be_null_and_what_is_needed_not() -> None:
    """``cleared`` allows null, ``needed`` requires a value, ``without`` takes a field away."""
    schema = body_schema(Body(ServiceForm, needed=("serviceId",), cleared=("serviceDesc",)))
    assert schema["required"] == ["serviceId", "serviceName"]
    assert "anyOf" not in schema["properties"]["serviceId"]
    assert {"type": "null"} in schema["properties"]["serviceDesc"]["anyOf"]
