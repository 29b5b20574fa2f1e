import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quotad.catalog.records import (
    RecordError,
    plan_fields,
    plan_of,
    secret_of,
    service_of,
)
from quotad.catalog.vault import Vault
from quotad.core.plans import QUOTA_WINDOWS, LeaseRule, StoreFailurePolicy, UsagePlan
from tests.support.catalog import PLAN_ID, VAULT, key_of, plan, secret, service

LIMITS = st.integers(-1, 2**53 - 1)
POLICIES = st.one_of(
    st.just(StoreFailurePolicy()),
    st.builds(lambda n: StoreFailurePolicy("open", budget=n), st.integers(1, 1000)),
    st.builds(lambda n: StoreFailurePolicy("local", units=n), st.integers(1, 1000)),
)


@st.composite
def plans(draw: st.DrawFn) -> UsagePlan:
    """Any plan; its burst is what its numbers make of it."""
    rate = draw(LIMITS)
    return UsagePlan(
        usage_plan_id=PLAN_ID,
        usage_plan_name=draw(st.text(min_size=1, max_size=9)),
        usage_plan_desc=draw(st.text(max_size=9)),
        rate_rps=rate,
        burst=draw(st.one_of(st.just(rate), st.integers(0, 2**31 - 1))),
        day_quota_request=draw(LIMITS),
        month_quota_request=draw(LIMITS),
        max_request_num=draw(LIMITS),
        quota_condition=draw(st.frozensets(st.sampled_from(["2xx", "3xx", "4xx", "5xx", "others"]))),
        soft_quotas=draw(st.frozensets(st.sampled_from(QUOTA_WINDOWS))),
        scope=draw(st.sampled_from(["plan", "secret"])),
        timezone=draw(st.sampled_from(["UTC", "Europe/Berlin"])),
        month_anchor_day=draw(st.integers(1, 31)),
        on_store_failure=draw(POLICIES),
        on_crash=draw(st.sampled_from(["charge", "release"])),
        lease=draw(st.one_of(st.none(), st.builds(LeaseRule, st.integers(1, 99), st.integers(100, 9999)))),
        first_period_offset=draw(st.integers(0, 99)),
        starts_on=draw(st.one_of(st.none(), st.dates(date(1971, 1, 1), date(9998, 1, 1)))),
        disabled=draw(st.booleans()),
        version=draw(st.integers(0, 2**53 - 1)),
    )


@given(plans())
def test_plans_there_and_back(given_plan: UsagePlan) -> None:
    """A plan written as a record and read again, through JSON, is the same plan."""
    record = json.loads(json.dumps(plan_fields(given_plan)))
    assert plan_of(record).plan == given_plan


def test_a_secret_and_all_its_keys() -> None:
    """Each key is read from its own place and with its own end; who has no use for keys reads none."""
    sealed = {
        name: VAULT.seal("AKIDone", key, name)
        for name, key in (
            ("previousKey", b"older"),
            ("secondaryKey", b"second"),
            ("secondaryPreviousKey", b"2nd"),
        )
    }
    ends = {"previousUntil": 1_500_000, "secondaryPreviousUntil": 2_000_000, "expiresAt": 3_000_000}
    record = {**(secret("AKIDone", key="one-one-one").record or {}), **sealed, **ends}
    found, plan_ids = secret_of(record, VAULT)
    assert plan_ids == frozenset((PLAN_ID,))
    expected = (b"second", ((b"older", 1.5), (b"2nd", 2.0)))
    assert (found.secret_key, found.expires_at_s) == (b"one-one-one", 3.0)
    assert (found.secondary_key, found.previous_keys) == expected
    blind, _ = secret_of(record, None)
    assert (blind.secret_key, blind.secondary_key, blind.previous_keys) == (b"", b"", ())
    swapped = {**record, "secondaryKey": sealed["previousKey"]}
    with pytest.raises(RecordError, match="AKIDone"):
        secret_of(swapped, VAULT)


def test_what_is_absent_has_its_default() -> None:
    """A record with no more than names is a plan without limits that is bound nowhere."""
    bound = plan_of({"usagePlanId": PLAN_ID, "usagePlanName": "gold"})
    assert bound == (UsagePlan(PLAN_ID, "gold"), ())


