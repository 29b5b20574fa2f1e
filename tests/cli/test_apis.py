from tests.support.desks import Shell


def test_the_life_of_an_api(shell: Shell) -> None:
    """Made, listed, changed, throttled, bound and unbound, demoted to, deleted."""
    service = shell.json("service", "create", "orders")["serviceId"]
    shell("service", "publish", service, "release")
    made = shell.json("api", "create", service, "/orders/{id}", "--method", "GET", "--name", "one")
    api = made["apiId"]
    assert (made["method"], made["path"], made["apiName"]) == ("GET", "/orders/{id}", "one")
    other = shell.json("api", "create", service, "/other/*", "--id", "api-other")
    assert (other["apiId"], other["apiName"], other["method"]) == ("api-other", "/other/*", "ANY")
    assert shell("api", "list", service).splitlines()[1].split() == [api, "one", "GET", "/orders/{id}"]
    shell("api", "modify", service, api, "--path", "/v2/{id}")
    assert shell.json("api", "show", service, api)["path"] == "/v2/{id}"
    bounded = shell.json("api", "throttle", service, api, "release", "--rate", "5", "--burst", "9")
    assert bounded["environments"][0]["throttle"] == {"rateRps": 5, "burst": 9}
    shell("api", "throttle", service, api, "release", "--rate", "-1")
    assert shell.json("api", "show", service, api)["environments"][0]["throttle"] is None
    plan, place = shell.json("plan", "create", "free")["usagePlanId"], f"{service}/release"
    shell("bind", plan, "--at", place, "--api", api)
    assert shell("api", "delete", service, api, status=1) == ""
    assert "unbind it first (api_in_use)" in shell.err
    shell("bind", plan, "--at", place, status=1)
    assert "service_bound_otherwise" in shell.err
    named = ("--plan", plan, "--service", service, "--environment", "release", "--api", api)
    (row,) = shell.json("usage", "show", *named)["usage"]
    assert row["apiId"] == api
    shell("usage", "reset", *named, "--window", "day", "--reason", "r")
    place_of = ("--secret", "AKIDnobody", "--service", service, "--environment", "release", "--api", api)
    assert shell.json("explain", *place_of)["apiId"] == api
    shell("unbind", plan, "--at", place, "--api", api)
    shell("bind", plan, "--at", place)
    assert shell.json("api", "demote", service, "--plan", plan)["usagePlanIds"] == [plan]
    shell("unbind", plan, "--at", place, "--api", api, "--api", "api-other")
    shell("api", "delete", service, api)
    assert [each["apiId"] for each in shell.json("api", "list", service)["apis"]] == ["api-other"]
    shell("bind", plan, "--api", api, "--secret", "AKIDnobody", status=2)
    assert "--api needs --at" in shell.err
