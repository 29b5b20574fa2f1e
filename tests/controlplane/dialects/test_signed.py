from collections.abc import Mapping
from types import MappingProxyType

import pytest

from quotad.clock import wall_s
from quotad.controlplane.dialects.fields import DialectError
from quotad.controlplane.dialects.signatures import (
    OLD_DIGESTS,
    Signed,
    Tc3Claim,
    gateway_signature,
    old_signature,
    tc3_signature,
    utc_date,
)
from quotad.controlplane.dialects.signed import SKEW_S, gateway_signer, old_signer, tc3_signer
from tests.support.dialects import KEY, Pairs

NOW_S = int(wall_s())
NOW_US = NOW_S * 1_000_000
BODY = b"{}"


def tc3(
    at_s: int = NOW_S,
    who: str = "AKIDread",
    service: str = "apigateway",
    more: Mapping[str, str] = MappingProxyType({}),
) -> Signed:
    """A signed request; ``more``: headers that the client added or changed after it had signed."""
    headers = {"content-type": "application/json", "host": "h:1", "x-tc-timestamp": str(at_s)}
    claim = Tc3Claim(who, utc_date(at_s), service, ("content-type", "host"), "")
    made = tc3_signature(KEY.encode(), claim, str(at_s), Signed("POST", "", headers, BODY))
    headers["authorization"] = (
        f"TC3-HMAC-SHA256 Credential={who}/{claim.date}/{service}/tc3_request,"
        f" SignedHeaders=content-type;host, Signature={made}"
    )
    return Signed("POST", "", {**headers, **more}, BODY)


async def test_tc3() -> None:
    """The signer and its role; five minutes off are taken."""
    for at_s in (NOW_S, NOW_S - SKEW_S, NOW_S + SKEW_S):
        assert (await tc3_signer(Pairs(), tc3(at_s), NOW_US)).role == "read"


@pytest.mark.parametrize(
    ("signed", "code"),
    [
        (tc3(NOW_S - SKEW_S - 1), "AuthFailure.SignatureExpire"),
        (tc3(NOW_S + SKEW_S + 1), "AuthFailure.SignatureExpire"),
        (tc3(who="AKIDnobody"), "AuthFailure.SecretIdNotFound"),
        (tc3(service="cvm"), "AuthFailure.SignatureFailure"),
        (tc3(more={"host": "h:2"}), "AuthFailure.SignatureFailure"),
        (tc3(more={"content-type": "text/plain"}), "AuthFailure.SignatureFailure"),
        (tc3(more={"x-tc-timestamp": str(NOW_S + 1)}), "AuthFailure.SignatureFailure"),
        (tc3(more={"x-tc-timestamp": "soon"}), "AuthFailure.SignatureExpire"),
        (tc3(more={"x-tc-timestamp": ""}), "MissingParameter"),
        (tc3(more={"x-tc-content-sha256": "UNSIGNED-PAYLOAD"}), "AuthFailure.SignatureFailure"),
        (tc3(more={"authorization": "Bearer token"}), "AuthFailure.InvalidAuthorization"),
        (Signed("GET", "", tc3().headers, BODY), "AuthFailure.SignatureFailure"),
        (Signed("POST", "", tc3().headers, b"{ }"), "AuthFailure.SignatureFailure"),
        (Signed("POST", "a=1", tc3().headers, BODY), "AuthFailure.SignatureFailure"),
    ],
)
async def test_tc3_refusals(signed: Signed, code: str) -> None:
    """Whatever was changed after signing, or comes late, is refused under its code."""
    with pytest.raises(DialectError) as caught:
        await tc3_signer(Pairs(), signed, NOW_US)
    assert caught.value.code == code


def old(**more: str) -> list[tuple[str, str]]:
    """Signed parameters; ``more``: those that were changed afterwards."""
    given = {"SecretId": "AKIDread", "Timestamp": str(NOW_S), "Nonce": "1", "Region": "r"}
    made = old_signature(KEY.encode(), OLD_DIGESTS["HmacSHA1"], "GETh/", list(given.items()))
    return list({**given, "Signature": made, **more}.items())


async def test_the_older_method() -> None:
    """Without a SignatureMethod it is HmacSHA1."""
    assert (await old_signer(Pairs(), "GETh/", old(), NOW_US)).key_id == "AKIDread"


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"Region": "s"}, "AuthFailure.SignatureFailure"),
        ({"Extra": "1"}, "AuthFailure.SignatureFailure"),
        ({"SignatureMethod": "none"}, "AuthFailure.SignatureFailure"),
        ({"Signature": "\u00e9"}, "AuthFailure.SignatureFailure"),
        ({"Signature": ""}, "MissingParameter"),
        ({"Nonce": ""}, "MissingParameter"),
        ({"SecretId": "AKIDnobody"}, "AuthFailure.SecretIdNotFound"),
        ({"Timestamp": str(NOW_S - 301)}, "AuthFailure.SignatureExpire"),
    ],
)
async def test_refusals_of_the_older_method(more: dict[str, str], code: str) -> None:
    """What is not signed, or not now, is refused."""
    with pytest.raises(DialectError) as caught:
        await old_signer(Pairs(), "GETh/", old(**more), NOW_US)
    assert caught.value.code == code


async def test_gateway() -> None:
    """Five minutes in milliseconds; all that is wrong looks alike."""
    for off_ms, who, method, known in (
        (0, "AKIDread", "GET", True),
        (300_000, "AKIDread", "GET", True),
        (-300_001, "AKIDread", "GET", False),
        (0, "AKIDnobody", "GET", False),
        (0, "AKIDread", "PUT", False),
    ):
        stamp = str(NOW_S * 1000 + off_ms)
        made = gateway_signature(KEY.encode(), "GET", "/u", stamp, who)
        headers = {
            "x-ncp-apigw-timestamp": stamp,
            "x-ncp-iam-access-key": who,
            "x-ncp-apigw-signature-v2": made,
        }
        signer = await gateway_signer(Pairs(), method, "/u", headers, NOW_US)
        assert (signer is not None) == known
    assert await gateway_signer(Pairs(), "GET", "/u", {}, NOW_US) is None
