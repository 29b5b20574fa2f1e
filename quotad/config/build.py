"""Sections that are each valid -> one Config: what spans several of them, and every number derived."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from quotad.config import auth_schema, schema, service_schema, tls_schema
from quotad.config.admin_model import AdminKeyPair, AdminTls
from quotad.config.health_model import CheckRules, HealthRules, RetryRules
from quotad.config.model import (
    Admin,
    AuthFailureRule,
    Authorize,
    AuthRules,
    Control,
    EmbeddedStore,
    Listen,
    ListenTls,
    NamedCertificate,
    Route,
    SignatureRules,
    StoreConfig,
    Telemetry,
    Tracing,
    UpstreamTls,
)
from quotad.config.tenant import Limits
from quotad.config.upstream_schema import HealthSection
from quotad.core.plans import (
    Api,
    Binding,
    Environment,
    EnvironmentRule,
    LeaseRule,
    Secret,
    Service,
    UsagePlan,
)

if TYPE_CHECKING:
    from quotad.config.admin_schema import AdminSection, AdminTlsSection
    from quotad.config.authorize_schema import AuthorizeSection
    from quotad.config.tracing_schema import TracingSection


def listen_of(section: schema.ListenSection, folder: Path) -> Listen:
    """The callers' port; a relative path starts from the configuration's folder."""
    return Listen(
        address=section.address,
        head_bytes=section.max_head_bytes,
        target_bytes=section.max_target_bytes,
        header_count=section.max_header_count,
        head_timeout_s=section.head_timeout_ms / 1000,
        idle_timeout_s=section.idle_timeout_ms / 1000,
        body_idle_timeout_s=section.body_idle_timeout_ms / 1000,
        body_bytes_per_s=section.min_body_bytes_per_s,
        max_connections=section.max_connections,
        max_connections_per_address=section.max_connections_per_address,
        auth_failures=_auth_failures_of(section.auth_failures),
        drain_s=section.drain_ms / 1000,
        tls=None if section.tls is None else listen_tls_of(section.tls, folder),
        trusted_proxies=tuple(section.trusted_proxies),
        trusted_header=section.trusted_header,
        proxy_protocol=section.proxy_protocol == "required",
        max_tunnels=section.max_tunnels,
    )


def _auth_failures_of(section: schema.AuthFailuresSection | None) -> AuthFailureRule | None:
    return None if section is None else AuthFailureRule(section.per_minute, section.burst)


def listen_tls_of(section: tls_schema.ListenTlsSection, folder: Path) -> ListenTls:
    """TLS on a port; a relative path starts from the configuration's folder."""
    return ListenTls(
        certificate=folder / section.certificate,
        key=folder / section.key,
        minimum=section.minimum,
        certificates=tuple(
            NamedCertificate(tuple(named.names), folder / named.certificate, folder / named.key)
            for named in section.certificates
        ),
        client_ca=_within(folder, section.client_ca),
        client_certificates=section.client_certificates,
        handshake_timeout_s=section.handshake_timeout_ms / 1000,
        max_handshakes=section.max_handshakes,
    )


def upstream_tls_of(section: schema.UpstreamTlsSection | None, folder: Path) -> UpstreamTls:
    """How ``https://`` upstreams are spoken to; a relative path starts from the configuration's folder."""
    if section is None:
        return UpstreamTls()
    return UpstreamTls(
        ca=_within(folder, section.ca),
        server_name=section.server_name or "",
        certificate=_within(folder, section.certificate),
        key=_within(folder, section.key),
        verify=section.verify,
    )


_ASKED = {
    "nginx": ("x-original-method", "x-original-uri", ""),
    "caddy": ("x-forwarded-method", "x-forwarded-uri", "x-forwarded-host"),
    "traefik": ("x-forwarded-method", "x-forwarded-uri", "x-forwarded-host"),
    "envoy": ("", "", ""),
}
"""By shape: the fields with method, target and Host of the request that is asked about."""


def authorize_of(section: "AuthorizeSection", folder: Path) -> Authorize:
    """The port for other proxies; a relative path starts from the configuration's folder."""
    named = section.headers
    method, uri, host = (
        default if name is None else name.lower()
        for name, default in zip((named.method, named.uri, named.host), _ASKED[section.shape], strict=True)
    )
    plain = Authorize(section.address, section.shape)
    return Authorize(
        section.address,
        section.shape,
        method,
        uri,
        host,
        plain.proxies if section.proxies is None else tuple(section.proxies),
        section.token or "",
        section.conditional == "settle",
        section.settle_ms / 1000,
        None if section.tls is None else listen_tls_of(section.tls, folder),
    )


def tracing_of(section: "TracingSection") -> Tracing:
    """Spans."""
    return Tracing(section.endpoint, section.follow, section.one_in)


