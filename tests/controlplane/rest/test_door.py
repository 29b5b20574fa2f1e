import pytest

from tests.support.offices import OfficePort


async def test_a_change_of_what_has_changed_is_412(port: OfficePort) -> None:
    """If-Match with the newest ETag changes the record; with an older, weak or odd one, not."""
    answer = await port.ask("POST", "/v1/services", json={"serviceName": "a"})
    one, first = answer.headers["Location"], answer.headers["ETag"]
    changed = await port.ask("PATCH", one, json={"serviceName": "b"}, headers={"If-Match": f'"x", {first}'})
    second = changed.headers["ETag"]
    assert second != first
    for tag in (first, f"W/{second}", "nonsense", ""):
        told = await port.refused(412, "PATCH", one, json={"serviceName": "c"}, headers={"If-Match": tag})
        assert told["code"] == "stale"
    assert (await port.ask("GET", one)).headers["ETag"] == second
    assert (await port.ask("DELETE", one, headers={"If-Match": first})).status_code == 412
    assert (await port.ask("DELETE", one, headers={"If-Match": "*"})).status_code == 204


async def test_a_key_makes_it_once(port: OfficePort) -> None:
    """The same request with the same Idempotency-Key answers the same, also nothing; another is 422."""
    headers = {"Idempotency-Key": "one"}
    given = {"secretName": "a"}
    first = await port.done("POST", "/v1/secrets", json=given, headers=headers)
    assert await port.done("POST", "/v1/secrets", json=given, headers=headers) == first
    told = await port.refused(422, "POST", "/v1/secrets", json={"secretName": "b"}, headers=headers)
    assert told["code"] == "idempotency_key_reused"
    plan = (await port.done("POST", "/v1/plans", json={"usagePlanName": "p"}))["usagePlanId"]
    bound = {"usagePlanId": plan, "secretIds": [first["secretId"]]}
    for _ in range(2):
        answer = await port.ask(
            "POST", "/v1/bindings/secrets", json=bound, headers={"Idempotency-Key": "two"}
        )
        assert answer.status_code == 204
    await port.refused(400, "POST", "/v1/secrets", json=given, headers={"Idempotency-Key": "with space"})


@pytest.mark.parametrize(
    ("status", "method", "path", "more"),
    [
        (400, "POST", "/v1/services", {"content": b"{", "headers": {"Content-Type": "application/json"}}),
        (400, "POST", "/v1/services", {"json": []}),
        (400, "GET", "/v1/services?limit=0", {}),
        (400, "GET", "/v1/services?limit=1&limit=2", {}),
        (400, "GET", "/v1/services?order=name", {}),
        (400, "GET", "/v1/whoami?a=b", {}),
        (404, "GET", "/v1/nothing", {}),
        (404, "GET", "/v1/services/%00", {}),
        (405, "PUT", "/v1/services", {}),
        (406, "GET", "/v1/services", {"headers": {"Accept": "text/html"}}),
        (413, "POST", "/v1/services", {"json": {"serviceName": "a" * 300_000}}),
        (415, "POST", "/v1/services", {"content": b"serviceName=a"}),
        (400, "POST", "/v1/services/service-a/environments/test/unpublish", {"json": {"releaseDesc": "a"}}),
        (400, "POST", "/v1/secrets/AKIDone/disable", {"content": b"now"}),
        (404, "POST", "/v1/services/service-a/environments/test/unpublish", {"json": {}}),
    ],
)
async def test_what_is_odd_is_refused(
    port: OfficePort, status: int, method: str, path: str, more: dict[str, object]
) -> None:
    """Each in its own way, with a problem document and a code."""
    told = await port.refused(status, method, path, **more)
    assert told["code"]
    if status == 405:
        assert (await port.ask(method, path)).headers["Allow"] == "GET,HEAD,POST"


async def test_a_body_that_may_be_absent(port: OfficePort) -> None:
    """A publication needs no body; HEAD answers as GET does."""
    made = await port.done("POST", "/v1/services", json={"serviceName": "a"})
    await port.done("POST", f"/v1/services/{made['serviceId']}/environments/test/publish")
    head = await port.ask("HEAD", f"/v1/services/{made['serviceId']}")
    assert (head.status_code, head.content) == (200, b"")
