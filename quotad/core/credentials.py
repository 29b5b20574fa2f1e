"""Who calls: a request head in, a Secret or a refusal out (docs/clients.md).

Three forms, tried in this order, each only when the route has it on: an HMAC signature, a key pair
in headers, HTTP Basic. A fourth, in fields of its own, is ``core.signature``. What a caller may learn
from a refusal is the same, in text and in time, whether its SecretId is unknown, disabled, expired, or
its key or signature is wrong.
"""

import hmac
import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

from quotad.config.model import AuthRules
from quotad.core.http_date import parse_http_date
from quotad.core.plans import Secret
from quotad.core.proven import Proven, is_usable
from quotad.core.replies import ROWS

DATE_WINDOW_S = 900
"""How far a signed date may be from now, either way."""

ALGORITHMS = {
    "hmac-sha1": "sha1",
    "hmac-sha256": "sha256",
    "hmac-sha384": "sha384",
    "hmac-sha512": "sha512",
}

HeaderLookup = Callable[[bytes], Sequence[bytes]]
"""Lower-case name to the values received under it, in order."""

ABSENT_KEY: Final = b"-" * 40
"""Compared with when there is no such Secret, so that the answer takes as long as with one; a match
counts for nothing."""

SPARE_KEYS = 3
"""Beside the first key: a secondary one, and what each of the two was before its rotation."""

_WHITE = b" \t"


@dataclass(frozen=True, slots=True)
class AuthRefusal:
    """Why a caller is not known: a key of ``replies.ROWS`` and the text for the caller."""

    key: str
    detail: str


def refusal(key: str, named: str = "") -> AuthRefusal:
    """The row of this key; ``named`` takes the place of ``xxx`` in its text."""
    detail = ROWS[key].detail
    return AuthRefusal(key, detail.replace("xxx", named) if named else detail)


_MISSING = refusal("hmac_missing")
_FORMAT = refusal("hmac_format")
_HEADERS = refusal("hmac_headers")
_NO_DATE = refusal("hmac_no_date")
_STALE = refusal("hmac_stale")
_MULTIPLE = refusal("hmac_multiple")
_UNVERIFIED = refusal("hmac_unverified")
_MISMATCH = refusal("hmac_mismatch")
_INVALID = refusal("secret_invalid")
_UNSIGNED = refusal("signature_missing")


def authenticate(
    headers: Sequence[tuple[bytes, bytes]],
    secrets: Mapping[str, Secret],
    rules: AuthRules,
    now_s: float,
    proven: Proven | None = None,
) -> Secret | AuthRefusal:
    """Who sent a head with these (lower-case name, value) pairs, in the order received.

    The first form that is on and present decides: a wrong signature is not saved by a right key.
    ``proven`` is told how long the same pairs prove the same.
    """
    authorization: bytes | None = None
    secret_id: bytes | None = None
    secret_key: bytes | None = None
    for name, value in headers:
        if name == b"authorization" and (rules.hmac or rules.basic):
            if authorization is not None:
                return _MULTIPLE if rules.hmac else _INVALID
            authorization = value
        elif name == b"x-secret-id" and rules.key_pair:
            if secret_id is not None:
                return _INVALID
            secret_id = value
        elif name == b"x-secret-key" and rules.key_pair:
            if secret_key is not None:
                return _INVALID
            secret_key = value

    def lookup(wanted: bytes) -> Sequence[bytes]:
        return [value for name, value in headers if name == wanted]

    if authorization is not None and rules.hmac and is_hmac(authorization):
        return check_authorization(authorization, lookup, secrets, rules, now_s, proven)
    if secret_id is not None or secret_key is not None:
        return check_key_pair(secret_id or b"", secret_key or b"", secrets, now_s, proven)
    return check_authorization(authorization or b"", lookup, secrets, rules, now_s, proven)


def is_hmac(authorization: bytes) -> bool:
    """Whether an Authorization value is of the HMAC form (its scheme, compared without case)."""
    return authorization[:4].lower() == b"hmac" and authorization[4:5] in (b" ", b"\t", b"")


def is_basic(authorization: bytes) -> bool:
    """Whether an Authorization value is of the Basic form (RFC 7617)."""
    return authorization[:6].lower() == b"basic "


