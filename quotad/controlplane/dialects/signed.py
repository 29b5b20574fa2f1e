"""Who signed a request: an admin's key pair, found by its id, and a signature that only its key makes."""

import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from quotad.controlplane.dialects.fields import DialectError
from quotad.controlplane.dialects.signatures import (
    OLD_DIGESTS,
    Signed,
    Tc3Claim,
    gateway_signature,
    old_signature,
    parse_tc3,
    tc3_signature,
    utc_date,
)

SKEW_S = 300
"""How far a request's time may be off the store's."""

FAILURE = "AuthFailure.SignatureFailure"
UNKNOWN = "AuthFailure.SecretIdNotFound"
EXPIRED = "AuthFailure.SignatureExpire"
_UNREADABLE = "AuthFailure.InvalidAuthorization"
_NOBODYS_KEY = b"compared with when there is no such key pair"


class KeyPair(NamedTuple):
    """An admin's way to sign."""

    key: bytes
    role: str
    name: str


class KeyPairs(Protocol):
    """What knows them."""

    async def key_pair(self, key_id: str) -> KeyPair | None:
        """One that may be used now; None: there is none. Raises StoreError."""


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signed."""

    key_id: str
    role: str
    name: str


async def tc3_signer(keys: KeyPairs, signed: Signed, now_us: int) -> Signer:
    """Raises DialectError and StoreError."""
    claim = parse_tc3(signed.headers.get("authorization", ""))
    if claim is None:
        raise DialectError(_UNREADABLE, "The Authorization header is none that is understood.")
    timestamp = signed.headers.get("x-tc-timestamp", "")
    at_s = _whole(timestamp, "X-TC-Timestamp")
    if abs(now_us // 1_000_000 - at_s) > SKEW_S:
        raise DialectError(EXPIRED, "The signature's time is more than five minutes off.")
    if signed.headers.get("x-tc-content-sha256", "").upper() == "UNSIGNED-PAYLOAD":
        raise DialectError(FAILURE, "A request whose body is not signed is not taken.")
    pair = await _pair(keys, claim.key_id)
    if claim.service != "apigateway" or claim.date != utc_date(at_s) or not _matches(pair, claim, signed):
        raise DialectError(FAILURE, "The signature is not that of this request.")
    return Signer(claim.key_id, pair.role, pair.name)


def _matches(pair: KeyPair, claim: Tc3Claim, signed: Signed) -> bool:
    try:
        made = tc3_signature(pair.key, claim, signed.headers["x-tc-timestamp"], signed)
    except KeyError:
        return False
    return hmac.compare_digest(made, claim.signature)


async def old_signer(
    keys: KeyPairs, place: str, parameters: Sequence[tuple[str, str]], now_us: int
) -> Signer:
    """The older way; ``place`` as in ``signatures.old_signature``. Raises DialectError and StoreError."""
    given = dict(parameters)
    for name in ("SecretId", "Timestamp", "Nonce", "Signature"):
        if not given.get(name):
            raise DialectError("MissingParameter", f"The request is missing the parameter `{name}`.")
    digest = OLD_DIGESTS.get(given.get("SignatureMethod") or "HmacSHA1")
    if digest is None:
        raise DialectError(FAILURE, "The SignatureMethod must be HmacSHA1 or HmacSHA256.")
    if abs(now_us // 1_000_000 - _whole(given["Timestamp"], "Timestamp")) > SKEW_S:
        raise DialectError(EXPIRED, "The signature's time is more than five minutes off.")
    pair = await _pair(keys, given["SecretId"])
    rest = [(name, value) for name, value in parameters if name != "Signature"]
    made = old_signature(pair.key, digest, place, rest)
    if not hmac.compare_digest(made.encode(), given["Signature"].encode("utf-8", "surrogateescape")):
        raise DialectError(FAILURE, "The signature is not that of this request.")
    return Signer(given["SecretId"], pair.role, pair.name)


async def gateway_signer(
    keys: KeyPairs, method: str, url: str, headers: Mapping[str, str], now_us: int
) -> Signer | None:
    """None: whatever is wrong, it is not told apart. ``headers`` by lower-case name. Raises StoreError."""
    timestamp = headers.get("x-ncp-apigw-timestamp", "")
    key_id = headers.get("x-ncp-iam-access-key", "")
    given = headers.get("x-ncp-apigw-signature-v2", "")
    if not re.fullmatch("[0-9]{1,15}", timestamp, re.ASCII) or not _is_id(key_id):
        return None
    pair = await keys.key_pair(key_id)
    made = gateway_signature(_NOBODYS_KEY if pair is None else pair.key, method, url, timestamp, key_id)
    right = hmac.compare_digest(made.encode(), given.encode("utf-8", "surrogateescape"))
    fresh = abs(now_us // 1_000 - int(timestamp)) <= SKEW_S * 1_000
    return Signer(key_id, pair.role, pair.name) if right and fresh and pair is not None else None


async def _pair(keys: KeyPairs, key_id: str) -> KeyPair:
    pair = await keys.key_pair(key_id) if _is_id(key_id) else None
    if pair is None:
        raise DialectError(UNKNOWN, "There is no such key pair.")
    return pair


def _whole(text: str, name: str) -> int:
    if not text:
        raise DialectError("MissingParameter", f"The request is missing the parameter `{name}`.")
    if not re.fullmatch("[0-9]{1,11}", text, re.ASCII):
        raise DialectError(EXPIRED, f"`{name}` must be seconds since the epoch.")
    return int(text)


def _is_id(text: str) -> bool:
    return re.fullmatch("[A-Za-z0-9_-]{1,128}", text, re.ASCII) is not None
