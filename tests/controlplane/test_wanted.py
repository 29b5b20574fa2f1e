from dataclasses import replace

import pytest

from quotad.catalog.vault import Vault
from quotad.catalog.webhooks import webhook_of
from quotad.controlplane.refusal import OperationError, Reason
from quotad.controlplane.wanted import (
    apis_exist,
    bound_by,
    names_of,
    one_level_each,
    one_plan_each,
    place_of,
    wanted_plan,
    wanted_secret,
    wanted_service,
    wanted_webhook,
)
from quotad.core.plans import Api, Binding, Environment, EnvironmentRule, Secret, Service, UsagePlan, Webhook
from quotad.core.table import PlanTable

HERE: tuple[str, Environment] = ("s", "release")
THERE: tuple[str, Environment] = ("s", "test")
VAULT = Vault([("m", b"m" * 32)])
NOW_US = 1_800_000_000_000_000


def test_bindings_of_a_plan_become_one() -> None:
    """Several add up, when they give all Secrets all places."""
    bound = bound_by([Binding("p", ("a",), (HERE, THERE)), Binding("p", ("b", "a"), (HERE, THERE))])
    assert bound["p"].secrets == {"a", "b"}
    assert bound["p"].places == {(*HERE, False, ""), (*THERE, False, "")}


@pytest.mark.parametrize(
    ("bindings", "words"),
    [
        (
            [Binding("p", ("a",), (HERE,)), Binding("p", ("b",), (THERE,))],
            "plan p: secret a would have it in s/test too",
        ),
        (
            [Binding("p", ("a",), ()), Binding("p", (), (HERE,))],
            "plan p: secret a would have it in s/release",
        ),
        ([Binding("p", ("a",), (HERE,)), Binding("p", ("a",), (HERE,), True)], "both as a shadow and not"),
    ],
)
def test_bindings_that_records_cannot_hold(bindings: list[Binding], words: str) -> None:
    """They are refused by name: a plan's Secrets have it in all of its places."""
    with pytest.raises(OperationError, match=words):
        bound_by(bindings)


def test_a_service() -> None:
    """What stays published keeps its release; what the file does not name is unpublished, its rules kept."""
    rules = (EnvironmentRule("release", 5, 9, default_plan_id="p"),)
    made = wanted_service(Service("s", "orders", "", ("release", "test"), rules), None, ["p"], NOW_US)
    assert made["environments"]["release"]["throttle"] == {"rateRps": 5, "burst": 9}
    assert made["environments"]["test"]["released"] == NOW_US
    assert not made["environments"]["prepub"]["published"]
    later = wanted_service(Service("s", "orders", "", ("test",)), made, ["p"], NOW_US + 1)
    assert later["environments"]["test"]["released"] == NOW_US
    assert later["environments"]["release"] == {**made["environments"]["release"], "published": False}
    gone = wanted_service(Service("s", "orders", "", ("test",)), made, [], NOW_US + 1)
    assert gone["environments"]["release"]["defaultPlan"] is None


def test_the_throttles_of_apis() -> None:
    """They are the file's where it publishes the service; elsewhere they stay, as the service's own do."""
    api = Api("a", "a", "GET", "/a", (EnvironmentRule("release", 5, 9), EnvironmentRule("test", 1, 1)))
    made = wanted_service(Service("s", "orders", "", ("release", "test"), apis=(api,)), None, [], NOW_US)
    throttles = {"release": {"rateRps": 5, "burst": 9}, "test": {"rateRps": 1, "burst": 1}}
    assert made["apis"][0]["throttles"] == throttles
    bare = Api("a", "a", "GET", "/a")
    later = wanted_service(Service("s", "orders", "", ("test",), apis=(bare,)), made, [], NOW_US)
    assert later["apis"][0]["throttles"] == {"release": throttles["release"]}
    none = wanted_service(Service("s", "orders", "", ("release", "test"), apis=(bare,)), made, [], NOW_US)
    assert "throttles" not in none["apis"][0]


