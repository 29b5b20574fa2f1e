"""What the routes of webhooks answer."""

import json
from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue

from quotad.config import fields as kind
from quotad.config.section import Section
from quotad.controlplane.desk import rfc3339
from quotad.controlplane.replica import Record
from quotad.controlplane.rest.shapes import time_of
from quotad.core.deliveries import Delivery as Event

PAGE_AT_MOST = 100
STATES = ("pending", "delivered", "failed")


class DeliveriesQuery(Section):
    """Which deliveries, the newest first."""

    limit: Annotated[int, Field(ge=1, le=PAGE_AT_MOST)] = 50
    """How many at most."""
    before: kind.Id | None = None
    """Only older ones: next of the answer before."""
    state: Literal["pending", "delivered", "failed"] | None = None
    """Only those in this state."""


class Webhook(Section):
    """Who is told that use of a plan has crossed a part of its quota; without its key."""

    webhook_id: str
    name: str
    url: str
    allow_http: bool
    thresholds: list[int]
    """Percent."""
    windows: list[Literal["day", "month", "total"]]
    forecast: bool
    usage_plan_ids: list[str] | None
    """null: all plans."""
    enabled: bool
    disabled_reason: Literal["gone"] | None
    """gone: the receiver answered 410."""
    previous_until: str | None
    """Until when deliveries carry the signature of the key before the last rotation too."""
    created: str
    modified: str


class WebhookList(Section):
    """All of them."""

    webhooks: list[Webhook]


class NewWebhook(Webhook):
    """With the key: keep it now, it is never shown again."""

    signing_key: str


class Attempt(Section):
    """One try."""

    at: str
    status: int
    """0: there was no answer."""
    error: str
    """Why; empty when the status says it."""
    duration_ms: int


class Delivery(Section):
    """One event for one webhook."""

    delivery_id: str
    """What the receiver gets as webhook-id, the same at each attempt."""
    type: str
    state: Literal["pending", "delivered", "failed"]
    created: str
    next_attempt: str | None
    """null: it is over."""
    attempt_count: int
    attempts: list[Attempt]
    """The last ten, the oldest first."""
    payload: JsonValue
    """What is sent."""


class DeliveryList(Section):
    """Some of the last thousand, and those that are pending."""

    deliveries: list[Delivery]
    next: str | None
    """Goes into before, for older ones; null: there are none."""
    pending: int
    """On their way, in all."""


def webhook(record: Record) -> dict[str, Any]:
    """See ``Webhook``."""
    names = ("webhookId", "name", "url", "allowHttp", "thresholds", "windows", "forecast", "usagePlanIds")
    return {
        **{name: record[name] for name in names},
        "enabled": record["enabled"],
        "disabledReason": record["disabledReason"],
        "previousUntil": time_of(record["previousUntil"]),
        "created": rfc3339(record["created"]),
        "modified": rfc3339(record["modified"]),
    }


def delivery(event: Event) -> dict[str, Any]:
    """See ``Delivery``."""
    return {
        "deliveryId": event.event_id,
        "type": event.type,
        "state": event.state,
        "created": rfc3339(event.created_us),
        "nextAttempt": time_of(event.next_us or None),
        "attemptCount": event.attempt_count,
        "attempts": [
            {
                "at": rfc3339(each.at_us),
                "status": each.status,
                "error": each.error,
                "durationMs": each.duration_ms,
            }
            for each in event.attempts
        ],
        "payload": json.loads(event.body),
    }
