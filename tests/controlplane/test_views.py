from quotad.controlplane.views import difference, plan_view, secret_view, service_view, shown_place

PLACE = {"published": True, "throttle": {"rateRps": 5, "burst": 9}, "defaultPlan": "p"}
SERVICE = {
    "serviceId": "s",
    "serviceName": "orders",
    "environments": {"release": PLACE, "test": {**PLACE, "published": False}},
}
PLAN = {"usagePlanId": "p", "usagePlanName": "gold", "rateRps": 10, "version": 7, "environments": []}
AT = {"serviceId": "s", "environment": "release", "shadow": True}
SECRET = {"secretName": "one", "enabled": True, "expiresAt": None, "secretKey": "sealed", "plans": {"p": 1}}


def test_services() -> None:
    """Where one is published, and what holds there; nothing of what is not published."""
    view = service_view(SERVICE)
    assert view["release.throttle"] == "5/s, burst 9"
    assert not [name for name in view if name.startswith("test")]
    told = str(difference("service", "s", None, view))
    assert told == (
        "+ service s: serviceName orders, published in release, release.throttle 5/s, burst 9,"
        " release.defaultPlan p"
    )


def test_apis() -> None:
    """One is told by what it is asked for and by its throttles; an unpublished environment says nothing."""
    api = {"apiId": "a", "apiName": "n", "method": "GET", "path": "/a"}
    throttle = {"rateRps": 5, "burst": 9}
    after = {**SERVICE, "apis": [{**api, "throttles": {"release": throttle, "test": throttle}}]}
    told = str(difference("service", "s", service_view({**SERVICE, "apis": [api]}), service_view(after)))
    assert told == "~ service s: api a.release.throttle 5/s, burst 9"


def test_plans() -> None:
    """A limit at its default is none; a burst that is the rate is none of its own."""
    assert plan_view(PLAN) == plan_view({**PLAN, "burst": 10, "version": 8, "dayQuotaRequest": -1})
    after = plan_view({**PLAN, "rateRps": 20, "monthQuotaRequest": 0, "environments": [AT]})
    told = str(difference("plan", "p", plan_view(PLAN), after))
    assert told == "~ plan p: rateRps 10 -> 20, monthQuotaRequest 0, environments +s/release (shadow)"
    assert "rateRps 20 -> none" in str(difference("plan", "p", {"rateRps": 20}, {}))


def test_secrets() -> None:
    """No key, sealed or not, is in a view."""
    view = secret_view(SECRET)
    assert "sealed" not in str(view)
    other = secret_view({**SECRET, "enabled": False, "plans": {"q": 1}})
    told = str(difference("secret", "AKID", view, other))
    assert told == "~ secret AKID: enabled True -> False, plans +q -p"
    assert str(difference("secret", "AKID", view, None)) == "- secret AKID"
    assert difference("secret", "AKID", view, dict(view)) is None
    assert shown_place({**AT, "shadow": False}) == "s/release"
