"""Every answer that quotad makes itself: one table, refusal key -> status, text, headers.

The keys are also ``Outcome.reason`` and the ``reason`` label of metrics, so they are few and fixed.
Bodies are ``application/problem+json`` (RFC 9457).
"""

from dataclasses import dataclass
from json import dumps
from typing import NamedTuple

from quotad.config.model import AuthRules
from quotad.core.quota import Limit
from quotad.core.verdict import Verdict

NEVER_RETRY_AFTER_S = 86_400
"""Retry-After of a limit that does not come back by itself (a total, a limit of 0): somebody must
change the plan first, which a caller may look for once a day."""

ALL_FORMS = AuthRules()

LIMIT_NAMES = {
    Limit.NONE: "none",
    Limit.RATE: "rate",
    Limit.DAY: "day",
    Limit.MONTH: "month",
    Limit.TOTAL: "total",
}

_PHRASES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    411: "Length Required",
    413: "Content Too Large",
    414: "URI Too Long",
    417: "Expectation Failed",
    421: "Misdirected Request",
    426: "Upgrade Required",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
    505: "HTTP Version Not Supported",
}

_LIMITS = frozenset(("rate", "quota", "throttle", "api_throttle"))
_NO_STORE = frozenset({401, 429, 503})


class Row(NamedTuple):
    """One line of the table. ``proxy_error`` is an error type of RFC 9209, section 2.3."""

    status: int
    detail: str
    proxy_error: str
    headers: bytes = b""


_DENIED = "http_request_denied"
_MALFORMED = "http_request_error"
_INTERNAL = "proxy_internal_error"
_ALLOW = b"Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n"

