from quotad.catalog.vault import Vault
from quotad.controlplane.hooks.directory import FileDirectory, RecordDirectory
from quotad.controlplane.operations import Operations
from quotad.core.plans import UsagePlan, Webhook
from quotad.core.table import PlanTable
from quotad.store.control import Write
from tests.support.control import committed, control_store
from tests.support.desk import ADMIN, MASTER, plan, webhook
from tests.support.servers import StoreServer


async def test_records_as_they_are_now(store_server: StoreServer) -> None:
    """Webhooks with their keys open and the plans; one that cannot be read is passed over and named."""
    async with control_store(store_server.url) as control:
        desk = Operations(control, Vault(MASTER))
        directory = RecordDirectory(Operations(control, Vault(MASTER)), Vault(MASTER))
        assert await directory.webhooks() == []
        made = await desk.create_webhook(ADMIN, {"name": "w", "url": "https://r.example/"})
        gold = await plan(desk)
        (found,) = await directory.webhooks()
        assert (found.webhook_id, len(found.key)) == (made["webhookId"], 32)
        assert gold in (await directory.table()).plans
        await directory.retire(made["webhookId"])
        assert [each.enabled for each in await directory.webhooks()] == [False]
        record = await webhook(desk, made["webhookId"])
        await committed(
            control, Write("webhook", "webhook-odd", {**record, "webhookId": "webhook-odd", "thresholds": 5})
        )
        assert [each.webhook_id for each in await directory.webhooks()] == [made["webhookId"]]
        assert [each.partition(" cannot")[0] for each in directory.unreadable] == ["webhook webhook-odd"]


async def test_a_file_as_it_is_now() -> None:
    """Another one after a reload; nothing of it is changed."""
    webhook = Webhook("w", "w", "https://r.example/", b"k" * 32)
    tables = [PlanTable(plans=[UsagePlan("gold", "g")]), PlanTable(webhooks=[webhook])]
    directory = FileDirectory(lambda: tables[0])
    assert await directory.webhooks() == []
    assert "gold" in (await directory.table()).plans
    del tables[0]
    assert await directory.webhooks() == [webhook]
    await directory.retire("w")
    assert await directory.webhooks() == [webhook]