def test_a_plan() -> None:
    """Its version grows with each change; a binding that stays keeps its time."""
    made = wanted_plan(UsagePlan("p", "gold"), None, [(*HERE, False, "")], NOW_US, "me")
    assert (made["version"], made["modifier"]) == (NOW_US // 1000, "me")
    places = [(*HERE, False, ""), (*THERE, True, "")]
    later = wanted_plan(UsagePlan("p", "gold", rate_rps=5), made, places, NOW_US, "me")
    assert later["version"] == made["version"] + 1
    assert [each["bound"] for each in later["environments"]] == [NOW_US, NOW_US]
    assert list(map(place_of, later["environments"])) == places


def test_a_secret() -> None:
    """A key is sealed anew only when it is another one; one that is not given stays."""
    made, fresh = wanted_secret(Secret("one", "AKIDa", b"the-key-of-a"), None, ["p"], NOW_US, VAULT)
    assert fresh == ["secretKey"]
    assert VAULT.open("AKIDa", made["secretKey"]) == b"the-key-of-a"
    for key in (b"the-key-of-a", b""):
        kept, fresh = wanted_secret(Secret("one", "AKIDa", key), made, [], NOW_US, VAULT)
        assert (fresh, kept["secretKey"], kept["plans"]) == ([], made["secretKey"], {})
    other, fresh = wanted_secret(Secret("one", "AKIDa", b"another-key"), made, ["p"], NOW_US + 1, VAULT)
    assert (fresh, other["plans"]) == (["secretKey"], {"p": NOW_US})
    with pytest.raises(OperationError) as caught:
        wanted_secret(Secret("one", "AKIDb", b""), None, [], NOW_US, VAULT)
    assert caught.value.reason is Reason.MISSING


def test_a_secret_with_two_keys() -> None:
    """A second key comes, changes and stays as the first one does; each ends its own overlap only."""
    one = Secret("one", "AKIDa", b"the-key-of-a")
    made, _ = wanted_secret(one, None, [], NOW_US, VAULT)
    given = replace(one, secondary_key=b"the-second-key", secret_desc="for tests")
    both, fresh = wanted_secret(given, {**made, "previousUntil": 5}, [], NOW_US, VAULT)
    assert (fresh, both["previousUntil"], both["secondaryPreviousUntil"]) == (["secondaryKey"], 5, None)
    assert VAULT.open("AKIDa", both["secondaryKey"], "secondaryKey") == b"the-second-key"
    assert (both["secretDesc"], both["secretKey"]) == ("for tests", made["secretKey"])
    kept, fresh = wanted_secret(one, both, [], NOW_US, VAULT)
    assert (fresh, kept["secondaryKey"], kept["secretDesc"]) == ([], both["secondaryKey"], "")
    assert wanted_secret(given, both, [], NOW_US, VAULT)[1] == []


def test_one_plan_each() -> None:
    """Two plans of one Secret in one place are refused by name; a shadow beside one is none."""
    places = {
        "p": {(*HERE, False, "")},
        "q": {(*HERE, True, "")},
        "r": {(*HERE, False, ""), (*THERE, False, "")},
    }
    one_plan_each(places, [("a", frozenset("pq")), ("b", frozenset("qr")), ("c", frozenset("p"))])
    with pytest.raises(OperationError, match="secret d would have plans p and r in s/release"):
        one_plan_each(places, [("a", frozenset("pq")), ("d", frozenset("pr"))])


def test_names() -> None:
    """By kind."""
    webhook = Webhook("w", "ops", "https://r.example/", b"k" * 32)
    nouns = [Service("s", "orders")], [UsagePlan("p", "gold")], [Secret("one", "a", b"k")]
    table = PlanTable(*nouns, webhooks=[webhook])
    assert names_of(table) == {"service": {"s"}, "plan": {"p"}, "secret": {"a"}, "webhook": {"w"}}


def test_a_webhook() -> None:
    """A new one needs a key; one that is there keeps its own, its times and its overlap, or gets another."""
    vault, given = VAULT, Webhook("w", "ops", "https://r.example/", b"k" * 32)
    with pytest.raises(OperationError, match="needs a signingKey"):
        wanted_webhook(replace(given, key=b""), None, NOW_US, vault)
    made, fresh = wanted_webhook(given, None, NOW_US, vault)
    assert fresh
    assert webhook_of(made, vault) == given
    rotated = {**made, "previousUntil": 5, "disabledReason": "gone", "enabled": False}
    same, fresh = wanted_webhook(replace(given, key=b"", name="o"), rotated, NOW_US + 1, vault)
    assert not fresh
    assert (same["name"], same["created"], same["previousUntil"]) == ("o", NOW_US, 5)
    assert (same["enabled"], same["disabledReason"], same["signingKey"]) == (True, None, made["signingKey"])
    other, fresh = wanted_webhook(replace(given, key=b"o" * 32), rotated, NOW_US, vault)
    assert fresh
    assert (other["previousUntil"], webhook_of(other, vault).key) == (None, b"o" * 32)


def test_single_apis() -> None:
    """A binding to Apis is a place for each, and the plan's record says them; one that is gone is refused."""
    bound = bound_by([Binding("p", ("a",), (HERE,), api_ids=("x", "y"))])
    assert bound["p"].places == {(*HERE, False, "x"), (*HERE, False, "y")}
    made = wanted_plan(UsagePlan("p", "gold"), None, bound["p"].places, NOW_US, "me")
    assert [each["apiId"] for each in made["environments"]] == ["x", "y"]
    assert set(map(place_of, made["environments"])) == bound["p"].places
    service = wanted_service(Service("s", "s", apis=(Api("x", "X", "GET", "/x"),)), None, [], NOW_US)
    assert service["apis"] == [{"apiId": "x", "apiName": "X", "method": "GET", "path": "/x"}]
    apis_exist({"p": {(*HERE, False, "x"), ("other", "release", False, "z")}}, {"s": service}.get)
    with pytest.raises(OperationError, match="plan p is bound to api y of s, which would be gone"):
        apis_exist({"p": bound["p"].places}, {"s": service}.get)


def test_one_level() -> None:
    """A service's plans are bound to environments or to Apis, in whichever environments; services differ."""
    places = {"p": {(*HERE, False, "x"), ("t", "release", False, "")}, "q": {(*THERE, True, "y")}}
    one_level_each(places)
    with pytest.raises(OperationError, match="plans p and r would be bound to s") as caught:
        one_level_each({**places, "r": {(*THERE, True, "")}})
    assert caught.value.reason is Reason.LEVEL_CONFLICT
