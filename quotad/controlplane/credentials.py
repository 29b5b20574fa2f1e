"""What admins sign in with: bearer tokens and key pairs, as decisions on one state of the records.

Of a token only a digest is kept: it has 238 random bits, so there is nothing to guess a slow digest would
protect. A key pair signs, so its key must be there: sealed, as the SecretKeys of callers are.
"""

import hmac
import secrets
import string
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Literal

from quotad.catalog.vault import KEY_FIELD
from quotad.config import fields as kind
from quotad.config.section import Section
from quotad.controlplane.desk import Decide, Draft, State
from quotad.controlplane.plans import check_tag
from quotad.controlplane.refusal import OperationError, Reason
from quotad.controlplane.replica import Record
from quotad.controlplane.values import new_id, new_secret_id, new_secret_key, parsed
from quotad.store.control import Write

TOKEN_LENGTH = 40
"""Random characters of a token after its id and a dot: 238 bits."""

_ALPHANUMERIC = string.ascii_letters + string.digits
_KEPT_BACK = ("hash", KEY_FIELD)
_NOBODYS_HASH = sha256(b"compared with where there is no such token").hexdigest()


class CredentialForm(Section):
    """What an admin signs in with."""

    type: Literal["token", "keyPair"] = "token"
    """token: a bearer token; keyPair: SecretId and SecretKey that sign requests of the cloud dialects."""
    name: kind.Name
    """For people."""
    role: Literal["read", "operate", "admin"]
    """What may be done with it."""
    expires_at: kind.Expiry | None = None
    """RFC 3339; absent: never."""


class CredentialChanges(Section):
    """What can be changed of it."""

    name: kind.Name
    """For people."""
    role: Literal["read", "operate", "admin"]
    """What may be done with it."""
    enabled: kind.Flag = True
    """false: refused like an unknown one."""
    expires_at: kind.Expiry | None = None
    """RFC 3339; null: never."""


def shown(record: Record) -> dict[str, Any]:
    """A credential without what proves it."""
    return {name: value for name, value in record.items() if name not in _KEPT_BACK}


def create_credential(given: Mapping[str, Any]) -> Decide[Record]:
    """A new one; the result has ``token``, or ``secretKey``, in clear: the only time."""

    async def decide(state: State) -> Draft[Record]:
        form = parsed(CredentialForm, given)
        own, proof = _token() if form.type == "token" else _key_pair(state)
        record: dict[str, Any] = {
            **own,
            "type": form.type,
            "name": form.name,
            "role": form.role,
            "enabled": True,
            "expires": _us(form.expires_at),
            "created": state.now_us,
            "modified": state.now_us,
        }
        target = f"credential/{record['id']}"
        writes = [Write("credential", record["id"], record)]
        return Draft({**shown(record), **proof}, target, writes, after=shown(record))

    return decide


def _token() -> tuple[dict[str, str], dict[str, str]]:
    token_id = new_id("token-")
    token = f"{token_id}.{''.join(secrets.choice(_ALPHANUMERIC) for _ in range(TOKEN_LENGTH))}"
    return {"id": token_id, "hash": digest(token)}, {"token": token}


def _key_pair(state: State) -> tuple[dict[str, str], dict[str, str]]:
    key_id, key = new_secret_id(), new_secret_key()
    return {"id": key_id, KEY_FIELD: state.vault.seal(key_id, key.encode())}, {KEY_FIELD: key}


def modify_credential(credential_id: str, given: Mapping[str, Any], tag: str = "") -> Decide[Record]:
    """Another name, role or expiry, or switched off or on; what is not given stays."""

    async def decide(state: State) -> Draft[Record]:
        before = known_credential(state, credential_id)
        old = {name: before[name] for name in ("name", "role", "enabled")}
        form = parsed(CredentialChanges, {**old, **given})
        check_tag(before, tag)
        after = {**before, "name": form.name, "role": form.role, "enabled": form.enabled}
        if "expiresAt" in given:
            after["expires"] = _us(form.expires_at)
        if after == before:
            return Draft(shown(before))
        after["modified"] = state.now_us
        writes = [Write("credential", credential_id, after)]
        return Draft(
            shown(after), f"credential/{credential_id}", writes, before=shown(before), after=shown(after)
        )

    return decide


def delete_credential(credential_id: str, tag: str = "") -> Decide[None]:
    """From now on nobody signs in with it."""

    async def decide(state: State) -> Draft[None]:
        before = known_credential(state, credential_id)
        check_tag(before, tag)
        writes = [Write("credential", credential_id, None)]
        return Draft(None, f"credential/{credential_id}", writes, before=shown(before))

    return decide


def reseal_credentials() -> Decide[int]:
    """Seal the keys of key pairs with the newest master key; the result is how many needed it."""

    async def decide(state: State) -> Draft[int]:
        writes = []
        for record in state.replica.credentials():
            sealed = record.get(KEY_FIELD)
            if sealed is not None and not state.vault.is_current(sealed):
                key = state.vault.open(record["id"], sealed)
                fresh = {**record, KEY_FIELD: state.vault.seal(record["id"], key)}
                writes.append(Write("credential", record["id"], fresh))
        return Draft(len(writes), "credential", writes, after={"resealed": len(writes)})

    return decide


def known_credential(state: State, credential_id: str) -> Record:
    """Its record. Raises OperationError."""
    record = state.replica.credential(credential_id)
    if record is None:
        raise OperationError(Reason.NO_CREDENTIAL, "there is no such credential", "credentialId")
    return record


def digest(token: str) -> str:
    """What is kept of a token."""
    return sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def is_usable(record: Record | None, now_us: int) -> bool:
    """Whether somebody may sign in with it now."""
    if record is None or not record["enabled"]:
        return False
    return record["expires"] is None or now_us < record["expires"]


def proves(record: Record | None, token: str) -> bool:
    """Whether this is the token of that record; takes as long when there is none."""
    kept = None if record is None else record.get("hash")
    return hmac.compare_digest(digest(token), kept or _NOBODYS_HASH) and kept is not None


def _us(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1e6)
