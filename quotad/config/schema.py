"""The sections that most files have, as pydantic reads them: names, ranges, defaults, nothing that spans two.

Unknown fields are refused. Numbers and true/false are strict: ``"5"`` and ``yes`` are neither. A
docstring is a field's description in the JSON Schema.
"""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from quotad.config import fields as kind
from quotad.config.auth_schema import AuthenticationSection
from quotad.config.choices import EnvironmentName, OnBreach, OnStoreFailure, StatusClasses
from quotad.config.section import Section
from quotad.config.tls_schema import ListenTlsSection
from quotad.config.upstream_schema import HealthSection, RetrySection
from quotad.core.plans import UNLIMITED


class AuthFailuresSection(Section):
    """How often one client address, or one /64, may fail to say who it is; absent: as often as it likes."""

    per_minute: Annotated[int, Field(ge=1, le=60_000), kind.WHOLE] = 30
    """Failures that come back each minute."""
    burst: Annotated[int, Field(ge=1, le=60_000), kind.WHOLE] = 30
    """Failures at once; then each request from that address is answered 429 until one has come back."""


class ListenSection(Section):
    """The callers' port and its bounds."""

    address: kind.ListenAddress = Field(default="127.0.0.1:8080", validate_default=True)
    """host:port; :port is all interfaces; port 0 lets the system choose."""
    max_head_bytes: Annotated[int, Field(ge=1024, le=1_048_576), kind.WHOLE] = 32 * 1024
    """Largest request head, request line included."""
    max_target_bytes: Annotated[int, Field(ge=256, le=1_048_576), kind.WHOLE] = 16 * 1024
    """Longest request target."""
    max_header_count: Annotated[int, Field(ge=8, le=10_000), kind.WHOLE] = 128
    """Most header fields in one head."""
    head_timeout_ms: kind.DurationMs = 10_000
    """From a request's first byte to its complete head."""
    idle_timeout_ms: kind.DurationMs = 75_000
    """How long a kept-alive connection may stay without a request."""
    body_idle_timeout_ms: kind.DurationMs = 30_000
    """How long no byte may move while a body is owed or an answer cannot be written."""
    min_body_bytes_per_s: Annotated[int, Field(ge=0, le=1_000_000), kind.WHOLE] = 100
    """How fast a body must come, and an answer be taken, on average; 0: no bound."""
    max_connections: Annotated[int, Field(ge=0, le=10_000_000), kind.WHOLE] = 0
    """Connections of a process; 0: what its file descriptors allow, at most 65,536."""
    max_connections_per_address: Annotated[int, Field(ge=0, le=10_000_000), kind.WHOLE] = 0
    """Of them from one client address, or one /64; more are closed; 0: no bound."""
    auth_failures: AuthFailuresSection | None = None
    """Slows who guesses credentials."""
    drain_ms: kind.DurationMs = 25_000
    """How long requests in flight and tunnels may go on after SIGTERM."""
    max_tunnels: Annotated[int, Field(ge=0, le=1_000_000), kind.WHOLE] = 10_000
    """Upgraded connections (WebSocket) of one process; beyond, who asks for one gets 503."""
    tls: ListenTlsSection | None = None
    """Absent: plain HTTP."""
    trusted_proxies: Annotated[list[kind.Network], Field(max_length=1000)] = Field(default=[])
    """Networks (CIDR) whose word about who is behind them is believed."""
    trusted_header: Literal["x-forwarded", "forwarded"] = "x-forwarded"
    """What is believed of them: X-Forwarded-For, -Proto and -Host, or Forwarded; never both."""
    proxy_protocol: Literal["off", "required"] = "off"
    """required: each connection begins with a PROXY header, version 1 or 2."""


