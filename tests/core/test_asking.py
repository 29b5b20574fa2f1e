import json

import pytest

from quotad.config.model import Address, Authorize
from quotad.core.asking import asked, knows_token, permit, refusal_for, settled, taken, with_host
from quotad.core.http import HeadError
from quotad.core.replies import Refusal, render
from quotad.core.request import RequestFields, RequestLine, read_request_fields, read_request_line

HERE = Address("127.0.0.1", 0)
NGINX = Authorize(HERE, "nginx", "x-original-method", "x-original-uri")
TRAEFIK = Authorize(HERE, "traefik", "x-forwarded-method", "x-forwarded-uri", "x-forwarded-host")
ENVOY = Authorize(HERE, "envoy")
NAMED = b"X-Original-Method: PUT\r\nX-Original-URI: /a?b=%2F\r\n"


def question(line: bytes, block: bytes = b"") -> tuple[RequestLine, RequestFields]:
    """A proxy's request, read."""
    return read_request_line(line, 1000), read_request_fields(b"Host: api.test\r\n" + block, 100)


@pytest.mark.parametrize(
    ("rules", "line", "block", "expected"),
    [
        (NGINX, b"GET /authorize HTTP/1.1", NAMED, (b"PUT /a?b=%2F HTTP/1.1", b"api.test")),
        (NGINX, b"GET /authorize?x HTTP/1.1", NAMED, (b"PUT /a?b=%2F HTTP/1.1", b"api.test")),
        (
            TRAEFIK,
            b"GET /authorize HTTP/1.1",
            b"X-Forwarded-Method: GET\r\nX-Forwarded-Uri: /\r\nX-Forwarded-Host: other.test:81\r\n",
            (b"GET / HTTP/1.1", b"other.test:81"),
        ),
        (ENVOY, b"DELETE /authorize/a?b HTTP/1.1", NAMED, (b"DELETE /a?b HTTP/1.1", b"api.test")),
        (ENVOY, b"GET /authorize//a/../b HTTP/1.1", b"", (b"GET //a/../b HTTP/1.1", b"api.test")),
    ],
)
def test_the_request_that_is_asked_about(
    rules: Authorize, line: bytes, block: bytes, expected: tuple[bytes, bytes]
) -> None:
    """It is what the shape's own fields say, byte for byte, and nothing else in the question is believed."""
    assert asked(*question(line, block), rules) == expected


@pytest.mark.parametrize(
    ("rules", "line", "block"),
    [
        (NGINX, b"GET /authorize HTTP/1.1", b""),
        (NGINX, b"GET /authorize HTTP/1.1", b"X-Original-URI: /\r\n"),
        (NGINX, b"GET /authorize HTTP/1.1", b"X-Original-Method: GET\r\nX-Original-URI:\r\n"),
        (NGINX, b"GET /authorize HTTP/1.1", NAMED + b"X-Original-URI: /cheap\r\n"),
        (NGINX, b"GET /authorize/more HTTP/1.1", NAMED),
        (NGINX, b"GET /authorized HTTP/1.1", NAMED),
        (NGINX, b"GET / HTTP/1.1", NAMED),
        (TRAEFIK, b"GET /authorize HTTP/1.1", b"X-Forwarded-Method: GET\r\nX-Forwarded-Uri: /\r\n"),
        (ENVOY, b"GET /orders HTTP/1.1", b""),
    ],
)
def test_what_is_not_said_or_said_twice_is_refused(rules: Authorize, line: bytes, block: bytes) -> None:
    """A proxy that does not name the request, or lets its caller name it too, gets no decision."""
    with pytest.raises(HeadError, match="asked_badly"):
        asked(*question(line, block), rules)


def test_the_host_is_put_in_the_place_of_the_proxys() -> None:
    """What else the caller sent stays as it was; what is no host is refused."""
    block = b"Host: proxy\r\nDate: x\r\nhost: proxy\r\nA: b\r\n"
    assert with_host(block, b"api.test:1") == b"Host: api.test:1\r\nDate: x\r\nA: b\r\n"
    for host in (b"", b"a b", b"a,b", b"user@a"):
        with pytest.raises(HeadError, match="bad_host"):
            with_host(block, host)


