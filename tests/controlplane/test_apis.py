"""Single Apis as an admin process keeps them, and plans bound to them."""

from pathlib import Path
from typing import Any

import pytest

from quotad.config.nouns import load_nouns
from quotad.controlplane.operations import Operations
from quotad.controlplane.record_table import RecordTable
from quotad.controlplane.refusal import OperationError, Reason
from quotad.controlplane.replica import Where
from quotad.controlplane.subjects import Sought, find
from quotad.core.api_paths import APIS_AT_MOST
from tests.support.desk import ADMIN, plan, refused, secret, service
from tests.support.shell import file_of


async def api(desk: Operations, service_id: str, path: str = "/a", **more: Any) -> str:
    """The id of a new Api."""
    made = await desk.create_api(ADMIN, service_id, {"apiName": path, "path": path, **more})
    return str(made["apiId"])


async def test_an_api_comes_and_goes(desk: Operations) -> None:
    """It is the service's; another name or path keeps its id; one that no plan is bound to can be deleted."""
    service_id = await service(desk, "release")
    made = await desk.create_api(ADMIN, service_id, {"apiName": "a", "path": "/a", "method": "GET"})
    assert made["apiId"].startswith("api-")
    assert await desk.apis(service_id) == [made]
    changed = await desk.modify_api(ADMIN, service_id, made["apiId"], {"path": "/b/{id}"})
    assert changed == {**made, "path": "/b/{id}"}
    assert await desk.api(service_id, made["apiId"]) == changed
    await desk.delete_api(ADMIN, service_id, made["apiId"])
    assert await desk.apis(service_id) == []
    reason, _ = await refused(desk.api(service_id, made["apiId"]))
    assert reason is Reason.NO_API


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"apiName": "b", "path": "/{other}", "method": "GET"}, Reason.API_EXISTS),
        ({"apiName": "b", "path": "/a/../b"}, Reason.INVALID),
        ({"apiName": "b", "path": "/b", "method": "BREW"}, Reason.INVALID),
        ({"apiName": "b", "path": "/b", "apiId": "api-first"}, Reason.ID_EXISTS),
        ({"apiName": "b", "path": "/b", "apiId": "a" * 41}, Reason.INVALID),
        ({"path": "/b"}, Reason.MISSING),
        ({"apiName": "b", "path": "/b", "rate": 1}, Reason.UNKNOWN_FIELD),
    ],
)
async def test_what_is_refused(desk: Operations, given: dict[str, Any], reason: Reason) -> None:
    """A second one of the same method and path, what is no path, an id that is taken; nothing is changed."""
    service_id = await service(desk)
    await api(desk, service_id, "/{id}", method="GET", apiId="api-first")
    assert (await refused(desk.create_api(ADMIN, service_id, given)))[0] is reason
    assert len(await desk.apis(service_id)) == 1
    unknown = desk.modify_api(ADMIN, service_id, "api-none", {"apiName": "b"})
    assert (await refused(unknown))[0] is Reason.NO_API


async def test_one_service_one_level(desk: Operations) -> None:
    """Whole environments and single Apis exclude each other in a service, whichever comes second."""
    service_id, other = await service(desk, "release", "test"), await service(desk, "release")
    one = await api(desk, service_id)
    gold, tin = await plan(desk), await plan(desk, "tin")
    await desk.bind_environment(ADMIN, [gold], service_id, "release", api_ids=[one])
    for shadow in (False, True):
        whole = desk.bind_environment(ADMIN, [tin], service_id, "test", shadow=shadow)
        assert (await refused(whole))[0] is Reason.LEVEL_CONFLICT
    await desk.bind_environment(ADMIN, [tin], other, "release")
    gone = desk.unbind_environment(ADMIN, [gold], service_id, "release")
    assert (await refused(gone))[0] is Reason.NO_BINDING
    assert (await refused(desk.delete_api(ADMIN, service_id, one)))[0] is Reason.API_IN_USE
    await desk.unbind_environment(ADMIN, [gold], service_id, "release", api_ids=[one])
    await desk.bind_environment(ADMIN, [tin], service_id, "test")
    single = desk.bind_environment(ADMIN, [gold], service_id, "release", api_ids=[one])
    assert (await refused(single))[0] is Reason.LEVEL_CONFLICT
    unknown = desk.bind_environment(ADMIN, [gold], service_id, "release", api_ids=["api-none"])
    assert (await refused(unknown))[0] is Reason.NO_API


