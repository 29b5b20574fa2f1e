from pathlib import Path

from standardwebhooks import Webhook

from tests.support.hooked import LOOPBACK, world
from tests.support.offices import TOKEN, office
from tests.support.receivers import receiver
from tests.support.servers import StoreServer


async def test_each_threshold_is_told_once(store_server: StoreServer, tmp_path: Path) -> None:
    """Use that crosses thresholds is told for each of them, signed, and not told again while it stands."""
    admin = {"token": TOKEN, **LOOPBACK}
    async with receiver() as found, office(store_server.url, tmp_path, admin) as port:
        here = await world(store_server.url, port)
        made = await here.hook(found)
        assert await here.spend(85) == 85
        came = await found.until(2)
        assert sorted(each.told for each in came) == [
            ("quota.threshold", "day", 50),
            ("quota.threshold", "day", 80),
        ]
        data = came[0].payload["data"]
        assert (data["inUse"], data["limit"], data["percent"], data["usagePlanId"]) == (
            85, 100, 85.0, here.plan_id,
        )  # fmt: skip
        assert Webhook(made["signingKey"]).verify(came[0].body, dict(came[0].headers)) == came[0].payload
        assert await here.spend(15) == 15
        await found.until(3)
        assert found.came[2].told == ("quota.threshold", "day", 100)
        await port.done("POST", f"/v1/webhooks/{made['webhookId']}/test")
        await found.until(4)
        assert found.came[3].told == ("webhook.ping", "", None)
