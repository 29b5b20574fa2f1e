"""What a process was told to do: inert frozen values, every default and derived number in place."""

from dataclasses import field
from ipaddress import ip_address
from pathlib import Path
from typing import Literal

from quotad.config.admin_model import AdminKeyPair, AdminTls
from quotad.config.health_model import HealthRules, RetryRules
from quotad.config.tenant import UNLIMITED, Limits
from quotad.core.plans import Environment
from quotad.core.table import PlanTable
from quotad.frozen import frozen


@frozen
class Address:
    """A TCP address to listen on; port 0 lets the system choose."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


@frozen
class UpstreamAddress:
    """Where a backend listens: TCP, or a unix socket when ``path`` is set."""

    host: str
    port: int
    path: str = ""
    tls: bool = False

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        # RFC 3986, section 3.2.2: the colons of an IPv6 address are told from the port's.
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@frozen
class UpstreamTls:
    """How a route's ``https://`` upstreams are spoken to."""

    ca: Path | None = None
    """Whose certificates are trusted; None: the system's authorities."""
    server_name: str = ""
    """Asked for and verified; empty: the upstream's host."""
    certificate: Path | None = None
    """Ours, for upstreams that ask for one; with ``key``."""
    key: Path | None = None
    verify: bool = True


@frozen
class NamedCertificate:
    """A certificate for callers who ask for one of ``names``."""

    names: tuple[str, ...]
    """Lower case; ``*.`` in front stands for one label."""
    certificate: Path
    key: Path


@frozen
class ListenTls:
    """TLS on the callers' port, or on that of other proxies."""

    certificate: Path
    """PEM, with what leads to the authority."""
    key: Path
    minimum: Literal["1.2", "1.3"] = "1.2"
    certificates: tuple[NamedCertificate, ...] = ()
    """By the name that a caller asks for (SNI); the first certificate for all others."""
    client_ca: Path | None = None
    client_certificates: Literal["off", "optional", "required"] = "off"
    handshake_timeout_s: float = 10.0
    max_handshakes: int = 512
    """Connections of a process in their handshake; more are closed."""


@frozen
class AuthFailureRule:
    """How often one address may fail to say who it is."""

    per_minute: int = 30
    burst: int = 30


@frozen
class Listen:
    """The callers' port and its bounds."""

    address: Address
    head_bytes: int = 32 * 1024
    """Largest message head, start-line included (431; 414 when the target alone is too long)."""
    target_bytes: int = 16 * 1024
    header_count: int = 128
    head_timeout_s: float = 10.0
    """From a request's first byte to its complete head (408)."""
    idle_timeout_s: float = 75.0
    """A kept-alive connection without a request."""
    body_idle_timeout_s: float = 30.0
    """Without a byte moving while a body is owed or an answer cannot be written."""
    drain_s: float = 25.0
    """After SIGTERM: how long requests in flight may go on."""
    max_tunnels: int = 10_000
    """Of one process; requests that offer an upgrade beyond are 503."""
    tls: ListenTls | None = None
    """None: plain HTTP."""
    trusted_proxies: tuple[str, ...] = ()
    """Networks whose word about who is behind them is believed."""
    trusted_header: Literal["x-forwarded", "forwarded"] = "x-forwarded"
    """Which family of fields is believed of them."""
    proxy_protocol: bool = False
    """Each connection begins with a PROXY header; from trusted proxies only, where some are named."""
    body_bytes_per_s: int = 100
    """How fast a body must come, and an answer be taken, on average; 0: no bound."""
    max_connections: int = 0
    """Of a process; 0: what its descriptors allow."""
    max_connections_per_address: int = 0
    """Of them from one address, or one /64; 0: no bound."""
    auth_failures: AuthFailureRule | None = None
    """None: addresses may fail as often as they like."""


