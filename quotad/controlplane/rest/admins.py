"""Routes of admin access: credentials, the audit log, who one is, and the description of all routes."""

from collections.abc import Callable, Mapping

from aiohttp import web

from quotad.controlplane.answers import as_json
from quotad.controlplane.audit_trail import Trail
from quotad.controlplane.credentials import CredentialChanges, CredentialForm
from quotad.controlplane.operations import Operations
from quotad.controlplane.refusal import OperationError, Reason
from quotad.controlplane.replica import Record, tag_of
from quotad.controlplane.rest import admin_shapes as shapes
from quotad.controlplane.rest import forms
from quotad.controlplane.rest.route import Answer, Body, Call, Route

_CREDENTIALS = "/v1/credentials"
_ONE = _CREDENTIALS + "/{credentialId}"


class Admins:
    """What they do."""

    def __init__(self, operations: Operations, trail: Trail | None) -> None:
        self._operations = operations
        self._trail = trail
        self.describe: Callable[[], Mapping[str, object]] = dict
        """Makes the OpenAPI document of all routes."""

    def routes(self) -> list[Route]:
        """All of them."""
        read, new = "DescribeCredentials", Body(CredentialForm)
        changes = Body(CredentialChanges, partial=True)
        return [
            Route("GET", "/v1/whoami", "Describe", "Whoever asks, and what may be done", self._who,
                  shapes.WhoAmI),
            Route("GET", "/v1/openapi.json", "Describe", "This description", self._describe, shapes.OpenApi),
            Route("GET", "/v1/audit", "DescribeAudit", "Who did what, the newest first", self._audit,
                  shapes.AuditPage, query=forms.AuditQuery),
            Route("GET", _CREDENTIALS, read, "What admins sign in with", self._list, shapes.CredentialList),
            Route("POST", _CREDENTIALS, "CreateCredential", "A new token or key pair: shown this once",
                  self._create,
                  shapes.NewCredential, 201, new),
            Route("GET", _ONE, read, "A credential, without what proves it", self._get, shapes.Credential,
                  tagged=True),
            Route("PATCH", _ONE, "ModifyCredential", "Another name, role or expiry; switch it off or on",
                  self._modify, shapes.Credential, body=changes, tagged=True, matched=True,
                  current_tag=self._tag),
            Route("DELETE", _ONE, "DeleteCredential", "Nobody signs in with it any more", self._delete,
                  matched=True, current_tag=self._tag),
        ]  # fmt: skip

    async def _who(self, call: Call) -> Answer:
        asker, mode = call.asker, "file" if self._operations.read_only else "control"
        return Answer({"name": asker.name, "role": asker.role, "means": asker.means, "mode": mode})

    async def _describe(self, call: Call) -> web.Response:
        return as_json(200, self.describe())

    async def _audit(self, call: Call) -> Answer:
        found: list[tuple[str, Record]] = []
        if self._trail is not None:
            found = [*await self._trail.page(call.query["before"] or "", call.query["limit"])]
        rows = [shapes.audit_record(audit_id, record) for audit_id, record in found]
        more = rows[-1]["auditId"] if len(rows) == call.query["limit"] else None
        return Answer({"audit": rows, "next": more})

    async def _list(self, call: Call) -> Answer:
        found = (await self._operations.records()).credentials()
        return Answer({"credentials": [shapes.credential(each) for each in found]})

    async def _create(self, call: Call) -> Answer:
        made = await self._operations.create_credential(call.asker, call.body)
        proof = {name: made[name] for name in ("token", "secretKey") if name in made}
        return Answer({**shapes.credential(made), **proof}, location=f"{_CREDENTIALS}/{made['id']}")

    async def _get(self, call: Call) -> Answer:
        record = await self._known(call.path["credentialId"])
        return Answer(shapes.credential(record), tag_of(record))

    async def _modify(self, call: Call) -> Answer:
        credential_id = call.path["credentialId"]
        await self._operations.modify_credential(call.asker, credential_id, call.body, call.tag)
        return await self._get(call)

    async def _delete(self, call: Call) -> Answer:
        await self._operations.delete_credential(call.asker, call.path["credentialId"], call.tag)
        return Answer()

    async def _known(self, credential_id: str) -> Record:
        record = (await self._operations.records()).credential(credential_id)
        if record is None:
            raise OperationError(Reason.NO_CREDENTIAL, "there is no such credential", "credentialId")
        return record

    async def _tag(self, path: Mapping[str, str]) -> str:
        return tag_of(await self._known(path["credentialId"]))
