"""The head that goes on to a backend: what of the caller's goes on, and what is said by us."""

from quotad.config.model import AuthRules, Route
from quotad.core.credentials import is_basic, is_hmac
from quotad.core.http import UPGRADE_LINES
from quotad.core.request import RequestFields, RequestLine
from quotad.core.signature import is_signed

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
    return b"Host: %b\r\n%b%b%b%b%b%b" % (
        sent_host,
        passed_lines(fields, rule.auth),
        framing_lines(fields, line.minor),
        upgrade_lines(offered(line, fields, rule.upgrades)) if fields.upgrades else b"",
        fields.max_forwards_line and max_forwards_line(line, fields),
        b"X-Forwarded-Host: %b\r\n" % shown_host if shown_host else b"",
        VIA[line.minor],
    )


def max_forwards_line(line: RequestLine, fields: RequestFields) -> bytes:
    """One hop less for OPTIONS; with other methods it means nothing (RFC 9110, section 7.6.2)."""
    if line.method == b"OPTIONS" and fields.max_forwards:
        return b"Max-Forwards: %d\r\n" % (fields.max_forwards - 1)
    return fields.max_forwards_line


def offered(line: RequestLine, fields: RequestFields, allowed: tuple[str, ...] | None) -> tuple[bytes, ...]:
    """The protocols that a backend is offered to go on with (RFC 9110, section 7.8), as the caller wrote.

    ``allowed``: names in lower case, with or without a version; None: all that carry no HTTP. None of
    HTTP/1.0, whose Upgrade must be ignored.
    """
    if not line.minor:
        return ()
    if allowed is None:
        return fields.upgrades
    names = [name.encode() for name in allowed]
    return tuple(
        each
        for each in fields.upgrades
        if (lower := each.lower()) in names or lower.partition(b"/")[0] in names
    )


def upgrade_lines(protocols: tuple[bytes, ...]) -> bytes:
    """The offer as it goes on; empty when there is none."""
    return UPGRADE_LINES % b", ".join(protocols) if protocols else b""


def is_answer_to(switched: tuple[bytes, ...], offers: tuple[bytes, ...]) -> bool:
    """Whether a 101 names only what was offered (RFC 9110, section 7.8: names are compared without case).

    An offer without a version may be answered with one.
    """
    lower = [offer.lower() for offer in offers]
    return all((name := each.lower()) in lower or name.partition(b"/")[0] in lower for each in switched)


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
    section 11.6.2) and goes on untouched. So it is with a signature in fields of its own.
    """
    if rules.pass_credentials:
        return fields.kept + fields.secret_lines + fields.authorization_line + fields.signature_lines
    kept = fields.kept
    if fields.signature_lines and not is_signed(fields, rules):
        kept += fields.signature_lines
    value = fields.authorization
    if value is None or (rules.hmac and is_hmac(value)):
        return kept
    if rules.basic and is_basic(value) and not (rules.key_pair and fields.secret_lines):
        return kept
    return kept + fields.authorization_line
