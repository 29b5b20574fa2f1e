"""The callers' port, taken once for all workers."""

import socket
from typing import Any

from quotad.config.model import Address
from quotad.errors import QuotadError


class SharedPort:
    """Keeps a port number for workers that listen on it, from before the first to after the last.

    Its sockets never listen, so the kernel gives them no connection.
    """

    def __init__(self, address: Address) -> None:
        """Take the port; 0 lets the system choose. Raises QuotadError when somebody listens there."""
        self._sockets: list[socket.socket] = []
        self.number = address.port
        try:
            for family, host in _places(address):
                self._take(family, host)
        except OSError as error:
            self.close()
            place = f"{address.host}:{address.port}"
            raise QuotadError(f"listen {place}: {error.strerror or error}") from error

    def close(self) -> None:
        """Let go of it."""
        while self._sockets:
            self._sockets.pop().close()

    def _take(self, family: socket.AddressFamily, host: tuple[Any, ...]) -> None:
        taken = socket.socket(family, socket.SOCK_STREAM)
        self._sockets.append(taken)
        if family == socket.AF_INET6:
            taken.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind((host[0], self.number, *host[2:]))
        self.number = taken.getsockname()[1]
        # Not before: a bound port must be refused here although its owner's workers share it among them.
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)


def _places(address: Address) -> list[tuple[socket.AddressFamily, tuple[Any, ...]]]:
    """Every address that the host stands for, as asyncio's ``create_server`` reads it."""
    found = socket.getaddrinfo(
        address.host or None, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    places: list[tuple[socket.AddressFamily, tuple[Any, ...]]] = list(
        dict.fromkeys((family, tuple(host)) for family, _, _, _, host in found)
    )
    try:
        # A machine without IPv6 may still name such addresses.
        socket.socket(socket.AF_INET6, socket.SOCK_STREAM).close()
    except OSError:
        return [place for place in places if place[0] != socket.AF_INET6]
    return places