def telemetry_of(section: schema.TelemetrySection, folder: Path) -> Telemetry:
    """Probes, metrics, access log; a relative path starts from the configuration's folder."""
    return Telemetry(
        section.address,
        _log_of(section.access_log, folder),
        section.access_log_one_in,
        section.log_level,
    )


def _log_of(target: str, folder: Path) -> str:
    return target if target in ("", "-") else str(folder / target)


def admin_of(section: "AdminSection", folder: Path) -> Admin:
    """The management port; a relative path starts from the configuration's folder."""
    return Admin(
        section.address,
        section.token or "",
        folder / section.audit_log,
        None if section.tls is None else admin_tls_of(section.tls, folder),
        tuple(section.hosts),
        tuple(
            AdminKeyPair(pair.name, pair.role, pair.secret_id, pair.secret_key.encode("ascii"))
            for pair in section.key_pairs
        ),
        section.console,
        section.session_ms / 1000,
        section.unauthenticated_loopback,
        _log_of(section.access_log, folder),
        section.access_log_one_in,
        tuple(section.webhooks.networks),
        _within(folder, section.webhooks.ca),
    )


def admin_tls_of(section: "AdminTlsSection", folder: Path) -> AdminTls:
    """TLS on the management port; a relative path starts from the configuration's folder."""
    return AdminTls(
        folder / section.certificate,
        folder / section.key,
        _within(folder, section.client_ca),
        tuple((client.name, client.role) for client in section.clients),
    )


def store_of(section: schema.StoreSection, folder: Path) -> StoreConfig:
    """Where counters live; a relative path starts from the configuration's folder.

    An embedded server's journal lies in its data folder unless the file says otherwise.
    """
    embedded = EmbeddedStore(folder / section.embedded.dir) if section.embedded else None
    journal = _within(folder, section.journal)
    if journal is None and embedded is not None:
        journal = embedded.directory / "journal"
    return StoreConfig(
        url=section.url or "",
        embedded=embedded,
        namespace=section.namespace,
        deadline_s=section.deadline_ms / 1000,
        hold_s=section.hold_ms / 1000,
        max_waiting=section.max_waiting,
        allow_eviction=section.allow_eviction,
        password_file=_within(folder, section.password_file),
        sentinel_password_file=_within(folder, section.sentinel_password_file),
        min_replicas=section.min_replicas,
        journal=journal,
        secret_usage=section.secret_usage,
    )


def control_of(section: schema.ControlSection) -> Control:
    """Control mode."""
    limits = {name: most or 0 for name, most in section.limits}
    return Control(section.master_keys, Limits(**limits))


def _within(folder: Path, name: str | None) -> Path | None:
    return None if name is None else folder / name


def route_of(section: schema.RouteSection, service_id: str, folder: Path) -> Route:
    """A route whose service was found; a relative path starts from the configuration's folder."""
    auth = section.authentication
    return Route(
        host=section.host,
        path_prefix=section.path_prefix,
        service_id=service_id,
        environment=section.environment,
        upstreams=tuple(section.upstreams or ()),
        strip_prefix=section.strip_prefix,
        auth=AuthRules(
            hmac=auth.hmac,
            key_pair=auth.key_pair,
            basic=auth.basic,
            check_date=auth.check_date,
            distinct_refusals=auth.distinct_refusals,
            pass_credentials=auth.pass_credentials,
            signature=auth.signature,
            signature_rules=signature_rules_of(auth.signature_rules),
        ),
        preflight_pass=section.preflight == "pass",
        limit_headers=section.limit_headers,
        host_header=section.host_header,
        body_bytes=section.max_body_bytes,
        connect_timeout_s=section.connect_timeout_ms / 1000,
        response_timeout_s=section.response_timeout_ms / 1000,
        stream_idle_s=section.stream_idle_ms / 1000,
        tunnel_idle_s=section.tunnel_idle_ms / 1000,
        upgrades=None if section.upgrades is None else tuple(name.lower() for name in section.upgrades),
        pool_connections=section.pool_connections,
        pool_idle_s=section.pool_idle_ms / 1000,
        upstream_tls=upstream_tls_of(section.upstream_tls, folder),
        balance=section.balance,
        queue_requests=section.queue_requests,
        queue_timeout_s=None if section.queue_timeout_ms is None else section.queue_timeout_ms / 1000,
        dns_refresh_s=section.dns_refresh_ms / 1000,
        retry=RetryRules(section.retry.most, section.retry.budget_percent),
        health=health_of(section.health),
    )


