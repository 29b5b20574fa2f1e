"""Rules about certificates. Each adds every Problem that it finds; files are looked into."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from quotad.config import build, certificates, schema, tls_schema
from quotad.config.document import Document, Path_

if TYPE_CHECKING:
    from quotad.config.admin_schema import AdminSection


def clients_get_a_certificate(
    name: str, tls: tls_schema.ListenTlsSection | None, folder: Path, document: Document
) -> None:
    """The port of the section ``name`` has what its TLS needs."""
    if tls is None:
        return
    path: Path_ = (name, "tls")
    if (tls.client_ca is None) != (tls.client_certificates == "off"):
        words = "is required by clientCertificates" if tls.client_ca is None else "needs clientCertificates"
        document.refuse((*path, "clientCa"), words)
    taken: dict[str, int] = {}
    for at, named in enumerate(tls.certificates):
        for host in named.names:
            if taken.setdefault(host, at) != at:
                document.refuse(
                    (*path, "certificates", at, "names"), f"{host} is taken by certificates[{taken[host]}]"
                )
    try:
        certificates.server_context(build.listen_tls_of(tls, folder))
    except certificates.CertificateError as error:
        document.refuse((*path, *error.path), error.message)


def admins_get_a_certificate(admin: "AdminSection", folder: Path, document: Document) -> None:
    """The management port has what its TLS needs."""
    tls = admin.tls
    if tls is None:
        return
    path: Path_ = ("admin", "tls")
    if (tls.client_ca is None) != (not tls.clients):
        words = (
            "is required by clients" if tls.client_ca is None else "needs clients: who of them may do what"
        )
        document.refuse((*path, "clientCa"), words)
    taken: dict[str, int] = {}
    for at, client in enumerate(tls.clients):
        if taken.setdefault(client.name, at) != at:
            document.refuse((*path, "clients", at, "name"), f"is taken by clients[{taken[client.name]}]")
    listen = build.admin_of(admin, folder).listen_tls
    if listen is None:
        return
    try:
        certificates.server_context(listen)
    except certificates.CertificateError as error:
        document.refuse((*path, *error.path), error.message)


def upstreams_can_be_verified(
    routes: Mapping[int, schema.RouteSection], folder: Path, document: Document
) -> None:
    """What is said about TLS is about ``https://`` upstreams, and its files can be used."""
    for at, route in routes.items():
        tls = route.upstream_tls
        if tls is None:
            continue
        path: Path_ = ("routes", at, "upstreamTls")
        if not any(upstream.tls for upstream in route.upstreams or ()):
            document.refuse(path, "needs an https:// upstream")
        if (tls.certificate is None) != (tls.key is None):
            document.refuse(path, "certificate and key go together")
            continue
        if not tls.verify and tls.ca is not None:
            document.refuse((*path, "ca"), "contradicts verify: false")
        try:
            certificates.client_context(build.upstream_tls_of(tls, folder))
        except certificates.CertificateError as error:
            document.refuse((*path, *error.path), error.message)