def check_key_pair(
    secret_id: bytes,
    secret_key: bytes,
    secrets: Mapping[str, Secret],
    now_s: float,
    proven: Proven | None = None,
) -> Secret | AuthRefusal:
    """The Secret whose id and key these are; every other case is one and the same refusal."""
    secret = secrets.get(secret_id.decode("latin-1"))
    key = ABSENT_KEY if secret is None else secret.secret_key
    matches = hmac.compare_digest(key, secret_key)
    if not matches:
        matches = proves_otherwise(secret, now_s, lambda spare: hmac.compare_digest(spare, secret_key))
    elif secret is not None and proven is not None:
        proven.keep(secret)
    if matches and secret is not None and is_usable(secret, now_s):
        return secret
    return _INVALID


def proves_otherwise(secret: Secret | None, now_s: float, is_right: Callable[[bytes], bool]) -> bool:
    """Whether a key other than the first is right: the secondary one, or one before a rotation.

    ``SPARE_KEYS`` are always tried, be it ``ABSENT_KEY``, also after one was right: how long a refusal takes
    says nothing of how many keys there are.
    """
    spares: tuple[bytes, ...] = ()
    if secret is not None:
        good = [key for key, until_s in secret.previous_keys if now_s < until_s]
        spares = (secret.secondary_key, *good)
    found = False
    for at in range(SPARE_KEYS):
        key = spares[at] if at < len(spares) else b""
        right = is_right(key or ABSENT_KEY)
        found = found or (right and key != b"")
    return found


def check_authorization(
    value: bytes,
    lookup: HeaderLookup,
    secrets: Mapping[str, Secret],
    rules: AuthRules,
    now_s: float,
    proven: Proven | None = None,
) -> Secret | AuthRefusal:
    """The Secret that a single Authorization value proves, under the forms that are on.

    A value of another scheme, or an empty one, is no credentials at all (it may be the backend's).
    """
    if rules.hmac and is_hmac(value):
        signature = parse_signature(value)
        if isinstance(signature, AuthRefusal):
            return signature
        return _check_signature(signature, lookup, secrets, rules, now_s, proven)
    if rules.basic and is_basic(value):
        return _check_basic(value, secrets, now_s, proven)
    if rules.hmac:
        return _MISSING
    return _INVALID if rules.basic or rules.key_pair else _UNSIGNED


def _check_basic(
    value: bytes, secrets: Mapping[str, Secret], now_s: float, proven: Proven | None
) -> Secret | AuthRefusal:
    try:
        pair = b64decode(value[6:].strip(_WHITE), validate=True)
    except Base64Error:
        return _INVALID
    secret_id, _, secret_key = pair.partition(b":")
    return check_key_pair(secret_id, secret_key, secrets, now_s, proven)


class Signature(NamedTuple):
    """A parsed HMAC Authorization value."""

    secret_id: str
    digest: str
    """Name of the hash, as ``hashlib`` knows it."""
    headers: tuple[bytes, ...]
    """Names of the signed headers, lower case, in the order signed."""
    signature: bytes
    """Base64 text, as sent."""


_USUAL = re.compile(
    rb'hmac id="([^"\\]+)", ?algorithm="([^"\\]+)", ?headers="([^"\\]+)", ?signature="([^"\\]+)"'
)
"""How every known client writes it; what differs is taken apart with more patience."""
_PARAMETER = re.compile(
    r'[ \t]*([!#$%&\'*+.^_`|~0-9A-Za-z-]+)[ \t]*=[ \t]*(?:"([^"\\]*)"|([^ \t",;=\\]+={0,2}))[ \t]*(?:,|$)'
)
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")
_ALGORITHM_NAME = re.compile(r"[A-Za-z0-9_.-]{1,32}")
_PARAMETERS = frozenset({"id", "algorithm", "headers", "signature"})


def _parameters(text: str) -> dict[str, str] | None:
    """The auth-params of ``text`` (RFC 9110, section 11.2), or None when it is not a list of ours.

    Names compare without case, white space around ``=`` and commas is taken, order is free, values
    may be tokens. A repeated or unknown name, or a backslash, is none of a real client's doing.
    """
    found: dict[str, str] = {}
    at = 0
    while at < len(text):
        match = _PARAMETER.match(text, at)
        if match is None:
            return None
        name = match[1].lower()
        if name in found or name not in _PARAMETERS:
            return None
        found[name] = match[2] if match[2] is not None else match[3]
        at = match.end()
    return found


@lru_cache(maxsize=256)
def _signed_headers(text: str) -> tuple[bytes, ...]:
    """The listed names, lower case; empty when the list is not one of different header names."""
    names = text.lower().split()
    if len(set(names)) != len(names) or not all(map(_TOKEN.fullmatch, names)):
        return ()
    return tuple(name.encode("ascii") for name in names)


