from tests.support.offices import OfficePort


async def made(port: OfficePort, **plan: object) -> dict[str, str]:
    """The place of a plan that is bound to a new service and a new Secret."""
    service = (await port.done("POST", "/v1/services", json={"serviceName": "s"}))["serviceId"]
    await port.done("POST", f"/v1/services/{service}/environments/release/publish")
    plan_id = (await port.done("POST", "/v1/plans", json={"usagePlanName": "gold", **plan}))["usagePlanId"]
    secret = (await port.done("POST", "/v1/secrets", json={"secretName": "a"}))["secretId"]
    place = {"serviceId": service, "environment": "release"}
    await port.done("POST", "/v1/bindings/environments", json={"usagePlanIds": [plan_id], **place})
    await port.done("POST", "/v1/bindings/secrets", json={"usagePlanId": plan_id, "secretIds": [secret]})
    return {"usagePlanId": plan_id, **place, "secretId": secret}


async def test_use_of_records(port: OfficePort) -> None:
    """What is bound by records has a row, its history and its explanation, and can be topped up and reset."""
    place = await made(port, dayQuotaRequest=10)
    secret = place.pop("secretId")
    (row,) = (await port.done("GET", f"/v1/usage?usagePlanId={place['usagePlanId']}"))["usage"]
    assert (row["usagePlanName"], row["serviceName"], row["windows"]["day"]["left"]) == ("gold", "s", 10)
    query = f"secretId={secret}&serviceId={place['serviceId']}&environment=release"
    told = await port.done("GET", f"/v1/explain?{query}")
    assert (told["admitted"], told["plan"]["usagePlanId"]) == (True, place["usagePlanId"])
    (history,) = (await port.done("GET", "/v1/usage/history?unit=day"))["usage"]
    assert history["usagePlanId"] == place["usagePlanId"]
    change = {**place, "window": "day", "amount": 5, "until": "windowEnd", "reason": "asked"}
    raised = await port.done("POST", "/v1/usage/top-up", json=change, headers={"Idempotency-Key": "k"})
    again = await port.done("POST", "/v1/usage/top-up", json=change, headers={"Idempotency-Key": "k"})
    assert raised == again
    assert raised["usage"]["windows"]["day"]["max"] == 15
    await port.done("POST", "/v1/usage/reset", json={**place, "windows": ["day"], "reason": "asked"})
    audit = (await port.done("GET", "/v1/audit?limit=4"))["audit"]
    assert [(each["action"], each["event"]) for each in audit] == [
        ("ResetUsage", "done"),
        ("ResetUsage", "asked"),
        ("TopUpUsage", "done"),
        ("TopUpUsage", "asked"),
    ]
    assert {each["who"] for each in audit} == {"configuration"}
    assert audit[0]["target"].startswith(f"usage/{place['usagePlanId']}/")


async def test_counters_of_what_is_configured_stay(port: OfficePort) -> None:
    """Use of a plan that there is cannot be deleted; of one that is gone it can."""
    place = await made(port)
    await port.refused(409, "DELETE", f"/v1/usage?usagePlanId={place['usagePlanId']}")
    assert await port.done("DELETE", "/v1/usage?usagePlanId=gone") == {"usagePlanId": "gone", "keys": 0}
    await port.refused(400, "DELETE", "/v1/usage")


async def test_a_default_plan_has_its_row(port: OfficePort) -> None:
    """An environment's default plan is in use there, and explains who has no other."""
    place = await made(port)
    other = (await port.done("POST", "/v1/secrets", json={"secretName": "b"}))["secretId"]
    plan = await port.done("POST", "/v1/plans", json={"usagePlanName": "free", "scope": "secret"})
    path = f"/v1/services/{place['serviceId']}/environments/release/default-plan"
    await port.done("PUT", path, json={"usagePlanId": plan["usagePlanId"]})
    query = f"secretId={other}&serviceId={place['serviceId']}&environment=release"
    told = await port.done("GET", f"/v1/explain?{query}")
    assert (told["byDefault"], told["plan"]["usagePlanName"], told["plan"]["secretId"]) == (
        True,
        "free",
        other,
    )


async def test_a_throttle_is_explained(port: OfficePort) -> None:
    """What all callers of the environment are held to stands beside the plan."""
    place = await made(port)
    where = f"/v1/services/{place['serviceId']}/environments/release/throttle"
    asked = {name: place[name] for name in ("serviceId", "environment", "secretId")}
    assert (await port.done("GET", "/v1/explain", params=asked))["throttle"] is None
    await port.done("PUT", where, json={"rateRps": 5, "burst": 9})
    told = await port.done("GET", "/v1/explain", params=asked)
    assert (told["admitted"], told["throttle"]) == (True, {"rateRps": 5, "burst": 9})
    await port.done("PUT", where, json={"rateRps": 0})
    told = await port.done("GET", "/v1/explain", params=asked)
    assert (told["admitted"], told["reason"]) == (False, "throttle")
