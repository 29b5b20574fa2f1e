"""``/api/v1/api-keys``: a Secret with a primary and a secondary key, either of which is made anew alone.

Its id is the SecretId. Both keys are good for good and side by side; callers present either beside the id
(docs/clients.md). In Cloud API 3.0 such a Secret is a ``manual`` one, since there only those may have a
hyphen in their names.
"""

from typing import Any

from quotad.controlplane.desk import Asker
from quotad.controlplane.dialects.fields import Field, Shown, canonical, shape
from quotad.controlplane.dialects.usage_plans_call import BASE, Ask, Row
from quotad.controlplane.dialects.usage_plans_rows import PAGE, PAGE_AT_MOST
from quotad.controlplane.operations import Operations
from quotad.controlplane.replica import Page, Record, SecretRow, Where
from quotad.controlplane.roles import may
from quotad.controlplane.values import new_secret_id, new_secret_key
from quotad.core.usage_rows import stamp

MASK = "******"

_NAME = Field(
    "apiKeyName",
    canonical="secretName",
    required=True,
    least=1,
    most=20,
    status="different",
    note="characters A-Z a-z 0-9 _ -; the cloud's field table calls it apiName, its samples apiKeyName",
)
_DESCRIPTION = Field("apiKeyDescription", canonical="secretDesc", most=50)

KEY_CREATE: tuple[Field, ...] = (_NAME, _DESCRIPTION)
KEY_EDIT: tuple[Field, ...] = (Field("isEnabled", "flag", required=True), _NAME, _DESCRIPTION)
KEY_REGENERATE: tuple[Field, ...] = (
    Field(
        "keyType",
        required=True,
        options=("PRIMARY", "SECONDARY"),
        note="that key alone is another one, at once; SECONDARY makes one where there was none",
    ),
)
KEY_LIST: tuple[Field, ...] = (*PAGE, Field("apiKeyName", most=20, note="contained in the name"))

_MASKED = "in clear when it is made, and by GET of one key for the role admin; else masked"

KEY: tuple[Shown, ...] = (
    Shown("apiKeyId", lambda view: view[0].secret_id, "different", "the SecretId: longer than 10 characters"),
    Shown("tenantId", lambda _: "quotad", "different", "always quotad"),
    Shown("apiKeyName", lambda view: view[0].secret_name),
    Shown("apiKeyDescription", lambda view: view[0].secret_desc),
    Shown("primaryKey", lambda view: view[1].get("secretKey", MASK), "different", _MASKED),
    Shown(
        "secondaryKey",
        lambda view: view[1].get("secondaryKey", MASK) if view[0].has_secondary else None,
        "different",
        f"{_MASKED}; absent where there is none",
    ),
    Shown("modifier", lambda _: "", "not done", "empty: the audit log says who changed it"),
    Shown("isEnabled", lambda view: view[0].enabled),
    Shown("modTime", lambda view: stamp(view[0].modified)),
    Shown("domainCode", lambda _: "PUB", "different", "always PUB"),
)
"""Of a ``SecretRow``, and those of its keys that are shown."""


class ApiKeys:
    """What is done there."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    def rows(self) -> tuple[Row, ...]:
        """Methods and paths."""
        every, one = BASE + "/api-keys", BASE + "/api-keys/{key}"
        return (
            ("POST", every, self._create),
            ("GET", every, self._list),
            ("GET", one, self._get),
            ("PUT", one, self._edit),
            ("PATCH", one, self._regenerate),
            ("DELETE", one, self._delete),
        )

    async def _create(self, ask: Ask) -> tuple[int, Any]:
        given = canonical(KEY_CREATE, ask.values(KEY_CREATE))
        keys = {"secretKey": new_secret_key(), "secondaryKey": new_secret_key()}
        made = await self._operations.create_secret(ask.asker, {**given, "secretId": new_secret_id(), **keys})
        return 201, await self._wrapped(made["secretId"], made)

    async def _list(self, ask: Ask) -> tuple[int, Any]:
        values = ask.query(KEY_LIST)
        where = Where()
        if values.get("apiKeyName"):
            where.has(("name",), values["apiKeyName"])
        page = Page(min(values["limit"], PAGE_AT_MOST), values["offset"])
        replica = await self._operations.records()
        total, found = replica.secrets(where, page)
        initial, _ = replica.secrets(Where(), Page(1))
        return 200, {"total": total, "initialCount": initial, "apiKeys": [shown(row, {}) for row in found]}

    async def _get(self, ask: Ask) -> tuple[int, Any]:
        secret_id = _key_id(ask)
        row = await self._operations.secret(secret_id)
        return 200, shown(row, await self._keys(ask.asker, secret_id))

    async def _edit(self, ask: Ask) -> tuple[int, Any]:
        values = ask.values(KEY_EDIT)
        given = canonical(KEY_EDIT, values)
        secret_id = _key_id(ask)
        await self._operations.update_secret(ask.asker, secret_id, given, enabled=values["isEnabled"])
        return 200, await self._wrapped(secret_id, {})

    async def _regenerate(self, ask: Ask) -> tuple[int, Any]:
        which = ask.values(KEY_REGENERATE)["keyType"].lower()
        secret_id = _key_id(ask)
        made = await self._operations.rotate_secret(ask.asker, secret_id, {"which": which})
        return 200, await self._wrapped(secret_id, made)

    async def _delete(self, ask: Ask) -> tuple[int, Any]:
        await self._operations.delete_secret(ask.asker, _key_id(ask))
        return 204, None

    async def _keys(self, asker: Asker, secret_id: str) -> Record:
        """Those that may be shown to whoever asks."""
        if self._operations.read_only or not may(asker.role, "RevealSecretKey"):
            return {}
        return await self._operations.reveal_secret_keys(asker, secret_id)

    async def _wrapped(self, secret_id: str, keys: Record) -> dict[str, Any]:
        return {"apiKey": shown(await self._operations.secret(secret_id), keys)}


def shown(row: SecretRow, keys: Record) -> dict[str, Any]:
    """A key's object; ``keys``: those that are shown in clear, by the names of a record."""
    return {name: value for name, value in shape(KEY, (row, keys)).items() if value is not None}


def _key_id(ask: Ask) -> str:
    return ask.request.match_info["key"]
