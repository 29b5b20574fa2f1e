import json
from dataclasses import fields, is_dataclass, replace
from datetime import date
from pathlib import Path

import pytest

from quotad.config import model
from quotad.config.health_model import CheckRules, HealthRules, RetryRules
from quotad.config.model import (
    Address,
    Admin,
    Authorize,
    Config,
    Listen,
    Route,
    StoreConfig,
    Telemetry,
    Tracing,
    UpstreamAddress,
)
from quotad.config.parcel import _CLASSES, pack, unpack
from quotad.core.plans import Binding, LeaseRule, Secret, Service, StoreFailurePolicy, UsagePlan
from quotad.core.table import PlanTable

PLAN = UsagePlan(
    "usagePlan-aaaaaaaa",
    "trial",
    usage_plan_desc="für alle",
    rate_rps=5,
    burst=9,
    month_quota_request=2**53 - 1,
    quota_condition=frozenset(("2xx", "others")),
    scope="secret",
    timezone="Europe/Berlin",
    month_anchor_day=31,
    on_store_failure=StoreFailurePolicy("open", budget=7),
    on_crash="release",
    lease=LeaseRule(100, 500),
    first_period_offset=10,
    starts_on=date(2026, 11, 22),
    version=3,
)
SECRETS = (
    Secret("one", "AKIDone", bytes(range(256)), enabled=False, expires_at_s=1.5),
    Secret("two", "AKIDtwo", b"k" * 20),
)
CONFIG = Config(
    listen=Listen(Address("::1", 0), drain_s=0.25),
    telemetry=Telemetry(None, "access.log"),
    admin=Admin(Address("127.0.0.1", 9), "t" * 20, Path("a/audit")),
    store=StoreConfig("redis://:password@127.0.0.1:1/0", min_replicas=1, journal=Path("a/b c")),
    routes=(
        Route(
            *("", "/", "service-aaaaaaaa", "release"),
            (UpstreamAddress("h", 1), UpstreamAddress("", 0, "/s")),
            retry=RetryRules(1, 5),
            health=HealthRules(3, check=CheckRules("/healthz", statuses=frozenset((200, 204)))),
        ),
    ),
    table=PlanTable(
        [Service("service-aaaaaaaa", "orders", environments=("release", "test"))],
        [PLAN],
        SECRETS,
        [
            Binding(PLAN.usage_plan_id, ("AKIDone",), (("service-aaaaaaaa", "release"),)),
            Binding(PLAN.usage_plan_id, ("AKIDtwo",), (("service-aaaaaaaa", "test"),), shadow=True),
        ],
    ),
    workers=4,
    authorize=Authorize(
        Address("", 8081), "traefik", "x-a", "x-b", "x-c", ("10.0.0.0/8",), "t" * 20, True, 1.5
    ),
    tracing=Tracing("http://127.0.0.1:4318/", one_in=5),
    version="abc",
)


def test_what_is_unpacked_is_what_was_packed() -> None:
    """Every field comes out equal and of the same type, bytes and sets and dates included."""
    out = unpack(pack(CONFIG))
    for field in fields(Config):
        if field.name != "table":
            assert getattr(out, field.name) == getattr(CONFIG, field.name), field.name
    assert dict(out.table.services) == dict(CONFIG.table.services)
    assert dict(out.table.plans) == dict(CONFIG.table.plans)
    assert dict(out.table.secrets) == dict(CONFIG.table.secrets)
    assert out.table.bindings == CONFIG.table.bindings
    assert [subject.tag for subject in out.table.subjects()] == [
        subject.tag for subject in CONFIG.table.subjects()
    ]
    assert type(out.routes) is tuple
    assert out.store.url == CONFIG.store.url


def test_every_class_of_a_configuration_is_known() -> None:
    """A class added to the model must be named here too, or a worker could not be started."""
    known = set(_CLASSES)
    assert {each for each in vars(model).values() if isinstance(each, type) and is_dataclass(each)} <= known
    assert {type(PLAN.lease), type(PLAN.on_store_failure), Binding, Secret, Service, UsagePlan} <= known


@pytest.mark.parametrize(
    "parcel", [b"", b"{", b"null", b'{"Popen": ["true"]}', b'{"Config": []}', b'{"a": 1, "b": 2}', b"[]"]
)
def test_anything_else_is_refused(parcel: bytes) -> None:
    """Nothing but a whole configuration is built, and no class but those of one."""
    with pytest.raises(ValueError):
        unpack(parcel)


def test_a_changed_field_is_seen() -> None:
    """Two configurations that differ make two parcels."""
    assert pack(CONFIG) != pack(replace(CONFIG, version="abd"))
    assert json.loads(pack(CONFIG))["Config"]
