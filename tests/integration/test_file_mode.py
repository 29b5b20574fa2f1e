"""``quotad serve`` in file mode: every wire format of the admin port shows the file, and changes nothing."""

import contextlib
import json
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException

from quotad.controlplane.dialects.cloud_v3 import ACTIONS
from tests.support.backends import running_backend
from tests.support.dialects import KEY, SignedPort
from tests.support.offices import TOKEN, OfficePort
from tests.support.processes import Quotad, running_quotad, write_config
from tests.support.servers import StoreServer
from tests.support.waiting import until_true

SERVICE, PLAN, SECRET = "service-orders01", "usagePlan-only0001", "AKIDcaller"
SOURCE = "stand in its configuration file"
_PLACE = {"ServiceId": SERVICE, "EnvironmentName": "release"}
_BOUND = {"UsagePlanIds": [PLAN], "ServiceId": SERVICE, "Environment": "release"}

WRITES: dict[str, dict[str, Any]] = {
    "CreateUsagePlan": {"UsagePlanName": "b"},
    "ModifyUsagePlan": {"UsagePlanId": PLAN, "MaxRequestNum": 5},
    "DeleteUsagePlan": {"UsagePlanId": PLAN},
    "BindSecretIds": {"UsagePlanId": PLAN, "AccessKeyIds": [SECRET]},
    "UnBindSecretIds": {"UsagePlanId": PLAN, "AccessKeyIds": [SECRET]},
    "BindEnvironment": _BOUND,
    "UnBindEnvironment": _BOUND,
    "DemoteServiceUsagePlan": {"UsagePlanId": PLAN, "ServiceId": SERVICE, "Environment": "release"},
    "CreateApiKey": {"SecretName": "b"},
    "UpdateApiKey": {"AccessKeyId": SECRET, "AccessKeySecret": "another-key-of-it"},
    "EnableApiKey": {"AccessKeyId": SECRET},
    "DisableApiKey": {"AccessKeyId": SECRET},
    "DeleteApiKey": {"AccessKeyId": SECRET},
    "CreateService": {"ServiceName": "b", "Protocol": "http"},
    "ModifyService": {"ServiceId": SERVICE, "ServiceName": "b"},
    "DeleteService": {"ServiceId": SERVICE},
    "ReleaseService": {**_PLACE, "ReleaseDesc": "b"},
    "UnReleaseService": _PLACE,
    "ModifyApiEnvironmentStrategy": {
        "ServiceId": SERVICE,
        "Strategy": 5,
        "EnvironmentName": "release",
        "ApiIds": ["api-one00001"],
    },
    "ModifyServiceEnvironmentStrategy": {
        "ServiceId": SERVICE,
        "Strategy": 5,
        "EnvironmentNames": ["release"],
    },
}


class FileMode(NamedTuple):
    """A quotad in file mode, its file, and its admin port."""

    path: Path
    sidecar: Quotad
    rest: OfficePort
    signed: SignedPort

    async def call(self) -> None:
        """One request through the callers' port that is admitted."""
        headers = {"X-Secret-Id": SECRET, "X-Secret-Key": "secretcaller"}
        url = f"http://127.0.0.1:{self.sidecar.ports['listen']}/orders/1"
        async with httpx.AsyncClient(trust_env=False) as client:
            assert (await client.get(url, headers=headers)).status_code == 200

    async def reload(self, **plan: Any) -> None:
        """Another plan in the file, brought into force."""
        config = json.loads(self.path.read_text())
        config["plans"][0] |= plan
        self.path.write_text(json.dumps(config))
        self.sidecar.process.send_signal(signal.SIGHUP)
        await self.sidecar.until_said("reloaded: version")


