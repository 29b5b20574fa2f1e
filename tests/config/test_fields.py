import pytest

from quotad.config import fields
from quotad.config.model import Address, UpstreamAddress


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:8080", Address("127.0.0.1", 8080)),
        (":8080", Address("", 8080)),
        ("[::1]:80", Address("::1", 80)),
        ("localhost:0", Address("localhost", 0)),
    ],
)
def test_addresses(text: str, address: Address) -> None:
    """host:port, [v6]:port and :port are addresses."""
    assert fields.parse_address(text) == address


@pytest.mark.parametrize(
    "text", ["", "8080", "host", "host:", "::1:80", "h:65536", "h:80\n", "h:٨٠", "a b:80", "http://h:80"]
)
def test_no_addresses(text: str) -> None:
    """Anything else is none."""
    with pytest.raises(ValueError):
        fields.parse_address(text)


@pytest.mark.parametrize(
    ("text", "upstream"),
    [
        ("http://127.0.0.1:9000", UpstreamAddress("127.0.0.1", 9000)),
        ("http://backend", UpstreamAddress("backend", 80)),
        ("HTTP://backend/", UpstreamAddress("backend", 80)),
        ("https://backend", UpstreamAddress("backend", 443, tls=True)),
        ("https://[::1]:8443", UpstreamAddress("::1", 8443, tls=True)),
        ("http://[fe80::1]:81", UpstreamAddress("fe80::1", 81)),
        ("unix:/run/x.sock", UpstreamAddress("", 0, "/run/x.sock")),
    ],
)
def test_upstreams(text: str, upstream: UpstreamAddress) -> None:
    """http://host, with or without port, and unix sockets by absolute path."""
    assert fields.parse_upstream(text) == upstream


@pytest.mark.parametrize(
    "text",
    [
        "",
        "backend:9000",
        "https://",
        "https://backend/x",
        "ftp://backend",
        "http://",
        "http://u:p@backend",
        "http://backend/x",
        "http://backend?x",
        "http://backend:0",
        "http://backend:x",
        "http://[::1",
        "http://a b",
        "unix:x.sock",
        "unix:",
    ],
)
def test_no_upstreams(text: str) -> None:
    """A path, a user, TLS or another scheme is refused."""
    with pytest.raises(ValueError):
        fields.parse_upstream(text)


@pytest.mark.parametrize(
    ("text", "host"), [("", ""), ("*", ""), ("API.Example", "api.example"), ("[::1]", "[::1]")]
)
def test_hosts(text: str, host: str) -> None:
    """Hosts compare in lower case; absent and * are every host."""
    assert fields.parse_host(text) == host


@pytest.mark.parametrize("text", ["*.example", "h:80", "h\n", "bücher.example", "a b"])
def test_no_hosts(text: str) -> None:
    """Wildcards inside, ports and what is not ASCII are refused."""
    with pytest.raises(ValueError):
        fields.parse_host(text)


@pytest.mark.parametrize(
    ("text", "prefix"), [("/", "/"), ("/v1", "/v1"), ("/v1/", "/v1"), ("/a.b/~c/", "/a.b/~c")]
)
def test_prefixes(text: str, prefix: str) -> None:
    """A trailing slash says nothing."""
    assert fields.parse_prefix(text) == prefix


@pytest.mark.parametrize(
    "text", ["", "v1", "//", "/a//b", "/a/..", "/./a", "/%61", "/a?b", "/a#b", "/ä", "/a\n"]
)
def test_no_prefixes(text: str) -> None:
    """A prefix that could be read in two ways is refused."""
    with pytest.raises(ValueError):
        fields.parse_prefix(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01 01:00:00+01:00", 0),
        ("2027-01-31t00:00:00.5z", 1_801_353_600.5),
    ],
)
def test_expiry(text: str, seconds: float) -> None:
    """An RFC 3339 instant with its zone."""
    assert fields.parse_expiry(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "2027-01-31", "2027-01-31T00:00:00", "2027-02-30T00:00:00Z", "20270131T000000Z", "tomorrow"]
)
def test_no_expiry(text: str) -> None:
    """A date alone, a local time or a day that does not exist is none."""
    with pytest.raises(ValueError, match="RFC 3339"):
        fields.parse_expiry(text)


