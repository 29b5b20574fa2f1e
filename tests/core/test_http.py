"""Field names, lengths, lists: what both kinds of heads share."""

import pytest

from quotad.core.http import (
    DROP,
    KEEP,
    HeadError,
    Kinds,
    content_length,
    has_stray,
    members,
    protocols,
    tokens,
    without,
)

KINDS = Kinds({b"te": DROP, b"x-real-ip": DROP}, forged=(b"x-quotad-",))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (b"TE", DROP),
        (b"te", DROP),
        (b"X-Real-Ip", DROP),
        (b"x_real_ip", DROP),
        (b"X_Quotad_Plan-Id", DROP),
        (b"X-Quotad", KEEP),
        (b"Accept", KEEP),
        (b"under_score", KEEP),
    ],
)
def test_kinds(name: bytes, kind: int) -> None:
    """A name is known in any case, and a twin with underscores counts as the field it imitates."""
    assert KINDS[name] == kind
    assert KINDS[name] == kind


def test_remembered_names_are_bounded() -> None:
    """However many names are sent, and however long ones, what is remembered of them stays bounded."""
    kinds = Kinds({b"te": DROP})
    for number in range(10_000):
        assert kinds[b"x-%d" % number] == KEEP
    assert kinds[b"x" * 10_000] == KEEP
    assert len(kinds) <= 2048
    assert max(map(len, kinds)) < 100
    assert kinds[b"TE"] == DROP


@pytest.mark.parametrize("value", [b"", b"+1", b"-1", b"1 1", b"1,1", b"0x1", b"1_0", b"\xb2", b"1" * 19])
def test_bad_length(value: bytes) -> None:
    """A Content-Length is plain ASCII digits, once (RFC 9112, section 6.3)."""
    with pytest.raises(HeadError):
        content_length(-1, value)


def test_length() -> None:
    """A length stands once, even if it were the same twice."""
    assert content_length(-1, b"0") == 0
    assert content_length(-1, b"007") == 7
    with pytest.raises(HeadError):
        content_length(7, b"7")


def test_lists() -> None:
    """Lists are read without case, white space and empty members."""
    assert tokens(b" Close, ,\tKeep-Alive,") == [b"close", b"keep-alive"]
    assert members(b" Close, ,\tKeep-Alive,") == (b"Close", b"Keep-Alive")


def test_protocols() -> None:
    """What is no protocol, and what carries HTTP in whatever version and spelling, does not go on."""
    named = members(b"WebSocket, h2c, H2C, HTTP/2.0, a/1, a/b/c, a b, tls/1.3, h2, h3, ssl, /1, x/, HTTPX/1")
    assert protocols(named) == (b"WebSocket", b"a/1", b"HTTPX/1")


def test_without() -> None:
    """Fields that Connection names go; the empty line at the end, which ends the block, stays."""
    lines = [b"A: 1", b"b: 2", b"C: 3", b""]
    assert without(lines, [b"close", b"keep-alive"]) is lines
    assert without(lines, [b"a", b"c", b"close"]) == [b"b: 2", b""]


@pytest.mark.parametrize(
    ("ahead", "stray"),
    [
        (b"GET / HT", False),
        (b"GET / HTTP/1.1\r\nHost: a\r", False),
        (b"GET / HTTP/1.1\r\nHost: a\r\n", False),
        (b"GET / HTTP/1.1\n", True),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\n", True),
        (b"GET / HTTP/1.1\rH", True),
        (b"GET / HTTP/1.1\r\r", True),
        (b"GET /\x00", True),
    ],
)
def test_has_stray(ahead: bytes, stray: bool) -> None:
    """A CR at the end may still get its LF; anywhere else CR and LF stand together (RFC 9112, 2.2)."""
    assert has_stray(ahead) == stray
