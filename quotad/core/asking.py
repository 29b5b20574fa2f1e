"""What another proxy asks about a request, and what it is told: pure functions of bytes.

The proxy's own request carries the caller's credentials as they came. Which request it is about stands in
fields that the proxy writes itself, by name as configured; nothing else in it is believed.
"""

import hmac
import re
from typing import NamedTuple

from quotad.config.model import Authorize
from quotad.core.http import HeadError
from quotad.core.request import RequestFields, RequestLine, is_host

ASK = b"/authorize"
SETTLE = b"/settle"

TOKEN = b"x-quotad-token"

BODILESS = frozenset((b"GET", b"HEAD", b"OPTIONS", b"DELETE"))
"""Methods whose requests are taken to have no content when the proxy sends none along."""

_SETTLED = re.compile(rb"/settle\?id=([0-9a-f]{20,28})&status=([1-5][0-9]{2})")
_STATUS_LINE = re.compile(rb"HTTP/1\.1 ([0-9]{3}) [^\r]*\r\n")

_PASSED_ON = (b"401", b"403")
"""What nginx's auth_request hands to its caller; any other refusal becomes its own 500."""


class Asked(NamedTuple):
    """The request that is asked about, as far as it differs from the asking one."""

    line: bytes
    """Its first line, without CRLF, to be read like any other."""
    host: bytes
    """Its Host; empty: none was said."""


def knows_token(fields: RequestFields, token: str) -> bool:
    """Whether the asking request carries this token, and no other beside it; always without a token."""
    if not token:
        return True
    given = [value for name, value in fields.pairs() if name == TOKEN]
    return hmac.compare_digest(b",".join(given), token.encode())


def asked(line: RequestLine, fields: RequestFields, rules: Authorize) -> Asked:
    """Which request is asked about. Raises HeadError: it is not said, or said twice, or carries a forgery."""
    if b"_" in fields.block and any(_is_forged(name) for name, _ in fields.pairs()):
        raise HeadError("bad_request")
    rest = line.target.removeprefix(ASK)
    if rest == line.target:
        raise HeadError("asked_badly")
    method, target, host = line.method, rest, line.authority or fields.host
    if rules.method_header:
        if rest and not rest.startswith(b"?"):
            raise HeadError("asked_badly")
        method = _said(fields, rules.method_header)
        target = _said(fields, rules.uri_header)
    if rules.host_header:
        host = _said(fields, rules.host_header)
    return Asked(b"%b %b HTTP/1.1" % (method, target), host)


def _is_forged(name: bytes) -> bool:
    """Whether a backend behind CGI or WSGI would take this field for one that is ours.

    On the callers' port such a field is dropped; the proxy would pass it on, so here it is refused.
    """
    return b"_" in name and name.replace(b"_", b"-").startswith((b"x-quotad-", b"x-request-id"))


def _said(fields: RequestFields, name: str) -> bytes:
    wanted = name.encode()
    values = [value for found, value in fields.pairs() if found == wanted]
    if len(values) != 1 or not values[0]:
        raise HeadError("asked_badly")
    return values[0]


def with_host(block: bytes, host: bytes) -> bytes:
    """Field lines with this Host instead of their own. Raises HeadError when it is none."""
    if not is_host(host):
        raise HeadError("bad_host")
    lines = [line for line in block.split(b"\r\n") if line.partition(b":")[0].lower() != b"host"]
    return b"Host: %b\r\n%b" % (host, b"\r\n".join(lines))


def settled(line: RequestLine) -> tuple[str, int]:
    """The id and the status that a proxy tells. Raises HeadError."""
    if line.method != b"POST":
        raise HeadError("settle_method")
    found = _SETTLED.fullmatch(line.target)
    if found is None:
        raise HeadError("settle_badly")
    return found[1].decode(), int(found[2])


def permit(about: bytes, request_id: bytes, date: bytes, limits: bytes, close: bool) -> bytes:
    """The complete answer that lets a request pass.

    ``about``: header lines on who calls; ``limits``: those of the plan's limits; each with its CRLF.
    """
    return (
        b"HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nDate: %b\r\nX-Request-Id: %b\r\n"
        b"X-Quotad-Status: 200\r\n%b%bContent-Length: 0\r\n%b\r\n"
    ) % (date, request_id, about, limits, b"Connection: close\r\n" if close else b"")


def taken(request_id: bytes, date: bytes, close: bool) -> bytes:
    """The complete answer to a proxy that told a status."""
    return b"HTTP/1.1 204 No Content\r\nDate: %b\r\nX-Request-Id: %b\r\n%b\r\n" % (
        date,
        request_id,
        b"Connection: close\r\n" if close else b"",
    )


def refusal_for(answer: bytes, shape: str) -> bytes:
    """A refusal as the proxy understands it: with its status in a field of its own.

    For nginx it is 401 or 403, and the content stands in a field too, since no content passes there.
    """
    found = _STATUS_LINE.match(answer)
    if found is None:
        return answer
    status, first = found[1], found[0]
    about = b"X-Quotad-Status: %b\r\n" % status
    if shape == "nginx":
        about += b"X-Quotad-Problem: %b\r\n" % answer.partition(b"\r\n\r\n")[2]
        if status not in _PASSED_ON:
            first = b"HTTP/1.1 403 Forbidden\r\n"
    return first + about + answer[found.end() :]
