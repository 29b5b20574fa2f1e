"""Changes of Secrets, as decisions on one state of the records. SecretKeys leave here sealed."""

from collections.abc import Mapping, Sequence
from typing import Any

from quotad.catalog.vault import (
    KEY_FIELD,
    PREVIOUS_FIELD,
    SEALED_FIELDS,
    SECONDARY_FIELD,
    SECONDARY_PREVIOUS_FIELD,
    UNTIL_FIELDS,
    Vault,
)
from quotad.controlplane.desk import Decide, Draft, State
from quotad.controlplane.plans import doom
from quotad.controlplane.refusal import OperationError, Reason, invalid, missing, no_secret
from quotad.controlplane.replica import Record, tag_of
from quotad.controlplane.values import RotationForm, SecretForm, new_secret_id, new_secret_key, parsed
from quotad.store.control import Write

AUTO_NAME = "must be 1 to 50 characters of A-Z a-z 0-9 _ where quotad makes the pair"
_ROTATED = {
    "primary": (KEY_FIELD, PREVIOUS_FIELD),
    "secondary": (SECONDARY_FIELD, SECONDARY_PREVIOUS_FIELD),
}
"""Where each of the two keys is, and what it was before its last rotation."""
_NO_SECONDARY = {SECONDARY_FIELD: None, SECONDARY_PREVIOUS_FIELD: None, "secondaryPreviousUntil": None}


def shown(record: Record) -> dict[str, Any]:
    """A Secret without its keys: what an audit log and a list may show."""
    return {name: value for name, value in record.items() if name not in SEALED_FIELDS}


def create_secret(given: Mapping[str, Any], most: int = 0) -> Decide[Record]:
    """A new key pair: quotad's own, or one that is given whole. Its result has its keys in clear.

    ``most``: Secrets that there may be; 0: any.
    """
    several = import_secrets([given], most)

    async def decide(state: State) -> Draft[Record]:
        made = await several(state)
        (result,) = made.result
        return Draft(result, f"secret/{result['secretId']}", made.writes, after=shown(result))

    return decide


def import_secrets(given: Sequence[Mapping[str, Any]], most: int = 0) -> Decide[list[Record]]:
    """Several new key pairs, all or none; each with its keys in clear."""

    async def decide(state: State) -> Draft[list[Record]]:
        forms = [_form(each) for each in given]
        ids = [form.secret_id or new_secret_id() for form in forms]
        if len(set(ids)) < len(ids):
            raise OperationError(Reason.SECRET_EXISTS, "a secretId is given twice", "secretId")
        if most and state.replica.counts()["secret"] + len(ids) > most:
            raise OperationError(Reason.LIMIT, f"there may be {most} secrets at most")
        for secret_id in ids:
            if state.replica.secret(secret_id) is not None:
                raise OperationError(Reason.SECRET_EXISTS, "the secretId is taken", "secretId")
        writes: list[Write] = []
        results: list[Record] = []
        for secret_id, form in zip(ids, forms, strict=True):
            key = form.secret_key or new_secret_key()
            record = _new_record(state, secret_id, form, key)
            writes.append(Write("secret", secret_id, record))
            second = {} if form.secondary_key is None else {"secondaryKey": form.secondary_key}
            results.append({**shown(record), "secretKey": key, **second})
        return Draft(results, "secret", writes, after={"secretIds": ids})

    return decide


def _new_record(state: State, secret_id: str, form: SecretForm, key: str) -> dict[str, Any]:
    return {
        "secretId": secret_id,
        "secretName": form.secret_name,
        **({"secretDesc": form.secret_desc} if form.secret_desc else {}),
        "type": "auto" if form.secret_id is None else "manual",
        "secretKey": state.vault.seal(secret_id, key.encode()),
        "previousKey": None,
        "previousUntil": None,
        **({} if form.secondary_key is None else _second(state.vault, secret_id, form.secondary_key)),
        "enabled": True,
        "expiresAt": None if form.expires_at is None else round(form.expires_at * 1e6),
        "created": state.now_us,
        "modified": state.now_us,
        "plans": {},
    }


def _second(vault: Vault, secret_id: str, key: str) -> dict[str, Any]:
    return {**_NO_SECONDARY, SECONDARY_FIELD: vault.seal(secret_id, key.encode(), SECONDARY_FIELD)}


def _form(given: Mapping[str, Any]) -> SecretForm:
    form = parsed(SecretForm, given)
    if (form.secret_id is None) != (form.secret_key is None):
        raise missing("secretKey" if form.secret_key is None else "secretId")
    if form.secret_id is None and "-" in form.secret_name:
        raise invalid("secretName", AUTO_NAME)
    if form.secret_id is None and form.secondary_key is not None:
        raise missing("secretId")
    return form


def update_secret(
    secret_id: str, given: Mapping[str, Any], tag: str = "", *, enabled: bool | None = None
) -> Decide[Record]:
    """Another name, description or expiry, and as ``set_enabled``; what is not given stays."""

    async def decide(state: State) -> Draft[Record]:
        before = await known_secret(state, secret_id)
        unknown = given.keys() - {"secretName", "secretDesc", "expiresAt"}
        if unknown:
            field = min(unknown)
            raise OperationError(Reason.UNKNOWN_FIELD, f"{field} is nothing that can be changed here", field)
        checked = {"secretName": before["secretName"], **given}
        form = parsed(SecretForm, {name: value for name, value in checked.items() if value is not None})
        if before["type"] == "auto" and "secretName" in given and "-" in form.secret_name:
            raise invalid(
                "secretName", "must be 1 to 50 characters of A-Z a-z 0-9 _ when quotad made the pair"
            )
        _check_tag(before, tag)
        after = {**before, "secretName": form.secret_name}
        if "secretDesc" in given:
            after["secretDesc"] = form.secret_desc
        if enabled is not None:
            after["enabled"] = enabled
        if "expiresAt" in given:
            after["expiresAt"] = None if form.expires_at is None else round(form.expires_at * 1e6)
        return _changed(state, before, after)

    return decide


