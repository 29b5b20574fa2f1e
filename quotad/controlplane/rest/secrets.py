"""Routes of Secrets: key pairs of callers."""

from collections.abc import Mapping

from quotad.controlplane.operations import Operations
from quotad.controlplane.refusal import no_secret
from quotad.controlplane.replica import Page, Where
from quotad.controlplane.rest import forms, shapes
from quotad.controlplane.rest.route import Answer, Body, Call, Route
from quotad.controlplane.values import RotationForm, SecretForm, parsed

_SECRETS = "/v1/secrets"
_ONE = _SECRETS + "/{secretId}"


class Secrets:
    """What they do."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    def routes(self) -> list[Route]:
        """All of them."""
        changes = Body(SecretForm, partial=True, without=("secretId", "secretKey", "secondaryKey"))
        new, rotation = Body(SecretForm), Body(RotationForm, optional=True)
        return [
            Route("GET", _SECRETS, "Describe", "Key pairs, without keys", self._list, shapes.SecretList,
                  query=forms.SecretsQuery),
            Route("POST", _SECRETS, "CreateApiKey", "A new key pair: quotad's own, or one that is given",
                  self._create,
                  shapes.NewSecret, 201, new),
            Route("POST", "/v1/secret-batches", "ImportApiKeys", "Several key pairs, all or none",
                  self._batch,
                  shapes.NewSecrets, body=Body(forms.SecretsForm)),
            Route("GET", _ONE, "Describe", "A key pair, without its key", self._get, shapes.Secret,
                  tagged=True),
            Route("PATCH", _ONE, "ModifyApiKey", "Another name, description or expiry", self._modify,
                  shapes.Secret, body=changes, tagged=True, matched=True, current_tag=self._tag),
            Route("DELETE", _ONE, "DeleteApiKey",
                  "Take away a key pair that is disabled and bound to no plan",
                  self._delete, matched=True, current_tag=self._tag),
            Route("POST", _ONE + "/rotate", "UpdateApiKey",
                  "A new key; the old one stays good for the overlap, the other of the two for good",
                  self._rotate, shapes.RotatedSecret, body=rotation),
            Route("DELETE", _ONE + "/secondary-key", "UpdateApiKey",
                  "From now on only secretKey is good", self._drop_secondary),
            Route("POST", _ONE + "/enable", "EnableApiKey", "Accept its requests", self._enable,
                  shapes.Secret, tagged=True),
            Route("POST", _ONE + "/disable", "DisableApiKey", "Refuse its requests", self._disable,
                  shapes.Secret,
                  tagged=True),
            Route("POST", _ONE + "/reveal", "RevealSecretKey", "Show the keys; the audit log says to whom",
                  self._reveal, shapes.Revealed),
        ]  # fmt: skip

    async def _list(self, call: Call) -> Answer:
        where, query = Where(), call.query
        if query["search"]:
            where.has(("id", "name"), query["search"])
        if query["enabled"] is not None:
            where.add("enabled = ?", query["enabled"])
        if query["type"] is not None:
            where.add("type = ?", query["type"])
        replica = await self._operations.records()
        total, found = replica.secrets(where, Page(query["limit"], query["offset"]))
        page = {"totalCount": total, "limit": query["limit"], "offset": query["offset"]}
        return Answer({**page, "secrets": [shapes.secret(each, replica) for each in found]})

    async def _create(self, call: Call) -> Answer:
        made = await self._operations.create_secret(call.asker, call.body)
        shown = await self._shown(made["secretId"])
        return Answer({**shown, **_in_clear(made)}, location=f"{_SECRETS}/{made['secretId']}")

    async def _batch(self, call: Call) -> Answer:
        parsed(forms.SecretsForm, call.body)
        made = await self._operations.import_secrets(call.asker, call.body["secrets"])
        rows = [{**await self._shown(each["secretId"]), **_in_clear(each)} for each in made]
        return Answer({"secrets": rows})

    async def _get(self, call: Call) -> Answer:
        return await self._answer(call.path["secretId"])

    async def _modify(self, call: Call) -> Answer:
        secret_id = call.path["secretId"]
        await self._operations.update_secret(call.asker, secret_id, call.body, call.tag)
        return await self._answer(secret_id)

    async def _delete(self, call: Call) -> Answer:
        await self._operations.delete_secret(call.asker, call.path["secretId"], call.tag)
        return Answer()

    async def _rotate(self, call: Call) -> Answer:
        made = await self._operations.rotate_secret(call.asker, call.path["secretId"], call.body)
        shown = await self._shown(made["secretId"])
        return Answer({**shown, **_in_clear(made)})

    async def _drop_secondary(self, call: Call) -> Answer:
        await self._operations.drop_secondary_key(call.asker, call.path["secretId"])
        return Answer()

    async def _enable(self, call: Call) -> Answer:
        await self._operations.enable_secret(call.asker, call.path["secretId"])
        return await self._answer(call.path["secretId"])

    async def _disable(self, call: Call) -> Answer:
        await self._operations.disable_secret(call.asker, call.path["secretId"])
        return await self._answer(call.path["secretId"])

    async def _reveal(self, call: Call) -> Answer:
        secret_id = call.path["secretId"]
        keys = await self._operations.reveal_secret_keys(call.asker, secret_id)
        return Answer({"secretId": secret_id, **keys})

    async def _answer(self, secret_id: str) -> Answer:
        replica = await self._operations.records()
        row = replica.secret(secret_id)
        if row is None:
            raise no_secret(secret_id)
        return Answer(shapes.secret(row, replica), row.tag)

    async def _shown(self, secret_id: str) -> Mapping[str, object]:
        return (await self._answer(secret_id)).members or {}

    async def _tag(self, path: Mapping[str, str]) -> str:
        return (await self._operations.secret(path["secretId"])).tag


def _in_clear(made: Mapping[str, object]) -> dict[str, object]:
    return {name: made[name] for name in ("secretKey", "secondaryKey") if name in made}
