"""The section of the port that answers other proxies."""

from typing import Annotated, Literal

from pydantic import Field

from quotad.config import fields as kind
from quotad.config.section import Section
from quotad.config.tls_schema import ListenTlsSection

HeaderName = Annotated[
    str,
    kind.Matches(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}", "must be the name of a header field"),
]


class AskedHeadersSection(Section):
    """Header fields that name the request that is asked about, where the shape's own do not fit."""

    method: HeaderName | None = None
    """Its method; absent: the shape's."""
    uri: HeaderName | None = None
    """Its target, or its whole URL; absent: the shape's."""
    host: HeaderName | None = None
    """Its Host; absent: the shape's."""


class AuthorizeSection(Section):
    """The port on which other proxies ask whether a request may pass; without this section there is none."""

    address: kind.ListenAddress
    """host:port; beyond loopback only with proxies."""
    shape: Literal["nginx", "caddy", "traefik", "envoy"]
    """How the proxy asks: which fields name the request, and which refusals it understands."""
    headers: AskedHeadersSection = Field(default_factory=AskedHeadersSection)
    """Other names than the shape's; not with envoy, which asks in the request's own words."""
    proxies: Annotated[list[kind.Network], Field(min_length=1, max_length=1000)] | None = None
    """Networks (CIDR) from which proxies may ask; absent: this machine."""
    token: kind.Token | None = None
    """Sent by the proxy as X-Quotad-Token; best given as ${VAR} or file:."""
    conditional: Literal["count", "settle"] = "count"
    """Plans with quotaCondition: count each admission, or hold it until the proxy tells the status."""
    settle_ms: kind.DurationMs = 60_000
    """How long a status is waited for; then the request is counted."""
    tls: ListenTlsSection | None = None
    """Absent: plain HTTP."""
