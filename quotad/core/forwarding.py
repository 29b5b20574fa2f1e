"""The head that goes on to a backend: what of the caller's goes on, and what is said by us."""

from quotad.config.model import AuthRules, Route
from quotad.core.credentials import is_basic, is_hmac
from quotad.core.request import RequestFields, RequestLine

VIA = (b"Via: 1.0 quotad\r\n", b"Via: 1.1 quotad\r\n")
"""By the minor version of the request (RFC 9110, section 7.6.3: a gateway must, towards the backend)."""


def standing_lines(
    line: RequestLine, fields: RequestFields, rule: Route, upstream_host: bytes, said_host: bytes = b""
) -> bytes:
    """The lines of a forwarded head that are the same for all requests with these fields.

    Only what ``RequestLine.plain`` tells of the first line matters here. Host goes on as the caller
    said it unless the route says otherwise. ``said_host`` is what a trusted hop says that its caller
    asked for.
    """
    host = line.authority or fields.host
    shown_host = said_host or host
    sent_host = upstream_host if rule.host_header == "upstream" or not host else host
    return b"Host: %b\r\n%b%b%b%b%b" % (
        sent_host,
        passed_lines(fields, rule.auth),
        framing_lines(fields, line.minor),
        fields.max_forwards_line and max_forwards_line(line, fields),
        b"X-Forwarded-Host: %b\r\n" % shown_host if shown_host else b"",
        VIA[line.minor],
    )


def max_forwards_line(line: RequestLine, fields: RequestFields) -> bytes:
    """One hop less for OPTIONS; with other methods it means nothing (RFC 9110, section 7.6.2)."""
    if line.method == b"OPTIONS" and fields.max_forwards:
        return b"Max-Forwards: %d\r\n" % (fields.max_forwards - 1)
    return fields.max_forwards_line


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
