import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quotad.core.client_address import FOR, FORWARDED, Behind, Networks, Origin, Said, plain_address
from tests.support.properties import examples

TRUSTED = Networks(["10.0.0.0/8", "fd00::/8", "192.0.2.1/32"])


def behind(peer: str, said: Said, header: bytes = FOR) -> Behind:
    found = Origin(peer, "http", TRUSTED, header).behind(said)
    assert found is not None
    return found


def forwarded(value: bytes) -> Said:
    return ((FORWARDED, value),)


def told(*values: bytes) -> Said:
    return tuple((FOR, value) for value in values)


def lines(about: bytes) -> list[str]:
    return about.decode().split("\r\n")[:-1]


def test_networks() -> None:
    """Nobody is trusted by default; an address of the other family, or none, is in no network."""
    assert not Networks([])
    assert not Networks([]).trust("127.0.0.1")
    assert [TRUSTED.trust(each) for each in ("10.1.2.3", "11.0.0.0", "fd00::1", "::1", "", "unknown")] == [
        *(True, False, True, False, False, False)
    ]
    assert TRUSTED.trust("10.1.2.3")
    for number in range(3000):
        assert not TRUSTED.trust(f"198.51.100.{number}")


def test_plain_addresses() -> None:
    """An address has one form: no zone, no IPv4 inside IPv6."""
    assert plain_address("::ffff:192.0.2.7") == "192.0.2.7"
    assert plain_address("fe80::1%eth0") == "fe80::1"
    assert plain_address("2001:DB8::0:7") == "2001:db8::7"
    assert (plain_address("192.0.2.7"), plain_address("a:b"), plain_address("")) == ("192.0.2.7", "a:b", "")


def test_an_untrusted_peer_speaks_for_itself() -> None:
    """What it says of others is nothing, and a backend is told its own address."""
    origin = Origin("198.51.100.9", "https", None, FOR)
    assert origin.behind((*told(b"203.0.113.1"), (b"x-forwarded-proto", b"http"))) is None
    assert lines(origin.about) == [
        "X-Forwarded-For: 198.51.100.9",
        "X-Forwarded-Proto: https",
        "Forwarded: for=198.51.100.9;proto=https",
    ]
    assert lines(Origin("", "http", None, FOR).about) == ["X-Forwarded-Proto: http"]
    assert lines(Origin("::1", "http", None, FOR).about)[2] == 'Forwarded: for="[::1]";proto=http'


@pytest.mark.parametrize(
    ("values", "client", "passed"),
    [
        ([b"203.0.113.1"], "203.0.113.1", "203.0.113.1, 10.0.0.1"),
        ([b"6.6.6.6, 203.0.113.1, 10.0.0.2"], "203.0.113.1", "6.6.6.6, 203.0.113.1, 10.0.0.2, 10.0.0.1"),
        ([b"6.6.6.6", b"203.0.113.1"], "203.0.113.1", "6.6.6.6, 203.0.113.1, 10.0.0.1"),
        ([b"10.0.0.3, 10.0.0.2"], "10.0.0.3", "10.0.0.3, 10.0.0.2, 10.0.0.1"),
        ([b" ,, 203.0.113.1 ,"], "203.0.113.1", "203.0.113.1, 10.0.0.1"),
        ([b"203.0.113.1:5000"], "203.0.113.1", "203.0.113.1:5000, 10.0.0.1"),
        ([b"2001:db8::7"], "2001:db8::7", "2001:db8::7, 10.0.0.1"),
        ([b"[2001:DB8::7]"], "2001:db8::7", "[2001:DB8::7], 10.0.0.1"),
        ([b"[2001:db8::7]:443"], "2001:db8::7", "[2001:db8::7]:443, 10.0.0.1"),
        ([b"::ffff:203.0.113.1"], "203.0.113.1", "::ffff:203.0.113.1, 10.0.0.1"),
        ([b"::ffff:10.0.0.2"], "10.0.0.2", "::ffff:10.0.0.2, 10.0.0.1"),
        ([b"203.0.113.1, ::ffff:10.0.0.2"], "203.0.113.1", "203.0.113.1, ::ffff:10.0.0.2, 10.0.0.1"),
        ([b"unknown"], "unknown", "unknown, 10.0.0.1"),
        ([b"6.6.6.6, UNKNOWN"], "unknown", "6.6.6.6, unknown, 10.0.0.1"),
        ([b"_hidden.one"], "_hidden.one", "_hidden.one, 10.0.0.1"),
        ([b"6.6.6.6, _a"], "_a", "6.6.6.6, _a, 10.0.0.1"),
        ([b"garbage"], "10.0.0.1", "10.0.0.1"),
        ([b"6.6.6.6, garbage"], "10.0.0.1", "10.0.0.1"),
        ([b"6.6.6.6, garbage, 10.0.0.2"], "10.0.0.2", "10.0.0.2, 10.0.0.1"),
        ([b"garbage, 203.0.113.1"], "203.0.113.1", "203.0.113.1, 10.0.0.1"),
        ([b'"203.0.113.1"'], "10.0.0.1", "10.0.0.1"),
        ([b"203.0.113.01"], "10.0.0.1", "10.0.0.1"),
        ([b"203.0.113.1:"], "10.0.0.1", "10.0.0.1"),
        ([b"203.0.113.1:123456"], "10.0.0.1", "10.0.0.1"),
        ([b"fe80::1%eth0"], "10.0.0.1", "10.0.0.1"),
        ([b"[203.0.113.1]"], "10.0.0.1", "10.0.0.1"),
        ([b"[::1"], "10.0.0.1", "10.0.0.1"),
        ([b"for=203.0.113.1"], "10.0.0.1", "10.0.0.1"),
        ([b"\xb2.0.0.1"], "10.0.0.1", "10.0.0.1"),
        ([b"_" + b"a" * 64], "10.0.0.1", "10.0.0.1"),
        ([b""], "10.0.0.1", "10.0.0.1"),
    ],
)
def test_x_forwarded_for(values: list[bytes], client: str, passed: str) -> None:
    """The caller is the right-most that is not trusted; what is left of garbage is unknown and goes."""
    found = behind("10.0.0.1", told(*values))
    assert found.address == client
    assert lines(found.about)[0] == f"X-Forwarded-For: {passed}"


