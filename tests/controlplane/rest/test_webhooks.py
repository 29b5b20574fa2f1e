from pathlib import Path

from quotad.config.webhook_schema import encoded_key
from tests.support.hooked import LOOPBACK
from tests.support.offices import TOKEN, OfficePort, file_office, office
from tests.support.receivers import receiver
from tests.support.servers import StoreServer
from tests.support.waiting import until_true

GIVEN = {"name": "ops", "url": "https://r.example/x"}
WEBHOOKS = "/v1/webhooks"
UNKNOWN = WEBHOOKS + "/webhook-none"


async def test_a_webhook_from_its_begin_to_its_end(port: OfficePort) -> None:
    """Made, listed, changed under its tag, rotated, deleted; its key is shown only when it is new."""
    answer = await port.ask("POST", WEBHOOKS, json=GIVEN)
    made, one = answer.json(), answer.headers["Location"]
    assert one == f"{WEBHOOKS}/{made['webhookId']}"
    shown = {name: value for name, value in made.items() if name != "signingKey"}
    assert await port.done("GET", WEBHOOKS) == {"webhooks": [shown]}
    first = await port.ask("GET", one)
    assert first.json() == shown
    tag = {"If-Match": first.headers["ETag"]}
    changed = await port.done("PATCH", one, json={"thresholds": [90], "enabled": False}, headers=tag)
    assert (changed["thresholds"], changed["enabled"]) == ([90], False)
    assert (await port.refused(412, "PATCH", one, json={"name": "x"}, headers=tag))["code"] == "stale"
    assert (await port.refused(412, "DELETE", one, headers=tag))["code"] == "stale"
    turned = await port.done("POST", one + "/rotate")
    assert turned["previousUntil"] is not None
    assert turned["signingKey"] != made["signingKey"]
    bare = await port.done("POST", one + "/rotate", json={"overlapSeconds": 0})
    assert bare["previousUntil"] is None
    assert (await port.ask("DELETE", one)).status_code == 204
    await port.refused(404, "GET", one)
    audit = await port.ask("GET", "/v1/audit")
    assert [each["action"] for each in audit.json()["audit"]] == [
        "DeleteWebhook",
        *("RotateWebhookKey", "RotateWebhookKey", "ModifyWebhook", "CreateWebhook"),
    ]
    assert "whsec_" not in audit.text


async def test_who_may_do_what(port: OfficePort) -> None:
    """Reading and sending are for operators, a URL and a key for admins, nothing for readers."""
    made = await port.done("POST", WEBHOOKS, json=GIVEN)
    one = f"{WEBHOOKS}/{made['webhookId']}"
    tokens = {}
    for role in ("read", "operate"):
        given = {"name": role, "role": role}
        tokens[role] = (await port.done("POST", "/v1/credentials", json=given))["token"]
    for path in (WEBHOOKS, one, one + "/deliveries"):
        await port.refused(403, "GET", path, token=tokens["read"])
        await port.done("GET", path, token=tokens["operate"])
    await port.refused(403, "POST", one + "/test", token=tokens["read"])
    await port.done("POST", one + "/test", token=tokens["operate"])
    for method, path, body in (
        ("POST", WEBHOOKS, GIVEN),
        ("PATCH", one, {"url": "https://other.example/"}),
        ("POST", one + "/rotate", {}),
        ("DELETE", one, None),
    ):
        await port.refused(403, method, path, token=tokens["operate"], json=body)


async def test_what_is_not_there_and_what_is_disabled(port: OfficePort) -> None:
    """404 for an unknown one, 409 for having a disabled one send; nothing in the query or the body."""
    for method, path in (("GET", UNKNOWN), ("DELETE", UNKNOWN), ("GET", UNKNOWN + "/deliveries")):
        assert (await port.refused(404, method, path))["code"] == "unknown_webhook"
    for path in (UNKNOWN + "/test", UNKNOWN + "/deliveries/event-1/redeliver"):
        assert (await port.refused(404, "POST", path))["code"] == "unknown_webhook"
    made = await port.done("POST", WEBHOOKS, json={**GIVEN, "enabled": False})
    one = f"{WEBHOOKS}/{made['webhookId']}"
    assert (await port.refused(409, "POST", one + "/test"))["code"] == "webhook_disabled"
    await port.done("PATCH", one, json={"enabled": True})
    found = await port.refused(404, "POST", one + "/deliveries/event-1/redeliver")
    assert found["code"] == "unknown_delivery"
    await port.refused(400, "GET", one + "/deliveries?state=odd")
    await port.refused(400, "GET", one + "/deliveries?limit=101")


async def test_a_ping_is_delivered_listed_and_sent_again(store_server: StoreServer, tmp_path: Path) -> None:
    """Under the same id each time; the list has what was tried, the newest first, page by page."""
    async with (
        receiver() as found,
        office(store_server.url, tmp_path, {"token": TOKEN, **LOOPBACK}) as port,
    ):
        made = await port.done("POST", WEBHOOKS, json={"name": "w", "url": found.url, "allowHttp": True})
        one = f"{WEBHOOKS}/{made['webhookId']}"
        ping = await port.done("POST", one + "/test")
        assert (ping["type"], ping["state"], ping["attemptCount"]) == ("webhook.ping", "pending", 0)
        await found.until(1)
        assert found.came[0].id == ping["deliveryId"]
        assert found.came[0].payload == ping["payload"]

        async def delivered() -> bool:
            listed = await port.done("GET", one + "/deliveries?state=delivered")
            return bool(listed["deliveries"]) and listed["pending"] == 0

        await until_true(delivered)
        again = f"{one}/deliveries/{ping['deliveryId']}/redeliver"
        assert (await port.done("POST", again))["state"] == "pending"
        await found.until(2)
        assert found.came[1].id == ping["deliveryId"]
        await until_true(delivered)
        second = await port.done("POST", one + "/test")
        page = await port.done("GET", one + "/deliveries?limit=1")
        assert [each["deliveryId"] for each in page["deliveries"]] == [second["deliveryId"]]
        page = await port.done("GET", f"{one}/deliveries?limit=1&before={page['next']}")
        (row,) = page["deliveries"]
        assert (row["deliveryId"], row["attemptCount"]) == (ping["deliveryId"], 2)
        assert [each["status"] for each in row["attempts"]] == [204, 204]
        audit = await port.done("GET", "/v1/audit?limit=3")
        assert [each["action"] for each in audit["audit"]] == ["TestWebhook", "RedeliverEvent", "TestWebhook"]
        assert audit["audit"][0]["target"] == f"webhook/{made['webhookId']}/{second['deliveryId']}"


async def test_a_files_webhooks_are_shown_and_send(store_server: StoreServer, tmp_path: Path) -> None:
    """Without their keys; changes are made in the file."""
    key = encoded_key(b"k" * 32)
    async with receiver() as found:
        webhook = {"webhookId": "w1", "name": "w", "url": found.url, "allowHttp": True, "signingKey": key}
        admin = {"address": "127.0.0.1:0", "token": TOKEN, **LOOPBACK}
        async with file_office(store_server.url, tmp_path, {"admin": admin, "webhooks": [webhook]}) as port:
            answer = await port.ask("GET", WEBHOOKS)
            assert answer.json()["webhooks"][0]["webhookId"] == "w1"
            assert "whsec_" not in answer.text
            for method, path, body in (("POST", WEBHOOKS, GIVEN), ("PATCH", WEBHOOKS + "/w1", {"name": "x"})):
                assert (await port.refused(409, method, path, json=body))["code"] == "read_only"
            await port.done("POST", WEBHOOKS + "/w1/test")
            await found.until(1)