@contextlib.asynccontextmanager
async def file_mode(store: StoreServer, folder: Path) -> AsyncIterator[FileMode]:
    """One plan, one caller, one route, and three admins that sign."""
    async with running_backend() as backend:
        path = write_config(
            folder / "quotad.yaml", {"url": store.url}, backend.port, {"maxRequestNum": 100, "rateRps": 50}
        )
        config = json.loads(path.read_text())
        config["admin"] = {
            "address": "127.0.0.1:0",
            "token": TOKEN,
            "keyPairs": [
                {"name": role, "role": role, "secretId": f"AKID{role}", "secretKey": KEY}
                for role in ("read", "operate", "admin")
            ],
        }
        path.write_text(json.dumps(config))
        async with running_quotad(path) as (sidecar,):
            port = sidecar.ports["admin"]
            yield FileMode(path, sidecar, OfficePort(port), SignedPort(port))


async def told_in_history(rest: OfficePort, units: int) -> bool:
    """Whether the last hours have so many requests."""
    (row,) = (await rest.done("GET", "/v1/usage/history?unit=hour"))["usage"]
    return bool(sum(each["used"] for each in row["history"]) == units)


async def test_the_native_format(store_server: StoreServer, tmp_path: Path) -> None:
    """Every list, record, use, history and explanation is the file's; no key is shown; writes are 409."""
    async with file_mode(store_server, tmp_path) as mode:
        rest = mode.rest
        await mode.call()
        assert (await rest.done("GET", "/v1/whoami"))["mode"] == "file"
        assert [each["serviceId"] for each in (await rest.done("GET", "/v1/services"))["services"]] == [
            SERVICE
        ]
        assert (await rest.done("GET", f"/v1/services/{SERVICE}"))["serviceName"] == "orders"
        assert (await rest.done("GET", f"/v1/plans/{PLAN}"))["maxRequestNum"] == 100
        for shown in ("/v1/secrets", f"/v1/secrets/{SECRET}"):
            answer = await rest.ask("GET", shown)
            assert SECRET in answer.text
            assert "secretcaller" not in answer.text
        (bound,) = (await rest.done("GET", "/v1/bindings/environments"))["bindings"]
        assert (bound["usagePlanId"], bound["serviceId"], bound["environment"]) == (PLAN, SERVICE, "release")
        held = (await rest.done("GET", f"/v1/bindings/secrets?secretId={SECRET}"))["bindings"]
        assert [each["usagePlanId"] for each in held] == [PLAN]
        (row,) = (await rest.done("GET", "/v1/usage"))["usage"]
        assert row["windows"]["total"]["inUse"] == 1
        await until_true(lambda: told_in_history(rest, 1))
        place = f"secretId={SECRET}&serviceId={SERVICE}&environment=release"
        assert (await rest.done("GET", f"/v1/explain?{place}"))["admitted"] is True
        told = await rest.refused(409, "PATCH", f"/v1/plans/{PLAN}", json={"rateRps": 1})
        assert told["code"] == "read_only"
        assert SOURCE in told["detail"]
        await mode.reload(maxRequestNum=200)
        assert (await rest.done("GET", f"/v1/plans/{PLAN}"))["maxRequestNum"] == 200


