import json
from urllib.parse import urlencode

import pytest

from quotad.controlplane.dialects.signatures import (
    Signed,
    Tc3Claim,
    gateway_signature,
    old_signature,
    parse_tc3,
    tc3_signature,
    utc_date,
)

KEY = b"secretexample"
STAMP = "1700000000"
HOST = "127.0.0.1:8089"
GIVEN = {"UsagePlanId": "usagePlan-quqxvett", "AccessKeyIds": ["AKIDa", "AKIDb"]}
FLAT = {"UsagePlanId": "usagePlan-quqxvett", "AccessKeyIds.0": "AKIDa", "AccessKeyIds.1": "AKIDb"}
OLD = {
    **FLAT,
    "Action": "BindSecretIds",
    "RequestClient": "SDK_PYTHON_3.1.140",
    "Nonce": "12345",
    "Timestamp": STAMP,
    "Version": "2018-08-08",
    "Region": "ap-guangzhou",
    "SecretId": "AKIDexample",
    "Language": "en-US",
}


def claim(*headers: str) -> Tc3Claim:
    return Tc3Claim("AKIDexample", utc_date(int(STAMP)), "apigateway", headers, "")


@pytest.mark.parametrize(
    ("method", "content_type", "query", "body", "made"),
    [
        (
            "POST",
            "application/json",
            "",
            json.dumps(GIVEN).encode(),
            "c25dd23864faab527bc0eb84e6704f790eed38111a7ec754d2a34a9a3f31af33",
        ),
        (
            "GET",
            "application/x-www-form-urlencoded",
            urlencode(FLAT),
            b"",
            "11d1f30fe208ac310c93cb83e1c4678b056e6f432471a0f8fd0769ff32889f7d",
        ),
    ],
)
def test_known_answers_of_tc3(method: str, content_type: str, query: str, body: bytes, made: str) -> None:
    """What the cloud's client of version 3.1.140 signs, POST and GET, is computed to the letter."""
    signed = Signed(method, query, {"content-type": content_type, "host": HOST}, body)
    assert tc3_signature(KEY, claim("content-type", "host"), STAMP, signed) == made


@pytest.mark.parametrize(
    ("method", "algorithm", "digest", "made"),
    [
        ("POST", "HmacSHA256", "sha256", "CbILkb5rLCEEoQm7vfEbFh9F1X0x2u272EWiv3vtjMA="),
        ("GET", "HmacSHA256", "sha256", "T8Ix+qnUFver0J0xetb84fPrC75tqAyOad0ETMv/pmk="),
        ("POST", "HmacSHA1", "sha1", "T68OnC+FjGgUXgtIVEFQhOxd37w="),
        ("GET", "HmacSHA1", "sha1", "nN4c5XPIju/6iICAfK7LN9mbonw="),
    ],
)
def test_known_answers_of_the_older_method(method: str, algorithm: str, digest: str, made: str) -> None:
    """Both algorithms, POST and GET, whatever the order of the parameters."""
    pairs = [*OLD.items(), ("SignatureMethod", algorithm)]
    assert old_signature(KEY, digest, f"{method}{HOST}/", pairs) == made
    assert old_signature(KEY, digest, f"{method}{HOST}/", pairs[::-1]) == made


def test_gateway_signature() -> None:
    """Method, path with query, time and access key are signed; computed here by another hand."""
    made = gateway_signature(KEY, "GET", "/api/v1/usage-plans?stageId=a", "1700000000000", "AKIDexample")
    assert made == "RVnZFcZVP+dUmdffZpbBIKTeHuFFyhwoKxzlWcXlM84="


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Bearer x",
        "TC3-HMAC-SHA256 Credential=A/2023-11-14/apigateway/tc3_request, SignedHeaders=host, Signature="
        + "0" * 64,
        "TC3-HMAC-SHA256 Credential=A/2023-11-14/apigateway/tc3_request, SignedHeaders=content-type;host;host"
        ", Signature=" + "0" * 64,
        "TC3-HMAC-SHA256 Credential=A/2023-11-14/apigateway/tc3_request, SignedHeaders=content-type;host,"
        " Signature=" + "0" * 63,
        "TC3-HMAC-SHA256 Credential=A/20231114/apigateway/tc3_request, SignedHeaders=content-type;host,"
        " Signature=" + "0" * 64,
    ],
)
def test_what_is_no_claim(text: str) -> None:
    """Another scheme, a header that must be signed and is not, a cut signature: nothing is guessed."""
    assert parse_tc3(text) is None


def test_more_signed_headers() -> None:
    """Further headers that a client signs are verified; one that the request lacks is an error."""
    text = (
        "TC3-HMAC-SHA256 Credential=A/2023-11-14/apigateway/tc3_request,"
        " SignedHeaders=content-type;host;x-tc-action, Signature=" + "0" * 64
    )
    parsed = parse_tc3(text)
    assert parsed is not None
    assert parsed.headers == ("content-type", "host", "x-tc-action")
    headers = {"content-type": "application/json", "host": HOST}
    with pytest.raises(KeyError):
        tc3_signature(KEY, parsed, STAMP, Signed("POST", "", headers, b""))