class TelemetrySection(Section):
    """Probes, metrics, access log."""

    address: kind.ListenAddress | None = None
    """host:port of /metrics, /healthz and /readyz; absent: no such port."""
    access_log: Annotated[str, kind.Matches(r"[^\x00]{0,1024}", "must be at most 1024 characters")] = "-"
    """- is standard output; else a file's path, from the configuration's folder; empty: none."""
    access_log_one_in: Annotated[int, Field(ge=1, le=1_000_000), kind.WHOLE] = 1
    """Of so many requests that were answered below 400 one has a line; all others have theirs."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """What is written to standard error."""


class EmbeddedSection(Section):
    """A private server of this machine's own: its limits hold for this machine only."""

    dir: kind.Text
    """Data folder, from the configuration's folder."""


class StoreSection(Section):
    """Where counters live: exactly one of url and embedded."""

    url: kind.StoreUrl | None = None
    """redis://, rediss://, unix://, redis+sentinel:// or redis+cluster:// that all sidecars share."""
    embedded: EmbeddedSection | None = None
    """A private server, for one machine."""
    namespace: kind.Namespace = "quotad"
    """Prefix of every key."""
    deadline_ms: Annotated[int, Field(ge=1, le=60_000), kind.WHOLE] = 50
    """How long a decision may take before onStoreFailure applies."""
    hold_ms: Annotated[int, Field(ge=1000, le=3_600_000), kind.WHOLE] = 60_000
    """How long a silent process's Holds stay before onCrash settles them."""
    max_waiting: Annotated[int, Field(ge=1, le=1_000_000), kind.WHOLE] = 10_000
    """Requests that may wait for the store; more are answered 503."""
    allow_eviction: kind.Flag = False
    """true: start although the server may evict keys, which forgets counters."""
    password_file: kind.Text | None = None
    """File with the password, read at each connect; a relative one from the configuration's folder."""
    sentinel_password_file: kind.Text | None = None
    """The same for the Sentinels themselves."""
    min_replicas: Annotated[int, Field(ge=0, le=10), kind.WHOLE] = 0
    """An answer counts only once this many replicas have it (WAIT)."""
    journal: kind.Text | None = None
    """Folder for what was admitted while the store was away; a plan that says open needs it."""
    secret_usage: kind.Flag = False
    """true: use is also kept by Secret where several Secrets share a plan's counters."""


class LimitsSection(Section):
    """How many there may be of each thing; absent: any number. What is there already stays."""

    services: kind.Count | None = None
    """Of the store."""
    plans: kind.Count | None = None
    """Of the store."""
    secrets: kind.Count | None = None
    """Of the store."""
    secrets_per_plan: kind.Count | None = None
    """Bound to one plan."""
    plans_per_secret: kind.Count | None = None
    """Bound to one Secret."""


class ControlSection(Section):
    """Control mode: services, plans, Secrets and bindings live in the store, and stand in no file."""

    master_keys: kind.MasterKeys
    """ID:KEY (32 bytes in base64), several on lines of their own; the first seals. file: or ${VAR} only."""
    limits: LimitsSection = Field(default_factory=LimitsSection)
    """How many there may be of each thing."""


class UpstreamTlsSection(Section):
    """How https:// upstreams are spoken to."""

    ca: kind.Text | None = None
    """PEM file of the authorities that are trusted; absent: the system's."""
    server_name: kind.ServerName | None = None
    """Name that is asked for and verified; absent: the upstream's host."""
    certificate: kind.Text | None = None
    """PEM file that says who we are; goes with key."""
    key: kind.Text | None = None
    """PEM file, without a password."""
    verify: kind.Flag = True
    """false: whoever answers is believed. For tests only."""


