from datetime import date
from pathlib import Path

import pytest

from quotad.config.file import json_schema, load
from quotad.config.health_model import CheckRules, HealthRules, RetryRules
from quotad.config.model import (
    Address,
    AuthFailureRule,
    Authorize,
    AuthRules,
    Config,
    EmbeddedStore,
    Listen,
    SignatureRules,
    StoreConfig,
    Tracing,
    UpstreamAddress,
)
from quotad.core.plans import EnvironmentRule, LeaseRule, StoreFailurePolicy, Webhook
from quotad.errors import ConfigError

HERE = Path(__file__).parent
BUSTED = sorted((HERE / "busted").glob("*.yaml"))
VALID = sorted((HERE / "valid").glob("*.yaml"))

ENVIRON = {
    "QUOTAD_TEST_KEY": "topsecret-key",
    "QUOTAD_TEST_TOKEN": "topsecret-topsecret-topsecret",
    "QUOTAD_TEST_RATE": "100",
    "QUOTAD_TEST_ENABLED": "false",
}


def refused(path: Path) -> str:
    """The problems of a file, its own path shortened to its name."""
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    return str(caught.value).replace(str(path), path.name)


@pytest.mark.parametrize("path", BUSTED, ids=lambda path: path.stem)
def test_busted(path: Path) -> None:
    """Each way to be wrong is refused with exactly the problems beside the file, no key among them."""
    problems = refused(path)
    assert problems == path.with_suffix(".txt").read_text(encoding="utf-8").rstrip("\n")
    assert "topsecret" not in problems


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_valid(path: Path) -> None:
    """What is right is taken, and read twice it is the same version."""
    config = load(path, ENVIRON)
    assert config.version == load(str(path), ENVIRON).version
    assert "topsecret" not in repr(config)
    assert "one-one-one" not in repr([config, config.table.secrets])


def everything() -> Config:
    """The file that uses every field."""
    return load(HERE / "valid/everything.yaml", ENVIRON)


def test_defaults_are_those_of_the_model() -> None:
    """A file that names only its store gets every default that the model states."""
    config = load(HERE / "valid/smallest.yaml", {})
    assert config.listen == Listen(Address("127.0.0.1", 8080))
    assert config.store == StoreConfig(url="redis://127.0.0.1:6379/0")
    assert config.workers == 1
    assert (config.telemetry.address, config.telemetry.access_log, config.admin) == (None, "-", None)
    route = load(HERE / "valid/twenty_lines.yaml", ENVIRON).routes[0]
    assert (route.auth, route.host, route.path_prefix, route.body_bytes) == (AuthRules(), "", "/", 0)
    assert (route.connect_timeout_s, route.response_timeout_s, route.pool_idle_s) == (3.0, 60.0, 60.0)
    assert (route.stream_idle_s, route.tunnel_idle_s, route.upgrades) == (60.0, 300.0, None)


def test_process_sections() -> None:
    """Listeners and store come out in seconds, with addresses taken apart and folders made absolute."""
    config = everything()
    assert config.listen == Listen(
        *(Address("::1", 8080), 65536, 8192, 64, 5.0, 20.0, 15.0, 10.0),
        trusted_proxies=("10.0.0.0/8", "fd00::1/128"),
        trusted_header="forwarded",
        proxy_protocol=True,
        max_tunnels=100,
        body_bytes_per_s=50,
        max_connections=20_000,
        max_connections_per_address=100,
        auth_failures=AuthFailureRule(10, 20),
    )
    assert config.authorize == Authorize(
        *(Address("::1", 8081), "nginx", "x-method", "x-uri", "x-host"),
        proxies=("10.1.0.0/16",),
        token=ENVIRON["QUOTAD_TEST_TOKEN"],
        settle_s=5.0,
    )
    assert config.tracing == Tracing("http://127.0.0.1:4318/v1/traces", False, 1000)
    assert config.telemetry.address == Address("", 9090)
    assert config.telemetry.access_log == str(HERE / "valid/access.log")
    assert (config.telemetry.access_log_one_in, config.telemetry.log_level) == (100, "warning")
    assert config.admin is not None
    assert (config.admin.address, config.admin.token) == (Address("", 9091), ENVIRON["QUOTAD_TEST_TOKEN"])
    assert config.admin.audit_log == HERE / "valid/audit/who.jsonl"
    assert config.workers == 4
    assert (config.store.namespace, config.store.deadline_s, config.store.hold_s) == (
        "eu.quotad",
        0.025,
        30.0,
    )
    assert (config.store.max_waiting, config.store.allow_eviction) == (500, True)
    assert config.store.secret_usage is True