ROWS: dict[str, Row] = {
    # 401: who calls (core.credentials); "xxx" is replaced by what the caller named.
    "hmac_missing": Row(401, "HMAC id or signature missing.", _DENIED),
    "hmac_format": Row(401, "HMAC authorization format error.", _DENIED),
    "hmac_headers": Row(401, "HMAC authorization headers is invalidate.", _DENIED),
    "hmac_algorithm": Row(401, "HMAC algorithm xxx not supported.", _DENIED),
    "hmac_no_date": Row(
        401, "HMAC signature cannot be verified, a valid date or x-date header is required.", _DENIED
    ),
    "hmac_header": Row(401, "HMAC signature cannot be verified, a valid xxx header is required.", _DENIED),
    "hmac_stale": Row(
        401,
        "HMAC signature cannot be verified, the x-date header is out of date for HMAC Authentication.",
        _DENIED,
    ),
    "hmac_multiple": Row(401, "HMAC do not support multiple HTTP header.", _DENIED),
    "hmac_unverified": Row(401, "HMAC signature cannot be verified.", _DENIED),
    "hmac_mismatch": Row(401, "HMAC signature does not match.", _DENIED),
    "secret_invalid": Row(401, "Secret id or key is invalid.", _DENIED),
    "signature_missing": Row(401, "There is no signature for this service.", _DENIED),
    "signature_format": Row(401, "Signature or Signature-Input is malformed, or ambiguous.", _DENIED),
    "signature_uncovered": Row(401, "The signature must cover xxx.", _DENIED),
    "signature_component": Row(401, "The signature covers xxx, which cannot be verified here.", _DENIED),
    "signature_parameter": Row(401, "The signature needs a valid xxx parameter.", _DENIED),
    "signature_stale": Row(401, "The signature has expired, or is not valid yet.", _DENIED),
    "signature_digest": Row(401, "The signature needs a Content-Digest with sha-256 or sha-512.", _DENIED),
    "signature_unverified": Row(401, "The signature cannot be verified.", _DENIED),
    "signature_replayed": Row(401, "The signature's nonce was used before.", _DENIED),
    "auth_slowed": Row(429, "Authentication failed too often from this address.", _DENIED),
    # What the caller may use.
    "no_plan": Row(403, "Found no validate usage plan.", _DENIED),
    "no_api": Row(404, "Found no api.", "destination_not_found"),
    "no_route": Row(404, "Found no api.", "destination_not_found"),
    "not_loaded": Row(503, "The services behind this proxy are not known yet.", _INTERNAL),
    "own_use_method": Row(405, "Only GET and HEAD are answered here.", _DENIED, b"Allow: GET, HEAD\r\n"),
    "own_use_rate": Row(429, "The use of quota is asked for too often.", _DENIED),
    "own_use_unknown": Row(503, "The quota store did not say what is in use.", _INTERNAL),
    # What other proxies ask (core.asking).
    "asker_unknown": Row(403, "Nobody but the proxies that are configured may ask here.", _DENIED),
    "asked_badly": Row(400, "It is not said which request is asked about.", _MALFORMED),
    "body_unverified": Row(413, "The content is too long to be held against its digest here.", _DENIED),
    "settle_method": Row(405, "Statuses are told by POST.", _DENIED, b"Allow: POST\r\n"),
    "settle_badly": Row(
        400, "A status is told as ?id= of the decision and &status= of three digits.", _MALFORMED
    ),
    "settle_unknown": Row(404, "No decision with this id waits for a status.", _DENIED),
    # The engine's words (Verdict.reason).
    "rate": Row(429, "API rate limit exceeded.", _DENIED),
    "quota": Row(429, "API quota exceeded.", _DENIED),
    "store": Row(503, "The quota store did not answer, and the plan admits nothing without it.", _INTERNAL),
    "overload": Row(503, "Too many requests wait for the quota store.", _INTERNAL),
    "throttle": Row(429, "API rate limit exceeded.", _DENIED),
    "api_throttle": Row(429, "API rate limit exceeded.", _DENIED),
    # The replay guard, which never lets pass what it cannot judge.
    "nonce_unknown": Row(503, "The store did not say whether the signature's nonce is new.", _INTERNAL),
    "nonces_full": Row(503, "Too many signatures are remembered to take another.", _INTERNAL),
    # The request itself.
    "bad_request": Row(400, "The request is not valid HTTP/1.1.", _MALFORMED),
    "bad_host": Row(400, "The request must have exactly one valid Host header.", _MALFORMED),
    "bad_framing": Row(400, "Content-Length or Transfer-Encoding is invalid.", _MALFORMED),
    "bad_max_forwards": Row(400, "Max-Forwards is not one whole number.", _MALFORMED),
    "bad_target": Row(400, "The request target is invalid.", _MALFORMED),
    "ambiguous_path": Row(400, "The path can be read in more than one way.", _MALFORMED),
    "bad_body": Row(400, "The request body is not framed as announced.", _MALFORMED),
    "digest_mismatch": Row(400, "The content is not what its Content-Digest says.", _MALFORMED),
    "bad_trailer": Row(400, "A trailer field is not allowed or too large.", _MALFORMED),
    "method_refused": Row(405, "The method is not allowed.", _DENIED, _ALLOW),
    "head_timeout": Row(408, "The request head did not arrive in time.", _MALFORMED),
    "body_timeout": Row(408, "The request body did not arrive in time.", _MALFORMED),
    "length_required": Row(411, "A Content-Length is required.", _MALFORMED),
    "body_too_large": Row(413, "The request body is larger than this service takes.", _MALFORMED),
    "target_too_long": Row(414, "The request target is too long.", _MALFORMED),
    "expectation_failed": Row(417, "The only expectation supported is 100-continue.", _MALFORMED),
    "misdirected": Row(421, "This host is not served here.", "destination_not_found"),
    "upgrade_required": Row(
        426,
        "This service needs another protocol.",
        _MALFORMED,
        b"Upgrade: HTTP/1.1\r\nConnection: Upgrade\r\n",
    ),
    "head_too_large": Row(431, "The request head is too large.", _MALFORMED),
    "too_many_headers": Row(431, "The request has too many header fields.", _MALFORMED),
    "method_unknown": Row(501, "The method is not implemented.", _DENIED),
    "coding_unknown": Row(501, "The only transfer coding supported is chunked.", _DENIED),
    "version_unsupported": Row(505, "Only HTTP/1.0 and HTTP/1.1 are supported.", _DENIED),
    # The backend, and ourselves.
    "internal": Row(500, "An error inside the proxy ended this request.", _INTERNAL),
    "upstream_unreachable": Row(502, "No connection to the backend.", "destination_unavailable"),
    "upstream_reset": Row(
        502, "The backend closed the connection before it answered.", "connection_terminated"
    ),
    "upstream_bad_response": Row(502, "The backend's answer is not valid HTTP.", "http_protocol_error"),
    "upstream_head_too_large": Row(
        502, "The head of the backend's answer is too large.", "http_response_header_section_size"
    ),
    "upstream_busy": Row(
        503, "Too many requests wait for a connection to the backend.", "connection_limit_reached"
    ),
    "too_many_tunnels": Row(503, "Too many upgraded connections are open.", "connection_limit_reached"),
    "draining": Row(503, "This proxy is shutting down.", _INTERNAL),
    "upstream_connect_timeout": Row(504, "The backend took no connection in time.", "connection_timeout"),
    "upstream_timeout": Row(504, "The backend did not answer in time.", "http_response_timeout"),
}


@dataclass(slots=True)
class Refusal:
    """Why one request gets an answer of ours: a key of ``ROWS``, and what differs from call to call."""

    key: str
    detail: str = ""
    """Replaces the row's text when set."""
    limit: str = "none"
    retry_after_s: int = 0
    """Whole seconds; 0: nothing is known. Sent on 429 and 503 only, and there at least 1."""
    auth: AuthRules | None = None
    """Names the forms in WWW-Authenticate on 401; None: all of them."""


def refusal_of(verdict: Verdict) -> Refusal:
    """The refusal of a request that was not admitted."""
    return Refusal(verdict.reason, "", LIMIT_NAMES[verdict.limit], verdict.retry_after_s)