class RouteSection(Section):
    """Which service and environment a host and path prefix belong to, and where its backend is."""

    host: kind.Host = ""
    """Host name without port; absent: every host."""
    path_prefix: kind.PathPrefix = "/"
    """Matches whole segments."""
    service: kind.Text
    """A service's id, or its name where no other service has it."""
    environment: EnvironmentName
    """release, prepub or test."""
    upstreams: Annotated[list[kind.Upstream], Field(min_length=1, max_length=64)] | None = None
    """http://host:port, https://host:port or unix:/path of each backend; absent: only authorize answers."""
    upstream_tls: UpstreamTlsSection | None = None
    """For https:// upstreams; absent: verified by the system's authorities."""
    strip_prefix: kind.Flag = False
    """true: the backend does not see the prefix."""
    authentication: AuthenticationSection = Field(default_factory=AuthenticationSection)
    """How callers may say who they are."""
    preflight: Literal["authenticate", "pass"] = "authenticate"
    """pass: a CORS preflight without credentials goes through uncounted."""
    limit_headers: kind.Flag = True
    """false: answers do not tell limits."""
    host_header: Literal["keep", "upstream"] = "keep"
    """keep: the backend sees the caller's Host; upstream: its own address."""
    max_body_bytes: Annotated[int, Field(ge=0, le=kind.MAX_QUOTA), kind.WHOLE] = 0
    """Largest request body; 0: no bound."""
    connect_timeout_ms: kind.DurationMs = 3_000
    """To open a connection to the backend."""
    response_timeout_ms: kind.DurationMs = 60_000
    """From the request's end to the head of the backend's answer."""
    stream_idle_ms: kind.DurationMs = 60_000
    """From one piece of an answer's body to the next; a stream that is silent for longer is cut."""
    tunnel_idle_ms: kind.DurationMs = 300_000
    """Without a byte either way after an upgrade; then the tunnel is closed."""
    upgrades: Annotated[list[kind.Protocol], Field(max_length=32)] | None = None
    """Protocols that callers may upgrade to; absent: all but those that carry HTTP; []: none."""
    pool_connections: Annotated[int, Field(ge=1, le=65_535), kind.WHOLE] = 128
    """Connections to one backend."""
    pool_idle_ms: kind.DurationMs = 60_000
    """How long an idle connection to the backend is kept."""
    queue_requests: Annotated[int, Field(ge=0, le=1_000_000), kind.WHOLE] | None = None
    """Requests that may wait for a connection to one backend; absent: as many as poolConnections."""
    queue_timeout_ms: kind.DurationMs | None = None
    """How long one may wait there; absent: connectTimeoutMs."""
    balance: Literal["round-robin", "least-requests"] = "round-robin"
    """Which backend is next: in turn, or of the one whose turn it is and one at random the less busy."""
    dns_refresh_ms: Annotated[int, Field(ge=1_000, le=86_400_000), kind.WHOLE] = 30_000
    """How long the addresses of a backend's name are believed at most."""
    retry: RetrySection = Field(default_factory=RetrySection)
    """What becomes of requests that a backend did not answer."""
    health: HealthSection = Field(default_factory=HealthSection)
    """When backends are left out, and how they come back."""


class LeaseSection(Section):
    """Units that a process takes ahead, to spend them without asking the store."""

    max_units: Annotated[int, Field(ge=1, le=1_000_000, alias="max"), kind.WHOLE]
    """Most units that one process holds at a time."""
    ttl_ms: Annotated[int, Field(ge=100, le=3_600_000), kind.WHOLE] = 1_000
    """How long a Lease lasts unless it is renewed."""