def health_of(section: HealthSection) -> HealthRules:
    """When an upstream gets no requests."""
    check = section.check
    return HealthRules(
        failures=section.failures,
        ejection_s=section.ejection_ms / 1000,
        max_ejection_s=section.max_ejection_ms / 1000,
        return_s=section.return_ms / 1000,
        panic_percent=section.panic_percent,
        check=None
        if check is None
        else CheckRules(
            path=check.path,
            host=check.host or "",
            interval_s=check.interval_ms / 1000,
            timeout_s=check.timeout_ms / 1000,
            statuses=check.expected_status,
            rise=check.rise,
            fall=check.fall,
        ),
    )


def signature_rules_of(section: auth_schema.SignatureRulesSection) -> SignatureRules:
    """What a strong signature must be like."""
    return SignatureRules(
        covered=tuple(section.covered),
        max_age_s=section.max_age_ms / 1000,
        skew_s=section.skew_ms / 1000,
        replay=section.replay,
        check_body_bytes=section.check_body_bytes,
    )


def service_of(section: service_schema.ServiceSection) -> Service:
    """A service; each environment once, in the order given."""
    rules = (environment_rule_of(place, section.throttle) for place in section.environments)
    return Service(
        section.service_id,
        section.service_name or section.service_id,
        section.service_desc,
        tuple(dict.fromkeys(place.environment for place in section.environments)),
        tuple(rule for rule in dict.fromkeys(rules) if rule != EnvironmentRule(rule.environment)),
        tuple(api_of(api, [place.environment for place in section.environments]) for api in section.apis),
    )


def api_of(section: service_schema.ApiSection, published: Iterable[Environment]) -> Api:
    """An Api; its own throttle is that of each environment in which nothing else is said."""
    said = {place.environment: place.throttle for place in section.environments}
    found = {environment: said.get(environment, section.throttle) for environment in published}
    rules = tuple(
        EnvironmentRule(environment, throttle.rate_rps, throttle.bucket, throttle.version)
        for environment, throttle in found.items()
        if throttle is not None
    )
    return Api(section.api_id, section.api_name or section.api_id, section.method, section.path, rules)


def environment_rule_of(
    section: service_schema.ServiceEnvironmentSection, throttle: service_schema.ThrottleSection | None
) -> EnvironmentRule:
    """What holds in an environment; ``throttle``: the service's, where it has none of its own."""
    throttle = section.throttle or throttle
    default = section.default_plan or ""
    if throttle is None:
        return EnvironmentRule(section.environment, default_plan_id=default)
    return EnvironmentRule(
        section.environment, throttle.rate_rps, throttle.bucket, throttle.version, default_plan_id=default
    )


def plan_of(section: schema.PlanSection) -> UsagePlan:
    """A plan; the burst is the rate unless the plan says otherwise."""
    lease = section.lease
    return UsagePlan(
        usage_plan_id=section.usage_plan_id,
        usage_plan_name=section.usage_plan_name or section.usage_plan_id,
        usage_plan_desc=section.usage_plan_desc,
        rate_rps=section.rate_rps,
        burst=section.bucket,
        day_quota_request=section.day_quota_request,
        month_quota_request=section.month_quota_request,
        max_request_num=section.max_request_num,
        quota_condition=frozenset(section.quota_condition or ()),
        soft_quotas=section.on_breach,
        scope=section.scope,
        timezone=section.timezone,
        month_anchor_day=section.month_anchor_day,
        on_store_failure=section.on_store_failure,
        on_crash=section.on_crash,
        lease=None if lease is None else LeaseRule(lease.max_units, lease.ttl_ms),
        first_period_offset=section.first_period_offset or 0,
        starts_on=section.starts_on,
        disabled=section.disabled,
        version=section.version,
    )


def secret_of(section: schema.SecretSection) -> Secret:
    """A key pair."""
    return Secret(
        section.secret_name or section.secret_id,
        section.secret_id,
        section.secret_key.encode("ascii"),
        section.enabled,
        section.expires_at,
        (section.secondary_key or "").encode("ascii"),
        secret_desc=section.secret_desc,
    )


def bindings_of(section: schema.BindingSection, service_ids: list[str]) -> Iterator[Binding]:
    """What a binding says whose services were found, in the order of its environments.

    One of all environments that are whole, and one for each of which single Apis are named.
    """
    pairs = list(zip(service_ids, section.environments, strict=True))
    plan_id, secret_ids = section.usage_plan_id, tuple(section.secret_ids)
    whole = tuple((service_id, bound.environment) for service_id, bound in pairs if bound.apis is None)
    if whole or not pairs:
        yield Binding(plan_id, secret_ids, whole, section.shadow)
    for service_id, bound in pairs:
        if bound.apis is not None:
            place = (service_id, bound.environment)
            yield Binding(plan_id, secret_ids, (place,), section.shadow, tuple(dict.fromkeys(bound.apis)))
