import pytest

from quotad.config.model import Address, Admin
from quotad.controlplane.guard import Guard
from quotad.errors import QuotadError

TOKEN = "a-token-of-twenty-characters"


def guard(host: str = "127.0.0.1", token: str = TOKEN) -> Guard:
    """The guard of one address."""
    return Guard(Admin(Address(host, 8081), token))


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "admin.example", ""])
def test_beyond_loopback_needs_a_token(host: str) -> None:
    """An address that others reach is refused without a token, whatever the configuration check did."""
    with pytest.raises(QuotadError, match="needs a token"):
        guard(host, token="")
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


@pytest.mark.parametrize(
    ("fields", "accepted"),
    [
        ([f"Bearer {TOKEN}"], True),
        ([f"bearer  {TOKEN} "], True),
        ([f"Bearer {TOKEN}x"], False),
        ([f"Bearer {TOKEN[:-1]}"], False),
        ([f"Basic {TOKEN}"], False),
        ([TOKEN], False),
        (["Bearer"], False),
        (["Bearer \udcff\u1234"], False),
        ([""], False),
        ([], False),
        ([f"Bearer {TOKEN}", f"Bearer {TOKEN}"], False),
    ],
)
def test_the_token(fields: list[str], accepted: bool) -> None:
    """Only the one right bearer token is accepted; odd bytes are a no, not an error."""
    assert guard().token_accepted(fields) is accepted


def test_without_a_token_everybody_on_loopback_may() -> None:
    """The file asked for it: no Authorization is needed, and one that is sent is not looked at."""
    assert guard(token="").token_accepted([])
    assert guard(token="").token_accepted(["Bearer anything"])