def test_the_token() -> None:
    """Exactly this one, once; without one nothing is asked for."""
    token = "t" * 20
    for lines, good in (
        (b"X-Quotad-Token: %b\r\n" % token.encode(), True),
        (b"X-Quotad-Token: %b\r\n" % token[1:].encode(), False),
        (b"X-Quotad-Token: %b\r\n" % token.encode() * 2, False),
        (b"", False),
    ):
        _, fields = question(b"GET /authorize HTTP/1.1", lines)
        assert knows_token(fields, token) is good
        assert knows_token(fields, "")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"POST /settle?id=0123456789ab00000001&status=204 HTTP/1.1", ("0123456789ab00000001", 204)),
        (b"GET /settle?id=0123456789ab00000001&status=204 HTTP/1.1", "settle_method"),
        (b"POST /settle HTTP/1.1", "settle_badly"),
        (b"POST /settle?id=0123456789ab00000001&status=99 HTTP/1.1", "settle_badly"),
        (b"POST /settle?id=0123456789ab00000001&status=2000 HTTP/1.1", "settle_badly"),
        (b"POST /settle?id=0123456789ab00000001&status= HTTP/1.1", "settle_badly"),
        (b"POST /settle?id=&status=200 HTTP/1.1", "settle_badly"),
    ],
)
def test_a_status_is_told(line: bytes, expected: tuple[str, int] | str) -> None:
    """By POST, with the decision's id and three digits; anything else says what is wrong with it."""
    if isinstance(expected, tuple):
        assert settled(question(line)[0]) == expected
    else:
        with pytest.raises(HeadError, match=expected):
            settled(question(line)[0])


def test_answers_that_let_pass() -> None:
    """A permission has no content, the answer to a status no length either."""
    about, limits = b"X-Quotad-Plan-Id: p\r\n", b"RateLimit: r\r\n"
    head, _, body = permit(about, b"id", b"date", limits, close=True).partition(b"\r\n\r\n")
    assert head.split(b"\r\n")[0] == b"HTTP/1.1 200 OK"
    lines = head.split(b"\r\n")[1:]
    for line in (b"X-Request-Id: id", b"X-Quotad-Plan-Id: p", b"RateLimit: r", b"Content-Length: 0"):
        assert line in lines
    assert b"Connection: close" in lines
    assert body == b""
    assert b"Content-Length" not in taken(b"id", b"date", close=False)


@pytest.mark.parametrize(
    ("key", "shown"), [("rate", 403), ("store", 403), ("no_plan", 403), ("hmac_missing", 401)]
)
def test_refusals_for_nginx(key: str, shown: int) -> None:
    """Nginx is told 401 or 403, beside them the status that is meant and the content that does not pass."""
    answer = render(Refusal(key), b"id", b"date")
    body = answer.partition(b"\r\n\r\n")[2]
    made = refusal_for(answer, "nginx")
    assert made.startswith(b"HTTP/1.1 %d " % shown)
    assert b"\r\nX-Quotad-Status: %d\r\n" % json.loads(body)["status"] in made
    assert b"\r\nX-Quotad-Problem: %b\r\n" % body in made
    assert made.endswith(b"\r\n\r\n" + body)


def test_refusals_for_others() -> None:
    """Everybody else passes status and content on as they are."""
    answer = render(Refusal("rate"), b"id", b"date")
    for shape in ("caddy", "traefik", "envoy"):
        made = refusal_for(answer, shape)
        assert made.replace(b"X-Quotad-Status: 429\r\n", b"") == answer
    assert refusal_for(b"no answer", "nginx") == b"no answer"


@pytest.mark.parametrize("name", ["X_Quotad_Secret_Id", "x-quotad_plan-id", "X_Request_Id", "X-Request_Id"])
def test_what_some_backends_take_for_ours_is_refused(name: str) -> None:
    """A proxy would pass it on; fields with other underscores are the caller's own business."""
    assert asked(*question(b"GET /authorize/ HTTP/1.1", b"X_Own: a\r\n"), ENVOY).host == b"api.test"
    with pytest.raises(HeadError) as raised:
        asked(*question(b"GET /authorize/ HTTP/1.1", f"{name}: a\r\n".encode()), ENVOY)
    assert raised.value.key == "bad_request"
