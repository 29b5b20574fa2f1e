"""Certificates that are made once for all tests of a module, and both sides' contexts for them."""

import ssl
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from quotad.config.certificates import client_context, server_context
from quotad.config.model import Address, Listen, ListenTls, UpstreamAddress, UpstreamTls
from tests.support.certificates import Authority

HOUSE = ("127.0.0.1", "house.test")


@dataclass(frozen=True)
class Papers:
    """One authority, a certificate of 127.0.0.1 and house.test, and one for a client."""

    authority: Authority
    certificate: Path
    key: Path
    client_certificate: Path
    client_key: Path

    def listen(self, **changes: Any) -> ListenTls:
        return ListenTls(self.certificate, self.key, **changes)

    def door(self, tls: ListenTls | None = None, **changes: Any) -> Listen:
        """A callers' port with TLS."""
        return replace(Listen(Address("127.0.0.1", 0)), tls=tls or self.listen(), **changes)

    def trust(self, **changes: Any) -> UpstreamTls:
        return replace(UpstreamTls(ca=self.authority.certificate), **changes)

    def upstream(self, port: int, **changes: Any) -> dict[str, Any]:
        """What makes a route's upstream an ``https://`` one."""
        address = UpstreamAddress("127.0.0.1", port, tls=True)
        return {"upstreams": (address,), "upstream_tls": self.trust(**changes)}

    def caller(self, shown: bool = False) -> ssl.SSLContext:
        """A caller's side, with a certificate of its own or without."""
        pair = (self.client_certificate, self.client_key) if shown else (None, None)
        return client_context(self.trust(certificate=pair[0], key=pair[1]))

    def backend(self, **changes: Any) -> ssl.SSLContext:
        """A backend's side."""
        return server_context(self.listen(**changes))


def make_papers(folder: Path) -> Papers:
    """Issued in ``folder``."""
    authority = Authority(folder)
    return Papers(authority, *authority.issue("house", *HOUSE), *authority.issue("visitor", "visitor.test"))
