"""The access log of the admin port, line by line, through its real doors."""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.dialects import SignedPort
from tests.support.offices import TOKEN, OfficePort, office
from tests.support.servers import StoreServer
from tests.support.waiting import until

LOG = "admin.log"


@pytest.fixture
async def port(store_server: StoreServer, tmp_path: Path) -> AsyncIterator[OfficePort]:
    """One that writes a log."""
    async with office(store_server.url, tmp_path, {"token": TOKEN, "accessLog": LOG}) as started:
        yield started


async def lines(folder: Path, count: int) -> list[dict[str, Any]]:
    """So many, which there will be."""
    path = folder / LOG
    await until(lambda: path.read_text().count("\n") >= count)
    return [json.loads(line) for line in path.read_text().splitlines()]


async def test_every_request_has_a_line(port: OfficePort, tmp_path: Path) -> None:
    """Who asked for what, how it ended, the id of the answer and the audit log; no key, no query."""
    made = await port.ask("POST", "/v1/secrets", json={"secretName": "mobile"})
    wrong = await port.ask("GET", "/v1/plans/none?x=y")
    await port.ask("GET", f"/v1/secrets?search={made.json()['secretKey']}")
    found = await lines(tmp_path, 3)
    ids = [answer.headers["X-Request-Id"] for answer in (made, wrong)]
    assert [each["requestId"] for each in found[:2]] == ids
    assert all(re.fullmatch("[0-9a-f-]{36}", each["requestId"]) for each in found)
    assert [(each["method"], each["path"], each["status"], each["action"]) for each in found] == [
        ("POST", "/v1/secrets", 201, "CreateApiKey"),
        ("GET", "/v1/plans/none", 400, "Describe"),
        ("GET", "/v1/secrets", 200, "Describe"),
    ]
    assert {(each["who"], each["role"], each["means"]) for each in found} == {
        ("configuration", "admin", "token")
    }
    assert wrong.json()["requestId"] == ids[1]
    (record,) = (await port.done("GET", "/v1/audit"))["audit"]
    assert record["requestId"] == ids[0]
    text = (tmp_path / LOG).read_text()
    assert TOKEN not in text
    assert made.json()["secretKey"] not in text


async def test_who_was_not_let_in(port: OfficePort, tmp_path: Path) -> None:
    """A refused login and a page of another origin have a line too, and name nobody."""
    await port.refused(401, "GET", "/v1/plans", token="a-wrong-token-of-some-length")
    await port.refused(403, "GET", "/v1/plans", headers={"Origin": "http://attacker.example"})
    await port.refused(404, "GET", "/v1/nothing")
    found = await lines(tmp_path, 3)
    assert [(each["status"], each["who"], each["action"]) for each in found] == [
        (401, "", ""),
        (403, "", ""),
        (404, "configuration", ""),
    ]
    assert "wrong-token" not in (tmp_path / LOG).read_text()


async def test_the_clouds_formats(port: OfficePort, tmp_path: Path) -> None:
    """Their requests have the key pair that signed, the Action and the RequestId of the answer."""
    given = {"type": "keyPair", "name": "cloud", "role": "admin"}
    pair = await port.done("POST", "/v1/credentials", json=given)
    signed, who = SignedPort(port.number), {"who": pair["credentialId"], "key": pair["secretKey"]}
    common = {"Version": "2018-08-08", "Region": "r", "Action": "DescribeUsagePlansStatus"}
    told = await signed.old("/", **who, **common)
    await signed.legacy(**who, serviceId="none")
    made = await signed.plans("POST", "/usage-plans", {"usagePlanName": "p"}, **who)
    await signed.plans("POST", "/usage-plans", {"usagePlanName": "p"}, **{**who, "key": "another"})
    found = (await lines(tmp_path, 5))[1:]
    assert found[0]["requestId"] == told["Response"]["RequestId"]
    assert found[2]["requestId"] == made.headers["X-Request-Id"]
    assert [(each["path"], each["status"], each["action"], each["who"]) for each in found] == [
        ("/", 200, "DescribeUsagePlansStatus", who["who"]),
        ("/v2/index.php", 200, "DescribeServiceUsagePlan", who["who"]),
        ("/api/v1/usage-plans", 201, "", who["who"]),
        ("/api/v1/usage-plans", 401, "", ""),
    ]
    newest = (await port.done("GET", "/v1/audit?limit=1"))["audit"][0]
    assert (newest["action"], newest["requestId"]) == ("CreateUsagePlan", found[2]["requestId"])


async def test_one_in_many(store_server: StoreServer, tmp_path: Path) -> None:
    """Of requests that went well so many have a line; each that did not has one."""
    admin = {"token": TOKEN, "accessLog": LOG, "accessLogOneIn": 5}
    async with office(store_server.url, tmp_path, admin) as port:
        for _ in range(10):
            await port.done("GET", "/v1/plans")
        for _ in range(2):
            await port.refused(404, "GET", "/v1/plans/none")
    statuses = [each["status"] for each in await lines(tmp_path, 4)]
    assert statuses == [200, 200, 404, 404]
