"""Changes of webhooks, as decisions on one state of the records. Keys are sealed as those of callers are."""

import secrets
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from quotad.catalog.webhooks import (
    PREVIOUS_SIGNING_FIELD,
    SIGNING_FIELD,
    open_key,
    seal_key,
)
from quotad.config import fields as kind
from quotad.config.section import Section
from quotad.config.webhook_checks import WEBHOOKS_AT_MOST
from quotad.config.webhook_schema import SigningKey, WebhookFields, check_url, decoded_key, encoded_key
from quotad.controlplane.desk import Decide, Draft, State
from quotad.controlplane.plans import check_tag, known_plan
from quotad.controlplane.refusal import OperationError, Reason, invalid
from quotad.controlplane.replica import Record, Replica
from quotad.controlplane.values import OVERLAP_AT_MOST_S, new_id, parsed
from quotad.core.plans import QUOTA_WINDOWS
from quotad.store.control import Write

NEW_KEY_BYTES = 32
OVERLAP_S = 86_400
"""How long both keys of a rotation sign, unless said otherwise."""

GONE = "gone"
"""Why a webhook was disabled: its receiver answered 410."""

_KEPT_BACK = (SIGNING_FIELD, PREVIOUS_SIGNING_FIELD)


class WebhookForm(WebhookFields):
    """What a webhook is made of."""

    signing_key: SigningKey | None = None
    """whsec_ and base64 of 24 to 64 bytes; absent: made by quotad."""


class KeyRotationForm(Section):
    """A new signing key."""

    signing_key: SigningKey | None = None
    """Absent: made by quotad."""
    overlap_seconds: Annotated[int, Field(ge=0, le=OVERLAP_AT_MOST_S), kind.WHOLE] = OVERLAP_S
    """How long deliveries carry the signature of the old key too."""


def shown(record: Record) -> dict[str, Any]:
    """A webhook without its keys."""
    return {name: value for name, value in record.items() if name not in _KEPT_BACK}


def create_webhook(given: Mapping[str, Any]) -> Decide[Record]:
    """A new one; the result has ``signingKey`` in clear: the only time."""

    async def decide(state: State) -> Draft[Record]:
        form = parsed(WebhookForm, given)
        if len(state.replica.webhooks()) >= WEBHOOKS_AT_MOST:
            raise OperationError(Reason.LIMIT, f"there may be {WEBHOOKS_AT_MOST} webhooks at most")
        webhook_id, key = new_id("webhook-"), form.signing_key or new_key()
        record = {
            "webhookId": webhook_id,
            **_said(state, form),
            "disabledReason": None,
            SIGNING_FIELD: seal_key(state.vault, webhook_id, decoded_key(key)),
            PREVIOUS_SIGNING_FIELD: None,
            "previousUntil": None,
            "created": state.now_us,
            "modified": state.now_us,
        }
        writes = [Write("webhook", webhook_id, record)]
        result = {**shown(record), SIGNING_FIELD: key}
        return Draft(result, f"webhook/{webhook_id}", writes, after=shown(record))

    return decide


def modify_webhook(webhook_id: str, given: Mapping[str, Any], tag: str = "") -> Decide[Record]:
    """What is not given stays; what was announced is not announced again."""

    async def decide(state: State) -> Draft[Record]:
        before = known_webhook(state.replica, webhook_id)
        old = {str(field.alias): before[str(field.alias)] for field in WebhookFields.model_fields.values()}
        form = parsed(WebhookFields, {**old, **given})
        check_tag(before, tag)
        after = {**before, **_said(state, form)}
        if form.enabled:
            after["disabledReason"] = None
        return _changed(state, before, after)

    return decide


