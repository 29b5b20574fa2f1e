"""The head that goes on to a backend: what of the caller's goes on, and what is said by us."""

from quotad.config.model import AuthRules, Route
from quotad.core.credentials import is_basic, is_hmac
from quotad.core.framing import CHUNKED
from quotad.core.request import RequestFields, RequestLine
from quotad.core.routing import strip_prefix

VIA = (b"Via: 1.0 quotad\r\n", b"Via: 1.1 quotad\r\n")
"""By the minor version of the request (RFC 9110, section 7.6.3: a gateway must, towards the backend)."""


def forwarded_head(
    line: RequestLine, fields: RequestFields, rule: Route, upstream_host: bytes, extra: bytes
) -> bytes:
    """The complete head, without its body's framing being changed.

    ``extra``: lines of ours, each with its CRLF. The path goes byte for byte, less the route's prefix
    where the route strips it. Host is the caller's unless the route says otherwise.
    """
    host = line.authority or fields.host
    if host:
        extra += b"X-Forwarded-Host: %b\r\n" % host
    if not host or rule.host_header == "upstream":
        host = upstream_host
    return b"%b %b HTTP/1.1\r\nHost: %b\r\n%b%b%b%b\r\n" % (
        line.method,
        strip_prefix(line.target, rule.path_prefix) if rule.strip_prefix else line.target,
        host,
        passed_lines(fields, rule.auth),
        framing_lines(fields, line.minor),
        extra,
        VIA[line.minor],
    )


def framing_lines(fields: RequestFields, minor: int) -> bytes:
    """How the body goes on: as it came, known length or chunked, and whether it waits to be asked for."""
    if fields.chunked:
        lines = b"Transfer-Encoding: chunked\r\n"
    elif fields.length >= 0:
        lines = b"Content-Length: %d\r\n" % fields.length
    else:
        return b""
    # RFC 9110, section 10.1.1: an expectation in HTTP/1.0, or without a body, means nothing.
    if fields.expects and minor and fields.length:
        lines += b"Expect: 100-continue\r\n"
    return lines


def passed_lines(fields: RequestFields, rules: AuthRules) -> bytes:
    """The caller's lines that go on. Credentials that were for us do not, unless the route says so.

    Authorization is ours when it is what the caller was known by; else it is the backend's (RFC 9110,
    section 11.6.2) and goes on untouched.
    """
    if rules.pass_credentials:
        return fields.kept + fields.secret_lines + fields.authorization_line
    value = fields.authorization
    if value is None or (rules.hmac and is_hmac(value)):
        return fields.kept
    if rules.basic and is_basic(value) and not (rules.key_pair and fields.secret_lines):
        return fields.kept
    return fields.kept + fields.authorization_line


def request_framing(fields: RequestFields) -> int:
    """The framing of a request's body (RFC 9112, section 6.3): without a sign of one there is none."""
    return CHUNKED if fields.chunked else max(fields.length, 0)
