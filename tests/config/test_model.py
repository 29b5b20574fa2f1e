import pytest

from quotad.config.model import Address, Admin, StoreConfig, UpstreamAddress


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_loopback(host: str) -> None:
    """These reach this machine alone."""
    assert Address(host, 1).is_loopback


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::", "10.0.0.1", "127.example", "localhost.example"])
def test_beyond_loopback(host: str) -> None:
    """Everything else counts as reachable by others: all interfaces, and names that only look local."""
    assert not Address(host, 1).is_loopback


def test_how_things_are_shown() -> None:
    """Upstreams print as logs name them; passwords and tokens do not print at all."""
    assert str(UpstreamAddress("10.0.0.1", 80)) == "10.0.0.1:80"
    assert str(UpstreamAddress("::1", 80)) == "[::1]:80"
    assert str(UpstreamAddress("", 0, "/run/backend.sock")) == "unix:/run/backend.sock"
    shown = repr([Admin(Address("", 1), "topsecret"), StoreConfig(url="redis://:topsecret@h")])
    assert "topsecret" not in shown
