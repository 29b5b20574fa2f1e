import pytest

from quotad.top.snapshot import Key, Snapshot, Use, take, take_rows

PAGE = """
# TYPE quotad_requests counter
quotad_requests_total{service="s",environment="release",plan="p",code_class="2xx"} 8
quotad_requests_total{service="s",environment="release",plan="p",code_class="4xx"} 2
quotad_denied_total{service="s",environment="release",plan="p",reason="day"} 2
quotad_store_duration_seconds_bucket{script="reserve",le="0.001"} 5
quotad_store_duration_seconds_bucket{script="reserve",le="+Inf"} 6
quotad_store_duration_seconds_bucket{script="usage",le="+Inf"} 100
quotad_unaccounted_total{plan="p"} 3
quotad_in_use_request_num{plan="p",service="s",environment="release",window="day"} 40
quotad_max_request_num{plan="p",service="s",environment="release",window="day"} 100
"""
SUBJECT = Key("p", "s", "release")


def test_two_sidecars_are_added_up_and_use_is_not() -> None:
    """Each counts its own requests; what is in use each says of all, one of them a moment later."""
    both = Snapshot(0.0)
    take(both, PAGE)
    take(both, PAGE.replace("} 40", "} 42"))
    assert both.sidecars == 2
    assert both.requests == {SUBJECT: 20}
    assert both.denied == {(SUBJECT, "day"): 4}
    assert both.store_calls == {0.001: 10, float("inf"): 12}
    assert both.unaccounted == 6
    assert both.use == {SUBJECT: {"day": Use(42, 100)}}


@pytest.mark.parametrize("page", ["<html>no metrics</html>", 'quotad_requests_total{other="x"} 1'])
def test_a_page_of_something_else_is_refused(page: str) -> None:
    """Whoever answers there is no quotad."""
    with pytest.raises((ValueError, KeyError)):
        take(Snapshot(0.0), page)


def test_apis_are_told_apart_by_their_label() -> None:
    """A plan that is bound to single Apis has a Subject for each; without the label there is none."""
    snapshot = Snapshot(0.0)
    take(snapshot, PAGE + PAGE.replace('plan="p"', 'api="api-one",plan="p"').replace("# TYPE", "# HELP"))
    one = SUBJECT._replace(api="api-one")
    assert snapshot.requests == {SUBJECT: 10, one: 10}
    assert snapshot.denied == {(SUBJECT, "day"): 2, (one, "day"): 2}
    assert snapshot.use == {SUBJECT: {"day": Use(40, 100)}, one: {"day": Use(40, 100)}}


def test_rows_of_an_admin_port_tell_secrets_and_apis_apart() -> None:
    """A Secret or an Api with counters of its own is a Subject of its own; shadow plans are left out."""
    window = {"inUse": 5, "max": 10}
    row = {
        "usagePlanId": "p",
        "serviceId": "s",
        "environment": "release",
        "windows": dict.fromkeys(("day", "month", "total"), window),
    }
    snapshot = Snapshot(0.0)
    shadow = {**row, "usagePlanId": "q", "shadow": True}
    take_rows(snapshot, [row, {**row, "secretId": "AKIDone"}, {**row, "apiId": "api-one"}, shadow])
    assert list(snapshot.use) == [
        SUBJECT,
        SUBJECT._replace(secret="AKIDone"),
        SUBJECT._replace(api="api-one"),
    ]
    assert snapshot.use[SUBJECT]["month"] == Use(5, 10)
