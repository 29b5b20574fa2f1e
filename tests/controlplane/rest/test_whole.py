import json
from pathlib import Path
from typing import Any

from quotad.controlplane.rest.lines import NDJSON
from tests.support.offices import OfficePort, file_office, office
from tests.support.servers import StoreServer
from tests.support.shell import PLAN_ID, SECRET_ID, SECRET_KEY, SERVICE_ID, wanted

APPLY = "/v1/apply"


async def test_applied_and_exported(store_server: StoreServer, tmp_path: Path) -> None:
    """A dry run says what applying does then; what is exported is sent back as it is and changes nothing."""
    async with office(store_server.url, tmp_path) as port:
        would = await port.done("POST", f"{APPLY}?dryRun=true", json=wanted())
        assert (would["dryRun"], would["steps"], would["writes"]) == (True, 1, 3)
        assert [(each["sign"], each["kind"], each["id"]) for each in would["differences"]] == [
            ("+", "service", SERVICE_ID),
            ("+", "plan", PLAN_ID),
            ("+", "secret", SECRET_ID),
        ]
        assert (await port.done("GET", "/v1/plans"))["totalCount"] == 0
        assert await port.done("POST", APPLY, json=wanted()) == {**would, "dryRun": False}
        found = await port.done("GET", "/v1/export")
        assert "secretKey" not in found["secrets"][0]
        assert found["bindings"] == wanted()["bindings"]
        assert (await port.done("POST", f"{APPLY}?prune=true", json=found))["differences"] == []
        whole = await port.done("GET", "/v1/export?withKeys=true")
        assert whole["secrets"][0]["secretKey"] == SECRET_KEY
        assert (await port.done("POST", f"{APPLY}?prune=true", json=whole))["differences"] == []
        (last, *_) = (await port.done("GET", "/v1/audit"))["audit"]
        assert (last["action"], last["after"]) == ("ExportRecords", {"shown": True})
        gone = await port.done("POST", f"{APPLY}?prune=true", json={})
        assert [each["sign"] for each in gone["differences"]] == ["-"] * 3


async def test_no_more_is_done_than_was_shown(store_server: StoreServer, tmp_path: Path) -> None:
    """With the ETag of a dry run: applied while nothing has changed since, else not at all."""
    async with office(store_server.url, tmp_path) as port:
        shown = await port.ask("POST", f"{APPLY}?dryRun=true", json=wanted())
        tag = {"If-Match": shown.headers["ETag"]}
        await port.done("POST", "/v1/plans", json={"usagePlanName": "another"})
        refused = await port.refused(412, "POST", APPLY, json=wanted(), headers=tag)
        assert refused["code"] == "stale"
        shown = await port.ask("POST", f"{APPLY}?dryRun=true", json=wanted())
        tag = {"If-Match": shown.headers["ETag"]}
        assert len((await port.done("POST", APPLY, json=wanted(), headers=tag))["differences"]) == 3
        await port.done("POST", APPLY, json=wanted(), headers={"If-Match": "*"})


async def test_what_is_refused(store_server: StoreServer, tmp_path: Path) -> None:
    """What breaks a rule or contradicts itself: nothing is made, no key told; no reference is followed."""
    bound = [{"usagePlanId": "usagePlan-none", "secretIds": [], "environments": []}]
    secret = {"secretId": SECRET_ID, "secretKey": "short-key"}
    bodies: list[tuple[int, Any]] = [
        (400, wanted(plans=[{"usagePlanId": PLAN_ID, "rateRps": -7}])),
        (400, wanted(routes=[])),
        (400, wanted(plans=[{"usagePlanId": PLAN_ID, "usagePlanName": "x", "x-y": 1}])),
        (400, wanted(plans=None)),
        (400, wanted(secrets=[secret])),
        (409, wanted(bindings=bound)),
        (400, wanted(secrets=[{"secretId": SECRET_ID}])),
    ]
    async with office(store_server.url, tmp_path) as port:
        for status, body in bodies:
            refused = await port.refused(status, "POST", APPLY, json=body)
            assert "short-key" not in str(refused)
        nulls = [{"secretId": SECRET_ID, "secretKey": None, "secretName": None}]
        await port.refused(400, "POST", APPLY, json={"secrets": nulls})
        await port.refused(415, "POST", APPLY, content=b"{}", headers={"Content-Type": "text/plain"})
        await port.refused(400, "POST", f"{APPLY}?dry=true", json={})
        plan = {"usagePlanId": PLAN_ID, "usagePlanName": "file:/etc/hostname"}
        await port.done("POST", APPLY, json={"plans": [plan]})
        assert (await port.done("GET", f"/v1/plans/{PLAN_ID}"))["usagePlanName"] == "file:/etc/hostname"


async def test_a_large_body(store_server: StoreServer, tmp_path: Path) -> None:
    """More than any other route takes: thousands of Secrets at once."""
    secrets = [{"secretId": f"AKID{n:06d}", "secretKey": f"the-key-of-{n:06d}"} for n in range(5_000)]
    async with office(store_server.url, tmp_path) as port:
        done = await port.done("POST", APPLY, json={"secrets": secrets}, timeout=60)
        assert (done["writes"], done["steps"] > 1) == (5_000, True)
        assert (await port.done("GET", "/v1/secrets?limit=1"))["totalCount"] == 5_000
        assert len((await port.done("GET", "/v1/export", timeout=60))["secrets"]) == 5_000
        await port.refused(413, "POST", "/v1/secret-imports", json={"secrets": secrets})


