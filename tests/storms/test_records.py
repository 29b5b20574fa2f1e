from typing import Any

from tests.storms.records import Place, Records, broken, due, read_records
from tests.support.catalog import (
    HERE,
    PLAN_ID,
    SERVICE_ID,
    VAULT,
    Scribe,
    key_of,
    plan,
    secret,
    service,
)
from tests.support.catalog import Place as CatalogPlace
from tests.support.control import control_store
from tests.support.servers import StoreServer

AT: Place = (SERVICE_ID, "release")
OTHER = "usagePlan-other"
ONE_API: CatalogPlace = (SERVICE_ID, "release", False, "api-a")


def records(**changes: Any) -> Records:
    """One service, two plans, of which only one is bound, and one Secret that has both, in one commit."""
    writes = [
        service(),
        plan(dayQuotaRequest=7),
        plan(OTHER, (), dayQuotaRequest=8),
        secret("AKIDone", (PLAN_ID, OTHER)),
    ]
    kept: dict[str, dict[str, Any]] = {f"{each.kind}s": {} for each in writes}
    for each in writes:
        kept[f"{each.kind}s"][each.id] = each.record or {}
    members = {PLAN_ID: {"AKIDone"}, OTHER: {"AKIDone"}}
    log = [(1, "", "u1", [[each.kind, each.id, each.record] for each in writes])]
    return Records(**{"version": 1, "uid": "u1", "members": members, "log": log, **kept, **changes})


def at(
    found: Records, secret_id: str = "AKIDone", key: str = key_of("AKIDone"), place: Place = AT
) -> tuple[set[int], str, int]:
    """What is due to a request."""
    told = due(found, secret_id, key, place, VAULT, now_s=100.0)
    return set(told.statuses), told.plan_id, told.limit


def test_every_broken_rule_is_named() -> None:
    """Whatever is wrong is told, and nothing of what is right."""
    assert broken(records()) == []
    cases: dict[str, dict[str, Any]] = {
        "has 2 plans": {"plans": {each: plan(each).record for each in (PLAN_ID, OTHER)}},
        "has 2 shadow plans": {
            "plans": {each: plan(each, [(*HERE[:2], True)]).record for each in (PLAN_ID, OTHER)}
        },
        "which there is not": {"plans": {PLAN_ID: plan().record}},
        "is bound to service": {"services": {}},
        "has default plan": {
            "services": {SERVICE_ID: service(rules={"test": {"defaultPlan": "gone"}}).record},
        },
        "of whole environments and of single": {
            "plans": {
                PLAN_ID: plan().record,
                OTHER: plan(OTHER, [(SERVICE_ID, "test", False, "api-a")]).record,
            },
        },
        "is bound to api": {"plans": {each: plan(each, [ONE_API]).record for each in (PLAN_ID, OTHER)}},
        "has two apis of one path": {
            "services": {
                SERVICE_ID: service(
                    apis=[{"apiId": name, "path": "/a"} for name in ("api-a", "api-b")]
                ).record
            }
        },
        "is in the index": {"members": {PLAN_ID: {"AKIDone"}}},
        "does not stand on": {"log": [(0, "", "u0", []), *records().log]},
        "is not the newest": {"uid": "u2"},
        "is not as its last commit says": {"secrets": {}},
    }
    for words, changes in cases.items():
        assert any(words in each for each in broken(records(**changes))), (words, broken(records(**changes)))


def test_what_is_due() -> None:
    """By publication, Secret, key, plan and default plan, in this order."""
    one = secret("AKIDone").record or {}
    late = secret("AKIDone", previous="older", previousUntil=101_000_000).record
    assert at(records()) == ({200}, PLAN_ID, 7)
    assert at(records(), "AKIDtwo") == ({401}, "", 0)
    assert at(records(), key="another") == ({401}, "", 0)
    assert at(records(secrets={"AKIDone": late}), key="older") == ({200}, PLAN_ID, 7)
    assert at(records(services={SERVICE_ID: service(published=()).record})) == ({404}, "", 0)
    for changes in ({"enabled": False}, {"expiresAt": 99_000_000}):
        assert at(records(secrets={"AKIDone": {**one, **changes}})) == ({401}, "", 0)
    found = records(secrets={"AKIDone": {**one, "plans": {}}})
    assert at(found) == ({401, 403}, "", 0)
    found.services[SERVICE_ID]["environments"]["release"]["defaultPlan"] = OTHER
    assert at(found) == ({200}, OTHER, 8)
    found.plans[OTHER] = {**found.plans[OTHER], "disabled": True}
    assert at(found) == ({403}, "", 0)


def test_what_is_due_to_single_apis() -> None:
    """The plan of the Api, or the default plan; what is no Api is not served where one has a plan."""
    throttles = {"release": {"rateRps": 0, "burst": 0}}
    apis = [{"apiId": "api-a", "path": "/a"}, {"apiId": "api-b", "path": "/b"}]
    bound = {
        PLAN_ID: plan(places=[ONE_API], dayQuotaRequest=7).record,
        OTHER: plan(OTHER, (), dayQuotaRequest=8).record,
    }
    found = records(services={SERVICE_ID: service(apis=apis).record}, plans=bound)
    assert at(found, place=(*AT, "api-a")) == ({200}, PLAN_ID, 7)
    assert at(found, place=(*AT, "api-b")) == ({401, 403}, "", 0)
    assert at(found) == at(found, place=(*AT, "api-c")) == at(found, "AKIDtwo") == ({404}, "", 0)
    found.services[SERVICE_ID]["environments"]["release"]["defaultPlan"] = OTHER
    assert at(found, place=(*AT, "api-b")) == ({200}, OTHER, 8)
    apis[1] |= {"throttles": throttles}  # type: ignore[dict-item]
    assert at(found, place=(*AT, "api-b")) == ({429}, "", 0)
    assert at(found, place=(*AT, "api-a")) == ({200}, PLAN_ID, 7)
    found.services[SERVICE_ID]["environments"]["release"]["throttle"] = throttles["release"]
    assert at(found, place=(*AT, "api-a")) == ({429}, "", 0)
    whole = records(services={SERVICE_ID: service(apis=apis).record})
    assert at(whole) == at(whole, place=(*AT, "api-a")) == ({200}, PLAN_ID, 7)
    assert at(whole, place=(*AT, "api-b")) == ({429}, "", 0)


async def test_they_are_read_as_they_stand(store_server: StoreServer) -> None:
    """Records, index and log of a commit."""
    async with control_store(store_server.url) as control:
        head = await Scribe(control).write(service(), plan(), secret("AKIDone"))
    found = read_records(store_server)
    assert (found.version, found.uid) == head
    assert found.members == {PLAN_ID: {"AKIDone"}}
    assert found.secrets["AKIDone"]["plans"] == {PLAN_ID: 1}
    assert len(found.log) == 1
    assert not read_records(store_server, at_rest=False).log
