from typing import Any

import pytest

from tests.support.desk import ADMIN, plan, service
from tests.support.dialects import DialectPort


async def bound(port: DialectPort) -> tuple[str, dict[str, str]]:
    """The seed document's example: two plans of one service, one of them in use."""
    desk = port.desk
    service_id = await service(desk, "release", "prepub", "test")
    ids = {
        "Pre": await plan(desk, "usagePlanName1", rateRps=100, usagePlanDesc="usagePlanDesc1"),
        "Test": await plan(desk, "usagePlanName2", rateRps=100, maxRequestNum=100),
    }
    await desk.bind_environment(ADMIN, [ids["Pre"]], service_id, "prepub")
    await desk.bind_environment(ADMIN, [ids["Test"]], service_id, "test")
    await port.spend(ids["Test"], service_id, "test", 10)
    return service_id, ids


async def test_the_seed_documents_request(port: DialectPort) -> None:
    """Field by field as the document's sample, with a number for ``code``."""
    service_id, ids = await bound(port)
    answer = await port.legacy(serviceId=service_id)
    rows = answer.pop("usagePlanList")
    assert answer == {"code": 0, "message": "", "codeDesc": "Success", "totalCount": 2}
    for row in rows:
        assert len(row.pop("createdTime")) == len(row.pop("modifiedTime")) == len("2017-08-07T00:00:00Z")
    assert rows == [
        {
            "usagePlanId": ids["Pre"],
            "usagePlanName": "usagePlanName1",
            "usagePlanDesc": "usagePlanDesc1",
            "environment": "Pre",
            "maxRequestNumPreSec": 100,
            "inUseRequestNum": 0,
            "maxRequestNum": -1,
        },
        {
            "usagePlanId": ids["Test"],
            "usagePlanName": "usagePlanName2",
            "usagePlanDesc": "",
            "environment": "Test",
            "maxRequestNumPreSec": 100,
            "inUseRequestNum": 10,
            "maxRequestNum": 100,
        },
    ]


async def test_search_and_pages(port: DialectPort) -> None:
    """Exact and with its case, under either name; the total is after the filter and before the page."""
    service_id, ids = await bound(port)
    for word, found in (
        ("Pre", ["Pre"]),
        ("prepub", ["Pre"]),
        ("Test", ["Test"]),
        ("Release", []),
        ("pre", []),
        ("Publish", []),
    ):
        answer = await port.legacy(serviceId=service_id, searchEnvironment=word)
        assert [row["usagePlanId"] for row in answer["usagePlanList"]] == [ids[each] for each in found]
        assert answer["totalCount"] == len(found)
    answer = await port.legacy(serviceId=service_id, offset=1, limit=1)
    assert (answer["totalCount"], len(answer["usagePlanList"])) == (2, 1)
    answer = await port.legacy(serviceId=service_id, offset=2)
    assert (answer["totalCount"], answer["usagePlanList"]) == (2, [])


@pytest.mark.parametrize(
    ("given", "code", "word"),
    [
        ({}, 4000, "MissingParameter"),
        ({"serviceId": "service-no"}, 5000, "ResourceNotFound.InvalidService"),
        ({"serviceId": "s", "limit": 101}, 4000, "InvalidParameterValue.RangeExceeded"),
        ({"serviceId": "s", "limit": 0}, 4000, "InvalidParameterValue.RangeExceeded"),
        ({"serviceId": "s", "limit": "ten"}, 4000, "InvalidParameter"),
        ({"serviceId": "s", "offset": -1}, 4000, "InvalidParameterValue.RangeExceeded"),
        ({"serviceId": "s", "search": "x"}, 4000, "UnknownParameter"),
        ({"Action": "DescribeService"}, 4000, "InvalidAction"),
        ({"Action": ""}, 4000, "MissingParameter"),
        ({"key": "another-key-altogether"}, 4100, "AuthFailure.SignatureFailure"),
        ({"who": "AKIDnobody"}, 4104, "AuthFailure.SecretIdNotFound"),
        ({"Timestamp": 1}, 4100, "AuthFailure.SignatureExpire"),
        ({"SignatureMethod": "HmacSHA256"}, 4100, "AuthFailure.SignatureFailure"),
    ],
)
async def test_failures(port: DialectPort, given: dict[str, Any], code: int, word: str) -> None:
    """A number that is not 0, the error's name, why, and no list."""
    answer = await port.legacy(**given)
    assert answer.pop("message")
    assert answer == {"code": code, "codeDesc": word}


async def test_the_rate(port: DialectPort) -> None:
    """It counts with the same action of the newer API."""
    service_id, _ = await bound(port)
    # The first to count opens the window: this one stays open for the test.
    await port.control.tally("v3:AKIDread:DescribeServiceUsagePlan", 60_000, 19)
    assert (await port.legacy(serviceId=service_id))["code"] == 0
    answer = await port.legacy(serviceId=service_id)
    assert (answer["code"], answer["codeDesc"]) == (4400, "RequestLimitExceeded")
