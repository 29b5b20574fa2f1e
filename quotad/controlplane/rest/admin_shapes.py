"""What the routes of admin access answer."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import JsonValue

from quotad.config.section import Section
from quotad.controlplane.desk import rfc3339
from quotad.controlplane.replica import Record
from quotad.controlplane.rest.shapes import time_of


class Credential(Section):
    """What an admin signs in with, without what proves it."""

    credential_id: str
    type: Literal["token", "keyPair"]
    name: str
    role: Literal["read", "operate", "admin"]
    enabled: bool
    expires_at: str | None
    created: str
    modified: str


class CredentialList(Section):
    """All of them."""

    credentials: list[Credential]


class NewCredential(Credential):
    """With what proves it: keep it now, it is never shown again."""

    token: str = ""
    secret_key: str = ""


class AuditRecord(Section):
    """Who did what. Of a reset, a top-up and a deletion there are two: asked, then done or failed."""

    audit_id: str
    id: str
    event: Literal["asked", "done", "failed"]
    time: str
    who: str
    role: str
    means: str
    """How it was shown who asks: token, session, certificate, signature, loopback, shell."""
    address: str
    request_id: str
    action: str
    target: str
    reason: str
    before: JsonValue
    after: JsonValue


class AuditPage(Section):
    """A part of the audit log."""

    audit: list[AuditRecord]
    next: str | None
    """Goes into before, for older ones; null: there are none."""


class WhoAmI(Section):
    """Whoever asks."""

    name: str
    role: Literal["read", "operate", "admin"]
    means: str
    mode: Literal["control", "file"]
    """file: all but use stands in the configuration file, and can be changed only there."""


class SessionBegun(WhoAmI):
    """Whoever has a session from now on."""

    expires_at: str | None
    """null: who asks proves itself each time and needs none."""


class OpenApi(Section):
    """The OpenAPI document."""

    openapi: str
    info: JsonValue
    servers: JsonValue
    security: JsonValue
    tags: JsonValue
    paths: JsonValue
    components: JsonValue


def credential(record: Record) -> dict[str, Any]:
    """See ``Credential``, and ``NewCredential`` where the record has what proves it in clear."""
    return {
        "credentialId": record["id"],
        "type": record["type"],
        "name": record["name"],
        "role": record["role"],
        "enabled": record["enabled"],
        "expiresAt": time_of(record["expires"]),
        "created": rfc3339(record["created"]),
        "modified": rfc3339(record["modified"]),
    }


def audit_record(audit_id: str, record: Mapping[str, Any]) -> dict[str, Any]:
    """See ``AuditRecord``."""
    texts = ("id", "time", "who", "role", "means", "address", "requestId", "action", "target", "reason")
    return {
        "auditId": audit_id,
        "event": record.get("event", "done"),
        **{name: str(record.get(name, "")) for name in texts},
        "before": record.get("before"),
        "after": record.get("after"),
    }
