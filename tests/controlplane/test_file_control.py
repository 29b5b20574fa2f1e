from pathlib import Path
from typing import Any

import pytest

from quotad.controlplane.file_control import FileControl
from quotad.controlplane.operations import Operations
from quotad.controlplane.replica import Page, Where
from quotad.core.table import PlanTable
from quotad.errors import StoreError
from tests.support.offices import file_office
from tests.support.samples import TABLE
from tests.support.servers import StoreServer

FILE: dict[str, Any] = {
    "services": [{"serviceId": "service-a", "serviceName": "orders", "environments": ["release"]}],
    "plans": [{"usagePlanId": "gold", "rateRps": 5}],
    "secrets": [{"secretId": "AKIDa", "secretKey": "keykeykeykey"}],
    "bindings": [
        {
            "usagePlanId": "gold",
            "secretIds": ["AKIDa"],
            "environments": [{"service": "orders", "environment": "release"}],
        }
    ],
}


async def test_a_file_is_read_and_not_written(store_server: StoreServer, tmp_path: Path) -> None:
    """Lists show what the file says; every change is 409 and says where to make it; keys are never shown."""
    async with file_office(store_server.url, tmp_path, FILE) as port:
        assert (await port.done("GET", "/v1/whoami"))["mode"] == "file"
        (service,) = (await port.done("GET", "/v1/services"))["services"]
        assert [each["published"] for each in service["environments"]] == [True, False, False]
        assert (await port.done("GET", "/v1/plans/gold"))["rateRps"] == 5
        secrets = await port.ask("GET", "/v1/secrets")
        assert secrets.json()["secrets"][0]["usagePlanIds"] == ["gold"]
        assert "keykeykeykey" not in secrets.text
        assert (await port.done("GET", "/v1/usage"))["totalCount"] == 1
        changes = [
            ("POST", "/v1/services", {"serviceName": "b"}),
            ("PATCH", "/v1/plans/gold", {"rateRps": 1}),
            ("DELETE", "/v1/plans/gold", None),
            ("POST", "/v1/secrets", {"secretName": "b"}),
            ("POST", "/v1/secrets/AKIDa/reveal", None),
            ("POST", "/v1/bindings/secrets/unbind", {"usagePlanId": "gold", "secretIds": ["AKIDa"]}),
            ("POST", "/v1/credentials", {"name": "b", "role": "read"}),
        ]
        for method, path, body in changes:
            told = await port.refused(409, method, path, json=body)
            assert told["code"] == "read_only"
            assert "configuration file" in told["detail"]
        place = {"usagePlanId": "gold", "serviceId": "service-a", "environment": "release"}
        await port.done("POST", "/v1/usage/reset", json={**place, "windows": ["day"], "reason": "r"})
        audit = (await port.done("GET", "/v1/audit"))["audit"]
        assert [(each["action"], each["event"]) for each in audit] == [
            ("ResetUsage", "done"),
            ("ResetUsage", "asked"),
        ]


async def test_a_reload_is_seen() -> None:
    """The records are those of the table in force."""
    tables = [TABLE]
    desk = Operations(FileControl(lambda: tables[-1], lambda: 5_000_000), None)
    total, plans = await desk.plans(Where(), Page())
    assert (total, {each["modifier"] for each in plans}) == (len(TABLE.plans), {"configuration"})
    assert (await desk.secrets(Where(), Page()))[0] == len(TABLE.secrets)
    tables.append(PlanTable())
    assert (await desk.plans(Where(), Page()))[0] == 0


async def test_what_is_counted_ends_with_its_window() -> None:
    """Each name has a window of its own, which begins with the first that is counted."""
    times: list[int | None] = [5_000_000]
    control = FileControl(lambda: TABLE, lambda: times[-1])
    assert [await control.tally("a", 1_000), await control.tally("b", 1_000)] == [1, 1]
    times.append(5_999_999)
    assert await control.tally("a", 1_000, 2) == 3
    times.append(6_000_000)
    assert await control.tally("a", 1_000) == 1


async def test_without_the_store_s_time_nothing_is_told() -> None:
    """No record is said to be of 1970: until the store was heard nothing is read."""
    times: list[int | None] = [None]
    control = FileControl(lambda: TABLE, lambda: times[-1])
    with pytest.raises(StoreError):
        await control.head()
    times.append(5_000_000)
    await control.head()
    ((_, record), *_), *_ = [page async for page in control.records("plan")]
    assert record["created"] == 5_000_000
