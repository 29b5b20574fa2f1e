"""What a client certificate says about who asks (``admin.tls.clients``): a name in it gives a role."""

from collections.abc import Iterator, Mapping
from typing import Any

from aiohttp import web

from quotad.config.model import Admin
from quotad.controlplane.desk import Asker


def certified(request: web.Request, admin: Admin) -> Asker | None:
    """Who showed a certificate with a name that has a role; None: nobody did."""
    if admin.tls is None or not admin.tls.clients or request.transport is None:
        return None
    certificate = request.transport.get_extra_info("peercert")
    roles = dict(admin.tls.clients)
    for name in names(certificate or {}):
        if name in roles:
            return Asker(name, roles[name], "certificate", request.remote or "")
    return None


def names(certificate: Mapping[str, Any]) -> Iterator[str]:
    """Subject alternative names (DNS, URI, e-mail), then common names, of ``SSLSocket.getpeercert``."""
    for kind, value in certificate.get("subjectAltName", ()):
        if kind in ("DNS", "URI", "email"):
            yield value
    for relative in certificate.get("subject", ()):
        for kind, value in relative:
            if kind == "commonName":
                yield value