async def test_one_plan_each_for_an_api(desk: Operations) -> None:
    """A Secret has one plan for an Api, and may have another for another, whichever side is bound last."""
    service_id = await service(desk, "release")
    one, two = await api(desk, service_id, "/1"), await api(desk, service_id, "/2")
    gold, tin, key = await plan(desk), await plan(desk, "tin"), await secret(desk)
    await desk.bind_secrets(ADMIN, gold, [key])
    await desk.bind_secrets(ADMIN, tin, [key])
    await desk.bind_environment(ADMIN, [gold], service_id, "release", api_ids=[one])
    taken = desk.bind_environment(ADMIN, [tin], service_id, "release", api_ids=[two, one])
    with pytest.raises(OperationError, match=f"{service_id}/release/{one}") as caught:
        await taken
    assert caught.value.reason is Reason.ENVIRONMENT_CONFLICT
    await desk.bind_environment(ADMIN, [tin], service_id, "release", api_ids=[two])
    again = desk.bind_environment(ADMIN, [tin], service_id, "release", api_ids=[two])
    assert (await refused(again))[0] is Reason.ENVIRONMENT_CONFLICT
    table = RecordTable(await desk.records())
    assert [table.callers(service_id, "release", each)[key].tag for each in (one, two)] == [
        f"{gold}/{service_id}/release/.api.{one}",
        f"{tin}/{service_id}/release/.api.{two}",
    ]
    assert table.callers(service_id, "release").get(key) is None
    matcher = table.apis(service_id, "release")
    assert (matcher and matcher.find(b"GET", b"/2"), table.apis(service_id, "test")) == (two, None)
    _, found = find(table, Sought(service_id=service_id, api_id=two), 9)
    assert [each.tag for each in found] == [f"{tin}/{service_id}/release/.api.{two}"]
    await desk.unbind_secrets(ADMIN, tin, [key])
    await desk.unbind_environment(ADMIN, [tin], service_id, "release", api_ids=[two])
    await desk.bind_environment(ADMIN, [tin], service_id, "release", api_ids=[one])
    reason, _ = await refused(desk.bind_secrets(ADMIN, tin, [key]))
    assert reason is Reason.SECRET_CONFLICT


async def test_demotion(desk: Operations) -> None:
    """Plans of whole environments go to each Api; not without Apis, and not while others would stay."""
    service_id = await service(desk, "release", "test")
    gold, tin = await plan(desk), await plan(desk, "tin")
    await desk.bind_environment(ADMIN, [gold, tin], service_id, "release")
    await desk.bind_environment(ADMIN, [tin], service_id, "test", shadow=True)
    assert (await refused(desk.demote(ADMIN, service_id)))[0] is Reason.NO_API
    ids = [await api(desk, service_id, path) for path in ("/1", "/2")]
    with pytest.raises(OperationError, match=rf"{tin} \(release\), {tin} \(test\)") as caught:
        await desk.demote(ADMIN, service_id, "release", [gold])
    assert caught.value.reason is Reason.LEVEL_CONFLICT
    none = await plan(desk, "none")
    assert (await refused(desk.demote(ADMIN, service_id, None, [none])))[0] is Reason.NO_BINDING
    assert (await refused(desk.demote(ADMIN, service_id, "prepub")))[0] is Reason.NOT_PUBLISHED
    assert await desk.demote(ADMIN, service_id) == sorted([gold, tin])
    _, reaches = await desk.reaches(service_id=service_id)
    found = {(each.usage_plan_id, each.environment, each.shadow, each.api_id) for each in reaches}
    assert found == {
        *((plan_id, "release", False, each) for plan_id in (gold, tin) for each in ids),
        *((tin, "test", True, each) for each in ids),
    }
    assert (await refused(desk.demote(ADMIN, service_id)))[0] is Reason.NO_BINDING
    assert (await refused(desk.delete_service(ADMIN, service_id)))[0] is Reason.SERVICE_IN_USE