@frozen
class Authorize:
    """The port on which other proxies ask whether a request may pass."""

    address: Address
    shape: Literal["nginx", "caddy", "traefik", "envoy"]
    method_header: str = ""
    """Lower case, as the other two; empty: the asking request's own method, target, Host."""
    uri_header: str = ""
    host_header: str = ""
    proxies: tuple[str, ...] = ("127.0.0.0/8", "::1/128")
    """Networks whose word is believed; nobody else may ask."""
    token: str = field(default="", repr=False)
    """Asked for too; empty: none is."""
    settles: bool = False
    """Whether what a ``quota_condition`` is about is held until the proxy tells the status."""
    settle_s: float = 60.0
    """How long it is held."""
    tls: ListenTls | None = None
    """None: plain HTTP."""


@frozen
class SignatureRules:
    """What a strong signature must be like (``authentication.signatureRules`` of a route)."""

    covered: tuple[str, ...] = ("@method", "@authority", "@path", "@query", "content-digest")
    """Components that must be covered; ``content-digest`` only where there is a body."""
    max_age_s: float = 300.0
    """How long after ``created`` a signature is good, whatever ``expires`` says."""
    skew_s: float = 60.0
    """By how much clocks may differ."""
    replay: Literal["off", "process", "fleet"] = "process"
    """Over whom a nonce is good for one request only."""
    check_body_bytes: int = 16 * 1024
    """Bodies of a known length up to this are checked before anything goes on."""

    @property
    def keep_s(self) -> float:
        """How long a nonce is remembered: longer than any clock within the skew takes its signature."""
        return self.max_age_s + 3 * self.skew_s


@frozen
class AuthRules:
    """How callers of a route may say who they are (``authentication`` of a route)."""

    hmac: bool = True
    key_pair: bool = True
    basic: bool = True
    check_date: bool = True
    distinct_refusals: bool = False
    pass_credentials: bool = False
    """True: authentication headers go on to the backend."""
    signature: bool = True
    """The strong signature (RFC 9421)."""
    signature_rules: SignatureRules = SignatureRules()


@frozen
class Route:
    """Which service and environment a host and path prefix belong to, and where its backend is."""

    host: str
    """Lower case, without port; empty matches every host."""
    path_prefix: str
    """Starts with ``/``; matches whole segments."""
    service_id: str
    environment: Environment
    upstreams: tuple[UpstreamAddress, ...]
    strip_prefix: bool = False
    auth: AuthRules = AuthRules()
    preflight_pass: bool = False
    limit_headers: bool = True
    host_header: Literal["keep", "upstream"] = "keep"
    body_bytes: int = 0
    """Largest request body; 0: no bound (413)."""
    connect_timeout_s: float = 3.0
    """To the upstream (504)."""
    response_timeout_s: float = 60.0
    """From the request's end to the upstream's response head (504)."""
    stream_idle_s: float = 60.0
    """From one piece of an answer's body to the next."""
    tunnel_idle_s: float = 300.0
    """Without a byte either way after a 101."""
    upgrades: tuple[str, ...] | None = None
    """Protocols that may be offered to a backend, lower case; None: all but those that carry HTTP."""
    pool_connections: int = 128
    """Connections to one upstream; requests beyond wait in line."""
    pool_idle_s: float = 60.0
    upstream_tls: UpstreamTls = UpstreamTls()
    balance: Literal["round-robin", "least-requests"] = "round-robin"
    queue_requests: int | None = None
    """How many wait for one upstream (503); None: as many as ``pool_connections``."""
    queue_timeout_s: float | None = None
    """How long one waits there (503); None: ``connect_timeout_s``."""
    dns_refresh_s: float = 30.0
    """How long the addresses of an upstream's name are believed."""
    retry: RetryRules = field(default_factory=RetryRules)
    health: HealthRules = field(default_factory=HealthRules)


@frozen
class EmbeddedStore:
    """A private server of this machine's own."""

    directory: Path


