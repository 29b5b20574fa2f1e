"""Who may speak to the admin port.

A browser on the same machine reaches loopback ports, so neither loopback nor the absence of a token is
enough: a page whose name was re-bound to 127.0.0.1 sends its own name as Host, and a page of another
origin sends Origin. Both are refused before the token is looked at.
"""

import hmac
import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

from quotad.config.model import Admin
from quotad.errors import QuotadError

_LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]")
_EVERYWHERE = ("", "*", "0.0.0.0", "::")  # noqa: S104


class Guard:
    """The rules of one admin address."""

    def __init__(self, admin: Admin) -> None:
        """Raises QuotadError when the address is reachable from outside and there is no token."""
        if not admin.token and not admin.address.is_loopback:
            raise QuotadError("admin: an address beyond loopback needs a token")
        self._token = admin.token.encode()
        self._hosts = _authorities(admin.address.host)
        self._any_address = admin.address.host in _EVERYWHERE

    def host_allowed(self, hosts: Iterable[str]) -> bool:
        """Whether there is exactly one Host, and it names this address.

        The port is not compared, since ports get forwarded. Listening on all addresses, any IP address
        will do, since re-binding needs a name.
        """
        found = [_name(host) for host in hosts]
        if len(found) != 1:
            return False
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

    def token_accepted(self, authorization: Iterable[str]) -> bool:
        """Whether the one Authorization header bears the token; compared in constant time."""
        if not self._token:
            return True
        fields = list(authorization)
        scheme, _, given = (fields[0] if len(fields) == 1 else "").partition(" ")
        matches = hmac.compare_digest(given.strip().encode("utf-8", "surrogateescape"), self._token)
        return matches and scheme.lower() == "bearer"


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