async def test_the_cloud_s_own_client_reads(store_server: StoreServer, tmp_path: Path) -> None:
    """Every reading action answers from the file, with what is in use; a key is masked for every role."""
    async with file_mode(store_server, tmp_path) as mode:
        await mode.call()
        cloud = mode.signed.cloud("AKIDadmin")
        plan = await cloud.result("DescribeUsagePlan", UsagePlanId=PLAN)
        assert (plan["MaxRequestNum"], plan["BindSecretIds"]) == (100, [SECRET])
        assert (await cloud.result("DescribeUsagePlansStatus"))["TotalCount"] == 1
        (key,) = (await cloud.result("DescribeUsagePlanSecretIds", UsagePlanId=PLAN))["AccessKeyList"]
        assert key["AccessKeyId"] == SECRET
        (place,) = (await cloud.result("DescribeUsagePlanEnvironments", UsagePlanId=PLAN))["EnvironmentList"]
        assert (place["ServiceName"], place["Environment"], place["InUseRequestNum"]) == (
            "orders",
            "release",
            1,
        )
        (row,) = (await cloud.result("DescribeServiceUsagePlan", ServiceId=SERVICE))["ServiceUsagePlanList"]
        assert row["InUseRequestNum"] == 1
        assert (await cloud.result("DescribeApiKey", AccessKeyId=SECRET))["AccessKeySecret"] == "******"
        assert (await cloud.result("DescribeApiKeysStatus"))["ApiKeySet"][0]["AccessKeySecret"] == "******"
        assert (await cloud.do("DescribeService", ServiceId=SERVICE))["UsagePlanTotalCount"] == 1
        assert (await cloud.result("DescribeServicesStatus"))["TotalCount"] == 1
        for action in ("DescribeServiceEnvironmentList", "DescribeServiceEnvironmentStrategy"):
            assert (await cloud.result(action, ServiceId=SERVICE))["TotalCount"] == 3
        await mode.reload(maxRequestNum=200)
        assert (await cloud.result("DescribeUsagePlan", UsagePlanId=PLAN))["MaxRequestNum"] == 200


async def test_the_cloud_s_own_client_changes_nothing(store_server: StoreServer, tmp_path: Path) -> None:
    """Every changing action is refused in the dialect's own form, in words that name the file."""
    assert WRITES.keys() == {action.name for action in ACTIONS.values() if not action.reads}
    async with file_mode(store_server, tmp_path) as mode:
        cloud = mode.signed.cloud("AKIDadmin")
        for action, given in WRITES.items():
            with pytest.raises(TencentCloudSDKException) as caught:
                await cloud.do(action, **given)
            assert caught.value.get_code() == "UnsupportedOperation", action
            assert SOURCE in str(caught.value.get_message())
            assert caught.value.get_request_id()
        assert await mode.signed.cloud("AKIDread").code("DeleteUsagePlan", UsagePlanId=PLAN) == (
            "UnauthorizedOperation"
        )
        assert await mode.signed.cloud("AKIDnobody").code("DescribeUsagePlansStatus") == (
            "AuthFailure.SecretIdNotFound"
        )


async def test_the_older_formats(store_server: StoreServer, tmp_path: Path) -> None:
    """The legacy list and the plans of ``/api/v1`` are the file's; a change is 403."""
    async with file_mode(store_server, tmp_path) as mode:
        await mode.call()
        listed = await mode.signed.legacy(serviceId=SERVICE)
        assert (listed["code"], listed["totalCount"]) == (0, 1)
        assert listed["usagePlanList"][0]["inUseRequestNum"] == 1
        ask, stage = mode.signed.plans, f"/products/{SERVICE}/apis/{SERVICE}/stages/{SERVICE}.release"
        for path in (f"/usage-plans/{PLAN}", f"/usage-plans/{PLAN}/stages", f"{stage}/usage-plans"):
            answer = await ask("GET", path)
            assert (answer.status_code, PLAN in answer.text or "orders" in answer.text) == (200, True), path
        found = await ask("POST", "/usage-plans/search", {"usagePlanName": "only"})
        assert found.json()["total"] == 1
        changes: list[tuple[str, str, Any]] = [
            ("POST", "/usage-plans", {"usagePlanName": "b"}),
            ("PUT", f"/usage-plans/{PLAN}", {"usagePlanName": "b"}),
            ("DELETE", f"/usage-plans/{PLAN}", None),
            ("POST", f"{stage}/associate-usage-plan", {"usagePlanId": PLAN}),
            ("POST", f"{stage}/disassociate-usage-plan", {"usagePlanId": PLAN}),
        ]
        for method, path, body in changes:
            answer = await ask(method, path, body)
            error = answer.json()["error"]
            assert (answer.status_code, error["errorCode"]) == (403, "230"), path
            assert SOURCE in error["details"]
        await mode.reload(maxRequestNum=200)
        assert (await mode.signed.legacy(serviceId=SERVICE))["usagePlanList"][0]["maxRequestNum"] == 200
