from typing import Any

import pytest

from quotad.config.tenant import Limits
from tests.support.desk import ADMIN, plan, secret, service
from tests.support.dialects import DialectPort, dialect_port
from tests.support.servers import StoreServer, running_server

SAMPLE = {
    "monthQuotaRequest": 10,
    "dayQuotaRequest": 5,
    "rateRps": 2,
    "quotaCondition": "2xx",
    "usagePlanDescription": "usage plan",
    "usagePlanName": "usageplan000",
}
"""The seed document's request."""


async def test_the_seed_documents_request(port: DialectPort) -> None:
    """201, the ten fields of the document's sample, and the four that are in its syntax alone."""
    answer = await port.plans("POST", "/usage-plans", SAMPLE)
    assert (answer.status_code, answer.headers["content-type"]) == (201, "application/json")
    made = answer.json()["usagePlan"]
    plan_id = made["usagePlanId"]
    assert made == {
        "tenantId": "quotad",
        "usagePlanId": plan_id,
        "rateRps": 2,
        "usagePlanName": "usageplan000",
        "usagePlanDescription": "usage plan",
        "dayQuotaRequest": 5,
        "quotaCondition": "2xx",
        "monthQuotaRequest": 10,
        "domainCode": "PUB",
        "associatedStagesCount": 0,
        "modifier": "AKIDoperate",
        "disabled": False,
        "permission": "operate",
        "actionName": "createUsagePlan",
    }
    record = await port.desk.plan(plan_id)
    assert (record["quotaCondition"], record["dayQuotaRequest"]) == (["2xx"], 5)


@pytest.mark.parametrize(
    "more",
    [
        {"usagePlanName": None},
        {"usagePlanName": ""},
        {"usagePlanName": "x" * 46},
        {"usagePlanDescription": "x" * 51},
        {"rateRps": 0},
        {"rateRps": 2**31},
        {"dayQuotaRequest": 0},
        {"dayQuotaRequest": -1},
        {"dayQuotaRequest": 2**53},
        {"monthQuotaRequest": -1},
        {"monthQuotaRequest": None},
        {"dayQuotaRequest": None},
        {"quotaCondition": "quotaCondition"},
        {"quotaCondition": "2xx,3xx"},
        {"other": 1},
        {"rateRps": "2"},
    ],
)
async def test_what_is_no_plan(port: DialectPort, more: dict[str, Any]) -> None:
    """Each rule of each field: 400 and 100, with words that say which."""
    answer = await port.plans("POST", "/usage-plans", {**SAMPLE, **more})
    error = answer.json()["error"]
    assert (answer.status_code, error["errorCode"]) == (400, "100")
    assert next(iter(more)) in error["details"] or "Quota" in error["details"]


async def test_edges_of_ranges(port: DialectPort) -> None:
    """A month of 0, and the greatest numbers; with no limits at all none is shown."""
    great = {"monthQuotaRequest": 0, "dayQuotaRequest": 2**53 - 1, "rateRps": 2**31 - 1}
    answer = await port.plans("POST", "/usage-plans", {**SAMPLE, **great})
    made = answer.json()["usagePlan"]
    assert {name: made[name] for name in great} == great
    made = (await port.plans("POST", "/usage-plans", {"usagePlanName": "n"})).json()["usagePlan"]
    assert not {"rateRps", "dayQuotaRequest", "monthQuotaRequest", "quotaCondition"} & set(made)


async def test_edit_get_delete(port: DialectPort) -> None:
    """PUT needs the name and leaves what is absent; DELETE is 204, and refused while it is bound."""
    plan_id = (await port.plans("POST", "/usage-plans", SAMPLE)).json()["usagePlan"]["usagePlanId"]
    path = f"/usage-plans/{plan_id}"
    assert (await port.plans("PUT", path, {"rateRps": 3})).status_code == 400
    changed = (await port.plans("PUT", path, {"usagePlanName": "n", "rateRps": 3})).json()["usagePlan"]
    assert (changed["usagePlanName"], changed["rateRps"], changed["dayQuotaRequest"]) == ("n", 3, 5)
    found = (await port.plans("GET", path, who="AKIDread")).json()["usagePlan"]
    assert {**changed, "permission": "read", "actionName": "getUsagePlan"} == found
    secret_id = await secret(port.desk)
    await port.desk.bind_secrets(ADMIN, plan_id, [secret_id])
    assert (await port.plans("DELETE", path)).status_code == 400
    await port.desk.unbind_secrets(ADMIN, plan_id, [secret_id])
    answer = await port.plans("DELETE", path)
    assert (answer.status_code, answer.content) == (204, b"")
    for method, body in (("GET", None), ("PUT", SAMPLE), ("DELETE", None)):
        answer = await port.plans(method, path, body)
        assert (answer.status_code, answer.json()["error"]["errorCode"]) == (404, "300")


async def test_a_plan_of_other_dialects(port: DialectPort) -> None:
    """What only they know is left by a PUT; a disabled plan says so, a list of classes is one text."""
    given = {"maxRequestNum": 9, "disabled": True, "quotaCondition": ["2xx", "3xx"], "rateRps": 0}
    plan_id = await plan(port.desk, "gold", **given)
    answer = await port.plans("PUT", f"/usage-plans/{plan_id}", {"usagePlanName": "n"})
    shown = answer.json()["usagePlan"]
    assert (shown["disabled"], shown["quotaCondition"], shown["rateRps"]) == (True, "2xx,3xx", 0)
    record = await port.desk.plan(plan_id)
    assert {name: record[name] for name in given} == given


