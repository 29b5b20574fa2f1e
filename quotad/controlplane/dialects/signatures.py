"""What the clouds' clients sign, computed again. Nothing here knows a key's owner or the time."""

import hmac
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

TC3 = "TC3-HMAC-SHA256"
OLD_DIGESTS: Mapping[str, str] = {"HmacSHA1": "sha1", "HmacSHA256": "sha256"}
"""The older method's algorithms; a client that names none means the first."""

_SCOPE_END = "tc3_request"
_CLAIM = re.compile(
    r"TC3-HMAC-SHA256 Credential=(?P<key_id>[A-Za-z0-9_-]{1,128})/(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"/(?P<service>[a-z0-9]{1,32})/tc3_request,\s*SignedHeaders=(?P<headers>[a-z0-9;-]{1,512}),\s*"
    r"Signature=(?P<signature>[0-9a-f]{64})",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Tc3Claim:
    """What an Authorization header says."""

    key_id: str
    date: str
    """UTC, YYYY-MM-DD; must be the timestamp's."""
    service: str
    headers: tuple[str, ...]
    """Names of what is signed, lower case."""
    signature: str


@dataclass(frozen=True, slots=True)
class Signed:
    """What the two older ways and TC3 take from a request."""

    method: str
    query: str
    """As it was sent, not decoded."""
    headers: Mapping[str, str]
    """Values by lower-case name."""
    body: bytes


def parse_tc3(authorization: str) -> Tc3Claim | None:
    """None: it is none of this form, or a signed header is missing that the method demands."""
    match = _CLAIM.fullmatch(authorization)
    if match is None:
        return None
    headers = tuple(match["headers"].split(";"))
    if not {"content-type", "host"} <= set(headers) or len(set(headers)) < len(headers):
        return None
    return Tc3Claim(match["key_id"], match["date"], match["service"], headers, match["signature"])


def utc_date(timestamp_s: int) -> str:
    """The day that an instant belongs to."""
    return datetime.fromtimestamp(timestamp_s, UTC).strftime("%Y-%m-%d")


def tc3_signature(key: bytes, claim: Tc3Claim, timestamp: str, signed: Signed) -> str:
    """Lower-case hexadecimal. Raises KeyError when a header is listed that the request has not."""
    lines = "".join(f"{name}:{signed.headers[name].strip()}\n" for name in claim.headers)
    digest = sha256(signed.body).hexdigest()
    canonical = "\n".join((signed.method, "/", signed.query, lines, ";".join(claim.headers), digest))
    scope = f"{claim.date}/{claim.service}/{_SCOPE_END}"
    hashed = sha256(canonical.encode("utf-8", "surrogateescape")).hexdigest()
    text = f"{TC3}\n{timestamp}\n{scope}\n{hashed}"
    made = b"TC3" + key
    for part in (claim.date, claim.service, _SCOPE_END):
        made = hmac.digest(made, part.encode(), "sha256")
    return hmac.digest(made, text.encode("utf-8", "surrogateescape"), "sha256").hex()


def old_signature(key: bytes, digest: str, place: str, parameters: Sequence[tuple[str, str]]) -> str:
    """Base64. ``place``: METHOD, host with its port, and path. ``parameters``: decoded, without Signature."""
    pairs = "&".join(f"{name.replace('_', '.')}={value}" for name, value in sorted(parameters))
    text = f"{place}?{pairs}".encode("utf-8", "surrogateescape")
    return b64encode(hmac.digest(key, text, digest)).decode("ascii")


def gateway_signature(key: bytes, method: str, url: str, timestamp: str, access_key: str) -> str:
    """``x-ncp-apigw-signature-v2``: base64. ``url``: path and query as they were sent."""
    text = f"{method} {url}\n{timestamp}\n{access_key}".encode("utf-8", "surrogateescape")
    return b64encode(hmac.digest(key, text, "sha256")).decode("ascii")
