from typing import Any

import pytest

from quotad.catalog.vault import Vault
from quotad.catalog.webhooks import webhook_of
from quotad.config.webhook_checks import WEBHOOKS_AT_MOST
from quotad.config.webhook_schema import decoded_key
from quotad.controlplane.operations import Operations
from quotad.controlplane.refusal import Reason
from quotad.controlplane.replica import tag_of
from quotad.store.control import Write
from tests.support.control import committed, control_store
from tests.support.desk import ADMIN, MASTER, plan, refused, webhook
from tests.support.servers import StoreServer

VAULT = Vault(MASTER)
GIVEN = {"name": "ops", "url": "https://r.example/x"}


async def test_a_key_is_shown_once_and_kept_sealed(desk: Operations) -> None:
    """Made by quotad or given; neither the record nor the audit log has it in clear."""
    made = await desk.create_webhook(ADMIN, GIVEN)
    own = "whsec_" + "QUJD" * 12
    other = await desk.create_webhook(ADMIN, {**GIVEN, "signingKey": own})
    record = await webhook(desk, made["webhookId"])
    assert webhook_of(record, VAULT).key == decoded_key(made["signingKey"])
    assert len(decoded_key(made["signingKey"])) == 32
    assert other["signingKey"] == own
    audit = str(await desk.audit(ADMIN, "", 10))
    for key in (made["signingKey"], own, record["signingKey"]):
        assert key not in audit
    assert {each["webhookId"] for each in (await desk.records()).webhooks()} == {
        made["webhookId"],
        other["webhookId"],
    }


async def test_what_is_not_said_has_its_default_and_stays(desk: Operations) -> None:
    """Thresholds ascend, windows stand in their order; a change names what it changes."""
    gold = await plan(desk)
    made = await desk.create_webhook(ADMIN, {**GIVEN, "thresholds": [100, 5, 5], "windows": ["total", "day"]})
    assert (made["thresholds"], made["windows"], made["usagePlanIds"]) == ([5, 100], ["day", "total"], None)
    changed = await desk.modify_webhook(ADMIN, made["webhookId"], {"usagePlanIds": [gold], "forecast": True})
    assert (changed["usagePlanIds"], changed["forecast"], changed["thresholds"]) == ([gold], True, [5, 100])
    again = await desk.modify_webhook(ADMIN, made["webhookId"], {"usagePlanIds": None})
    assert again["usagePlanIds"] is None
    assert await desk.modify_webhook(ADMIN, made["webhookId"], {"name": "ops"}) == again


@pytest.mark.parametrize(
    ("odd", "reason", "field"),
    [
        ({"url": "http://r.example/"}, Reason.INVALID, "url"),
        ({"url": "https://a:b@r.example/"}, Reason.INVALID, "url"),
        ({"thresholds": []}, Reason.INVALID, "thresholds"),
        ({"windows": ["year"]}, Reason.INVALID, "windows[0]"),
        ({"usagePlanIds": ["none"]}, Reason.NO_PLAN, "usagePlanId"),
        ({"signingKey": "whsec_AAAA"}, Reason.INVALID, "signingKey"),
        ({"webhookId": "mine"}, Reason.UNKNOWN_FIELD, "webhookId"),
    ],
)
async def test_what_is_wrong_changes_nothing(
    desk: Operations, odd: dict[str, Any], reason: Reason, field: str
) -> None:
    """Each rule names its field."""
    assert await refused(desk.create_webhook(ADMIN, {**GIVEN, **odd})) == (reason, field)
    assert (await desk.records()).webhooks() == []


async def test_a_rotation_keeps_the_old_key_for_its_overlap(desk: Operations) -> None:
    """A day unless said otherwise; with none the old one signs no more."""
    made = await desk.create_webhook(ADMIN, GIVEN)
    webhook_id, old = made["webhookId"], decoded_key(made["signingKey"])
    turned = await desk.rotate_webhook_key(ADMIN, webhook_id, {})
    found = webhook_of(await webhook(desk, webhook_id), VAULT)
    assert (found.key, found.previous_key) == (decoded_key(turned["signingKey"]), old)
    assert round(found.previous_until_s - turned["modified"] / 1e6) == 86_400
    await desk.rotate_webhook_key(ADMIN, webhook_id, {"overlapSeconds": 0})
    found = webhook_of(await webhook(desk, webhook_id), VAULT)
    assert (found.previous_key, found.previous_until_s) == (b"", 0.0)


async def test_one_whose_receiver_is_gone_is_disabled(desk: Operations) -> None:
    """Until somebody enables it again; twice, or when it is deleted, nothing happens."""
    made = await desk.create_webhook(ADMIN, GIVEN)
    webhook_id = made["webhookId"]
    await desk.retire_webhook(ADMIN, webhook_id)
    await desk.retire_webhook(ADMIN, webhook_id)
    record = await webhook(desk, webhook_id)
    assert (record["enabled"], record["disabledReason"]) == (False, "gone")
    assert len(await desk.audit(ADMIN, "", 10)) == 2
    back = await desk.modify_webhook(ADMIN, webhook_id, {"enabled": True})
    assert (back["enabled"], back["disabledReason"]) == (True, None)
    await desk.delete_webhook(ADMIN, webhook_id, tag_of(await webhook(desk, webhook_id)))
    await desk.retire_webhook(ADMIN, webhook_id)
    assert await refused(webhook(desk, webhook_id)) == (Reason.NO_WEBHOOK, "webhookId")


async def test_a_stale_tag_changes_nothing(desk: Operations) -> None:
    """Neither a change nor a deletion."""
    made = await desk.create_webhook(ADMIN, GIVEN)
    for asked in (
        desk.modify_webhook(ADMIN, made["webhookId"], {"name": "b"}, "stale"),
        desk.delete_webhook(ADMIN, made["webhookId"], "stale"),
    ):
        assert (await refused(asked))[0] == Reason.STALE


async def test_there_are_a_hundred_at_most(store_server: StoreServer) -> None:
    """Each is held against every Subject."""
    async with control_store(store_server.url) as control:
        desk = Operations(control, VAULT)
        made = await desk.create_webhook(ADMIN, GIVEN)
        record = await webhook(desk, made["webhookId"])
        more = [f"webhook-{number}" for number in range(1, WEBHOOKS_AT_MOST)]
        await committed(control, *(Write("webhook", each, {**record, "webhookId": each}) for each in more))
        assert (await refused(desk.create_webhook(ADMIN, GIVEN)))[0] == Reason.LIMIT


async def test_keys_are_sealed_again(store_server: StoreServer) -> None:
    """Both of a rotation, with the newest master key; then none is left to be."""
    newer = (("m2", bytes(range(1, 33))), *MASTER)
    async with control_store(store_server.url) as control:
        desk = Operations(control, VAULT)
        made = await desk.create_webhook(ADMIN, GIVEN)
        await desk.rotate_webhook_key(ADMIN, made["webhookId"], {})
        before = webhook_of(await webhook(desk, made["webhookId"]), VAULT)
        later = Operations(control, Vault(newer))
        assert await later.reseal(ADMIN) == 1
        assert await later.reseal(ADMIN) == 0
        record = await webhook(later, made["webhookId"])
        assert record["signingKey"].startswith("m2.")
        assert webhook_of(record, Vault(newer[:1])) == before
