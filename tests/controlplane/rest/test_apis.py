from typing import Any

from tests.support.offices import OfficePort


async def made(port: OfficePort, kind: str, **body: Any) -> dict[str, Any]:
    """What was created."""
    return dict(await port.done("POST", f"/v1/{kind}", json=body))


async def test_apis_are_kept_by_service(port: OfficePort) -> None:
    """Made, listed, changed under If-Match, deleted; each is a part of its service, which counts them.

    A list may be searched, whatever the case.
    """
    service = (await made(port, "services", serviceName="s"))["serviceId"]
    base = f"/v1/services/{service}/apis"
    answer = await port.ask("POST", base, json={"apiName": "a", "path": "/a/{id}", "method": "GET"})
    api = answer.json()
    assert (answer.status_code, answer.headers["Location"]) == (201, f"{base}/{api['apiId']}")
    assert (api["method"], api["path"]) == ("GET", "/a/{id}")
    assert (await port.done("GET", f"/v1/services/{service}"))["apiCount"] == 1
    one = f"{base}/{api['apiId']}"
    stale = {"headers": {"If-Match": '"other"'}, "json": {"path": "/b"}}
    assert (await port.refused(412, "PATCH", one, **stale))["code"] == "stale"
    tag = {"headers": {"If-Match": answer.headers["ETag"]}, "json": {"path": "/b"}}
    assert (await port.done("PATCH", one, **tag))["path"] == "/b"
    listed = await port.done("GET", f"{base}?limit=1")
    assert (listed["totalCount"], [each["path"] for each in listed["apis"]]) == (1, ["/b"])
    found = {
        words: (await port.done("GET", f"{base}?search={words}"))["totalCount"] for words in ("/B", "/a")
    }
    assert found == {"/B": 1, "/a": 0}
    alike = {"apiName": "b", "path": "/b/", "method": "GET"}
    assert (await port.refused(409, "POST", base, json=alike))["code"] == "api_exists"
    await port.done("DELETE", one)
    assert (await port.refused(404, "GET", one))["code"] == "unknown_api"


async def test_plans_are_bound_to_apis(port: OfficePort) -> None:
    """To single ones, or to all by demotion; a service is bound in one of the two ways; both are listed."""
    service = (await made(port, "services", serviceName="s"))["serviceId"]
    await port.done("POST", f"/v1/services/{service}/environments/release/publish")
    ids = [
        (await made(port, f"services/{service}/apis", apiName=path, path=path))["apiId"]
        for path in ("/1", "/2")
    ]
    plan = (await made(port, "plans", usagePlanName="gold"))["usagePlanId"]
    place = {"usagePlanIds": [plan], "serviceId": service, "environment": "release"}
    bind, unbind = "/v1/bindings/environments", "/v1/bindings/environments/unbind"
    await port.done("POST", bind, json={**place, "apiIds": ids[:1]})
    (row,) = (await port.done("GET", f"{bind}?apiId={ids[0]}"))["bindings"]
    assert (row["usagePlanId"], row["apiId"]) == (plan, ids[0])
    assert (await port.done("GET", f"/v1/plans/{plan}"))["environments"][0]["apiId"] == ids[0]
    assert (await port.done("GET", f"/v1/usage?apiId={ids[0]}"))["totalCount"] == 1
    assert (await port.refused(409, "POST", bind, json=place))["code"] == "service_bound_otherwise"
    in_use = await port.refused(409, "DELETE", f"/v1/services/{service}/apis/{ids[0]}")
    assert in_use["code"] == "api_in_use"
    await port.done("POST", unbind, json={**place, "apiIds": ids[:1]})
    await port.done("POST", bind, json=place)
    done = await port.done("POST", f"{bind}/demote", json={"serviceId": service, "environment": "release"})
    assert done == {"usagePlanIds": [plan]}
    rows = (await port.done("GET", f"{bind}?serviceId={service}"))["bindings"]
    assert sorted(each["apiId"] for each in rows) == sorted(ids)


async def test_an_api_is_throttled(port: OfficePort) -> None:
    """In one environment, until it is taken away; what is no rate and who is no Api is refused."""
    service = (await made(port, "services", serviceName="s"))["serviceId"]
    api = (await made(port, f"services/{service}/apis", apiName="a", path="/a"))["apiId"]
    path = f"/v1/services/{service}/apis/{api}/environments/release/throttle"
    answer = await port.ask("PUT", path, json={"rateRps": 5})
    states = [
        {"environment": "release", "throttle": {"rateRps": 5, "burst": 5}},
        {"environment": "prepub", "throttle": None},
        {"environment": "test", "throttle": None},
    ]
    assert (answer.status_code, answer.json()["environments"]) == (200, states)
    assert answer.json() == await port.done("GET", f"/v1/services/{service}/apis/{api}")
    renamed = await port.ask(
        "PATCH", path.partition("/environments")[0],
        headers={"If-Match": answer.headers["ETag"]}, json={"apiName": "b"},
    )  # fmt: skip
    assert (renamed.json()["apiName"], renamed.json()["environments"]) == ("b", states)
    place = {"serviceId": service, "environment": "release", "secretId": "AKIDnobody", "apiId": api}
    told = await port.done("GET", "/v1/explain", params=place)
    assert (told["throttle"], told["apiThrottle"]) == (None, {"rateRps": 5, "burst": 5})
    for wrong in ({}, {"rateRps": -2}, {"rateRps": 5, "burst": "x"}, {"rps": 5}):
        await port.refused(400, "PUT", path, json=wrong)
    other = path.replace(api, "api-none")
    assert (await port.refused(404, "PUT", other, json={"rateRps": 5}))["code"] == "unknown_api"
    assert (await port.done("DELETE", path))["environments"][0]["throttle"] is None
    await port.refused(404, "DELETE", other)
