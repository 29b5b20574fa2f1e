"""A control plane with something in every page of the console: services, plans, keys, bindings, Apis."""

from collections.abc import Sequence

from tests.support.offices import OfficePort

SERVICES = ("orders", "weather", "payments")
PLANS: dict[str, dict[str, object]] = {
    "starter": {"rateRps": 5, "dayQuotaRequest": 1000, "monthQuotaRequest": 20_000},
    "gold": {"rateRps": 50, "burst": 100, "dayQuotaRequest": 10_000, "monthQuotaRequest": 250_000},
    "partner": {"rateRps": 200, "monthQuotaRequest": 5_000_000, "scope": "secret", "quotaCondition": ["2xx"]},
}
CALLERS = ("acme", "globex", "initech", "umbrella", "hooli", "stark")


async def fill(port: OfficePort, callers: Sequence[str] = CALLERS) -> str:
    """Make them: each plan holds in the release of the service at its place, two callers have each.

    Answers the id of the webhook.
    """
    done = port.done
    for name in SERVICES:
        await done("POST", "/v1/services", json={"serviceId": f"service-{name}", "serviceName": name})
        await done("POST", f"/v1/services/service-{name}/environments/release/publish")
    for name in callers:
        pair = {"secretName": name, "secretId": f"AKID{name}", "secretKey": f"a-made-up-key-of-{name}"}
        await done("POST", "/v1/secrets", json=pair)
    for place, (name, limits) in enumerate(PLANS.items()):
        given = {"usagePlanId": f"usagePlan-{name}", "usagePlanName": name.capitalize(), **limits}
        await done("POST", "/v1/plans", json=given)
        held = [f"AKID{each}" for each in callers[2 * place : 2 * place + 2]]
        both = {"usagePlanId": given["usagePlanId"], "secretIds": held}
        await done("POST", "/v1/bindings/secrets", json=both)
        where = {"serviceId": f"service-{SERVICES[place]}", "environment": "release"}
        await done(
            "POST", "/v1/bindings/environments", json={"usagePlanIds": [given["usagePlanId"]], **where}
        )
    await _single_apis(port)
    await done("POST", "/v1/credentials", json={"name": "maria", "role": "operate"})
    await done("POST", "/v1/credentials", json={"name": "ci", "role": "read", "type": "keyPair"})
    given = {"name": "operators", "url": "https://receiver.invalid/quotas", "forecast": True}
    webhook_id = str((await done("POST", "/v1/webhooks", json=given))["webhookId"])
    await done("POST", f"/v1/webhooks/{webhook_id}/test")
    return webhook_id


async def _single_apis(port: OfficePort) -> None:
    """A service with two, of which one has a plan."""
    done, service = port.done, "/v1/services/service-maps"
    await done("POST", "/v1/services", json={"serviceId": "service-maps", "serviceName": "maps"})
    await done("POST", f"{service}/environments/release/publish")
    for name, path in (("tiles", "/tiles/{zoom}/*"), ("export", "/export")):
        await done("POST", f"{service}/apis", json={"apiId": f"api-{name}", "apiName": name, "path": path})
    plan = {"usagePlanId": "usagePlan-export", "usagePlanName": "Export", "dayQuotaRequest": 200}
    await done("POST", "/v1/plans", json=plan)
    at = {"serviceId": "service-maps", "environment": "release", "apiIds": ["api-export"]}
    await done("POST", "/v1/bindings/environments", json={"usagePlanIds": ["usagePlan-export"], **at})