async def test_there_are_so_many_at_most(desk: Operations, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of a service lie in one record."""
    assert APIS_AT_MOST == 1_000
    monkeypatch.setattr("quotad.controlplane.apis.APIS_AT_MOST", 2)
    service_id = await service(desk)
    for path in ("/1", "/2"):
        await api(desk, service_id, path)
    reason, _ = await refused(desk.create_api(ADMIN, service_id, {"apiName": "c", "path": "/3"}))
    assert reason is Reason.LIMIT
    assert (await desk.records()).services(Where())[0] == 1


async def test_a_file_makes_them_and_is_made_of_them(desk: Operations, tmp_path: Path) -> None:
    """Applied, exported and read again it is the same; an Api that a plan needs does not go."""
    here = {"service": "orders", "environment": "release"}
    apis = [{"apiId": f"api-{each}", "apiName": each, "method": "GET", "path": f"/{each}"} for each in "ab"]
    file: dict[str, Any] = {
        "services": [{"serviceId": "orders", "environments": ["release"], "apis": apis}],
        "plans": [{"usagePlanId": "gold"}],
        "secrets": [{"secretId": "AKIDone", "secretKey": "the-key-of-one"}],
        "bindings": [
            {
                "usagePlanId": "gold",
                "secretIds": ["AKIDone"],
                "environments": [{**here, "apis": ["api-a", "api-b"]}],
            }
        ],
    }
    await apply(desk, file_of(tmp_path / "a.yaml", file))
    told: dict[str, list[Any]] = {}
    async for section, items in desk.export(ADMIN, with_keys=True):
        told.setdefault(section, []).extend(items)
    assert told.pop("remarks") == []
    file_of(tmp_path / "b.yaml", told)
    first, second = (load_nouns(tmp_path / f"{name}.yaml", {}).table for name in "ab")
    assert (first.services, first.bindings) == (second.services, second.bindings)
    assert await apply(desk, tmp_path / "b.yaml") == []
    file["services"][0]["apis"] = apis[:1]
    file |= {"plans": [], "secrets": [], "bindings": []}
    with pytest.raises(
        OperationError, match="plan gold is bound to api api-b of orders, which would be gone"
    ):
        await apply(desk, file_of(tmp_path / "c.yaml", file), prune=False)
    file["services"][0]["apis"] = apis
    file["services"].append({"serviceId": "users", "environments": ["release"]})
    file["plans"] = [{"usagePlanId": "tin"}]
    file["bindings"] = [{"usagePlanId": "tin", "secretIds": [], "environments": [here]}]
    assert await apply(desk, file_of(tmp_path / "d.yaml", file)) != []
    (reach,) = (await desk.reaches())[1]
    assert (reach.usage_plan_id, reach.api_id) == ("tin", "")


async def apply(desk: Operations, path: Path, *, prune: bool = True) -> list[str]:
    """Make the records equal to a file; answers what differed."""
    applier = desk.applier(ADMIN, load_nouns(path, {}).table, prune=prune)
    shown = await applier.plan()
    await applier.apply(shown)
    return list(map(str, shown.differences))


async def test_an_api_s_throttle(desk: Operations) -> None:
    """Of several Apis at once or of none; it stays when the Api changes, and goes with its last number."""
    service_id = await service(desk, "release")
    ids = [await api(desk, service_id, path) for path in ("/a", "/b")]
    bounded = await desk.set_api_throttle(ADMIN, service_id, ids, "release", {"rateRps": 5})
    assert [each["throttles"] for each in bounded] == [{"release": {"rateRps": 5, "burst": 5}}] * 2
    (again,) = await desk.set_api_throttle(ADMIN, service_id, ids[:1], "test", {"rateRps": 1, "burst": 3})
    assert again["throttles"] == {**bounded[0]["throttles"], "test": {"rateRps": 1, "burst": 3}}
    changed = await desk.modify_api(ADMIN, service_id, ids[0], {"path": "/c"})
    assert changed == {**again, "path": "/c"}
    throttle = RecordTable(await desk.records()).throttle(service_id, "test", ids[0])
    assert throttle is not None
    assert (throttle.plan.rate_rps, throttle.plan.burst) == (1, 3)
    for given in (None, {"rateRps": -1}):
        for place in ("release", "test"):
            await desk.set_api_throttle(ADMIN, service_id, ids, place, given)
    assert [each.get("throttles") for each in await desk.apis(service_id)] == [None, None]
    written = [entry for _, entry in await desk.audit(ADMIN, "", 9)]
    named = [entry for entry in written if entry["action"] == "ModifyApiEnvironmentStrategy"]
    assert named[-1]["target"] == f"service/{service_id}"
    assert [each["apiId"] for each in named[-1]["after"]["apis"]] == ids
    assert (named[-2]["target"], named[-2]["after"]) == (f"service/{service_id}/{ids[0]}", again)
    assert len(named) == 4


@pytest.mark.parametrize(
    ("ids", "place", "given", "reason"),
    [
        (["api-none"], "release", {"rateRps": 5}, Reason.NO_API),
        (["api-a", "api-none"], "release", {"rateRps": 5}, Reason.NO_API),
        (["api-a"], "prod", {"rateRps": 5}, Reason.INVALID),
        (["api-a"], "release", {}, Reason.MISSING),
        (["api-a"], "release", {"rateRps": -2}, Reason.INVALID),
        (["api-a"], "release", {"rateRps": 5, "dayQuotaRequest": 5}, Reason.UNKNOWN_FIELD),
    ],
)
async def test_what_is_no_throttle_of_an_api(
    desk: Operations, ids: list[str], place: str, given: dict[str, Any], reason: Reason
) -> None:
    """An unknown Api or environment, and what is no rate, is refused; no Api is changed."""
    service_id = await service(desk, "release")
    await api(desk, service_id, apiId="api-a")
    wrong = desk.set_api_throttle(ADMIN, service_id, ids, place, given)
    assert (await refused(wrong))[0] is reason
    assert "throttles" not in await desk.api(service_id, "api-a")
