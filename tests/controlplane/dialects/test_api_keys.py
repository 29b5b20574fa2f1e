import re
from typing import Any

import pytest

from tests.support.desk import ADMIN
from tests.support.dialects import DialectPort

SAMPLE = {"apiKeyName": "apiKey-001", "apiKeyDescription": "apiKey-001 Description"}
"""The cloud's own example."""

FIELDS = [
    "apiKeyId",
    "tenantId",
    "apiKeyName",
    "apiKeyDescription",
    "primaryKey",
    "secondaryKey",
    "modifier",
    "isEnabled",
    "modTime",
    "domainCode",
]
MASK = "******"


async def made(port: DialectPort, name: str = "apiKey-001") -> dict[str, Any]:
    """A key by POST."""
    answer = await port.plans("POST", "/api-keys", {**SAMPLE, "apiKeyName": name}, who="AKIDadmin")
    assert (answer.status_code, answer.headers["content-type"]) == (201, "application/json"), answer.text
    assert list(answer.json()) == ["apiKey"]
    return dict(answer.json()["apiKey"])


async def keys_of(port: DialectPort, key_id: str) -> tuple[str, str]:
    """Both in clear, by GET as an admin."""
    answer = await port.plans("GET", f"/api-keys/{key_id}", who="AKIDadmin")
    assert answer.status_code == 200
    return answer.json()["primaryKey"], answer.json()["secondaryKey"]


async def test_create(port: DialectPort) -> None:
    """201, the document's ten fields, two different keys in clear; the record is a Secret of this id."""
    key = await made(port)
    assert list(key) == FIELDS
    assert re.fullmatch(r"AKID[A-Za-z0-9]{36}", key["apiKeyId"])
    keys = key["primaryKey"], key["secondaryKey"]
    assert len(set(keys)) == 2
    assert all(re.fullmatch(r"[A-Za-z0-9]{40}", each) for each in keys)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", key["modTime"])
    rest = {
        name: key[name]
        for name in FIELDS
        if name not in ("apiKeyId", "primaryKey", "secondaryKey", "modTime")
    }
    assert rest == {
        "tenantId": "quotad",
        "apiKeyName": "apiKey-001",
        "apiKeyDescription": "apiKey-001 Description",
        "modifier": "",
        "isEnabled": True,
        "domainCode": "PUB",
    }
    row = await port.desk.secret(key["apiKeyId"])
    assert (row.secret_name, row.secret_desc, row.has_secondary) == (
        "apiKey-001",
        "apiKey-001 Description",
        True,
    )
    assert await keys_of(port, key["apiKeyId"]) == keys


@pytest.mark.parametrize(
    "more",
    [
        {"apiKeyName": None},
        {"apiKeyName": ""},
        {"apiKeyName": "x" * 21},
        {"apiKeyName": "a name"},
        {"apiKeyDescription": "x" * 51},
        {"apiKeyDescription": 5},
        {"other": 1},
    ],
)
async def test_what_is_no_key(port: DialectPort, more: dict[str, Any]) -> None:
    """Each rule of each field: 400 and 100; nothing is made."""
    answer = await port.plans("POST", "/api-keys", {**SAMPLE, **more}, who="AKIDadmin")
    assert (answer.status_code, answer.json()["error"]["errorCode"]) == (400, "100")
    assert (await port.plans("GET", "/api-keys")).json()["total"] == 0


async def test_regenerate(port: DialectPort) -> None:
    """One of the two is another at once, in clear; the other stays, masked; a missing one is made."""
    key = await made(port)
    path, before = f"/api-keys/{key['apiKeyId']}", (key["primaryKey"], key["secondaryKey"])
    answer = await port.plans("PATCH", path, {"keyType": "PRIMARY"}, who="AKIDadmin")
    assert (answer.status_code, list(answer.json()["apiKey"])) == (200, FIELDS)
    fresh = answer.json()["apiKey"]
    assert fresh["secondaryKey"] == MASK
    assert fresh["primaryKey"] not in (*before, MASK)
    assert await keys_of(port, key["apiKeyId"]) == (fresh["primaryKey"], before[1])
    answer = await port.plans("PATCH", path, {"keyType": "SECONDARY"}, who="AKIDadmin")
    again = answer.json()["apiKey"]
    assert again["primaryKey"] == MASK
    assert await keys_of(port, key["apiKeyId"]) == (fresh["primaryKey"], again["secondaryKey"])
    for body in ({}, {"keyType": "primary"}, {"keyType": "BOTH"}, {"keyType": 1}):
        answer = await port.plans("PATCH", path, body, who="AKIDadmin")
        assert (answer.status_code, answer.json()["error"]["errorCode"]) == (400, "100")
    record = await port.desk.create_secret(ADMIN, {"secretName": "elsewhere"})
    path = f"/api-keys/{record['secretId']}"
    assert "secondaryKey" not in (await port.plans("GET", path, who="AKIDadmin")).json()
    answer = await port.plans("PATCH", path, {"keyType": "SECONDARY"}, who="AKIDadmin")
    second = answer.json()["apiKey"]["secondaryKey"]
    assert await keys_of(port, record["secretId"]) == (record["secretKey"], second)


