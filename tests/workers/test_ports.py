import socket

import pytest

from quotad.config.model import Address
from quotad.errors import QuotadError
from quotad.workers.ports import SharedPort


def listener(port: int, shared: bool) -> socket.socket:
    """Somebody who listens on it."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        made.bind(("127.0.0.1", port))
        made.listen()
    except OSError:
        made.close()
        raise
    return made


def test_several_may_listen_and_each_connection_has_somebody() -> None:
    """The kept port takes no connection itself; after the last listener nobody answers."""
    port = SharedPort(Address("127.0.0.1", 0))
    assert port.number
    with listener(port.number, shared=True) as first, listener(port.number, shared=True) as second:
        for _ in range(20):
            socket.create_connection(("127.0.0.1", port.number)).close()
        first.setblocking(False)
        second.setblocking(False)
        assert accepted(first) + accepted(second) == 20
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port.number))
    port.close()


def accepted(by: socket.socket) -> int:
    """How many connections wait there."""
    count = 0
    while True:
        try:
            connection, _ = by.accept()
        except BlockingIOError:
            return count
        connection.close()
        count += 1


@pytest.mark.parametrize("shared", [True, False])
def test_where_somebody_listens_it_is_refused(shared: bool) -> None:
    """Also when that somebody would share: another quotad's workers do."""
    with listener(0, shared) as other:
        number = other.getsockname()[1]
        with pytest.raises(QuotadError, match=f"listen 127.0.0.1:{number}: Address already in use"):
            SharedPort(Address("127.0.0.1", number))


def test_a_host_with_two_families_has_one_number() -> None:
    """All interfaces: IPv4 and, where there is any, IPv6 on the same port."""
    port = SharedPort(Address("", 0))
    numbers = {each.getsockname()[1] for slot in port.slots for each in slot}
    assert numbers == {port.number}
    port.close()
    again = SharedPort(Address("", port.number))
    again.close()


def test_an_unknown_host_is_an_error_of_ours() -> None:
    """A name that cannot be looked up is told like any address that cannot be had."""
    with pytest.raises(QuotadError, match="listen no such host:80: "):
        SharedPort(Address("no such host", 80))