class PlanSection(Section):
    """The limits of one product, in requests: -1 or absent is unlimited, 0 is nothing."""

    model_config = ConfigDict(
        json_schema_extra={
            "dependentRequired": {
                "firstPeriodOffset": ["startsOn", "monthQuotaRequest"],
                "startsOn": ["firstPeriodOffset"],
            }
        }
    )

    usage_plan_id: kind.Id
    """Names its counters: a new name keeps them, a new id does not."""
    usage_plan_name: kind.Name | None = None
    """Absent: the id."""
    usage_plan_desc: kind.Description = ""
    """For people."""
    rate_rps: kind.Rate = -1
    """Requests a second."""
    burst: kind.Rate | None = None
    """Requests at one instant; absent or -1: as many as rateRps."""
    day_quota_request: kind.Quota = -1
    """Requests a calendar day."""
    month_quota_request: kind.Quota = -1
    """Requests a calendar month."""
    max_request_num: kind.Quota = -1
    """Requests in all, ever."""
    quota_condition: StatusClasses | None = None
    """Only answers of these classes use quota: one or several of 2xx 3xx 4xx 5xx others."""
    on_breach: OnBreach = Field(default="deny", validate_default=True)
    """Beyond a quota: deny, allow (counted as overage), or {allow: [...]}: some of day, month, total."""
    scope: Literal["plan", "secret"] = "plan"
    """plan: all Secrets of the plan eat one quota; secret: each has its own."""
    timezone: kind.Zone = "UTC"
    """IANA zone in which days and months begin."""
    month_anchor_day: Annotated[int, Field(ge=1, le=31), kind.WHOLE] = 1
    """Day on which a month begins; the last day where a month is shorter."""
    first_period_offset: Annotated[int, Field(ge=0, le=kind.MAX_QUOTA), kind.WHOLE] | None = None
    """Requests by which monthQuotaRequest is smaller in the month that contains startsOn."""
    starts_on: kind.Day | None = None
    """YYYY-MM-DD in the plan's time zone: its first day, for firstPeriodOffset."""
    lease: LeaseSection | None = None
    """Take units ahead, so that most requests need no call to the store; absent: each is decided there."""
    on_store_failure: OnStoreFailure = Field(default="closed", validate_default=True)
    """While the store does not answer: closed (503), {open: {budget: n}} or {local: {units: n}}."""
    on_crash: Literal["charge", "release"] = "charge"
    """What becomes of the Holds of a process that died."""
    disabled: kind.Flag = False
    """true: its callers get 403."""
    version: Annotated[int, Field(ge=0, le=kind.MAX_QUOTA), kind.WHOLE] = 0
    """Of two sidecars with different versions the higher one's limits bind."""

    @property
    def bucket(self) -> int:
        """The burst in force: as many as ``rateRps`` unless the plan gives a number of its own."""
        return self.rate_rps if self.burst is None or self.burst == UNLIMITED else self.burst


class SecretSection(Section):
    """A caller's key pair."""

    secret_name: kind.SecretName | None = None
    """Absent: the id."""
    secret_id: kind.SecretId
    """5 to 50 characters."""
    secret_key: kind.SecretKey
    """10 to 50 characters; best given as ${VAR} or file:."""
    secondary_key: kind.SecretKey | None = None
    """A second key, as good as the other: to replace one while callers use the other."""
    secret_desc: kind.Description = ""
    """For people."""
    enabled: kind.Flag = True
    """false: refused like an unknown one."""
    expires_at: kind.Expiry | None = None
    """RFC 3339; from then on refused like an unknown one."""


class BoundEnvironment(Section):
    """One environment of one service."""

    service: kind.Text
    """A service's id, or its name where no other service has it."""
    environment: EnvironmentName
    """release, prepub or test."""
    apis: Annotated[list[kind.ApiId], Field(min_length=1)] | None = None
    """Ids of single Apis of the service; absent: all that is called there."""


class BindingSection(Section):
    """Gives callers a plan in some environments."""

    usage_plan_id: kind.Id
    """The plan."""
    secret_ids: list[kind.SecretId]
    """Its callers; []: nobody yet."""
    environments: list[BoundEnvironment]
    """Where they may call; []: nowhere yet."""
    shadow: kind.Flag = False
    """true: the plan is computed and reported, and denies nobody."""


class Processes(Section):
    """What a file says beside its sections."""

    workers: Annotated[int, Field(ge=1, le=256), kind.WHOLE] = 1
    """Processes that share the callers' port."""
    supervised: kind.Flag = False
    """true: a supervisor also for one worker, so that SIGUSR2 can swap it."""
    reload: Literal["onSignal", "onChange"] = "onSignal"
    """onChange: read again when a file of the configuration changes, also without SIGHUP."""
