"""What a request's head says, and what goes on to the backend: pure functions of bytes."""

import re
from collections.abc import Iterator

from quotad.core.client_address import Said
from quotad.core.http import (
    AUTHORIZATION,
    CODING,
    CONNECTION,
    CONTENT_TYPE,
    DROP,
    EXPECT,
    HOP,
    HOP_BY_HOP,
    HOST,
    KEEP,
    LENGTH,
    MAX_FORWARDS,
    PREFLIGHT,
    SECRET_ID,
    SECRET_KEY,
    SIGNATURE,
    TRACE,
    UPGRADE,
    HeadError,
    Kinds,
    content_length,
    members,
    protocols,
    tokens,
    without,
)
from quotad.core.proven import Proven
from quotad.core.trace import Trace, passed_lines, read_trace

_KINDS = Kinds(
    HOP_BY_HOP
    | {
        b"proxy-authorization": DROP,
        # CGI would make HTTP_PROXY of it, which programs obey (CVE-2016-5385).
        b"proxy": DROP,
        b"http2-settings": DROP,
        # Said anew about every request; believed only of a trusted hop (``core.client_address``).
        b"forwarded": HOP,
        b"x-forwarded-for": HOP,
        b"x-forwarded-host": HOP,
        b"x-forwarded-proto": HOP,
        b"x-real-ip": DROP,
        b"x-request-id": DROP,
        b"host": HOST,
        b"authorization": AUTHORIZATION,
        b"x-secret-id": SECRET_ID,
        b"x-secret-key": SECRET_KEY,
        b"signature": SIGNATURE,
        b"signature-input": SIGNATURE,
        b"traceparent": TRACE,
        b"tracestate": TRACE,
        b"expect": EXPECT,
        b"max-forwards": MAX_FORWARDS,
        b"content-type": CONTENT_TYPE,
        b"access-control-request-method": PREFLIGHT,
    },
    forged=(b"x-quotad-", b"x-forwarded-"),
)

OWN_USE = b"/.well-known/quotad/usage"

