"""Where backends are and how they are used, as values that can be compared."""

from collections.abc import Sequence
from dataclasses import replace
from ssl import SSLContext

from quotad.config.health_model import HealthRules
from quotad.config.model import Route, UpstreamAddress

Key = tuple[object, ...]


class Trust:
    """How backends are spoken to over TLS: what is verified, and what we show."""

    __slots__ = ("context", "digest", "server_name")

    def __init__(self, context: SSLContext, server_name: str, digest: str) -> None:
        self.context = context
        self.server_name = server_name
        """Asked for and verified; empty: the backend's host."""
        self.digest = digest
        """Equal where all of this is equal."""


class Spec:
    """One backend. Equal keys share one ``backend.Backend``."""

    __slots__ = (
        "address",
        "connect_timeout_s",
        "connections",
        "health",
        "idle_s",
        "key",
        "queue",
        "queue_timeout_s",
        "server_name",
        "shown_host",
        "trust",
    )

    def __init__(
        self, address: UpstreamAddress, rule: Route, trust: Trust | None = None, host: str = ""
    ) -> None:
        """``trust``: None for plain HTTP. ``host``: the name whose address this is, if any."""
        self.address = address
        self.connections = rule.pool_connections
        self.idle_s = rule.pool_idle_s
        self.connect_timeout_s = rule.connect_timeout_s
        self.queue = rule.pool_connections if rule.queue_requests is None else rule.queue_requests
        self.queue_timeout_s = (
            rule.connect_timeout_s if rule.queue_timeout_s is None else rule.queue_timeout_s
        )
        self.health: HealthRules = rule.health
        self.trust = trust
        named = replace(address, host=host or address.host)
        self.shown_host = "localhost" if address.path else str(named)
        """What a check says in Host, unless its rules name another."""
        self.server_name = "" if trust is None else trust.server_name or named.host
        self.key: Key = (
            (address, self.connections, self.idle_s, self.connect_timeout_s, self.queue),
            (self.queue_timeout_s, self.health, self.shown_host if self.health.check else ""),
            None if trust is None else (self.server_name, trust.digest),
        )


class FleetSpec:
    """The backends of a route. Equal keys share one ``fleet.Fleet``."""

    __slots__ = ("key", "rule", "trust")

    def __init__(self, rule: Route, trust: Trust | None = None) -> None:
        """``trust``: for ``https://`` upstreams."""
        self.rule = rule
        self.trust = trust
        self.key: Key = (
            tuple(self.spec(address).key for address in rule.upstreams),
            (rule.balance, rule.retry, rule.dns_refresh_s),
        )

    def spec(self, address: UpstreamAddress, host: str = "") -> Spec:
        """One of its backends; arguments as those of ``Spec``."""
        return Spec(address, self.rule, self.trust if address.tls else None, host)

    def specs(self, address: UpstreamAddress, found: Sequence[str]) -> list[Spec]:
        """Its backends where an upstream's name has these addresses; the name itself while it has none."""
        if not found:
            return [self.spec(address)]
        return [self.spec(replace(address, host=each), address.host) for each in found]
