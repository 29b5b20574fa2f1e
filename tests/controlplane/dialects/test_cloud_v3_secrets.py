"""Every action on key pairs, through the cloud's own client."""

import re

from quotad.controlplane.dialects.cloud_v3_secrets import MASK
from tests.support.desk import ADMIN, plan
from tests.support.dialects import Cloud, DialectPort

CUSTOM = {"AccessKeyType": "manual", "AccessKeyId": "custom-id", "AccessKeySecret": "custom-secret"}


async def test_a_pair_of_quotads_own(cloud: Cloud) -> None:
    """The cloud's form of id; the key is in the answer that makes it."""
    key = await cloud.result("CreateApiKey", SecretName="caller_1", AccessKeyType="auto")
    assert re.fullmatch("AKID[A-Za-z0-9]{36}", key["AccessKeyId"])
    assert len(key["AccessKeySecret"]) >= 32
    assert (key["AccessKeyType"], key["SecretName"], key["Status"]) == ("auto", "caller_1", 1)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", key["CreatedTime"])


async def test_a_custom_pair(cloud: Cloud) -> None:
    """It is kept as it is given; an id is taken once."""
    key = await cloud.result("CreateApiKey", SecretName="a-b", **CUSTOM)
    assert (key["AccessKeyId"], key["AccessKeySecret"]) == ("custom-id", "custom-secret")
    assert await cloud.code("CreateApiKey", SecretName="n", **CUSTOM) == "FailedOperation.AccessKeyExist"


async def test_what_is_no_pair(cloud: Cloud) -> None:
    """Characters, lengths and halves of a pair, each with its code."""
    for given, code in (
        ({}, "MissingParameter"),
        ({"SecretName": "a-b"}, "InvalidParameter.FormatError"),
        ({"SecretName": "a b", **CUSTOM}, "InvalidParameter.FormatError"),
        ({"SecretName": "x" * 51}, "InvalidParameterValue.LengthExceeded"),
        ({"SecretName": "n", **CUSTOM, "AccessKeyId": "four"}, "InvalidParameterValue.LengthExceeded"),
        (
            {"SecretName": "n", **CUSTOM, "AccessKeySecret": "nine-char"},
            "InvalidParameterValue.LengthExceeded",
        ),
        ({"SecretName": "n", **CUSTOM, "AccessKeyId": "five/"}, "InvalidParameter.FormatError"),
        ({"SecretName": "n", "AccessKeyType": "manual"}, "MissingParameter"),
        ({"SecretName": "n", "AccessKeyId": "custom-id"}, "InvalidParameter"),
        ({"SecretName": "n", "AccessKeyType": "own"}, "InvalidParameterValue.NotInOptions"),
    ):
        assert await cloud.code("CreateApiKey", **given) == code


async def test_update(cloud: Cloud) -> None:
    """A custom key needs the new one, an auto key gets one; id and name stay."""
    auto = await cloud.result("CreateApiKey", SecretName="auto")
    changed = await cloud.result("UpdateApiKey", AccessKeyId=auto["AccessKeyId"])
    assert changed["AccessKeySecret"] not in ("", MASK, auto["AccessKeySecret"])
    assert changed["SecretName"] == "auto"
    given = {"AccessKeyId": auto["AccessKeyId"], "AccessKeySecret": "custom-secret"}
    assert await cloud.code("UpdateApiKey", **given) == "InvalidParameter"
    await cloud.result("CreateApiKey", SecretName="custom", **CUSTOM)
    assert await cloud.code("UpdateApiKey", AccessKeyId="custom-id") == "MissingParameter"
    given = {"AccessKeyId": "custom-id", "AccessKeySecret": "another-secret"}
    assert (await cloud.result("UpdateApiKey", **given))["AccessKeySecret"] == "another-secret"
    given["AccessKeySecret"] = "short"
    assert await cloud.code("UpdateApiKey", **given) == "InvalidParameterValue.LengthExceeded"
    assert await cloud.code("UpdateApiKey", AccessKeyId="none!") == "ResourceNotFound.InvalidAccessKeyId"


async def test_delete(port: DialectPort, cloud: Cloud) -> None:
    """Only a disabled key that is bound to nothing."""
    await cloud.result("CreateApiKey", SecretName="n", **CUSTOM)
    plan_id = await plan(port.desk)
    await port.desk.bind_secrets(ADMIN, plan_id, ["custom-id"])
    one = {"AccessKeyId": "custom-id"}
    assert await cloud.code("DeleteApiKey", **one) == "UnsupportedOperation.InvalidStatus"
    assert await cloud.result("DisableApiKey", **one) is True
    assert await cloud.code("DeleteApiKey", **one) == "UnsupportedOperation.ResourceIsInUse"
    await port.desk.unbind_secrets(ADMIN, plan_id, ["custom-id"])
    assert await cloud.result("DeleteApiKey", **one) is True
    for action in ("DeleteApiKey", "DisableApiKey", "EnableApiKey", "DescribeApiKey"):
        assert await cloud.code(action, **one) == "ResourceNotFound.InvalidAccessKeyId"


async def test_states(cloud: Cloud) -> None:
    """Disabled and enabled again, as often as is asked."""
    key = await cloud.result("CreateApiKey", SecretName="n", **CUSTOM)
    one = {"AccessKeyId": key["AccessKeyId"]}
    for action, status in (("DisableApiKey", 0), ("DisableApiKey", 0), ("EnableApiKey", 1)):
        assert await cloud.result(action, **one) is True
        assert (await cloud.result("DescribeApiKey", **one))["Status"] == status


async def test_who_sees_a_key(port: DialectPort, cloud: Cloud) -> None:
    """The role admin, which the audit log tells of; others and lists see a mask."""
    await cloud.result("CreateApiKey", SecretName="n", **CUSTOM)
    one = {"AccessKeyId": "custom-id"}
    assert (await cloud.result("DescribeApiKey", **one))["AccessKeySecret"] == "custom-secret"
    [(_, audited), *_] = await port.control.audit("", 1)
    assert (audited["action"], audited["means"], audited["who"]) == (
        "RevealSecretKey",
        "signature",
        "AKIDadmin",
    )
    assert re.fullmatch("[0-9a-f-]{36}", audited["requestId"])
    for who in ("AKIDread", "AKIDoperate"):
        assert (await port.cloud(who).result("DescribeApiKey", **one))["AccessKeySecret"] == MASK
    page = await cloud.result("DescribeApiKeysStatus")
    assert [each["AccessKeySecret"] for each in page["ApiKeySet"]] == [MASK]
    assert "custom-secret" not in str(await port.control.audit("", 100))


async def test_lists(cloud: Cloud) -> None:
    """Pages and filters; a key is not found by its secret."""
    for number in range(3):
        await cloud.result("CreateApiKey", SecretName=f"n_{number}")
    page = await cloud.result("DescribeApiKeysStatus", Limit=2, Offset=1)
    assert (page["TotalCount"], [each["SecretName"] for each in page["ApiKeySet"]]) == (3, ["n_1", "n_2"])
    wanted = [{"Name": "KeyWord", "Values": ["n_2"]}]
    assert (await cloud.result("DescribeApiKeysStatus", Filters=wanted))["TotalCount"] == 1
    wrong = [{"Name": "AccessKeySecret", "Values": ["x"]}]
    code = await cloud.code("DescribeApiKeysStatus", Filters=wrong)
    assert code == "InvalidParameterValue.InvalidFilterNotSupportedName"
