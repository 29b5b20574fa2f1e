"""What a webhook is sent: the body of each event, as JSON, and how it is signed.

Both as the Standard Webhooks specification has them: ``type``, ``timestamp`` and ``data``, and an HMAC-SHA256
of id, time and body.
"""

import hmac
import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from quotad.core.crossings import FORECAST, Reading, outlook
from quotad.core.plans import Subject, Webhook
from quotad.core.table import Table
from quotad.core.usage_rows import identity, stamp

EventType = Literal["quota.threshold", "quota.forecast", "webhook.ping"]


def crossing_body(
    table: Table, webhook: Webhook, subject: Subject, reading: Reading, name: str, now_us: int
) -> tuple[EventType, str]:
    """The type and the body of what is said of a crossing; ``name``: that of its mark."""
    data: dict[str, Any] = {
        "webhookId": webhook.webhook_id,
        **identity(table, subject),
        "window": reading.window,
        "inUse": reading.used,
        "limit": reading.limit,
        "percent": round(reading.used * 100 / reading.limit, 2),
        "onBreach": "allow" if reading.soft else "deny",
        "endsAt": stamp(reading.end_us) if reading.end_us else None,
    }
    if name != FORECAST:
        return "quota.threshold", _body("quota.threshold", now_us, {**data, "threshold": int(name)})
    expected = outlook(reading, now_us)
    if expected is not None:
        data |= {"projected": expected.projected, "runsOutAt": stamp(expected.runs_out_us)}
    return "quota.forecast", _body("quota.forecast", now_us, data)


def ping_body(webhook_id: str, name: str, now_us: int) -> str:
    """What is sent to see whether it arrives."""
    return _body("webhook.ping", now_us, {"webhookId": webhook_id, "name": name})


def _body(kind: EventType, now_us: int, data: Mapping[str, Any]) -> str:
    return json.dumps({"type": kind, "timestamp": stamp(now_us), "data": data}, separators=(",", ":"))


def signed_headers(keys: Sequence[bytes], event_id: str, time_s: int, body: bytes) -> dict[str, str]:
    """The three fields of a delivery: one signature for each key, parted by spaces."""
    text = f"{event_id}.{time_s}.".encode() + body
    signatures = [f"v1,{b64encode(hmac.digest(key, text, 'sha256')).decode('ascii')}" for key in keys]
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(time_s),
        "webhook-signature": " ".join(signatures),
    }


def keys_of(webhook: Webhook, now_s: float) -> list[bytes]:
    """What deliveries are signed with now: during a rotation two."""
    previous = webhook.previous_key
    return [webhook.key, previous] if previous and now_s < webhook.previous_until_s else [webhook.key]