def rotate_key(webhook_id: str, given: Mapping[str, Any]) -> Decide[Record]:
    """A new key; the old one signs too for the overlap. The result has ``signingKey`` in clear."""

    async def decide(state: State) -> Draft[Record]:
        before = known_webhook(state.replica, webhook_id)
        form = parsed(KeyRotationForm, given)
        key, overlap_us = form.signing_key or new_key(), form.overlap_seconds * 1_000_000
        old = open_key(state.vault, webhook_id, before[SIGNING_FIELD])
        after = {
            **before,
            SIGNING_FIELD: seal_key(state.vault, webhook_id, decoded_key(key)),
            PREVIOUS_SIGNING_FIELD: seal_key(state.vault, webhook_id, old, previous=True)
            if overlap_us
            else None,
            "previousUntil": state.now_us + overlap_us if overlap_us else None,
        }
        draft = _changed(state, before, after)
        draft.result = {**draft.result, SIGNING_FIELD: key}
        return draft

    return decide


def retire_webhook(webhook_id: str) -> Decide[None]:
    """Disable one whose receiver is gone; nothing happens when there is none, or it is disabled."""

    async def decide(state: State) -> Draft[None]:
        before = state.replica.webhook(webhook_id)
        if before is None or not before["enabled"]:
            return Draft(None)
        draft = _changed(state, before, {**before, "enabled": False, "disabledReason": GONE})
        return Draft(None, draft.target, draft.writes, before=draft.before, after=draft.after)

    return decide


def delete_webhook(webhook_id: str, tag: str = "") -> Decide[None]:
    """Take it away with all that is not delivered yet."""

    async def decide(state: State) -> Draft[None]:
        before = known_webhook(state.replica, webhook_id)
        check_tag(before, tag)
        writes = [Write("webhook", webhook_id, None)]
        return Draft(None, f"webhook/{webhook_id}", writes, before=shown(before))

    return decide


def reseal_webhooks() -> Decide[int]:
    """Seal the keys of webhooks with the newest master key; the result is how many needed it."""

    async def decide(state: State) -> Draft[int]:
        writes = []
        for record in state.replica.webhooks():
            fresh = {**record, **_resealed(state, record)}
            if fresh != record:
                writes.append(Write("webhook", record["webhookId"], fresh))
        return Draft(len(writes), "webhook", writes, after={"resealed": len(writes)})

    return decide


def _resealed(state: State, record: Record) -> dict[str, str]:
    vault, found = state.vault, {}
    for name in _KEPT_BACK:
        sealed, previous = record[name], name == PREVIOUS_SIGNING_FIELD
        if sealed is not None and not vault.is_current(sealed):
            key = open_key(vault, record["webhookId"], sealed, previous=previous)
            found[name] = seal_key(vault, record["webhookId"], key, previous=previous)
    return found


def known_webhook(replica: Replica, webhook_id: str) -> Record:
    """Its record. Raises OperationError."""
    record = replica.webhook(webhook_id)
    if record is None:
        raise no_webhook()
    return record


def no_webhook() -> OperationError:
    """There is no such webhook."""
    return OperationError(Reason.NO_WEBHOOK, "there is no such webhook", "webhookId")


def new_key() -> str:
    """A signing key in text, from the system's source of randomness."""
    return encoded_key(secrets.token_bytes(NEW_KEY_BYTES))


def _said(state: State, form: WebhookFields) -> dict[str, Any]:
    try:
        check_url(form.url, allow_http=form.allow_http)
    except ValueError as error:
        raise invalid("url", str(error)) from None
    for plan_id in form.usage_plan_ids or ():
        known_plan(state, plan_id)
    return {
        "name": form.name,
        "url": form.url,
        "allowHttp": form.allow_http,
        "thresholds": sorted(set(form.thresholds)),
        "windows": [name for name in QUOTA_WINDOWS if name in form.windows],
        "forecast": form.forecast,
        "usagePlanIds": None if form.usage_plan_ids is None else list(dict.fromkeys(form.usage_plan_ids)),
        "enabled": form.enabled,
    }


def _changed(state: State, before: Record, after: dict[str, Any]) -> Draft[Record]:
    webhook_id = before["webhookId"]
    if after == before:
        return Draft(shown(before))
    after["modified"] = state.now_us
    writes = [Write("webhook", webhook_id, after)]
    return Draft(shown(after), f"webhook/{webhook_id}", writes, before=shown(before), after=shown(after))