def test_a_long_list_is_cut() -> None:
    """Of very many hops the nearest are kept."""
    found = behind("10.0.0.1", told(b", ".join(b"10.0.1.%d" % number for number in range(200))))
    assert found.address == "10.0.1.168"
    assert lines(found.about)[0].count(",") == 32


@pytest.mark.parametrize(
    ("proto", "passed"),
    [(b"https", "https"), (b"HTTPS", "https"), (b"http", "http"), (b"https,http", "http"), (b"x", "http")],
)
def test_proto(proto: bytes, passed: str) -> None:
    """Of a trusted hop, one known scheme is believed; else it is that of our own connection."""
    found = behind("10.0.0.1", (*told(b"203.0.113.1"), (b"x-forwarded-proto", proto)))
    assert lines(found.about)[1:] == [
        f"X-Forwarded-Proto: {passed}",
        f"Forwarded: for=203.0.113.1;proto={passed}, for=10.0.0.1",
    ]


@pytest.mark.parametrize(
    ("host", "taken"),
    [
        (b"a.example:8", b"a.example:8"),
        (b"[::1]:8", b"[::1]:8"),
        (b"a, b", b""),
        (b"a/b", b""),
        (b"a@b", b""),
    ],
)
def test_host(host: bytes, taken: bytes) -> None:
    """Of a trusted hop, one plain host is believed."""
    assert behind("10.0.0.1", (*told(b"203.0.113.1"), (b"x-forwarded-host", host))).host == taken


def test_only_the_named_family_is_believed() -> None:
    """A proxy that writes one family passes the other as it came: from the caller."""
    both = (*told(b"203.0.113.1"), *forwarded(b"for=6.6.6.6"))
    assert behind("10.0.0.1", both).address == "203.0.113.1"
    assert behind("10.0.0.1", both, FORWARDED).address == "6.6.6.6"
    origin = Origin("10.0.0.1", "http", TRUSTED, FORWARDED)
    assert origin.behind(told(b"203.0.113.1")) is None
    assert behind("10.0.0.1", forwarded(b"for=6.6.6.6")).address == "10.0.0.1"