def rotate_secret(secret_id: str, given: Mapping[str, Any]) -> Decide[Record]:
    """A new key in the place of one of the two; the old one stays valid for the overlap, the other for good.

    The result has the new one in clear, as ``secretKey`` or ``secondaryKey``.
    """

    async def decide(state: State) -> Draft[Record]:
        before = await known_secret(state, secret_id)
        form = parsed(RotationForm, given)
        field, previous_field = _ROTATED[form.which]
        key, sealed = form.secret_key or new_secret_key(), before.get(field)
        overlap_us = form.overlap_seconds * 1_000_000 if sealed else 0
        previous = None
        if sealed and overlap_us:
            # Sealed for its place: what was sealed as the key cannot pass as the previous one.
            previous = state.vault.seal(secret_id, state.vault.open(secret_id, sealed, field), previous_field)
        after = {
            **(_NO_SECONDARY if form.which == "secondary" else {}),
            **before,
            field: state.vault.seal(secret_id, key.encode(), field),
            previous_field: previous,
            UNTIL_FIELDS[previous_field]: state.now_us + overlap_us if overlap_us else None,
        }
        draft = _changed(state, before, after)
        draft.after = {**draft.after, "rotated": form.which}
        draft.result = {**draft.result, field: key}
        return draft

    return decide


def drop_secondary(secret_id: str) -> Decide[None]:
    """From now on the secondary key proves nobody, nor what it was before a rotation."""

    async def decide(state: State) -> Draft[None]:
        before = await known_secret(state, secret_id)
        if before.get(SECONDARY_FIELD) is None:
            return Draft(None)
        draft = _changed(state, before, {**before, **_NO_SECONDARY})
        return Draft(None, draft.target, draft.writes, before=draft.before, after=draft.after)

    return decide


def set_enabled(secret_id: str, *, enabled: bool) -> Decide[Record]:
    """Have its requests accepted, or refused like those of an unknown one."""

    async def decide(state: State) -> Draft[Record]:
        before = await known_secret(state, secret_id)
        if before["enabled"] == enabled:
            return Draft(shown(before))
        return _changed(state, before, {**before, "enabled": enabled})

    return decide


def delete_secret(secret_id: str, tag: str = "") -> Decide[None]:
    """Take away a Secret that is disabled and has no plan; its counters are deleted soon after."""

    async def decide(state: State) -> Draft[None]:
        before = await known_secret(state, secret_id)
        _check_tag(before, tag)
        if before["enabled"]:
            raise OperationError(Reason.SECRET_ENABLED, "the secret is enabled: disable it first")
        if before["plans"]:
            raise OperationError(Reason.SECRET_IN_USE, "the secret is bound to plans: unbind it first")
        writes = [Write("secret", secret_id, None), doom("secret", secret_id, state.now_us)]
        return Draft(None, f"secret/{secret_id}", writes, before=shown(before))

    return decide


def reveal_keys(secret_id: str) -> Decide[dict[str, str]]:
    """Nothing changes but the audit log; the result has the keys in clear, by the names of their fields."""

    async def decide(state: State) -> Draft[dict[str, str]]:
        record = await known_secret(state, secret_id)
        keys = {
            field: state.vault.open(secret_id, record[field], field).decode("ascii")
            for field, _ in _ROTATED.values()
            if record.get(field)
        }
        return Draft(keys, f"secret/{secret_id}", [Write("secret", secret_id, record)], after={"shown": True})

    return decide


def reseal(secret_ids: Sequence[str]) -> Decide[int]:
    """Seal the keys of these Secrets with the newest master key; the result is how many needed it."""

    async def decide(state: State) -> Draft[int]:
        writes = []
        for secret_id, record in zip(secret_ids, await state.secrets(secret_ids), strict=True):
            if record is None:
                continue
            fresh = {**record, **_resealed(state.vault, secret_id, record)}
            if fresh != record:
                writes.append(Write("secret", secret_id, fresh))
        return Draft(len(writes), "secret", writes, after={"resealed": len(writes)})

    return decide


def _resealed(vault: Vault, secret_id: str, record: Record) -> dict[str, str]:
    return {
        name: vault.seal(secret_id, vault.open(secret_id, record[name], name), name)
        for name in SEALED_FIELDS
        if record.get(name) is not None and not vault.is_current(record[name])
    }


async def known_secret(state: State, secret_id: str) -> Record:
    """Its whole record. Raises OperationError and StoreError."""
    (record,) = await state.secrets([secret_id])
    if record is None:
        raise no_secret(secret_id)
    return record


def _check_tag(before: Record, tag: str) -> None:
    if tag and tag != tag_of(before):
        raise OperationError(Reason.STALE, "it was changed meanwhile: read it again")


def _changed(state: State, before: Record, after: dict[str, Any]) -> Draft[Record]:
    secret_id = before["secretId"]
    if after == before:
        return Draft(shown(before))
    after["modified"] = state.now_us
    return Draft(
        shown(after),
        f"secret/{secret_id}",
        [Write("secret", secret_id, after)],
        before=shown(before),
        after=shown(after),
    )
