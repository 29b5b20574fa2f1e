import json
from collections.abc import Iterator
from http import HTTPStatus

import pytest

from quotad.config.model import AuthRules, SignatureRules
from quotad.core.plans import Subject, UsagePlan
from quotad.core.quota import Limit
from quotad.core.replies import (
    NEVER_RETRY_AFTER_S,
    ROWS,
    Refusal,
    refusal_of,
    render,
    render_options,
    status_of,
    www_authenticate,
)
from quotad.core.verdict import Verdict

DATE = b"Sun, 06 Nov 1994 08:49:37 GMT"
ID = b"f00d-1"

RFC_9209_ERRORS = {
    "connection_limit_reached",
    "connection_terminated",
    "connection_timeout",
    "destination_not_found",
    "destination_unavailable",
    "http_protocol_error",
    "http_request_denied",
    "http_request_error",
    "http_response_header_section_size",
    "http_response_timeout",
    "proxy_internal_error",
}
"""Those of RFC 9209, section 2.3, that are used here."""


class Response:
    """A rendered response, taken apart."""

    def __init__(self, raw: bytes) -> None:
        head, _, self.body = raw.partition(b"\r\n\r\n")
        self.status_line, *lines = head.decode("ascii").split("\r\n")
        self.fields = [tuple(line.split(": ", 1)) for line in lines]

    def all(self, name: str) -> list[str]:
        return [value for found, value in self.fields if found.lower() == name]


def rendered(refusal: Refusal, extra: bytes = b"", close: bool = False, body: bool = True) -> Response:
    """What ``render`` makes, taken apart."""
    return Response(render(refusal, ID, DATE, extra, close, body))


def by_status(*statuses: int) -> Iterator[str]:
    """The keys that answer with one of these."""
    return (key for key, row in ROWS.items() if row.status in statuses)


@pytest.mark.parametrize("key", ROWS)
def test_every_row_is_a_whole_response(key: str) -> None:
    """Each key gives valid HTTP and problem+json with every member, and names the proxy's error."""
    response = rendered(Refusal(key))
    row = ROWS[key]
    assert response.status_line.startswith(f"HTTP/1.1 {row.status} ")
    body = json.loads(response.body)
    assert body == {
        "type": f"urn:quotad:problem:{key.replace('_', '-')}",
        "title": response.status_line.split(" ", 2)[2],
        "status": row.status,
        "detail": row.detail,
        "message": row.detail,
        "limit": "none",
        "retryAfter": int((response.all("retry-after") or ["0"])[0]),
        "requestId": "f00d-1",
    }
    assert response.all("content-type") == ["application/problem+json"]
    assert response.all("content-length") == [str(len(response.body))]
    assert response.all("date") == [DATE.decode()]
    assert response.all("x-request-id") == ["f00d-1"]
    assert row.proxy_error in RFC_9209_ERRORS
    assert response.all("proxy-status") == [f"quotad; error={row.proxy_error}"]
    assert bool(response.all("cache-control")) == (row.status in (401, 429, 503))
    assert bool(response.all("retry-after")) == (row.status in (429, 503))
    assert bool(response.all("www-authenticate")) == (row.status == 401)
    assert bool(response.all("allow")) == (row.status == 405)
    assert status_of(key) == row.status


@pytest.mark.parametrize("status", sorted({row.status for row in ROWS.values()}))
def test_phrases_are_the_registered_ones(status: int) -> None:
    """The reason phrase is that of the IANA registry."""
    phrase = {413: "Content Too Large", 414: "URI Too Long"}.get(status, HTTPStatus(status).phrase)
    assert rendered(Refusal(next(by_status(status)))).status_line == f"HTTP/1.1 {status} {phrase}"


def test_texts_that_callers_rely_on() -> None:
    """The texts of a plan's refusals are exactly these."""
    texts = {key: (ROWS[key].status, ROWS[key].detail) for key in ("no_plan", "no_route", "rate", "quota")}
    assert texts == {
        "no_plan": (403, "Found no validate usage plan."),
        "no_route": (404, "Found no api."),
        "rate": (429, "API rate limit exceeded."),
        "quota": (429, "API quota exceeded."),
    }
    assert len({ROWS[key].detail for key in by_status(503)}) == len(list(by_status(503)))


