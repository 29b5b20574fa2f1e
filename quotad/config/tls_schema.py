"""The section about TLS of a port that the data plane listens on."""

from typing import Annotated, Literal

from pydantic import Field

from quotad.config import fields as kind
from quotad.config.section import Section


class NamedCertificateSection(Section):
    """A certificate for clients who ask for one of these names (SNI)."""

    names: Annotated[list[kind.CertificateName], Field(min_length=1, max_length=100)]
    """Host names; *. in front stands for one label."""
    certificate: kind.Text
    """PEM file, with what leads to the authority."""
    key: kind.Text
    """PEM file, without a password."""


class ListenTlsSection(Section):
    """TLS on a port where callers, or proxies that ask, connect; absent: plain HTTP."""

    certificate: kind.Text
    """PEM file, with what leads to the authority; read again at SIGHUP, as all of these files."""
    key: kind.Text
    """PEM file, without a password."""
    minimum: Literal["1.2", "1.3"] = "1.2"
    """Oldest version of TLS."""
    certificates: list[NamedCertificateSection] = Field(default=[])
    """Others, by the name that a client asks for."""
    client_ca: kind.Text | None = None
    """PEM file of the authorities whose certificates clients may show."""
    client_certificates: Literal["off", "optional", "required"] = "off"
    """required: no connection without one; optional: one that is shown must be valid."""
    handshake_timeout_ms: kind.DurationMs = 10_000
    """From the connection to the handshake's end, a PROXY header included."""
    max_handshakes: Annotated[int, Field(ge=1, le=100_000), kind.WHOLE] = 512
    """Connections of a process in their handshake; more are closed."""
