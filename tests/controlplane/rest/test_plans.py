from typing import Any

from tests.support.offices import OfficePort


async def test_a_plan_from_its_begin_to_its_end(port: OfficePort) -> None:
    """Made with defaults told, found, changed, taken back to defaults by null, deleted."""
    answer = await port.ask("POST", "/v1/plans", json={"usagePlanName": "gold", "rateRps": 5})
    made, one = answer.json(), answer.headers["Location"]
    assert answer.status_code == 201
    assert (made["rateRps"], made["burst"], made["dayQuotaRequest"], made["scope"]) == (5, -1, -1, "plan")
    assert (made["onStoreFailure"], made["lease"], made["modifier"]) == ("closed", None, "configuration")
    assert (await port.done("GET", "/v1/plans?search=gol"))["plans"] == [made]
    assert (await port.done("GET", "/v1/plans?search=silver"))["totalCount"] == 0
    changes = {"lease": {"max": 2}, "quotaCondition": "2xx", "onStoreFailure": {"local": {"units": 2}}}
    changed = await port.done("PATCH", one, json=changes)
    assert (changed["lease"], changed["quotaCondition"]) == ({"max": 2, "ttlMs": 1000}, ["2xx"])
    assert changed["version"] > made["version"]
    back = await port.done("PATCH", one, json={"lease": None, "rateRps": None, "onStoreFailure": None})
    assert (back["lease"], back["rateRps"], back["onStoreFailure"]) == (None, -1, "closed")
    assert (await port.ask("DELETE", one)).status_code == 204
    assert (await port.refused(404, "DELETE", one))["code"] == "unknown_plan"


async def test_a_plan_s_values_are_checked(port: OfficePort) -> None:
    """Ranges, unknown and fixed fields, and rules between fields: 400 with the field's name."""
    wrong: list[tuple[dict[str, Any], str, str]] = [
        ({"rateRps": 2**31}, "rateRps", "invalid_value"),
        ({"rate": 1}, "", "unknown_field"),
        ({"version": 1}, "", "unknown_field"),
        ({"burst": 4}, "burst", "invalid_value"),
        ({"usagePlanName": None}, "usagePlanName", "invalid_value"),
    ]
    for given, field, code in wrong:
        told = await port.refused(400, "POST", "/v1/plans", json={"usagePlanName": "a", **given})
        assert (told.get("field", ""), told["code"]) == (field, code)
    made = await port.done("POST", "/v1/plans", json={"usagePlanName": "a", "usagePlanId": "gold"})
    told = await port.refused(409, "POST", "/v1/plans", json={"usagePlanName": "b", "usagePlanId": "gold"})
    assert (made["usagePlanId"], told["code"]) == ("gold", "id_exists")