async def lines_of(port: OfficePort, body: Any, query: str = "", **more: Any) -> list[dict[str, Any]]:
    """What is told while it is applied."""
    headers = {"Accept": NDJSON, **more.pop("headers", {})}
    answer = await port.ask("POST", f"{APPLY}{query}", json=body, headers=headers, timeout=60, **more)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, NDJSON), answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


async def test_progress_is_told(store_server: StoreServer, tmp_path: Path) -> None:
    """Whoever asks for lines hears of Secrets compared, of what is to be done, and of each commit."""
    secrets = [{"secretId": f"AKID{n:06d}", "secretKey": f"the-key-of-{n:06d}"} for n in range(2_500)]
    async with office(store_server.url, tmp_path) as port:
        dry = await lines_of(port, {"secrets": secrets}, "?dryRun=true")
        assert [each["event"] for each in dry] == ["compared"] * 3 + ["planned", "done"]
        assert sum(each["secrets"] for each in dry[:3]) == 2_500
        found = await lines_of(port, {"secrets": secrets}, headers={"If-Match": f'"{dry[3]["etag"]}"'})
        assert found[3] == {**dry[3], "dryRun": False}
        assert (found[3]["writes"], found[3]["steps"]) == (2_500, 3)
        assert [each["event"] for each in found[4:]] == ["committed"] * 3 + ["done"]
        assert sum(each["writes"] for each in found[4:7]) == 2_500
        again = await lines_of(port, {"secrets": secrets})
        assert (again[3]["differences"], again[4:]) == ([], [{"event": "done"}])
        small = await lines_of(port, wanted())
        assert [each["event"] for each in small] == ["compared", "planned", "committed", "done"]


async def test_a_refusal_while_progress_is_told(store_server: StoreServer, tmp_path: Path) -> None:
    """Before the first line it has its own status; after it, it is the last line."""
    secrets = [{"secretId": f"AKID{n:06d}", "secretKey": f"the-key-of-{n:06d}"} for n in range(1_200)]
    headers = {"Accept": NDJSON}
    async with office(store_server.url, tmp_path) as port:
        told = await port.refused(400, "POST", APPLY, json={"plans": 5}, headers=headers)
        assert told["field"] == "plans"
        await port.refused(406, "GET", "/v1/plans", headers=headers)
        stale = {"If-Match": '"1-other"'}
        await port.refused(412, "POST", APPLY, json=wanted(), headers={**headers, **stale})
        found = await lines_of(port, {"secrets": secrets}, headers=stale)
        assert [each["event"] for each in found] == ["compared", "failed"]
        assert (found[-1]["problem"]["status"], found[-1]["problem"]["code"]) == (412, "stale")
        assert (await port.done("GET", "/v1/secrets?limit=1"))["totalCount"] == 0


async def test_imported(store_server: StoreServer, tmp_path: Path) -> None:
    """All or none; those that are there with the same values are passed over, or an error if so asked."""
    pair = {"secretId": SECRET_ID, "secretKey": SECRET_KEY, "secretName": "one"}
    other = {"secretId": "AKIDtwo", "secretKey": "the-key-of-two", "secretName": "two"}
    async with office(store_server.url, tmp_path) as port:

        async def made(*pairs: Any, **more: Any) -> Any:
            return await port.done("POST", "/v1/secret-imports", json={"secrets": pairs, **more})

        assert await made(pair) == {"made": 1, "known": 0}
        assert await made(pair, other) == {"made": 1, "known": 1}
        for status, body in (
            (409, {"secrets": [pair], "strict": True}),
            (409, {"secrets": [{**pair, "secretKey": "another-key-of-one"}]}),
            (409, {"secrets": [pair, pair]}),
            (400, {"secrets": [{"secretName": "made_here"}]}),
            (400, {"secrets": []}),
        ):
            refused = await port.refused(status, "POST", "/v1/secret-imports", json=body)
            assert "the-key" not in str(refused)
        assert (await port.done("GET", "/v1/secrets"))["totalCount"] == 2


async def test_who_may(store_server: StoreServer, tmp_path: Path) -> None:
    """Admins; a file's records stand in the file."""
    async with office(store_server.url, tmp_path) as port:
        given = {"name": "ops", "role": "operate"}
        token = (await port.done("POST", "/v1/credentials", json=given))["token"]
        await all_refused(port, 403, token=token)
    async with file_office(store_server.url, tmp_path, {}) as port:
        await all_refused(port, 409)


async def all_refused(port: OfficePort, status: int, **more: Any) -> None:
    """Each of the routes."""
    pair = {"secretId": SECRET_ID, "secretKey": SECRET_KEY, "secretName": "one"}
    await port.refused(status, "POST", APPLY, json={}, **more)
    await port.refused(status, "GET", "/v1/export", **more)
    await port.refused(status, "POST", "/v1/secret-imports", json={"secrets": [pair]}, **more)