_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_METHOD = re.compile(rb"[A-Z][A-Z0-9_\-]{0,31}")
_USUAL_METHODS = frozenset((b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS"))
_VERSION = re.compile(rb"HTTP/[0-9]\.[0-9]")
# Visible ASCII; a fragment never travels (RFC 9112, section 3.2).
_ORIGIN_FORM = re.compile(rb"/[!\x22\x24-\x7e]*")
_ABSOLUTE_FORM = re.compile(rb"(?i:https?)://([^/?#]*)(/?[!\x22\x24-\x7e]*)")
_HOST = re.compile(rb"(?:[A-Za-z0-9\-._~!$&'()*+;=]+|\[[0-9A-Fa-f]*:[0-9A-Fa-f:.]+\])(?::([0-9]{0,5}))?")
"""Section 3.2, and stricter: no comma, nor escapes, in which user information or a path could hide."""

_LARGEST_PORT = 65535


_METHOD_BYTES = 32


def oversize(ahead: bytes, target_bytes: int) -> str:
    """Why a head that passed its bound is refused: RFC 9112, section 3, and RFC 6585, section 5."""
    if 0 <= ahead.find(b"\r\n") <= target_bytes:
        return "head_too_large"
    return "target_too_long" if b" " in ahead[: _METHOD_BYTES + 1] else "method_unknown"


class RequestLine:
    """The first line of a request, in the form that goes on."""

    __slots__ = (
        "authority",
        "may_end_here",
        "method",
        "method_text",
        "minor",
        "own_use",
        "plain",
        "start",
        "target",
        "target_text",
    )

    def __init__(self, method: bytes, target: bytes, minor: int, authority: bytes) -> None:
        self.method = method
        self.target = target
        """Origin-form (or ``*``), byte for byte as sent; only an empty path became ``/``."""
        self.minor = minor
        """0 or 1, of HTTP/1.x."""
        self.authority = authority
        """Of an absolute-form target; it replaces Host (RFC 9112, section 3.2.2). Else empty."""
        self.start = b"%b %b HTTP/1.1\r\n" % (method, target)
        """As it goes on."""
        self.method_text = method.decode()
        self.target_text = target.decode()
        self.own_use = target == OWN_USE or target.startswith(OWN_USE + b"?")
        """The caller asks what it has in use, which no backend knows."""
        self.may_end_here = self.own_use or method == b"OPTIONS"
        """No backend may be the one to answer: ``own_use``, or Max-Forwards says so."""
        self.plain = minor == 1 and not authority and method not in (b"TRACE", b"OPTIONS")
        """True: no rule of ``check_request`` is about it."""


def read_request_line(line: bytes, target_bytes: int) -> RequestLine:
    """Read ``method SP target SP version``, without its CRLF. Raises HeadError."""
    parts = line.split(b" ")
    if len(parts) != 3:
        raise HeadError("bad_request")
    method, target, version = parts
    if version not in (b"HTTP/1.1", b"HTTP/1.0"):
        raise HeadError("version_unsupported" if _VERSION.fullmatch(version) else "bad_request")
    if len(target) > target_bytes:
        raise HeadError("target_too_long")
    if method not in _USUAL_METHODS and (not _METHOD.fullmatch(method) or method == b"CONNECT"):
        raise HeadError("method_unknown" if _TOKEN.fullmatch(method) else "bad_request")
    minor = 1 if version == b"HTTP/1.1" else 0
    if _ORIGIN_FORM.fullmatch(target):
        return RequestLine(method, target, minor, b"")
    return _other_form(method, target, minor)


def _other_form(method: bytes, target: bytes, minor: int) -> RequestLine:
    if target == b"*":
        if method != b"OPTIONS":
            raise HeadError("bad_target")
        return RequestLine(method, target, minor, b"")
    found = _ABSOLUTE_FORM.fullmatch(target)
    if found is None:
        raise HeadError("bad_target")
    authority, rest = found.groups()
    if not is_host(authority):
        raise HeadError("bad_host")
    if not rest and method == b"OPTIONS":
        rest = b"*"  # RFC 9112, section 3.2.4: what the last proxy sends for an empty path.
    elif rest[:1] != b"/":
        rest = b"/" + rest
    return RequestLine(method, rest, minor, authority)


class RequestFields:
    """What a request's field lines say. ``kept`` are those that go on as they are."""

    __slots__ = (
        "authorization",
        "authorization_line",
        "block",
        "chunked",
        "close",
        "expects",
        "has_body",
        "hops",
        "host",
        "host_name",
        "hosts",
        "keep_alive",
        "kept",
        "length",
        "made",
        "max_forwards",
        "max_forwards_line",
        "only_key_pair",
        "plain",
        "preflight",
        "proven",
        "secret_id",
        "secret_ids",
        "secret_key",
        "secret_keys",
        "secret_lines",
        "signature_lines",
        "signed",
        "trace",
        "trace_lines",
        "upgrades",
    )

    def __init__(self, block: bytes) -> None:
        self.block = block
        self.made: dict[object, bytes] = {}
        """What was made of it, and by whom: the same for all that differ in the key pair alone."""
        self.kept = b""
        """Without Host, framing, credentials, hop-by-hop and forged lines; each with its CRLF."""
        self.host = b""
        self.host_name = ""
        """Of a single valid Host, as routes match it; empty when ``host`` is not valid."""
        self.hosts = 0
        self.length = -1
        """Content-Length; -1 when there is none."""
        self.chunked = False
        self.close = self.keep_alive = self.expects = False
        self.preflight = False
        self.max_forwards: int | None = None
        """None without one; -1: not a number, or not the only one."""
        self.max_forwards_line = b""
        """As it came: only with OPTIONS and TRACE does it mean anything (RFC 9110, section 7.6.2)."""
        self.authorization: bytes | None = None
        self.authorization_line = b""
        self.secret_id = b""
        self.secret_key = b""
        self.secret_ids = self.secret_keys = 0
        self.secret_lines = b""
        """X-Secret-Id and X-Secret-Key as they came, for a route that passes credentials."""
        self.signature_lines = b""
        """Signature and Signature-Input as they came (RFC 9421)."""
        self.signed = False
        """Whether there are such lines, also when Connection names them and they go no further."""
        self.trace: Trace | None = None
        """Of a valid traceparent, and ``trace_lines`` as they came; they go on unless we are in the trace."""
        self.trace_lines = b""
        self.hops: Said = ()
        """What it says of hops before us: dropped unless the peer is trusted."""
        self.upgrades: tuple[bytes, ...] = ()
        """Protocols that the caller offers to go on with, as written (``core.http.protocols``); HTTP/1.0
        offers none, whatever it says."""
        self.has_body = False
        self.plain = False
        """True: no rule of ``check_request`` is about it."""
        self.only_key_pair = False
        """X-Secret-Id and X-Secret-Key are there once each, and no other credentials."""
        self.proven: Proven | None = None
        """Whose they were found to be when they came before."""

    def pairs(self) -> Iterator[tuple[bytes, bytes]]:
        """(Lower-case name, value) of every line, in order: what a signature may cover."""
        for line in self.block.split(b"\r\n")[:-1]:
            name, _, value = line.partition(b":")
            yield name.lower(), value.strip(b" \t")


def read_request_fields(block: bytes, header_count: int) -> RequestFields:
    """Read the field lines of a request, each ending in CRLF, at most so many. Raises HeadError."""
    fields = RequestFields(block)
    kept: list[bytes] = []
    nominated: list[bytes] = []
    codings: list[bytes] = []
    types = 0
    lines = block.split(b"\r\n")
    if len(lines) - 1 > header_count:
        raise HeadError("too_many_headers")
    for line in lines:
        name, _, value = line.partition(b":")
        kind = _KINDS[name]
        if kind == KEEP:
            kept.append(line)
        elif kind in (PREFLIGHT, CONTENT_TYPE):
            fields.preflight |= kind == PREFLIGHT
            types += kind == CONTENT_TYPE
            kept.append(line)
        elif kind == CODING:
            codings.append(value.strip(b" \t"))
        elif kind != DROP:
            _request_field(fields, kind, line, value.strip(b" \t"))
            if kind == CONNECTION:
                nominated += tokens(value)
    _connection(fields, nominated)
    fields.kept = b"\r\n".join(without(kept, nominated))
    _keep_back(fields, nominated)
    if types > 1:
        # RFC 9110, section 5.3: no list, so peers would choose between them.
        raise HeadError("bad_request")
    if codings:
        _codings(fields, codings)
    if fields.hosts == 1 and is_host(fields.host):
        fields.host_name = host_name(fields.host)
    fields.has_body = fields.chunked or fields.length > 0
    fields.plain = bool(fields.host_name) and not fields.chunked
    fields.only_key_pair = fields.secret_ids == fields.secret_keys == 1 and fields.authorization is None
    return fields


def _keep_back(fields: RequestFields, nominated: list[bytes]) -> None:
    """Lines that are kept apart: those that Connection names (``without``) do not go on."""
    if b"authorization" in nominated:
        fields.authorization_line = b""
    if b"signature" in nominated or b"signature-input" in nominated:
        fields.signature_lines = b""
    if fields.trace_lines:
        lines = without(fields.trace_lines.split(b"\r\n"), nominated)[:-1]
        fields.trace = trace = read_trace(lines)
        fields.trace_lines = b"" if trace is None else passed_lines(trace, lines)


def _request_field(fields: RequestFields, kind: int, line: bytes, value: bytes) -> None:
    if kind == HOST:
        fields.host = value
        fields.hosts += 1
    elif kind == LENGTH:
        fields.length = content_length(fields.length, value)
    elif kind == EXPECT:
        if value.lower() != b"100-continue":
            raise HeadError("expectation_failed")
        fields.expects = True
    elif kind == MAX_FORWARDS:
        usable = value.isdigit() and len(value) < 10 and fields.max_forwards is None
        fields.max_forwards = int(value) if usable else -1
        fields.max_forwards_line += line + b"\r\n"
    elif kind == HOP:
        fields.hops += ((line.partition(b":")[0].lower(), value),)
    elif kind == UPGRADE:
        fields.upgrades += members(value)
    elif kind == TRACE:
        fields.trace_lines += line + b"\r\n"
    elif kind != CONNECTION:
        _credential(fields, kind, line, value)


def _connection(fields: RequestFields, nominated: list[bytes]) -> None:
    fields.close = b"close" in nominated
    fields.keep_alive = b"keep-alive" in nominated
    # RFC 9110, section 7.8: not named in Connection, it is not meant for us.
    if fields.upgrades:
        fields.upgrades = protocols(fields.upgrades) if b"upgrade" in nominated else ()


def _credential(fields: RequestFields, kind: int, line: bytes, value: bytes) -> None:
    """Take a credential field. Two of a kind are for ``core.credentials`` to refuse."""
    if kind == AUTHORIZATION:
        fields.authorization = value
        fields.authorization_line += line + b"\r\n"
        return
    if kind == SIGNATURE:
        fields.signature_lines += line + b"\r\n"
        fields.signed = True
        return
    if kind == SECRET_ID:
        fields.secret_ids += 1
        fields.secret_id = value
    else:
        fields.secret_keys += 1
        fields.secret_key = value
    fields.secret_lines += line + b"\r\n"


def _codings(fields: RequestFields, values: list[bytes]) -> None:
    """RFC 9112, sections 6.1 and 6.3: one coding, ``chunked``, is all that we take, and no length beside.

    A list with empty members means the same as one without, but not to every peer.
    """
    codings = tokens(b",".join(values))
    if fields.length >= 0 or b"chunked" not in codings[-1:] or codings.count(b"chunked") > 1:
        raise HeadError("bad_framing")
    if len(codings) > 1:
        raise HeadError("coding_unknown")
    if len(values) > 1 or values[0].lower() != b"chunked":
        raise HeadError("bad_framing")
    fields.chunked = True


def check_request(line: RequestLine, fields: RequestFields) -> None:
    """The rules that need both parts of a head. Raises HeadError.

    Host: RFC 9112, section 3.2. An HTTP/1.0 request may be without one.
    """
    if not fields.host_name and (fields.hosts or line.minor):
        raise HeadError("bad_host")
    if not line.minor and fields.chunked:
        raise HeadError("bad_framing")
    if line.method == b"TRACE":
        raise HeadError("method_refused")
    if fields.max_forwards == -1 and line.method == b"OPTIONS":
        raise HeadError("bad_max_forwards")


def is_host(authority: bytes) -> bool:
    """Whether it is a host, perhaps with a port, and nothing else (RFC 9112, section 3.2)."""
    found = _HOST.fullmatch(authority)
    return found is not None and int(found[1] or 0) <= _LARGEST_PORT


def host_name(authority: bytes) -> str:
    """The host of an authority for route matching: lower case, without port or final dot."""
    if authority.startswith(b"["):
        name = authority[: authority.find(b"]") + 1]
    else:
        name = authority.partition(b":")[0]
    return name.lower().rstrip(b".").decode("latin-1")
