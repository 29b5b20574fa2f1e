"""An admin port with a bound plan, whose use can be driven, and webhooks on receivers of this machine."""

from dataclasses import dataclass
from typing import Any

from quotad.core.plans import Subject, UsagePlan
from tests.support.offices import OfficePort
from tests.support.receivers import Receiver
from tests.support.spending import spend

LOOPBACK: dict[str, Any] = {"webhooks": {"networks": ["127.0.0.0/8"]}}
"""Of an admin section: receivers may be here."""


@dataclass(frozen=True)
class World:
    """One plan in one environment."""

    url: str
    port: OfficePort
    plan_id: str
    service_id: str

    async def subject(self, secret_id: str = "") -> Subject:
        """Whose counters these are, with the plan as it is now."""
        shown = await self.port.done("GET", f"/v1/plans/{self.plan_id}")
        plan = UsagePlan(
            self.plan_id,
            shown["usagePlanName"],
            day_quota_request=shown["dayQuotaRequest"],
            month_quota_request=shown["monthQuotaRequest"],
            max_request_num=shown["maxRequestNum"],
            soft_quotas=frozenset(("day", "month", "total") if shown["onBreach"] == "allow" else ()),
            scope=shown["scope"],
            version=shown["version"],
        )
        return Subject(plan, self.service_id, "release", secret_id)

    async def spend(self, cost: int, secret_id: str = "") -> int:
        """Use so many units; answers how many were granted."""
        return await spend(self.url, await self.subject(secret_id), cost)

    async def hook(self, receiver: Receiver, **more: Any) -> dict[str, Any]:
        """A webhook that tells this receiver; its record with the key."""
        given = {"name": "w", "url": receiver.url, "allowHttp": receiver.url.startswith("http:"), **more}
        return dict(await self.port.done("POST", "/v1/webhooks", json=given))


async def world(url: str, port: OfficePort, **limits: Any) -> World:
    """A plan with these limits (default: 100 a day), published and bound."""
    plan = await port.done(
        "POST", "/v1/plans", json={"usagePlanName": "gold", **(limits or {"dayQuotaRequest": 100})}
    )
    service = await port.done("POST", "/v1/services", json={"serviceName": f"orders {plan['usagePlanId']}"})
    found = World(url, port, plan["usagePlanId"], service["serviceId"])
    await port.done("POST", f"/v1/services/{found.service_id}/environments/release/publish")
    place = {"serviceId": found.service_id, "environment": "release", "usagePlanIds": [found.plan_id]}
    await port.done("POST", "/v1/bindings/environments", json=place)
    return found
