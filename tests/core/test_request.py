"""Request heads. What a whole head leads to is tested over sockets in tests/dataplane/test_entrance.py."""

import pytest

from quotad.core.http import HeadError
from quotad.core.request import (
    check_request,
    host_name,
    is_host,
    oversize,
    read_request_fields,
    read_request_line,
)

LINES = [
    (b"GET / HTTP/1.1", b"/", b""),
    (b"GET /a%2Fb;c?d=%zz&e|f HTTP/1.1", b"/a%2Fb;c?d=%zz&e|f", b""),
    (b"PURGE /x HTTP/1.0", b"/x", b""),
    (b"OPTIONS * HTTP/1.1", b"*", b""),
    (b"GET http://a.b:80/c?d HTTP/1.1", b"/c?d", b"a.b:80"),
    (b"GET HTTPS://a HTTP/1.1", b"/", b"a"),
    (b"GET http://a?b HTTP/1.1", b"/?b", b"a"),
    (b"OPTIONS http://a HTTP/1.1", b"*", b"a"),
    (b"GET http://[::1]:80/ HTTP/1.1", b"/", b"[::1]:80"),
]

BAD_LINES = [
    (b"", "bad_request"),
    (b"GET /", "bad_request"),
    (b"GET / HTTP/1.1 ", "bad_request"),
    (b"GET\t/ HTTP/1.1", "bad_request"),
    (b"GET / http/1.1", "bad_request"),
    (b"GET / HTTP/1.10", "bad_request"),
    (b"GET / HTTP/1.2", "version_unsupported"),
    (b"PRI * HTTP/2.0", "version_unsupported"),
    (b"G\x00T / HTTP/1.1", "bad_request"),
    (b"G@T / HTTP/1.1", "bad_request"),
    (b"GeT / HTTP/1.1", "method_unknown"),
    (b"G" * 33 + b" / HTTP/1.1", "method_unknown"),
    (b"CONNECT a:1 HTTP/1.1", "method_unknown"),
    (b"GET a:1 HTTP/1.1", "bad_target"),
    (b"GET * HTTP/1.1", "bad_target"),
    (b"GET /\x7f HTTP/1.1", "bad_target"),
    (b"GET /\xc3\xa4 HTTP/1.1", "bad_target"),
    (b"GET /a#b HTTP/1.1", "bad_target"),
    (b"GET http:///a HTTP/1.1", "bad_host"),
    (b"GET http://u@a/ HTTP/1.1", "bad_host"),
    (b"GET /" + b"a" * 100 + b" HTTP/1.1", "target_too_long"),
]


@pytest.mark.parametrize(("line", "target", "authority"), LINES)
def test_request_line(line: bytes, target: bytes, authority: bytes) -> None:
    """Origin-form goes on byte for byte; absolute-form loses its authority, which replaces Host."""
    read = read_request_line(line, 100)
    assert (read.target, read.authority) == (target, authority)
    assert read.start == b"%b %b HTTP/1.1\r\n" % (line.split(b" ")[0], target)


@pytest.mark.parametrize(("line", "key"), BAD_LINES, ids=range(len(BAD_LINES)))
def test_bad_request_line(line: bytes, key: str) -> None:
    """A line that is not exactly a request line is refused, with the status that fits."""
    with pytest.raises(HeadError) as caught:
        read_request_line(line, 100)
    assert caught.value.key == key


@pytest.mark.parametrize(
    ("host", "name"),
    [
        (b"A.Test:80", "a.test"),
        (b"a.test.", "a.test"),
        (b"[::1]:80", "[::1]"),
        (b"[::1]", "[::1]"),
        (b"127.0.0.1", "127.0.0.1"),
        (b"a:", "a"),
    ],
)
def test_host(host: bytes, name: str) -> None:
    """Routes match a host without case, port and final dot."""
    assert read_request_fields(b"Host: %b\r\n" % host, 9).host_name == name
    assert host_name(host) == name


@pytest.mark.parametrize(
    "host",
    [b"", b" ", b"a b", b"a,b", b"u@a", b"a/b", b"a\\b", b"a:b", b"a:123456", b"[::1", b"::1", b"a%zz"],
)
def test_odd_host(host: bytes) -> None:
    """An odd Host is none, and a request of either version with one is refused."""
    fields = read_request_fields(b"Host: %b\r\n" % host, 9)
    for version in (b"0", b"1"):
        with pytest.raises(HeadError):
            check_request(read_request_line(b"GET / HTTP/1." + version, 99), fields)


def test_http_1_0_needs_no_host() -> None:
    """Only HTTP/1.1 requires Host (RFC 9112, section 3.2)."""
    check_request(read_request_line(b"GET / HTTP/1.0", 99), read_request_fields(b"", 9))


def test_fields() -> None:
    """One pass tells everything: framing, persistence, who asks, and what goes on."""
    block = (
        b"host: a\r\nConnection: Keep-Alive\r\nCONNECTION:x-gone, Close\r\nX-Gone: 1\r\n"
        b"Content-Length:\t5 \r\nExpect: 100-Continue\r\n"
        b"X-Secret-Id: id\r\nX-Secret-Key:  key \r\nX-Kept: 1\r\n"
    )
    fields = read_request_fields(block, 9)
    assert (fields.length, fields.has_body, fields.expects) == (5, True, True)
    assert (fields.close, fields.keep_alive) == (True, True)
    assert (fields.secret_id, fields.secret_key, fields.only_key_pair) == (b"id", b"key", True)
    assert fields.kept == b"X-Kept: 1\r\n"
    assert dict(fields.pairs())[b"content-length"] == b"5"
    assert [name for name, _ in fields.pairs()][:3] == [b"host", b"connection", b"connection"]
    with pytest.raises(HeadError, match="too_many_headers"):
        read_request_fields(block, 8)


@pytest.mark.parametrize(
    "extra", [b"X-Secret-Id: a\r\n", b"x-secret-key: a\r\n", b"Authorization: Basic x\r\n"]
)
def test_more_than_a_key_pair(extra: bytes) -> None:
    """Anything but exactly one key pair takes the long way through ``core.credentials``."""
    fields = read_request_fields(b"X-Secret-Id: id\r\nX-Secret-Key: key\r\n" + extra, 9)
    assert not fields.only_key_pair


@pytest.mark.parametrize(
    ("authority", "good"),
    [
        (b"a", True),
        (b"a.b-c_d:80", True),
        (b"a:", True),
        (b"a:65535", True),
        (b"[::1]:80", True),
        (b"[::ffff:1.2.3.4]", True),
        (b"", False),
        (b":80", False),
        (b"a:65536", False),
        (b"a%41", False),
        (b"a,b", False),
        (b"u@a", False),
        (b"[1.2.3.4]", False),
        (b"[::1]x", False),
    ],
)
def test_is_host(authority: bytes, good: bool) -> None:
    """A host and perhaps a port, in which nothing else can hide (RFC 9112, section 3.2)."""
    assert is_host(authority) == good


@pytest.mark.parametrize(
    ("ahead", "key"),
    [
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 99, "head_too_large"),
        (b"GET /" + b"x" * 99, "target_too_long"),
        (b"G" * 99, "method_unknown"),
    ],
)
def test_oversize(ahead: bytes, key: str) -> None:
    """What is too large says which status fits (RFC 9112, section 3; RFC 6585, section 5)."""
    assert oversize(ahead, 50) == key