@pytest.mark.parametrize(
    ("value", "client", "sent"),
    [
        (b"for=203.0.113.1;proto=https", "203.0.113.1", "for=203.0.113.1;proto=https, for=10.0.0.1"),
        (b"For=203.0.113.1; Proto=HTTPS", "203.0.113.1", None),
        (b'for="203.0.113.1:99"', "203.0.113.1", 'for="203.0.113.1:99";proto=http, for=10.0.0.1'),
        (b'for="[2001:db8::7]:99"', "2001:db8::7", 'for="[2001:db8::7]:99";proto=http, for=10.0.0.1'),
        (b'for="[2001:db8::7]"', "2001:db8::7", 'for="[2001:db8::7]";proto=http, for=10.0.0.1'),
        (
            b"for=6.6.6.6;proto=https, for=203.0.113.1;proto=http, for=10.0.0.2",
            "203.0.113.1",
            "for=6.6.6.6, for=203.0.113.1;proto=http, for=10.0.0.2, for=10.0.0.1",
        ),
        (b"for=unknown", "unknown", "for=unknown;proto=http, for=10.0.0.1"),
        (b"for=_gazonk", "_gazonk", "for=_gazonk;proto=http, for=10.0.0.1"),
        (b'for="_a:_b"', "10.0.0.1", None),
        (b"by=10.0.0.9;proto=https", "unknown", "for=unknown;proto=https, for=10.0.0.1"),
        (b'for="203.0.113.1, 6.6.6.6"', "10.0.0.1", None),
        (b'for="203.0.113\\.1"', "203.0.113.1", None),
        (b"for=203.0.113.1,,", "203.0.113.1", None),
        (b'for="2001:db8::7"', "10.0.0.1", "for=10.0.0.1;proto=http"),
        (b"for=[::1]", None, None),
        (b"for=203.0.113.1;for=6.6.6.6", None, None),
        (b'for="203.0.113.1', None, None),
        (b"for = 203.0.113.1", None, None),
        (b"203.0.113.1", None, None),
        (b"for=", None, None),
        (b"", None, None),
        (b"for=6.6.6.6, for=203.0.113.1 x", None, None),
    ],
)
def test_forwarded(value: bytes, client: str | None, sent: str | None) -> None:
    """RFC 7239: the caller's element says its scheme; a field that breaks the grammar says nothing."""
    found = Origin("10.0.0.1", "http", TRUSTED, FORWARDED).behind(forwarded(value))
    assert (found and found.address) == client
    if found is not None and sent is not None:
        assert lines(found.about)[2] == f"Forwarded: {sent}"


def test_the_host_of_forwarded() -> None:
    """It is that of the caller's own element, when it is a plain one."""
    said = forwarded(b'for=6.6.6.6;host=evil, for=203.0.113.1;host="a.example:8", for=10.0.0.2;host=inner')
    assert behind("10.0.0.1", said, FORWARDED).host == b"a.example:8"
    assert behind("10.0.0.1", forwarded(b'for=6.6.6.6;host="a/b"'), FORWARDED).host == b""
    # The element next to garbage is the peer's report of itself: nothing in it is of the caller.
    cut = behind("10.0.0.1", forwarded(b"for=6.6.6.6, for=x;host=a;proto=https"), FORWARDED)
    assert (cut.host, lines(cut.about)[1]) == (b"", "X-Forwarded-Proto: http")


def test_many_elements() -> None:
    """With more elements than are kept, scheme and host are still those of the caller's own."""
    value = b",".join(b"for=10.0.1.%d;host=h%d" % (number, number) for number in range(50))
    found = behind("10.0.0.1", forwarded(value), FORWARDED)
    assert (found.address, found.host) == ("10.0.1.18", b"h18")


def test_time_does_not_grow_with_the_square() -> None:
    """A field of white space is given up in one pass: with backtracking these would take hours."""
    space = b" \t" * 500_000
    for value in (b"for=a," + space + b"x", b"for=a" + space + b"x", space + b"=", b'for="' + space):
        assert Origin("10.0.0.1", "http", TRUSTED, FORWARDED).behind(forwarded(value)) is None


PIECES = st.sampled_from(
    [
        *(
            b"for=",
            b'for="[2001:db8::1]:80"',
            b"10.0.0.1",
            b"203.0.113.9",
            b"unknown",
            b"_hidden",
            b";",
            b",",
            b"=",
        ),
        *(
            b'"',
            b"\\",
            b'\\"',
            b"proto=https",
            b"host=",
            b'host="a b"',
            b"by=x",
            b" ",
            b"\t",
            b"[",
            b"]:",
            b":80",
        ),
        *(b"::ffff:10.0.0.1", b"\xff", b"%25eth0", b"for", b"a" * 300),
    ]
)
SAID = st.lists(PIECES, max_size=12).map(b"".join)


@examples(400)
@given(st.sampled_from((FOR, FORWARDED)), st.lists(SAID, max_size=3), SAID, SAID)
def test_whatever_a_trusted_hop_says(header: bytes, hops: list[bytes], proto: bytes, host: bytes) -> None:
    """What goes on is one caller and clean lines, and read again it says the same."""
    said = (*((header, each) for each in hops), (b"x-forwarded-proto", proto), (b"x-forwarded-host", host))
    found = Origin("10.0.0.1", "http", TRUSTED, header).behind(said)
    if found is None:
        return
    assert re.fullmatch(rb"(?:[A-Za-z-]+: [!-~]+(?: [!-~]+)*\r\n)+", found.about)
    assert re.fullmatch(rb"[^\x00-\x20,@/\"]*", found.host)
    key = b"Forwarded: " if header == FORWARDED else b"X-Forwarded-For: "
    (line,) = (line for line in found.about.split(b"\r\n") if line.startswith(key))
    again = Origin("192.0.2.1", "http", TRUSTED, header).behind(((header, line.removeprefix(key)),))
    assert again is not None
    assert again.address == found.address
