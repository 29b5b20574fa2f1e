"""The clouds' wire formats on the real admin port, with key pairs of the control records."""

from pathlib import Path

import pytest

from quotad.controlplane import access as module
from tests.support.dialects import Cloud, SignedPort
from tests.support.offices import OfficePort, office
from tests.support.servers import StoreServer


async def pair(port: OfficePort, role: str) -> tuple[str, str]:
    """A new key pair of an admin."""
    given = {"type": "keyPair", "name": role, "role": role}
    made = await port.done("POST", "/v1/credentials", json=given)
    return made["credentialId"], made["secretKey"]


@pytest.mark.parametrize("signing", ["TC3-HMAC-SHA256", "HmacSHA256"])
async def test_the_cloud_s_own_client_manages(
    store_server: StoreServer, tmp_path: Path, signing: str
) -> None:
    """A service made by it is there in the native format; the audit log says which key pair asked."""
    async with office(store_server.url, tmp_path) as port:
        key_id, key = await pair(port, "admin")
        cloud = Cloud(port.number, key_id, key, signing=signing)
        made = await cloud.do("CreateService", ServiceName="orders", Protocol="http")
        found = await port.done("GET", f"/v1/services/{made['ServiceId']}")
        assert found["serviceName"] == "orders"
        (record, *_) = (await port.done("GET", "/v1/audit"))["audit"]
        assert (record["who"], record["means"], record["action"]) == (key_id, "signature", "CreateService")
        wrong = Cloud(port.number, key_id, key + "x", signing=signing)
        assert await wrong.code("DescribeServicesStatus") == "AuthFailure.SignatureFailure"


async def test_what_one_format_makes_the_others_show(store_server: StoreServer, tmp_path: Path) -> None:
    """A plan of each format is one and the same in the others, bound by one and listed by another."""
    async with office(store_server.url, tmp_path) as port:
        key_id, key = await pair(port, "admin")
        cloud, signed = Cloud(port.number, key_id, key), SignedPort(port.number)
        own = {"who": key_id, "key": key}
        native = (await port.done("POST", "/v1/plans", json={"usagePlanName": "a"}))["usagePlanId"]
        by_cloud = (await cloud.result("CreateUsagePlan", UsagePlanName="b"))["UsagePlanId"]
        answer = await signed.plans("POST", "/usage-plans", {"usagePlanName": "c"}, **own)
        other = answer.json()["usagePlan"]["usagePlanId"]
        for plan_id, name in ((native, "a"), (by_cloud, "b"), (other, "c")):
            assert (await port.done("GET", f"/v1/plans/{plan_id}"))["usagePlanName"] == name
            assert (await cloud.result("DescribeUsagePlan", UsagePlanId=plan_id))["UsagePlanName"] == name
            shown = (await signed.plans("GET", f"/usage-plans/{plan_id}", **own)).json()["usagePlan"]
            assert shown["usagePlanName"] == name
        service = (await port.done("POST", "/v1/services", json={"serviceName": "s"}))["serviceId"]
        await cloud.do("ReleaseService", ServiceId=service, EnvironmentName="test", ReleaseDesc="r")
        stage = f"/products/{service}/apis/{service}/stages/test/associate-usage-plan"
        assert (await signed.plans("POST", stage, {"usagePlanId": native}, **own)).status_code == 204
        told = await signed.legacy(key_id, key, serviceId=service)
        assert [(row["usagePlanId"], row["environment"]) for row in told["usagePlanList"]] == [
            (native, "Test")
        ]


async def test_whoever_signs_wrongly_too_often_waits(
    store_server: StoreServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each dialect counts for all of them, and says so in its own words."""
    monkeypatch.setattr(module, "FAILURES_PER_MINUTE", 3)
    async with office(store_server.url, tmp_path) as port:
        key_id, _ = await pair(port, "admin")
        wrong = Cloud(port.number, key_id, "another-key-another-key")
        assert await wrong.code("DescribeServicesStatus") == "AuthFailure.SignatureFailure"
        signed = f"SecretId={key_id}&Timestamp=1&Nonce=1&Signature=x&Action=DescribeServiceUsagePlan"
        assert (await port.ask("GET", f"/v2/index.php?{signed}", token="")).json()["code"] == 4100
        assert (await port.ask("GET", "/api/v1/usage-plans", token="")).status_code == 401
        assert await wrong.code("DescribeServicesStatus") == "RequestLimitExceeded"
        assert (await port.ask("GET", f"/v2/index.php?{signed}", token="")).json()["code"] == 4400
        answer = await port.ask("GET", "/api/v1/usage-plans", token="")
        assert (answer.status_code, answer.json()["error"]["errorCode"]) == (429, "420")
        assert (await port.ask("GET", "/v1/whoami")).status_code == 429


async def test_each_door_refuses_in_its_own_words(store_server: StoreServer, tmp_path: Path) -> None:
    """What is below a dialect's path and is not there is told as that dialect tells it."""
    async with office(store_server.url, tmp_path) as port:
        answer = await port.ask("GET", "/api/v1/nothing", token="")
        assert (answer.status_code, answer.json()["error"]["errorCode"]) == (404, "300")
        answer = await port.ask("PUT", "/api/v1/usage-plans", token="")
        assert (answer.status_code, answer.json()["error"]["errorCode"]) == (405, "100")
        answer = await port.ask("GET", "/api/v1/usage-plans", token="", headers={"Host": "attacker.example"})
        assert (answer.status_code, list(answer.json())) == (421, ["error"])
        answer = await port.ask("POST", "/", token="", json={})
        assert (answer.status_code, "Error" in answer.json()["Response"]) == (200, True)
        answer = await port.ask("GET", "/v2/index.php?Action=x", token="")
        assert answer.json()["code"] != 0
