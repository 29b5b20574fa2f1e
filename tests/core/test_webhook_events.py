import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError

from quotad.clock import wall_s
from quotad.core.crossings import FORECAST, Reading
from quotad.core.plans import Api, Secret, Service, Subject, UsagePlan, Webhook
from quotad.core.table import PlanTable
from quotad.core.webhook_events import crossing_body, keys_of, ping_body, signed_headers

DAY_US = 86_400_000_000
START_US = 20_000 * DAY_US
KEY, OLD = b"k" * 32, b"o" * 32
HOOK = Webhook("webhook-a", "w", "https://r.example/", KEY)
PLAN = UsagePlan("gold", "Gold", scope="secret")
TABLE = PlanTable(
    [Service("orders", "Orders", apis=(Api("api-1", "exports", "GET", "/x"),))],
    [PLAN],
    [Secret("acme", "AKIDacme", b"the-key-of-acme")],
)
SUBJECT = Subject(PLAN, "orders", "release", "AKIDacme", api_id="api-1")
READING = Reading("day", 81, 100, True, START_US, START_US + DAY_US)


def test_a_crossing_names_whose_it_is() -> None:
    """Plan, service, Api and Secret by id and name; never a key."""
    kind, body = crossing_body(TABLE, HOOK, SUBJECT, READING, "80", START_US)
    found = json.loads(body)
    assert (kind, found["type"], found["timestamp"]) == ("quota.threshold",) * 2 + ("2024-10-04T00:00:00Z",)
    assert found["data"] == {
        "webhookId": "webhook-a",
        "usagePlanId": "gold",
        "usagePlanName": "Gold",
        "serviceId": "orders",
        "serviceName": "Orders",
        "environment": "release",
        "apiId": "api-1",
        "apiName": "exports",
        "secretId": "AKIDacme",
        "secretName": "acme",
        "window": "day",
        "inUse": 81,
        "limit": 100,
        "percent": 81.0,
        "onBreach": "allow",
        "endsAt": "2024-10-05T00:00:00Z",
        "threshold": 80,
    }
    assert "the-key" not in body
    total = READING._replace(window="total", start_us=0, end_us=0)
    assert json.loads(crossing_body(TABLE, HOOK, SUBJECT, total, "80", START_US)[1])["data"]["endsAt"] is None


def test_a_forecast_says_when_the_quota_ends() -> None:
    """And how much there would be by the window's end."""
    kind, body = crossing_body(TABLE, HOOK, SUBJECT, READING, FORECAST, START_US + DAY_US // 2)
    data = json.loads(body)["data"]
    assert (kind, data["projected"], data["runsOutAt"]) == ("quota.forecast", 162, "2024-10-04T14:48:53Z")
    assert "threshold" not in data


def test_signatures_are_those_of_the_specification() -> None:
    """Its own client accepts each of several keys, and no other body, id, time or key."""
    body = ping_body("webhook-a", "w", round(wall_s() * 1e6)).encode()
    now_s = int(wall_s())
    headers = signed_headers([KEY, OLD], "event-1", now_s, body)
    for key in (KEY, OLD):
        assert Verifier(key).verify(body, headers)["data"]["name"] == "w"
    wrong = (
        (body + b" ", headers, KEY),
        (body, {**headers, "webhook-id": "event-2"}, KEY),
        (body, {**headers, "webhook-timestamp": str(now_s - 1)}, KEY),
        (body, headers, b"x" * 32),
        (body, signed_headers([KEY], "event-1", now_s - 3600, body), KEY),
    )
    for content, given, key in wrong:
        with pytest.raises(WebhookVerificationError):
            Verifier(key).verify(content, given)
    assert Verifier(KEY).sign("event-1", datetime.fromtimestamp(now_s, UTC), body.decode()) in headers[
        "webhook-signature"
    ].split(" ")


def test_during_a_rotation_both_keys_sign() -> None:
    """Until the overlap ends."""
    until_s = (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=1)).timestamp()
    rotated = replace(HOOK, previous_key=OLD, previous_until_s=until_s)
    assert keys_of(rotated, until_s - 1) == [KEY, OLD]
    assert keys_of(rotated, until_s) == [KEY]
    assert keys_of(HOOK, 0.0) == [KEY]