def test_webhooks() -> None:
    """Thresholds ascend, windows stand in their order, each once; what is left out has its default."""
    config, key = everything(), b"topsecret-topsecret-topsecret-"
    assert config.admin is not None
    assert config.admin.webhook_networks == ("10.0.0.0/8", "fd00::/8")
    url = "https://ops.example/quotas?team=1"
    assert config.table.webhooks == (
        Webhook(
            *("webhook-ops", "operations", url, key, (80, 100), ("day", "total")),
            forecast=True,
            plan_ids=("usagePlan-gold",),
        ),
        Webhook("webhook-all", "all", "http://10.1.2.3:8080", key, enabled=False, allow_http=True),
    )
    assert "topsecret" not in repr(config.table.webhooks)


def test_stores() -> None:
    """Addresses stay as they are, paths start from the file's folder, an embedded server has a journal."""
    store = everything().store
    assert store.url == "rediss+sentinel://user@one.example:26379,[::1]/mymaster?db=1"
    password = HERE / "valid/store.password"
    assert (store.password_file, store.sentinel_password_file) == (password, password)
    assert (store.min_replicas, store.journal) == (1, HERE / "valid/outages")
    cluster = load(HERE / "valid/cluster.yaml", ENVIRON).store
    assert cluster.url == "rediss+cluster://user:topsecret-key@one.example:7000,two.example:7001"
    assert (cluster.min_replicas, cluster.journal) == (0, Path("/var/lib/quotad/outages"))
    embedded = load(HERE / "valid/twenty_lines.yaml", ENVIRON).store
    data = HERE / "valid/quotad-data"
    assert embedded == StoreConfig(embedded=EmbeddedStore(data), journal=data / "journal")


def test_routes() -> None:
    """Hosts are lower case, prefixes without trailing slash, services found by name or id."""
    first, second = everything().routes
    assert (first.host, first.path_prefix, first.service_id) == ("api.example", "/v1", "service-weather")
    assert first.upstreams == (
        UpstreamAddress("10.0.0.1", 9000),
        UpstreamAddress("::1", 80),
        UpstreamAddress("", 0, "/run/backend.sock"),
    )
    covered = ("@method", "@target-uri", "content-type", "content-digest")
    rules = SignatureRules(covered, 60.0, 5.0, "fleet", 0)
    assert first.auth == AuthRules(True, False, False, False, True, True, True, rules)
    assert (first.strip_prefix, first.preflight_pass, first.limit_headers) == (True, True, False)
    assert (first.host_header, first.body_bytes, first.pool_connections) == ("upstream", 1_048_576, 16)
    assert (first.connect_timeout_s, first.response_timeout_s, first.pool_idle_s) == (1.5, 30.0, 5.0)
    assert (first.stream_idle_s, first.tunnel_idle_s) == (20.0, 90.0)
    assert (first.upgrades, second.upgrades) == (("websocket", "spdy/3.1"), None)
    assert (first.queue_requests, first.queue_timeout_s, first.dns_refresh_s) == (32, 0.25, 5.0)
    assert (first.balance, first.retry) == ("least-requests", RetryRules(1, 10))
    check = CheckRules("/healthz", "well.example", 2.0, 0.5, frozenset((200, 204)), 1, 2)
    assert first.health == HealthRules(3, 5.0, 60.0, 2.0, 50, check)
    assert (second.service_id, second.environment) == ("service-maps", "test")
    assert (second.retry, second.health, second.queue_requests) == (RetryRules(), HealthRules(), None)


