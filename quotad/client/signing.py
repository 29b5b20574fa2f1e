"""Strong signatures for callers: HTTP Message Signatures (RFC 9421, hmac-sha256), RFC 9530 digests.

Standard library only. It shares no code with ``core.signature``, so that each proves the other's reading.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from quotad.client.caller import Header, KeyPair
from quotad.errors import QuotadError

GOOD_FOR_S = 60

_DEFAULT_PORTS = {"http": 80, "https": 443}
_DIGESTS = {"sha-256": hashlib.sha256, "sha-512": hashlib.sha512}


@dataclass(frozen=True, slots=True)
class Unsigned:
    """A request that is to be signed."""

    method: str
    url: str
    """Absolute; what stands after ``#`` does not travel."""
    body: bytes | None = None
    """None: no body, and no digest of one."""
    headers: tuple[Header, ...] = ()
    """Covered too, each name once; sent as they are."""


def strong_headers(
    pair: KeyPair, request: Unsigned, now_s: float, nonce: str = "", digest: str = "sha-256"
) -> list[Header]:
    """The request's own headers, then ``Content-Digest`` of its body, ``Signature-Input``, ``Signature``.

    Covers method, authority, path, query, the headers and the digest. Good for one request, for
    ``GOOD_FOR_S`` seconds from ``now_s`` (seconds since the epoch). ``nonce``: a random one unless given.
    ``digest``: ``sha-256`` or ``sha-512``. Raises QuotadError when the URL is none.
    """
    headers = list(request.headers)
    if request.body is not None:
        said = base64.b64encode(_DIGESTS[digest](request.body).digest()).decode()
        headers.append(("Content-Digest", f"{digest}=:{said}:"))
    covered = [*_derived(request), *((name.lower(), value.strip()) for name, value in headers)]
    created = int(now_s)
    nonce = nonce or secrets.token_urlsafe(18)
    names = " ".join(f'"{name}"' for name, _ in covered)
    parameters = (
        f'({names});created={created};expires={created + GOOD_FOR_S};nonce="{nonce}"'
        f';keyid="{pair.secret_id}";alg="hmac-sha256";tag="quotad"'
    )
    lines = [f'"{name}": {value}' for name, value in covered]
    base = "\n".join([*lines, f'"@signature-params": {parameters}'])
    made = hmac.digest(pair.secret_key.encode(), base.encode("latin-1"), "sha256")
    return [
        *headers,
        ("Signature-Input", f"quotad={parameters}"),
        ("Signature", f"quotad=:{base64.b64encode(made).decode()}:"),
    ]


def _derived(request: Unsigned) -> Sequence[Header]:
    parts = urlsplit(request.url)
    try:
        port = parts.port
    except ValueError as error:
        raise QuotadError(f"{request.url}: {error}") from error
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise QuotadError(f"{request.url}: not an http:// or https:// URL")
    authority = parts.netloc.rpartition("@")[2].lower()
    if port == _DEFAULT_PORTS[parts.scheme]:
        authority = authority.removesuffix(f":{port}")
    return [
        ("@method", request.method),
        ("@authority", authority),
        ("@path", parts.path or "/"),
        ("@query", f"?{parts.query}"),
    ]