class _Pieces(NamedTuple):
    """A row's constant bytes, made once: the flood of 429 is what this serves."""

    head: bytes
    """Status line and the headers that never change."""
    opening: bytes
    """The body up to the value of ``detail``."""
    detail: bytes
    """``detail``, ``message`` and the opening of ``limit``."""
    retries: bool
    """Whether Retry-After is sent."""


def _told(detail: str) -> bytes:
    text = dumps(detail)
    return f'{text},"message":{text},"limit":"'.encode()


def _pieces(key: str, row: Row) -> _Pieces:
    phrase = _PHRASES[row.status]
    head = (
        f"HTTP/1.1 {row.status} {phrase}\r\n"
        "Content-Type: application/problem+json\r\n"
        f"Proxy-Status: quotad; error={row.proxy_error}\r\n"
    ).encode()
    if row.status in _NO_STORE:
        head += b"Cache-Control: no-store\r\n"
    slug = key.replace("_", "-")
    opening = (
        f'{{"type":"urn:quotad:problem:{slug}","title":"{phrase}","status":{row.status},"detail":'
    ).encode()
    return _Pieces(head + row.headers, opening, _told(row.detail), row.status in (429, 503))


_PIECES = {key: _pieces(key, row) for key, row in ROWS.items()}


def www_authenticate(rules: AuthRules) -> bytes:
    """The challenges of the forms that are on (RFC 9110, section 11.6.1), as ready header lines."""
    lines = []
    if rules.hmac:
        lines.append(
            b'WWW-Authenticate: hmac realm="quotad",'
            b' algorithm="hmac-sha1 hmac-sha256 hmac-sha384 hmac-sha512"\r\n'
        )
    if rules.key_pair:
        lines.append(b'WWW-Authenticate: KeyPair realm="quotad", headers="x-secret-id x-secret-key"\r\n')
    if rules.basic:
        lines.append(b'WWW-Authenticate: Basic realm="quotad", charset="UTF-8"\r\n')
    if rules.signature:
        covered = " ".join(rules.signature_rules.covered).encode("ascii")
        lines.append(
            b'WWW-Authenticate: HttpMessageSignature realm="quotad", algorithm="hmac-sha256",'
            b' covered="%b"\r\n' % covered
        )
    return b"".join(lines)


def render(
    refusal: Refusal,
    request_id: bytes,
    date: bytes,
    extra: bytes = b"",
    close: bool = False,
    body: bool = True,
) -> bytes:
    """The complete response to a refused request.

    ``request_id`` is ours (JSON-safe ASCII) and is sent as X-Request-Id too; ``date`` is an
    IMF-fixdate; ``extra`` are header lines, each with its CRLF (limit headers, Via). ``close`` adds
    ``Connection: close``. ``body`` is False for HEAD, whose Content-Length stays that of GET
    (RFC 9110, section 9.3.2). Raises KeyError for an unknown key.
    """
    pieces = _PIECES[refusal.key]
    head = pieces.head
    detail = _told(refusal.detail) if refusal.detail else pieces.detail
    retry_after_s = 0
    if pieces.retries:
        retry_after_s = refusal.retry_after_s
        if retry_after_s <= 0:
            retry_after_s = NEVER_RETRY_AFTER_S if refusal.key in _LIMITS else 1
        extra = b"Retry-After: %d\r\n%b" % (retry_after_s, extra)
    elif head.startswith(b"HTTP/1.1 401"):
        extra = www_authenticate(refusal.auth or ALL_FORMS) + extra
    if close:
        extra += b"Connection: close\r\n"
    content = b'%b%b%b","retryAfter":%d,"requestId":"%b"}' % (
        pieces.opening,
        detail,
        refusal.limit.encode(),
        retry_after_s,
        request_id,
    )
    return b"%bDate: %b\r\nX-Request-Id: %b\r\nContent-Length: %d\r\n%b\r\n%b" % (
        head,
        date,
        request_id,
        len(content),
        extra,
        content if body else b"",
    )


def render_json(content: bytes, request_id: bytes, date: bytes, close: bool, body: bool) -> bytes:
    """The complete response of 200 that shows something of ours; arguments as those of ``render``."""
    return (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nCache-Control: no-store\r\n"
        b"Date: %b\r\nX-Request-Id: %b\r\nContent-Length: %d\r\n%b\r\n%b"
    ) % (
        date,
        request_id,
        len(content),
        b"Connection: close\r\n" if close else b"",
        content if body else b"",
    )


def render_options(request_id: bytes, date: bytes, close: bool) -> bytes:
    """The complete answer to an OPTIONS request that may go no further (RFC 9110, section 7.6.2)."""
    return b"HTTP/1.1 200 OK\r\n%bDate: %b\r\nX-Request-Id: %b\r\nContent-Length: 0\r\n%b\r\n" % (
        _ALLOW,
        date,
        request_id,
        b"Connection: close\r\n" if close else b"",
    )


def status_of(key: str) -> int:
    """The status of a refusal key, for the Outcome."""
    return ROWS[key].status
