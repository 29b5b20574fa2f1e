import pytest

from quotad.config.model import Address, Admin
from quotad.controlplane.answers import RefusedError
from quotad.controlplane.guard import Guard
from quotad.errors import QuotadError

TOKEN = "a-token-of-twenty-characters"


def guard(host: str = "127.0.0.1", *, unauthenticated: bool = False) -> Guard:
    """The guard of one address."""
    return Guard(Admin(Address(host, 8081), TOKEN, unauthenticated=unauthenticated))


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "admin.example", ""])
def test_beyond_loopback_everybody_proves_who_they_are(host: str) -> None:
    """An address that others reach is not open to all, whatever the configuration check did."""
    with pytest.raises(QuotadError, match="must prove"):
        guard(host, unauthenticated=True)
    guard(host)


@pytest.mark.parametrize(
    ("bound", "host", "allowed"),
    [
        ("127.0.0.1", "127.0.0.1:8081", True),
        ("127.0.0.1", "localhost:9999", True),
        ("127.0.0.1", "LOCALHOST", True),
        ("127.0.0.1", "[::1]:8081", True),
        ("127.0.0.1", "attacker.example:8081", False),
        ("127.0.0.1", "localhost.attacker.example", False),
        ("127.0.0.1", "127.0.0.1.attacker.example", False),
        ("127.0.0.1", "192.0.2.1", False),
        ("127.0.0.1", "", False),
        ("::1", "[::1]:8081", True),
        ("192.0.2.1", "192.0.2.1:8081", True),
        ("192.0.2.1", "192.0.2.2:8081", False),
        ("admin.example", "Admin.Example:8081", True),
        ("0.0.0.0", "192.0.2.9:8081", True),
        ("::", "[2001:db8::1]", True),
        ("0.0.0.0", "attacker.example", False),
    ],
)
def test_host_names_this_address(bound: str, host: str, allowed: bool) -> None:
    """A page re-bound to this address still sends its own name as Host, and is refused."""
    assert guard(bound).host_allowed([host]) is allowed


def test_exactly_one_host() -> None:
    """None, or two, are refused, even when each would do."""
    assert not guard().host_allowed([])
    assert not guard().host_allowed(["localhost", "localhost"])


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        (None, True),
        ("http://localhost:8081", True),
        ("http://LOCALHOST:8081", True),
        ("http://localhost:8082", False),
        ("http://attacker.example", False),
        ("null", False),
        ("", False),
        ("file://localhost:8081", False),
        ("http://[broken", False),
    ],
)
def test_only_this_origin(origin: str | None, allowed: bool) -> None:
    """A browser's page of any other origin is refused."""
    assert guard().origin_allowed(origin, "localhost:8081") is allowed


def test_a_configured_name_is_ours_too() -> None:
    """Names under which the port is reached are allowed, also below a wildcard; no others."""
    named = Guard(Admin(Address("127.0.0.1", 8081), TOKEN, hosts=("admin.example", "*.svc.example")))
    assert named.host_allowed(["Admin.Example:8081"])
    assert named.host_allowed(["quotad.svc.example"])
    assert not named.host_allowed(["svc.example"])
    assert not named.host_allowed(["a.quotad.svc.example"])


def test_what_is_not_allowed_is_refused_by_its_status() -> None:
    """Another Host is 421, a page of another origin 403."""
    for hosts, origin, status in ((["attacker.example"], None, 421), (["localhost"], "http://x", 403)):
        with pytest.raises(RefusedError) as caught:
            guard().check(hosts, origin)
        assert caught.value.status == status
