from tests.support.offices import OfficePort


async def test_a_service_from_its_begin_to_its_end(port: OfficePort) -> None:
    """Made, found, renamed, published, bounded, given a default plan, taken back step by step, deleted."""
    answer = await port.ask("POST", "/v1/services", json={"serviceName": "orders"})
    assert answer.status_code == 201
    made = answer.json()
    one = answer.headers["Location"]
    assert one == f"/v1/services/{made['serviceId']}"
    assert [each["published"] for each in made["environments"]] == [False, False, False]
    found = await port.done("GET", "/v1/services?search=RDER&limit=1")
    assert (found["totalCount"], found["services"]) == (1, [made])
    renamed = await port.done("PATCH", one, json={"serviceDesc": "for all"})
    assert (renamed["serviceName"], renamed["serviceDesc"]) == ("orders", "for all")
    place = f"{one}/environments/release"
    told = {"releaseDesc": "first", "versionName": "1.0"}
    release, *_ = (await port.done("POST", f"{place}/publish", json=told))["environments"]
    assert (release["published"], release["versionName"], release["releaseDesc"]) == (True, "1.0", "first")
    bounded = await port.done("PUT", f"{place}/throttle", json={"rateRps": 5})
    assert bounded["environments"][0]["throttle"] == {"rateRps": 5, "burst": 5}
    unbounded = await port.done("DELETE", f"{place}/throttle")
    assert unbounded["environments"][0]["throttle"] is None
    plan = await port.done("POST", "/v1/plans", json={"usagePlanName": "p"})
    named = {"usagePlanId": plan["usagePlanId"]}
    default = await port.done("PUT", f"{place}/default-plan", json=named)
    assert default["environments"][0]["defaultPlan"] == plan["usagePlanId"]
    assert (await port.refused(409, "DELETE", f"/v1/plans/{plan['usagePlanId']}"))["code"] == "plan_in_use"
    await port.done("DELETE", f"{place}/default-plan")
    assert (await port.refused(409, "DELETE", one))["code"] == "service_in_use"
    await port.done("POST", f"{place}/unpublish")
    assert (await port.refused(409, "POST", f"{place}/unpublish"))["code"] == "environment_not_published"
    assert (await port.ask("DELETE", one)).status_code == 204
    assert (await port.refused(404, "GET", one))["code"] == "unknown_service"


async def test_an_environment_has_also_the_names_that_people_use(port: OfficePort) -> None:
    """What is no environment at all is 400 and names the field."""
    made = await port.done("POST", "/v1/services", json={"serviceName": "orders"})
    place = f"/v1/services/{made['serviceId']}/environments"
    told = await port.refused(400, "POST", f"{place}/moon/publish")
    assert (told["code"], told["field"]) == ("invalid_value", "environment")


async def test_every_list_comes_in_pages(port: OfficePort) -> None:
    """The oldest first; the count is of all that is found, and stands beside whatever page."""
    for number in range(3):
        made = await port.done("POST", "/v1/services", json={"serviceName": f"s{number}"})
        await port.done("POST", f"/v1/services/{made['serviceId']}/environments/test/publish")
        await port.done("POST", "/v1/secrets", json={"secretName": f"s{number}"})
        plan = await port.done("POST", "/v1/plans", json={"usagePlanName": f"s{number}"})
        place = {"serviceId": made["serviceId"], "environment": "test"}
        await port.done(
            "POST", "/v1/bindings/environments", json={"usagePlanIds": [plan["usagePlanId"]], **place}
        )
    for path, member in (
        ("services", "services"),
        ("secrets", "secrets"),
        ("plans", "plans"),
        ("bindings/environments", "bindings"),
        ("usage", "usage"),
    ):
        whole = await port.done("GET", f"/v1/{path}")
        assert (whole["totalCount"], len(whole[member])) == (3, 3), path
        for offset in range(4):
            page = await port.done("GET", f"/v1/{path}?limit=2&offset={offset}")
            assert page[member] == whole[member][offset : offset + 2], path
            assert (page["totalCount"], page["limit"], page["offset"]) == (3, 2, offset)
