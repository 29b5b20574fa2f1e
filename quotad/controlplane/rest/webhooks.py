"""Routes of webhooks, and of what is delivered to them."""

import secrets
from collections.abc import Mapping

from quotad.controlplane.audit_trail import Trail
from quotad.controlplane.operations import Operations
from quotad.controlplane.refusal import OperationError, Reason
from quotad.controlplane.replica import Record, tag_of
from quotad.controlplane.rest import webhook_shapes as shapes
from quotad.controlplane.rest.route import Answer, Body, Call, Route
from quotad.controlplane.webhooks import KeyRotationForm, WebhookForm, known_webhook
from quotad.core.deliveries import Delivery
from quotad.core.webhook_events import ping_body
from quotad.errors import StoreError
from quotad.store.deliveries import Deliveries

_WEBHOOKS = "/v1/webhooks"
_ONE = _WEBHOOKS + "/{webhookId}"
_DELIVERIES = _ONE + "/deliveries"


class Webhooks:
    """What they do."""

    def __init__(self, operations: Operations, deliveries: Deliveries, trail: Trail | None) -> None:
        """``trail``: where it is told who has something sent."""
        self._operations = operations
        self._deliveries = deliveries
        self._trail = trail

    def routes(self) -> list[Route]:
        """All of them."""
        read = "DescribeWebhooks"
        changes = Body(WebhookForm, partial=True, without=("signingKey",))
        return [
            Route("GET", _WEBHOOKS, read, "Who is told of crossed quotas", self._list, shapes.WebhookList),
            Route("POST", _WEBHOOKS, "CreateWebhook", "A new webhook: its key is shown this once",
                  self._create, shapes.NewWebhook, 201, Body(WebhookForm)),
            Route("GET", _ONE, read, "A webhook, without its key", self._get, shapes.Webhook, tagged=True),
            Route("PATCH", _ONE, "ModifyWebhook", "Change what is given; what was told is not told again",
                  self._modify, shapes.Webhook, body=changes, tagged=True, matched=True,
                  current_tag=self._tag),
            Route("DELETE", _ONE, "DeleteWebhook", "Take it away with all that is not delivered",
                  self._delete, matched=True, current_tag=self._tag),
            Route("POST", _ONE + "/rotate", "RotateWebhookKey",
                  "A new key; deliveries carry both signatures for the overlap",
                  self._rotate, shapes.NewWebhook, body=Body(KeyRotationForm, optional=True)),
            Route("POST", _ONE + "/test", "TestWebhook", "Send a ping", self._test, shapes.Delivery,
                  keyed=False),
            Route("GET", _DELIVERIES, read, "What was sent, is tried or was given up, the newest first",
                  self._events, shapes.DeliveryList, query=shapes.DeliveriesQuery),
            Route("POST", _DELIVERIES + "/{deliveryId}/redeliver", "RedeliverEvent",
                  "Send it once more, under the same id", self._redeliver, shapes.Delivery, keyed=False),
        ]  # fmt: skip

    async def _list(self, _: Call) -> Answer:
        found = (await self._operations.records()).webhooks()
        return Answer({"webhooks": [shapes.webhook(each) for each in found]})

    async def _create(self, call: Call) -> Answer:
        made = await self._operations.create_webhook(call.asker, call.body)
        shown = {**shapes.webhook(made), "signingKey": made["signingKey"]}
        return Answer(shown, location=f"{_WEBHOOKS}/{made['webhookId']}")

    async def _get(self, call: Call) -> Answer:
        record = await self._known(call.path["webhookId"])
        return Answer(shapes.webhook(record), tag_of(record))

    async def _modify(self, call: Call) -> Answer:
        await self._operations.modify_webhook(call.asker, call.path["webhookId"], call.body, call.tag)
        return await self._get(call)

    async def _delete(self, call: Call) -> Answer:
        webhook_id = call.path["webhookId"]
        await self._operations.delete_webhook(call.asker, webhook_id, call.tag)
        await self._deliveries.forget(webhook_id)
        return Answer()

    async def _rotate(self, call: Call) -> Answer:
        webhook_id = call.path["webhookId"]
        made = await self._operations.rotate_webhook_key(call.asker, webhook_id, call.body)
        return Answer({**shapes.webhook(made), "signingKey": made["signingKey"]})

    async def _test(self, call: Call) -> Answer:
        record = await self._enabled(call)
        now_us = self._now_us()
        body = ping_body(record["webhookId"], record["name"], now_us)
        event = Delivery(f"event-{secrets.token_hex(16)}", "webhook.ping", body, now_us, now_us)
        await self._note(call, event.event_id)
        await self._deliveries.send(record["webhookId"], event)
        return Answer(shapes.delivery(event))

    async def _events(self, call: Call) -> Answer:
        webhook_id, query = call.path["webhookId"], call.query
        await self._known(webhook_id)
        limit, before = query["limit"], query["before"] or ""
        found = await self._deliveries.page(webhook_id, before, limit, query["state"] or "")
        (waiting,) = await self._deliveries.waiting([webhook_id])
        more = found[-1].event_id if len(found) == limit else None
        rows = [shapes.delivery(each) for each in found]
        return Answer({"deliveries": rows, "next": more, "pending": waiting.pending})

    async def _redeliver(self, call: Call) -> Answer:
        record, event_id = await self._enabled(call), call.path["deliveryId"]
        webhook_id = record["webhookId"]
        event = await self._deliveries.event(webhook_id, event_id)
        if event is None:
            raise OperationError(Reason.NO_DELIVERY, "there is no such delivery", "deliveryId")
        await self._note(call, event_id)
        after = event.again(self._now_us())
        if not await self._deliveries.attempted("", webhook_id, event, after):
            raise OperationError(Reason.BUSY, "it is being delivered right now: look at it again")
        return Answer(shapes.delivery(after))

    async def _known(self, webhook_id: str) -> Record:
        return known_webhook(await self._operations.records(), webhook_id)

    async def _enabled(self, call: Call) -> Record:
        record = await self._known(call.path["webhookId"])
        if not record["enabled"]:
            raise OperationError(Reason.WEBHOOK_DISABLED, "the webhook is disabled: enable it first")
        return record

    async def _note(self, call: Call, event_id: str) -> None:
        if self._trail is None:
            return
        asker = call.asker
        who = {"peer": asker.address, "name": asker.name, "role": asker.role, "means": asker.means}
        kind = "TestWebhook" if "deliveryId" not in call.path else "RedeliverEvent"
        target = f"webhook/{call.path['webhookId']}/{event_id}"
        members = {"id": secrets.token_hex(8), "action": kind, "target": target, "who": who}
        await self._trail.append("done", members)

    def _now_us(self) -> int:
        now_us = self._deliveries.now_us()
        if now_us is None:
            raise StoreError("disconnected", "the store's time is not known", executed=False)
        return now_us

    async def _tag(self, path: Mapping[str, str]) -> str:
        return tag_of(await self._known(path["webhookId"]))