async def test_search(port: DialectPort) -> None:
    """By a part of the name, in pages; the count of all plans beside that of those found."""
    for name in ("gold", "golden", "silver"):
        await plan(port.desk, name)
    answer = (await port.plans("POST", "/usage-plans/search", {"usagePlanName": "gold", "limit": 1})).json()
    assert (answer["initialCount"], answer["total"]) == (3, 2)
    assert [each["usagePlanName"] for each in answer["usagePlans"]] == ["gold"]
    answer = (await port.plans("POST", "/usage-plans/search", {"offset": 2})).json()
    assert [each["usagePlanName"] for each in answer["usagePlans"]] == ["silver"]
    assert (await port.plans("POST", "/usage-plans/search", {"limit": 0})).status_code == 400


async def test_stages(port: DialectPort) -> None:
    """A plan goes to a stage and from it; both sides list it."""
    plan_id, other = await plan(port.desk, "gold", rateRps=5), await plan(port.desk, "other", rateRps=1)
    service_id = await service(port.desk, "release", name="shop")
    stage = f"/products/{service_id}/apis/{service_id}/stages/release"
    body = {"usagePlanId": plan_id}
    assert (await port.plans("POST", f"{stage}/associate-usage-plan", body)).status_code == 204
    assert (await port.plans("POST", f"{stage}/associate-usage-plan", body)).status_code == 400
    found = (await port.plans("GET", f"/usage-plans/{plan_id}")).json()["usagePlan"]
    assert found["associatedStagesCount"] == 1
    answer = (await port.plans("GET", f"/usage-plans/{plan_id}/stages?limit=5")).json()
    (row,) = answer["stages"]
    assert (row["stageId"], row["apiName"]) == (f"{service_id}.release", "shop")
    assert (answer["total"], answer["usagePlan"]) == (1, {"rateRps": 5, "domainCode": "PUB"})
    await port.desk.set_default_plan(ADMIN, service_id, "release", other)
    answer = (await port.plans("GET", f"{stage}/usage-plans")).json()
    assert (answer["total"], answer["rateRps"]) == (1, 1)
    assert [each["usagePlanId"] for each in answer["content"]] == [plan_id]
    for word, ids in (("true", [plan_id]), ("false", [other])):
        target = f"/usage-plans?stageId={service_id}.release&associated={word}"
        answer = (await port.plans("GET", target)).json()
        assert [each["usagePlanId"] for each in answer["usagePlans"]] == ids
    assert (await port.plans("POST", f"{stage}/disassociate-usage-plan", body)).status_code == 204
    assert (await port.plans("POST", f"{stage}/disassociate-usage-plan", body)).status_code == 404


async def test_stages_that_are_none(port: DialectPort) -> None:
    """Another environment, an unpublished one, two services in one path, an unknown service."""
    plan_id, service_id = await plan(port.desk), await service(port.desk, "release")
    for product, stage, status in (
        (service_id, "prod", 400),
        (service_id, "test", 400),
        ("service-other", "release", 400),
        (service_id, "service-other.release", 400),
    ):
        path = f"/products/{product}/apis/{service_id}/stages/{stage}/associate-usage-plan"
        answer = await port.plans("POST", path, {"usagePlanId": plan_id})
        assert answer.status_code == status
    path = "/products/service-no/apis/service-no/stages/test/usage-plans"
    assert (await port.plans("GET", path)).status_code == 404
    assert (await port.plans("GET", "/usage-plans?stageId=service-no.test")).status_code == 404


async def test_who_may_ask(port: DialectPort) -> None:
    """401 and 200 for whatever is wrong with a signature, 401 and 210 for a role that may not."""
    for more in ({"key": "another-key-altogether"}, {"who": "AKIDnobody"}, {"stamp": "1"}, {"stamp": "x"}):
        answer = await port.plans("POST", "/usage-plans", SAMPLE, **more)
        assert (answer.status_code, answer.json()["error"]["errorCode"]) == (401, "200")
    answer = await port.plans("POST", "/usage-plans", SAMPLE, who="AKIDread")
    assert (answer.status_code, answer.json()["error"]) == (
        401,
        {"errorCode": "210", "message": "Permission Denied", "details": "this needs the role operate."},
    )


async def test_other_errors(store_server: StoreServer) -> None:
    """A tenant's limit is 429 and 400; a body of another type or too long has a code too."""
    async with dialect_port(store_server.url, Limits(plans=1)) as port:
        assert (await port.plans("POST", "/usage-plans", SAMPLE)).status_code == 201
        for body, status, code in ((SAMPLE, 429, "400"), (b"[]", 400, "100"), (b" " * 70_000, 413, "430")):
            answer = await port.plans("POST", "/usage-plans", body)
            assert (answer.status_code, answer.json()["error"]["errorCode"]) == (status, code)


async def test_the_store_away() -> None:
    """500 and 900."""
    with running_server() as server:
        async with dialect_port(server.url) as port:
            server.kill()
            answer = await port.plans("GET", "/usage-plans/usagePlan-a")
            assert (answer.status_code, answer.json()["error"]["errorCode"]) == (500, "900")