async def test_edit(port: DialectPort) -> None:
    """Name, description and whether it is enabled in one change; an absent description stays."""
    key = await made(port)
    path = f"/api-keys/{key['apiKeyId']}"
    version = (await port.desk.records()).head.version
    body = {"isEnabled": False, "apiKeyName": "other-name", "apiKeyDescription": "less"}
    answer = await port.plans("PUT", path, body)
    edited = answer.json()["apiKey"]
    assert (answer.status_code, list(edited)) == (200, FIELDS)
    assert (edited["isEnabled"], edited["apiKeyName"], edited["apiKeyDescription"]) == (
        False,
        "other-name",
        "less",
    )
    assert (edited["primaryKey"], edited["secondaryKey"]) == (MASK, MASK)
    assert (await port.desk.records()).head.version == version + 1
    answer = await port.plans("PUT", path, {"isEnabled": True, "apiKeyName": "third"})
    assert (answer.json()["apiKey"]["isEnabled"], answer.json()["apiKey"]["apiKeyDescription"]) == (
        True,
        "less",
    )
    for wrong in (
        {"apiKeyName": "a"},
        {"isEnabled": True},
        {"isEnabled": "true", "apiKeyName": "a"},
        {"isEnabled": None, "apiKeyName": "a"},
    ):
        answer = await port.plans("PUT", path, wrong)
        assert (answer.status_code, answer.json()["error"]["errorCode"]) == (400, "100"), wrong
    assert await keys_of(port, key["apiKeyId"]) == (key["primaryKey"], key["secondaryKey"])


async def test_list(port: DialectPort) -> None:
    """All or those whose name contains the text, in pages, with what there is without the filter; masked."""
    ids = [(await made(port, name))["apiKeyId"] for name in ("one", "two", "twofold")]
    answer = (await port.plans("GET", "/api-keys")).json()
    assert list(answer) == ["total", "initialCount", "apiKeys"]
    assert (answer["total"], answer["initialCount"]) == (3, 3)
    assert [each["apiKeyId"] for each in answer["apiKeys"]] == ids
    assert {each["primaryKey"] for each in answer["apiKeys"]} == {MASK}
    assert {each["secondaryKey"] for each in answer["apiKeys"]} == {MASK}
    answer = (await port.plans("GET", "/api-keys?apiKeyName=two&limit=1&offset=1")).json()
    assert (answer["total"], answer["initialCount"]) == (2, 3)
    assert [each["apiKeyId"] for each in answer["apiKeys"]] == ids[2:]
    for query in ("apiKeyName=" + "x" * 21, "limit=0", "offset=-1", "colour=red"):
        assert (await port.plans("GET", f"/api-keys?{query}")).status_code == 400


async def test_delete(port: DialectPort) -> None:
    """A disabled, unbound one is gone with 204; an enabled one is 400, an unknown one 404 and 300."""
    key = await made(port)
    path = f"/api-keys/{key['apiKeyId']}"
    answer = await port.plans("DELETE", path)
    assert (answer.status_code, answer.json()["error"]["errorCode"]) == (400, "100")
    assert "disable it first" in answer.json()["error"]["details"]
    await port.plans("PUT", path, {"isEnabled": False, "apiKeyName": "off"})
    answer = await port.plans("DELETE", path)
    assert (answer.status_code, answer.content) == (204, b"")
    for method, body in (
        ("GET", None),
        ("PUT", {"isEnabled": True, "apiKeyName": "a"}),
        ("PATCH", {"keyType": "PRIMARY"}),
        ("DELETE", None),
    ):
        answer = await port.plans(method, path, body, who="AKIDadmin")
        assert (answer.status_code, answer.json()["error"]["errorCode"]) == (404, "300"), method


async def test_who_may_see_and_make_keys(port: DialectPort) -> None:
    """Keys are made, made anew and seen by the role admin alone, and each sight stands in the audit log."""
    key = await made(port)
    path = f"/api-keys/{key['apiKeyId']}"
    for who in ("AKIDread", "AKIDoperate"):
        seen = (await port.plans("GET", path, who=who)).json()
        assert (seen["primaryKey"], seen["secondaryKey"]) == (MASK, MASK)
        for method, target, body in (
            ("POST", "/api-keys", SAMPLE),
            ("PATCH", path, {"keyType": "PRIMARY"}),
        ):
            answer = await port.plans(method, target, body, who=who)
            assert (answer.status_code, answer.json()["error"]["errorCode"]) == (401, "210")
    await port.plans("PATCH", path, {"keyType": "SECONDARY"}, who="AKIDadmin")
    await keys_of(port, key["apiKeyId"])
    records = [record for _, record in await port.control.audit("", 10)]
    assert [each["action"] for each in records] == ["RevealSecretKey", "UpdateApiKey", "CreateApiKey"]
    assert records[1]["after"]["rotated"] == "secondary"
    for secret in (key["primaryKey"], key["secondaryKey"], *await keys_of(port, key["apiKeyId"])):
        assert secret not in str(records)
