"""Who may speak to the admin port.

A browser on the same machine reaches loopback ports, so neither loopback nor the absence of a token is
enough: a page whose name was re-bound to 127.0.0.1 sends its own name as Host, and a page of another
origin sends Origin. Both are refused before the token is looked at.
"""

import ipaddress
from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from quotad.config.model import Admin
from quotad.controlplane.answers import RefusedError
from quotad.errors import QuotadError

_LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]")
_EVERYWHERE = ("", "*", "0.0.0.0", "::")  # noqa: S104


class Guard:
    """The rules of one admin address."""

    def __init__(self, admin: Admin) -> None:
        """Raises QuotadError when the address is reachable from outside and nobody need prove anything."""
        if admin.unauthenticated and not admin.address.is_loopback:
            raise QuotadError("admin: beyond loopback everybody must prove who they are")
        self._hosts = _authorities(admin.address.host)
        self._names = frozenset(admin.hosts)
        self._any_address = admin.address.host in _EVERYWHERE

    def check(self, hosts: Sequence[str], origin: str | None) -> None:
        """Raises RefusedError: 421 for another Host, 403 for a page of another origin."""
        if not self.host_allowed(hosts):
            raise RefusedError(421, "The Host header does not name this address.")
        if not self.origin_allowed(origin, hosts[0]):
            raise RefusedError(403, "Pages of other origins are not served.")

    def host_allowed(self, hosts: Iterable[str]) -> bool:
        """Whether there is exactly one Host, and it names this address.

        The port is not compared, since ports get forwarded. Listening on all addresses, any IP address
        will do, since re-binding needs a name.
        """
        found = [_name(host) for host in hosts]
        if len(found) != 1:
            return False
        if found[0] in self._names or f"*.{found[0].partition('.')[2]}" in self._names:
            return True
        return found[0] in self._hosts or (self._any_address and _is_address(found[0]))

    def origin_allowed(self, origin: str | None, host: str) -> bool:
        """Whether a browser's page, if it was one, came from this very port."""
        if origin is None:
            return True
        try:
            parts = urlsplit(origin)
        except ValueError:
            return False
        return parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower()


def _authorities(host: str) -> frozenset[str]:
    return frozenset((*_LOCAL_NAMES, f"[{host}]" if ":" in host else host.lower()))


def _name(authority: str) -> str:
    """The host of ``host:port``, lower case, an IPv6 address in its brackets."""
    if authority.startswith("["):
        return authority.partition("]")[0].lower() + "]"
    return authority.partition(":")[0].lower()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True