def parse_signature(value: bytes) -> Signature | AuthRefusal:
    """Take ``hmac id="...", algorithm="...", headers="...", signature="..."`` apart."""
    try:
        usual = _USUAL.fullmatch(value)
        if usual is not None:
            secret_id, algorithm, headers, signature = (part.decode("ascii") for part in usual.groups())
        else:
            text = value[4:].decode("ascii").strip(" \t")
            found = _parameters(text)
            if found is None:
                return _FORMAT
            secret_id, signature = found.get("id", ""), found.get("signature", "")
            algorithm, headers = found.get("algorithm", ""), found.get("headers", "")
    except UnicodeDecodeError:
        return _FORMAT
    if not secret_id or not signature:
        return _MISSING
    digest = ALGORITHMS.get(algorithm.lower())
    if digest is None:
        if not _ALGORITHM_NAME.fullmatch(algorithm):
            return _FORMAT
        return refusal("hmac_algorithm", algorithm)
    names = _signed_headers(headers)
    if not names:
        return _HEADERS
    return Signature(secret_id, digest, names, signature.encode("ascii"))


def signing_string(names: Sequence[bytes], lookup: HeaderLookup) -> bytes | AuthRefusal:
    """``name: value`` of each listed header in listed order, joined by newlines, none at the end."""
    lines = []
    for name in names:
        values = lookup(name)
        if len(values) != 1:
            return _MULTIPLE if values else refusal("hmac_header", name.decode("ascii"))
        lines.append(b"%b: %b" % (name, values[0].strip(_WHITE)))
    return b"\n".join(lines)


def _check_dates(
    names: Sequence[bytes], lookup: HeaderLookup, rules: AuthRules, now_s: float, proven: Proven | None
) -> AuthRefusal | None:
    """Expects every listed header to be there once. Each signed date must be one, and be fresh."""
    if b"x-date" not in names and b"date" not in names:
        return _NO_DATE
    for name, checked in ((b"x-date", True), (b"date", rules.check_date)):
        if name not in names or not checked:
            continue
        date_s = parse_http_date(lookup(name)[0].strip(_WHITE), now_s)
        if date_s is not None and abs(now_s - date_s) <= DATE_WINDOW_S:
            if proven is not None:
                proven.bound(date_s - DATE_WINDOW_S, date_s + DATE_WINDOW_S)
            continue
        if date_s is not None and name == b"x-date":
            return _STALE
        return refusal("hmac_header", name.decode("ascii"))
    return None


def _check_signature(
    signed: Signature,
    lookup: HeaderLookup,
    secrets: Mapping[str, Secret],
    rules: AuthRules,
    now_s: float,
    proven: Proven | None,
) -> Secret | AuthRefusal:
    text = signing_string(signed.headers, lookup)
    if isinstance(text, AuthRefusal):
        return text
    refused = _check_dates(signed.headers, lookup, rules, now_s, proven)
    if refused is not None:
        return refused
    secret = secrets.get(signed.secret_id)
    key = ABSENT_KEY if secret is None else secret.secret_key
    expected = b64encode(hmac.digest(key, text, signed.digest))
    matches = hmac.compare_digest(expected, signed.signature)
    if not matches:
        matches = proves_otherwise(
            secret,
            now_s,
            lambda spare: hmac.compare_digest(
                b64encode(hmac.digest(spare, text, signed.digest)), signed.signature
            ),
        )
    elif secret is not None and proven is not None:
        proven.keep(secret)
    if secret is None or not is_usable(secret, now_s):
        return _UNVERIFIED
    if matches:
        return secret
    return _MISMATCH if rules.distinct_refusals else _UNVERIFIED


def sign(secret: Secret, algorithm: str, headers: Sequence[tuple[str, str]]) -> str:
    """The Authorization value with which a client signs these headers, in this order.

    Raises KeyError for an unknown algorithm.
    """
    text = "\n".join(f"{name.lower()}: {value.strip()}" for name, value in headers).encode("latin-1")
    signature = b64encode(hmac.digest(secret.secret_key, text, ALGORITHMS[algorithm])).decode()
    names = " ".join(name.lower() for name, _ in headers)
    return (
        f'hmac id="{secret.secret_id}", algorithm="{algorithm}", headers="{names}", signature="{signature}"'
    )
