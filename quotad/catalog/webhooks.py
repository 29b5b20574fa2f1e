"""Webhooks as control records, and what ``core`` knows of them, both ways."""

from typing import Any, Final

from quotad.catalog.records import Record, RecordError
from quotad.catalog.vault import Vault, VaultError
from quotad.core.plans import QUOTA_WINDOWS, Webhook

SIGNING_FIELD: Final = "signingKey"
PREVIOUS_SIGNING_FIELD: Final = "previousKey"
"""Fields of a webhook that are sealed."""

_PREVIOUS_SEAL = "previousSigningKey"


def webhook_of(record: Record, vault: Vault) -> Webhook:
    """Raises RecordError."""
    try:
        webhook_id, windows = str(record["webhookId"]), record["windows"]
        previous = record.get(PREVIOUS_SIGNING_FIELD)
        return Webhook(
            webhook_id,
            str(record["name"]),
            str(record["url"]),
            open_key(vault, webhook_id, record[SIGNING_FIELD]),
            tuple(sorted(int(each) for each in record["thresholds"])),
            tuple(name for name in QUOTA_WINDOWS if name in windows),
            record["forecast"] is True,
            tuple(map(str, record["usagePlanIds"] or ())),
            record["enabled"] is True,
            record.get("allowHttp") is True,
            open_key(vault, webhook_id, previous, previous=True) if previous else b"",
            (record.get("previousUntil") or 0) / 1e6,
        )
    except (KeyError, TypeError, AttributeError, ValueError, VaultError) as error:
        raise RecordError(
            f"webhook {record.get('webhookId')!s:.80} cannot be read: {type(error).__name__}"
        ) from None


def webhook_fields(webhook: Webhook) -> dict[str, Any]:
    """What a record and a file say of a webhook, without its keys."""
    return {
        "webhookId": webhook.webhook_id,
        "name": webhook.name,
        "url": webhook.url,
        "allowHttp": webhook.allow_http,
        "thresholds": list(webhook.thresholds),
        "windows": list(webhook.windows),
        "forecast": webhook.forecast,
        "usagePlanIds": list(webhook.plan_ids) or None,
        "enabled": webhook.enabled,
    }


def seal_key(vault: Vault, webhook_id: str, key: bytes, *, previous: bool = False) -> str:
    """A signing key as a record keeps it: what is sealed as the one cannot pass as the previous one."""
    return vault.seal(webhook_id, key, _PREVIOUS_SEAL if previous else SIGNING_FIELD)


def open_key(vault: Vault, webhook_id: str, sealed: str, *, previous: bool = False) -> bytes:
    """What ``seal_key`` was given. Raises VaultError."""
    return vault.open(webhook_id, sealed, _PREVIOUS_SEAL if previous else SIGNING_FIELD)