def test_what_was_asked_for_is_there() -> None:
    """Every status that quotad may answer has at least one row."""
    wanted = {
        400,
        401,
        403,
        404,
        405,
        408,
        411,
        413,
        414,
        417,
        421,
        426,
        429,
        431,
        500,
        501,
        502,
        503,
        504,
        505,
    }
    assert {row.status for row in ROWS.values()} == wanted


@pytest.mark.parametrize(
    ("limit", "name", "reason"),
    [
        (Limit.RATE, "rate", "rate"),
        (Limit.DAY, "day", "quota"),
        (Limit.MONTH, "month", "quota"),
        (Limit.TOTAL, "total", "quota"),
    ],
)
def test_verdicts(limit: Limit, name: str, reason: str) -> None:
    """A Verdict's refusal names its limit and when to ask again, in header and body."""
    verdict = Verdict(Subject(UsagePlan("plan", "Plan"), "service", "test"), False, None)
    verdict.reason, verdict.limit, verdict.retry_after_s = reason, limit, 77
    response = rendered(refusal_of(verdict), b"RateLimit: x\r\n")
    body = json.loads(response.body)
    assert (body["limit"], body["retryAfter"], response.all("retry-after")) == (name, 77, ["77"])
    assert response.all("ratelimit") == ["x"]


def test_retry_after_is_never_missing_nor_zero() -> None:
    """Without a known time a 503 says one second, and a limit that never comes back says a day."""
    assert rendered(Refusal("store")).all("retry-after") == ["1"]
    assert rendered(Refusal("upstream_busy", retry_after_s=-3)).all("retry-after") == ["1"]
    assert rendered(Refusal("quota", limit="total")).all("retry-after") == [str(NEVER_RETRY_AFTER_S)]


def test_challenges_name_the_forms_that_are_on() -> None:
    """WWW-Authenticate lists each form of the route once, and no other (RFC 9110, section 15.5.2)."""

    def schemes(rules: AuthRules | None) -> list[str]:
        found = rendered(Refusal("secret_invalid", auth=rules)).all("www-authenticate")
        return [value.split(" ")[0] for value in found]

    assert schemes(None) == ["hmac", "KeyPair", "Basic", "HttpMessageSignature"]
    assert schemes(AuthRules(hmac=False, signature=False)) == ["KeyPair", "Basic"]
    assert schemes(AuthRules(key_pair=False, basic=False)) == ["hmac", "HttpMessageSignature"]
    assert www_authenticate(AuthRules(hmac=False, key_pair=False, basic=False, signature=False)) == b""
    asked = SignatureRules(covered=("@method", "host"))
    alone = AuthRules(hmac=False, key_pair=False, basic=False, signature_rules=asked)
    assert b' covered="@method host"\r\n' in www_authenticate(alone)


def test_a_detail_of_its_own_is_escaped() -> None:
    """Whatever the caller named stays inside the JSON text, and out of the head."""
    detail = 'HMAC algorithm "\r\nX: y\\ not supported.'
    response = rendered(Refusal("hmac_algorithm", detail))
    body = json.loads(response.body)
    assert body["detail"] == body["message"] == detail
    assert not response.all("x")


def test_head_and_close() -> None:
    """HEAD gets GET's head without a body; a closing answer says so."""
    get, head = rendered(Refusal("no_route")), rendered(Refusal("no_route"), body=False)
    assert head.fields == get.fields
    assert not head.body
    assert not get.all("connection")
    assert rendered(Refusal("bad_request"), close=True).all("connection") == ["close"]


def test_unknown_key() -> None:
    """A key without a row is a mistake in the program, and says so."""
    with pytest.raises(KeyError):
        render(Refusal("nonsense"), ID, DATE)


@pytest.mark.parametrize("close", [True, False])
def test_the_last_hop_answers_options(close: bool) -> None:
    """OPTIONS that may go no further gets the methods that are taken, and no body."""
    response = Response(render_options(ID, DATE, close))
    assert response.status_line == "HTTP/1.1 200 OK"
    assert response.all("allow") == ["GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"]
    assert response.all("content-length") == ["0"]
    assert response.all("connection") == (["close"] if close else [])
    assert response.body == b""