@frozen
class StoreConfig:
    """Where counters live. Exactly one of ``url`` and ``embedded`` is set."""

    url: str = field(default="", repr=False)
    """``redis://``, ``rediss://`` or ``unix://``; ``redis+sentinel://host:port,host:port/master-name``
    or ``redis+cluster://host:port,host:port`` (``rediss+...`` over TLS). May carry a password, so never
    shown."""
    embedded: EmbeddedStore | None = None
    namespace: str = "quotad"
    deadline_s: float = 0.050
    hold_s: float = 60.0
    """How long a silent process's Holds stay before they are settled by ``onCrash``."""
    max_waiting: int = 10_000
    """Requests that may wait for the store; beyond: 503."""
    allow_eviction: bool = False
    password_file: Path | None = None
    """Holds the password; read again at each connect, so that it can change without a restart."""
    sentinel_password_file: Path | None = None
    min_replicas: int = 0
    """An answer counts only once this many replicas have it (``WAIT``)."""
    journal: Path | None = None
    """A folder for what was admitted while the store was away."""
    secret_usage: bool = False
    """Whether use is also kept by Secret where several Secrets share a plan's counters."""


@frozen
class Telemetry:
    """The port for probes and metrics, and the access log."""

    address: Address | None
    access_log: str = "-"
    """``-`` standard output, a file's path, or empty for none."""
    access_log_one_in: int = 1
    """Of so many requests that were answered below 400 one has a line."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"


@frozen
class Tracing:
    """OpenTelemetry spans."""

    endpoint: str
    """OTLP over HTTP."""
    follow: bool = True
    """Whether requests are recorded whose sender records them."""
    one_in: int = 0
    """Of so many requests without a trace one begins one; 0: none."""


@frozen
class Admin:
    """The management port."""

    address: Address
    token: str = field(default="", repr=False)
    """Bearer token; empty: there is none but those of the control records."""
    audit_log: Path | None = None
    """The file that says who changed what; None: nothing may be changed."""
    tls: AdminTls | None = None
    """None: plain HTTP."""
    hosts: tuple[str, ...] = ()
    """Names under which it is reached beside its address, lower case; ``*.`` stands for one label."""
    key_pairs: tuple[AdminKeyPair, ...] = ()
    """Each id once."""
    console: bool = True
    """Whether the web console is served there."""
    session_s: float = 28_800.0
    """How long a browser stays signed in."""
    unauthenticated: bool = False
    """Whether nobody need prove anything; only on loopback, when the file asks for it."""
    access_log: str = ""
    """``-`` standard output, a file's path, or empty for none."""
    access_log_one_in: int = 1
    """Of so many requests that were answered below 400 one has a line."""
    webhook_networks: tuple[str, ...] = ()
    webhook_ca: Path | None = None
    """Where receivers of webhooks may be beside public addresses; who vouches for them, else the system."""

    @property
    def requires_certificates(self) -> bool:
        """Whether nobody gets in without a certificate."""
        return not self.token and self.tls is not None and bool(self.tls.clients)

    @property
    def listen_tls(self) -> ListenTls | None:
        """Certificates are asked for where they say something, and needed where nothing else does."""
        tls = self.tls
        if tls is None:
            return None
        shown: Literal["off", "optional", "required"] = "optional" if tls.clients else "off"
        if self.requires_certificates:
            shown = "required"
        return ListenTls(tls.certificate, tls.key, client_ca=tls.client_ca, client_certificates=shown)


@frozen
class MasterKey:
    """A key that seals SecretKeys in the store."""

    key_id: str
    """Stands beside what it sealed."""
    key: bytes = field(repr=False)


@frozen
class Control:
    """Control mode: services, plans, Secrets and bindings are records in the store."""

    master_keys: tuple[MasterKey, ...]
    """The first seals, all of them open."""
    limits: Limits = UNLIMITED


@frozen
class Config:
    """One whole configuration."""

    listen: Listen
    telemetry: Telemetry
    admin: Admin | None
    store: StoreConfig
    routes: tuple[Route, ...]
    table: PlanTable
    workers: int = 1
    """Processes that share the callers' port."""
    supervised: bool = False
    """A supervisor also for one worker."""
    reload: Literal["onSignal", "onChange"] = "onSignal"
    """Whether it is read again when one of its files changes."""
    version: str = ""
    """A digest of what was read, for logs and ``quotad_config_version``."""
    authorize: Authorize | None = None
    """None: no such port."""
    tracing: Tracing | None = None
    """None: no spans."""
    control: Control | None = None
    """None: all is in the file. Else ``table`` is empty, and a route's ``service_id`` may be a name."""
