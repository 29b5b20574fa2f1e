"""Listening sockets: bound, inherited, and closed without a reset for who has just connected."""

import array
import select
import socket
import struct
from collections.abc import Sequence
from typing import Any

Place = tuple[socket.AddressFamily, tuple[Any, ...]]
"""A family, and an address of it."""

KEEP_ALIVE = (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4))
"""Seconds, seconds, times: a peer that vanished without a word is found out after two minutes."""

SO_ATTACH_FILTER = 26
"""Linux; the socket module has no name for it."""

_NO_MORE = (
    (0x30, 0, 0, 13),
    (0x54, 0, 0, 0x12),
    (0x15, 0, 1, 0x02),
    (0x06, 0, 0, 0),
    (0x06, 0, 0, 0xFFFFFFFF),
)
"""Classic BPF on a TCP segment: take byte 13 (its flags), of these SYN and ACK; SYN alone is dropped."""


def places(host: str, port: int) -> list[Place]:
    """Every address that ``host`` stands for; empty: all interfaces. Raises OSError."""
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    known: list[Place] = list(dict.fromkeys((family, tuple(at)) for family, _, _, _, at in found))
    try:
        # A machine without IPv6 may still name such addresses.
        socket.socket(socket.AF_INET6, socket.SOCK_STREAM).close()
    except OSError:
        return [place for place in known if place[0] != socket.AF_INET6]
    return known


def bind(place: Place, port: int, *, shared: bool) -> socket.socket:
    """A bound socket that does not listen yet; ``shared``: with others (SO_REUSEPORT). Raises OSError."""
    family, at = place
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        made.bind((at[0], port, *at[2:]))
    except OSError:
        made.close()
        raise
    return made


def bound_to(listening: Sequence[socket.socket], host: str, port: int) -> list[socket.socket]:
    """Those that are bound to ``host`` at ``port`` (not 0). Raises OSError."""
    wanted = {(family, at[:2]) for family, at in places(host, port)}
    return [each for each in listening if (each.family, tuple(each.getsockname()[:2])) in wanted]


def keep_alive(listening: socket.socket) -> None:
    """Connections that are accepted from it are probed when they are silent (they inherit it)."""
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEP_ALIVE:
        # macOS has other names for some; its own times apply there.
        if hasattr(socket, name):
            listening.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def admit_no_more(listening: socket.socket) -> bool:
    """Have the kernel drop new connection attempts, those under way excepted; whether it can.

    Closing a listening socket resets whoever is connected and not accepted yet. After this nobody is
    added, so that all can be accepted first. An attempt that was dropped is repeated by its sender
    within a second, and then refused, or taken by a successor.
    """
    program = array.array("B", b"".join(struct.pack("HBBI", *step) for step in _NO_MORE))
    try:
        listening.setsockopt(
            socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HP", len(_NO_MORE), program.buffer_info()[0])
        )
    except OSError:
        return False
    return True


def has_waiting(listening: socket.socket) -> bool:
    """Whether somebody is connected who was not accepted yet."""
    ready = select.poll()
    ready.register(listening, select.POLLIN)
    return bool(ready.poll(0))
