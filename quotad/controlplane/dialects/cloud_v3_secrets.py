"""Cloud API 3.0: key pairs. A SecretKey is shown to those who make it, and to the role admin on request."""

from typing import Any

from quotad.controlplane.dialects import cloud_v3_rows as rows
from quotad.controlplane.dialects.cloud_v3_call import KEY_ID, PAGING, TAGS, Action, Call, filters
from quotad.controlplane.dialects.cloud_v3_filters import SECRET_FILTERS, secrets_where
from quotad.controlplane.dialects.fields import DialectError, Field, shape
from quotad.controlplane.roles import may

MASK = "******"

_NAME = Field("SecretName", canonical="secretName", required=True, least=1, most=50)
_TYPE = Field("AccessKeyType", options=("auto", "manual"), default="auto")
_GIVEN_ID = Field("AccessKeyId", canonical="secretId", least=5, most=50, note="manual only")
_GIVEN_KEY = Field("AccessKeySecret", canonical="secretKey", least=10, most=50, note="manual only")
_NEW_KEY = Field(
    "AccessKeySecret",
    canonical="secretKey",
    least=10,
    most=50,
    note="manual keys need it, auto keys get a new one",
)


async def _shown(call: Call, secret_id: str, key: str = MASK) -> dict[str, Any]:
    return shape(rows.API_KEY, rows.key_of(await call.operations.secret(secret_id), key))


async def _create(call: Call) -> dict[str, Any]:
    given = ("secretId" in call.record, "secretKey" in call.record)
    manual = call.values["AccessKeyType"] == "manual"
    if manual and not all(given):
        name = "AccessKeySecret" if given[0] else "AccessKeyId"
        raise DialectError("MissingParameter", f"The request is missing the parameter `{name}`.")
    if not manual and any(given):
        raise DialectError("InvalidParameter", "Only a manual key is given an id and a secret.")
    record = await call.operations.create_secret(call.asker, call.record)
    return shape(rows.API_KEY, rows.key_made(record))


async def _update(call: Call) -> dict[str, Any]:
    secret_id, key = call.record["secretId"], call.record.get("secretKey")
    manual = (await call.operations.secret(secret_id)).type == "manual"
    if manual and key is None:
        raise DialectError("MissingParameter", "The request is missing the parameter `AccessKeySecret`.")
    if not manual and key is not None:
        raise DialectError("InvalidParameter", "An auto key gets a new secret; none is taken.")
    changed = await call.operations.rotate_secret(
        call.asker, secret_id, {} if key is None else {"secretKey": key}
    )
    return shape(rows.API_KEY, rows.key_made(changed))


async def _enable(call: Call) -> bool:
    await call.operations.enable_secret(call.asker, call.record["secretId"])
    return True


async def _disable(call: Call) -> bool:
    await call.operations.disable_secret(call.asker, call.record["secretId"])
    return True


async def _delete(call: Call) -> bool:
    await call.operations.delete_secret(call.asker, call.record["secretId"])
    return True


async def _describe(call: Call) -> dict[str, Any]:
    secret_id = call.record["secretId"]
    await call.operations.secret(secret_id)
    if call.operations.read_only or not may(call.asker.role, "RevealSecretKey"):
        return await _shown(call, secret_id)
    keys = await call.operations.reveal_secret_keys(call.asker, secret_id)
    return await _shown(call, secret_id, keys["secretKey"])


async def _list(call: Call) -> dict[str, Any]:
    total, found = await call.operations.secrets(secrets_where(call.values.get("Filters", [])), call.page)
    shown = [shape(rows.API_KEY, rows.key_of(row, MASK)) for row in found]
    return {"TotalCount": total, "ApiKeySet": shown}


SECRET_ACTIONS: tuple[Action, ...] = (
    Action("CreateApiKey", (_NAME, _TYPE, _GIVEN_ID, _GIVEN_KEY, TAGS), _create, rows.API_KEY),
    Action(
        "UpdateApiKey",
        (KEY_ID, _NEW_KEY),
        _update,
        rows.API_KEY,
        note="the old secret ends at once; an overlap is given by the native API",
    ),
    Action("EnableApiKey", (KEY_ID,), _enable),
    Action("DisableApiKey", (KEY_ID,), _disable),
    Action("DeleteApiKey", (KEY_ID,), _delete),
    Action(
        "DescribeApiKey", (KEY_ID,), _describe, rows.API_KEY, reads=True, note="that it was shown is audited"
    ),
    Action(
        "DescribeApiKeysStatus",
        (*PAGING, filters(SECRET_FILTERS, "AccessKeySecret, since a secret cannot be searched for")),
        _list,
        rows.API_KEY,
        ("TotalCount", "ApiKeySet"),
        reads=True,
    ),
)