def test_a_burst_is_the_rate_unless_said_otherwise() -> None:
    """As in a file: with a rate alone, one second's worth may be spent at once."""
    assert plan_of(plan(rateRps=7).record or {}).plan.burst == 7
    assert plan_of(plan(rateRps=7, burst=-1).record or {}).plan.burst == 7
    assert plan_of(plan(rateRps=7, burst=9).record or {}).plan.burst == 9


def test_conditions_come_as_text_or_list() -> None:
    """One class or several joined by commas, or a list of them."""
    assert plan_of(plan(quotaCondition="2xx,5xx").record or {}).plan.quota_condition == {"2xx", "5xx"}
    assert plan_of(plan(quotaCondition=["2xx"]).record or {}).plan.quota_condition == {"2xx"}


def test_open_needs_a_journal() -> None:
    """Where nothing can be written down, nothing is admitted without the store."""
    record = plan(onStoreFailure={"open": {"budget": 5}}).record or {}
    assert plan_of(record).plan.on_store_failure == StoreFailurePolicy("open", budget=5)
    assert plan_of(record, journal=False).plan.on_store_failure == StoreFailurePolicy()


def test_a_service_is_where_it_is_published() -> None:
    """Of its three environments only those count that are published."""
    found = service_of(service(published=("test", "release")).record or {})
    assert found.environments == ("release", "test")
    assert (found.service_id, found.service_name) == ("service-orders01", "orders")


def test_without_a_vault_there_are_no_keys() -> None:
    """A process that has no use for keys reads names and states, and nothing that proves a caller."""
    found, _ = secret_of(secret("AKIDone").record or {}, None)
    assert (found.secret_name, found.secret_key) == ("name-AKIDone", b"")


@pytest.mark.parametrize(
    "change",
    [
        {"rateRps": "5"},
        {"rateRps": True},
        {"maxRequestNum": 2**60},
        {"quotaCondition": ["6xx"]},
        {"quotaCondition": 5},
        {"scope": "environment"},
        {"onCrash": None},
        {"onBreach": "ajar"},
        {"onBreach": {"allow": []}},
        {"onBreach": {"allow": ["day", "rate"]}},
        {"onStoreFailure": "ajar"},
        {"onStoreFailure": {"open": 5}},
        {"lease": 5},
        {"startsOn": "tomorrow"},
        {"environments": [{"serviceId": "service-a"}]},
        {"environments": [{"serviceId": "service-a", "environment": "moon"}]},
        {"environments": 5},
    ],
)
def test_a_plan_that_cannot_be_read(change: dict[str, Any]) -> None:
    """What is of the wrong kind or unknown is refused, and the plan named."""
    with pytest.raises(RecordError, match=PLAN_ID):
        plan_of({**(plan().record or {}), **change})


@pytest.mark.parametrize(
    "change",
    [
        {"secretKey": None},
        {"secretKey": "k1.AAAA.BBBB"},
        {"secretKey": "k9.AAAA.BBBB"},
        {"previousKey": 7},
        {"expiresAt": "soon"},
        {"previousKey": VAULT.seal("AKIDone", b"older", "previousKey"), "previousUntil": {"at": 1}},
        {"secondaryKey": "k1.AAAA.BBBB"},
        {"plans": 5},
    ],
)
def test_a_secret_that_cannot_be_read(change: dict[str, Any]) -> None:
    """A key that does not open, or another wrong field, is refused without a word of what is sealed."""
    record = {**(secret("AKIDone").record or {}), **change}
    with pytest.raises(RecordError, match="AKIDone") as caught:
        secret_of(record, VAULT)
    assert key_of("AKIDone") not in str(caught.value)


def test_a_master_key_that_is_missing() -> None:
    """A Secret that was sealed under a master key that is not there says so."""
    with pytest.raises(RecordError, match="master key"):
        secret_of(secret("AKIDone").record or {}, Vault([("k2", b"1" * 32)]))


@pytest.mark.parametrize("record", [{}, {"serviceId": "a"}, {**(service().record or {}), "environments": 5}])
def test_a_service_that_cannot_be_read(record: dict[str, Any]) -> None:
    """A service without its name or its environments is refused."""
    with pytest.raises(RecordError):
        service_of(record)
