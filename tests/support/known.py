"""A small world behind the management API, made by it, whose ids are known beforehand."""

from tests.support.offices import OfficePort

KNOWN = ("service-known", "plan-known", "AKIDknown")
"""Ids of the service, the plan and the Secret."""
SPARE = ("service-spare", "plan-spare", "AKIDspare")
"""The same again, for whoever takes something from it."""


async def make_known(port: OfficePort) -> None:
    """A service that is published everywhere, a plan that holds there, a Secret that has it; twice."""
    for service_id, plan_id, secret_id in (KNOWN, SPARE):
        await port.done("POST", "/v1/services", json={"serviceId": service_id, "serviceName": service_id})
        limits = {"dayQuotaRequest": 100, "monthQuotaRequest": 1000, "maxRequestNum": 10_000}
        await port.done("POST", "/v1/plans", json={"usagePlanId": plan_id, "usagePlanName": "p", **limits})
        given = {"secretId": secret_id, "secretKey": "a-key-of-the-known", "secretName": "known"}
        await port.done("POST", "/v1/secrets", json=given)
        for environment in ("release", "prepub", "test"):
            place = {"serviceId": service_id, "environment": environment}
            await port.done("POST", f"/v1/services/{service_id}/environments/{environment}/publish")
            await port.done("POST", "/v1/bindings/environments", json={"usagePlanIds": [plan_id], **place})
        held = {"usagePlanId": plan_id, "secretIds": [secret_id]}
        await port.done("POST", "/v1/bindings/secrets", json=held)