def test_plans_and_callers() -> None:
    """Plans, Secrets and bindings come out as the core knows them, references resolved."""
    table = everything().table
    gold, free = table.plans["usagePlan-gold"], table.plans["usagePlan-free"]
    assert (gold.usage_plan_name, gold.rate_rps, gold.burst, gold.max_request_num) == (
        "Gold",
        100,
        200,
        2**53 - 1,
    )
    assert (gold.quota_condition, gold.scope, gold.timezone) == (
        frozenset({"2xx", "3xx"}),
        "secret",
        "Europe/Berlin",
    )
    assert gold.on_store_failure == StoreFailurePolicy("open", 50)
    assert gold.soft_quotas == {"month", "total"}
    assert (gold.month_anchor_day, gold.on_crash, gold.disabled, gold.version) == (31, "release", True, 7)
    assert (free.usage_plan_name, free.rate_rps, free.burst, free.day_quota_request) == (
        "usagePlan-free",
        -1,
        -1,
        0,
    )
    one, two = table.secrets["AKIDone"], table.secrets["AKIDtwo"]
    assert (one.secret_name, one.secret_key, one.enabled) == ("customer-one", b"one-one-one-one", False)
    assert one.expires_at_s == 1_801_353_600
    assert (two.secret_name, two.enabled, two.expires_at_s) == ("AKIDtwo", True, None)
    assert table.services["service-weather"].rules == (
        EnvironmentRule("release", 100, 100),
        EnvironmentRule("prepub", 20, 40, 3, "usagePlan-free"),
    )
    assert table.services["service-maps"].rules == ()
    assert table.services["service-weather"].description == "Sun, rain and ${wind}"
    assert set(table.callers("service-weather", "prepub")) == {"AKIDone", "AKIDtwo"}
    assert set(table.callers("service-maps", "test")) == {"AKIDone"}


def test_units_ahead_and_first_periods() -> None:
    """Leases, local units and the first period come out as the core knows them; none of them by default."""
    plans = everything().table.plans
    gold, free, following = (plans[f"usagePlan-{name}"] for name in ("gold", "free", "next"))
    assert (gold.lease, gold.first_period_offset) == (LeaseRule(150, 2500), 483_871)
    assert gold.starts_on == date(2026, 11, 15)
    assert (free.lease, free.first_period_offset, free.starts_on) == (None, 0, None)
    assert following.lease == LeaseRule(100, 1000)
    assert (following.first_period_offset, following.starts_on) == (0, date(2028, 2, 29))
    assert following.on_store_failure == StoreFailurePolicy("local", units=20)


def test_a_second_key() -> None:
    """A Secret may have two keys and a text; a digest of the file tells of neither key."""
    config = everything()
    two = config.table.secrets["AKIDtwo"]
    assert (two.secret_key, two.secondary_key) == (b"two-two-two", b"second-of-two")
    assert two.secret_desc == "has two keys"
    assert "second-of-two" not in repr(config)


def test_shadow_bindings() -> None:
    """A shadow plan stands beside the enforcing one of the same callers, on a Subject of its own."""
    table = everything().table
    assert set(table.shadows("service-weather", "release")) == {"AKIDone", "AKIDtwo"}
    shadow = table.shadows("service-maps", "test")["AKIDtwo"]
    assert shadow.tag == "usagePlan-next/service-maps/test/.shadow"
    assert table.callers("service-maps", "test")["AKIDone"].plan.usage_plan_id == "usagePlan-free"
    assert not table.callers("service-maps", "test").get("AKIDtwo")


def test_a_burst_is_the_rate_unless_said_otherwise() -> None:
    """A plan with a rate alone may spend one second's worth at once."""
    plan = load(HERE / "valid/twenty_lines.yaml", ENVIRON).table.plans["usagePlan-trial"]
    assert (plan.rate_rps, plan.burst) == (5, 5)


def test_a_file_that_is_not_there() -> None:
    """A missing file, a folder and bytes that are no text are refused, and named."""
    assert "cannot be read: No such file" in refused(HERE / "no-such-file.yaml")
    assert "cannot be read: Is a directory" in refused(HERE)


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    """A file that is not UTF-8, or holds a control character, is refused without a trace of it."""
    path = tmp_path / "quotad.yaml"
    path.write_bytes(b"store: \xff")
    assert refused(path) == "quotad.yaml: is not UTF-8 text"
    path.write_bytes(b"store: \x00")
    assert refused(path) == "quotad.yaml: is not YAML: it holds a character that is not allowed"


def test_the_schema_is_the_published_one() -> None:
    """``quotad schema`` prints a schema with exactly the sections there are."""
    assert set(json_schema()["properties"]) == {
        "listen",
        "authorize",
        "tracing",
        "telemetry",
        "admin",
        "workers",
        "supervised",
        "reload",
        "store",
        "control",
        "routes",
        "services",
        "plans",
        "secrets",
        "bindings",
        "webhooks",
    }