def test_zones() -> None:
    """Zones are those of the tzdata package, exactly, with a hint for the near miss."""
    assert fields.parse_zone("Asia/Kolkata") == "Asia/Kolkata"
    for text in ("localtime", "../UTC", "europe/berlin", "", "posix/UTC"):
        with pytest.raises(ValueError, match="IANA"):
            fields.parse_zone(text)
    with pytest.raises(ValueError, match="did you mean Europe/Berlin"):
        fields.parse_zone("Europe/Berlinn")


@pytest.mark.parametrize(
    "text",
    [
        "redis://h",
        "rediss://u:p@h:1/2",
        "unix:///run/redis.sock",
        "redis://[::1]:6379",
        "redis+sentinel://h/mymaster",
        "rediss+sentinel://u:p@h:26379,[::1]:26380,10.0.0.3/my.master-1?db=2",
        "redis+cluster://h:7000",
        "redis+cluster://h/",
        "rediss+cluster://:p@h:7000,[::1]/?ssl_ca_certs=/etc/ca.pem&db=0",
    ],
)
def test_store_urls(text: str) -> None:
    """Each of the schemes is taken as it is."""
    assert fields.parse_store_url(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "h:6379",
        "http://h",
        "redis://",
        "redis://:topsecret@",
        "unix://",
        "redis://:topsecret@h:x",
        "redis+unix:///run/redis.sock",
        "redis+sentinels://h/mymaster",
        "redis+sentinel://:topsecret@h",
        "redis+sentinel://:topsecret@h/",
        "redis+sentinel://:topsecret@h/a/b",
        "redis+sentinel://:topsecret@/mymaster",
        "redis+sentinel://:topsecret@h,/mymaster",
        "redis+sentinel://:topsecret@h:65536/mymaster",
        "redis+sentinel://:topsecret@h:1,topsecret@h:2/mymaster",
        "redis+cluster://:topsecret@",
        "redis+cluster://:topsecret@h:x",
        "redis+cluster://h/1",
        "redis+cluster://h?db=1",
        "redis+cluster://h/?ssl_cert_reqs=none&db=1",
        "redis+cluster://h/topsecret",
        "unix+cluster:///run/redis.sock",
    ],
)
def test_no_store_urls(text: str) -> None:
    """Anything else is refused without showing it."""
    with pytest.raises(ValueError) as caught:
        fields.parse_store_url(text)
    assert "topsecret" not in str(caught.value)


@pytest.mark.parametrize("text", ["1971-01-01", "2026-11-15", "2028-02-29", "9998-12-31"])
def test_days(text: str) -> None:
    """A day of the calendar is one."""
    assert fields.parse_day(text).isoformat() == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026",
        "20261115",
        "2026-W46-7",
        "2026-11-31",
        "2026-2-1",
        "1970-12-31",
        "9999-01-01",
        "2026-11-15T00:00:00",
        "2026-11-15\n",
        "\u0662026-11-15",
    ],
)
def test_no_days(text: str) -> None:
    """Other forms, days that do not exist and years without counters are refused."""
    with pytest.raises(ValueError):
        fields.parse_day(text)


def test_networks() -> None:
    """A network has one form, an address alone is one, and everybody is none."""
    assert fields.parse_network("10.0.0.0/8") == "10.0.0.0/8"
    assert fields.parse_network("192.0.2.1") == "192.0.2.1/32"
    assert fields.parse_network("FD00::/8") == "fd00::/8"
    for text in ("", "10.0.0.1/8", "10.0.0.0/33", "everybody", "0.0.0.0/0", "::/0", "10.0.0.0/8\n"):
        with pytest.raises(ValueError):
            fields.parse_network(text)


def test_certificate_names() -> None:
    """Host names in any case, perhaps with one leading wildcard."""
    assert fields.parse_certificate_name("*.Example.org") == "*.example.org"
    for text in ("", "*", "a.*.b", "a..b", "a.", "a b", "a:1"):
        with pytest.raises(ValueError):
            fields.parse_certificate_name(text)
