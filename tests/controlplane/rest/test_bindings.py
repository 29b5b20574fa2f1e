from tests.support.offices import OfficePort


async def test_plans_secrets_and_environments_are_bound(port: OfficePort) -> None:
    """Either order; what would give a Secret two plans in one place is refused; both ways are listed."""
    service = (await port.done("POST", "/v1/services", json={"serviceName": "s"}))["serviceId"]
    await port.done("POST", f"/v1/services/{service}/environments/release/publish")
    plans = [
        (await port.done("POST", "/v1/plans", json={"usagePlanName": name}))["usagePlanId"]
        for name in ("gold", "silver")
    ]
    secret = (await port.done("POST", "/v1/secrets", json={"secretName": "a"}))["secretId"]
    place = {"serviceId": service, "environment": "release"}
    assert await port.done("POST", "/v1/bindings/environments", json={"usagePlanIds": plans, **place}) is None
    held = {"usagePlanId": plans[0], "secretIds": [secret]}
    await port.done("POST", "/v1/bindings/secrets", json=held)
    assert (await port.refused(409, "POST", "/v1/bindings/secrets", json=held))["code"] == "already_bound"
    other = {"usagePlanId": plans[1], "secretIds": [secret]}
    assert (await port.refused(409, "POST", "/v1/bindings/secrets", json=other))["code"] == (
        "secret_has_other_plan"
    )
    of_plan = await port.done("GET", f"/v1/bindings/secrets?usagePlanId={plans[0]}")
    of_secret = await port.done("GET", f"/v1/bindings/secrets?secretId={secret}")
    assert of_plan["bindings"] == of_secret["bindings"]
    assert (await port.done("GET", f"/v1/secrets/{secret}"))["usagePlanIds"] == [plans[0]]
    assert (await port.done("GET", f"/v1/plans/{plans[0]}"))["secretCount"] == 1
    where = await port.done("GET", f"/v1/bindings/environments?serviceId={service}&limit=1&offset=1")
    assert (where["totalCount"], len(where["bindings"])) == (2, 1)
    await port.done("POST", "/v1/bindings/secrets/unbind", json=held)
    told = await port.refused(409, "POST", "/v1/bindings/secrets/unbind", json=held)
    assert told["code"] == "not_bound"
    gone = {"usagePlanIds": plans, **place}
    await port.done("POST", "/v1/bindings/environments/unbind", json=gone)
    assert (await port.done("GET", "/v1/bindings/environments"))["totalCount"] == 0


async def test_one_side_is_named(port: OfficePort) -> None:
    """A list of bindings is of a plan or of a Secret that there is."""
    await port.refused(400, "GET", "/v1/bindings/secrets")
    await port.refused(400, "GET", "/v1/bindings/secrets?usagePlanId=a&secretId=AKIDa")
    await port.refused(404, "GET", "/v1/bindings/secrets?usagePlanId=a")
    await port.refused(404, "GET", "/v1/bindings/secrets?secretId=AKIDa")
