from dataclasses import replace
from ssl import SSLContext
from typing import Any

import pytest

from quotad.config.health_model import CheckRules, HealthRules, RetryRules
from quotad.config.model import UpstreamAddress
from quotad.dataplane.spec import FleetSpec, Spec, Trust
from tests.support.dataplane import route

NAMED = UpstreamAddress("backend.test", 443, tls=True)
CHECKED = HealthRules(check=CheckRules("/"))


@pytest.mark.parametrize(
    "change",
    [
        {"pool_connections": 3},
        {"pool_idle_s": 3.0},
        {"connect_timeout_s": 2.0},
        {"queue_requests": 3},
        {"queue_timeout_s": 2.0},
        {"health": CHECKED},
    ],
)
def test_backends_are_shared_by_those_who_use_them_alike(change: dict[str, Any]) -> None:
    """Equal rules are equal keys, any other rule about connections or health is another."""
    rule = route(1)
    address = rule.upstreams[0]
    assert Spec(address, rule).key == Spec(address, route(2)).key
    assert Spec(address, rule).key != Spec(address, replace(rule, **change)).key
    assert FleetSpec(rule).key != FleetSpec(replace(rule, **change)).key


@pytest.mark.parametrize(
    "change", [{"balance": "least-requests"}, {"retry": RetryRules(0)}, {"dns_refresh_s": 1.0}]
)
def test_fleets_are_shared_by_those_who_balance_alike(change: dict[str, Any]) -> None:
    """A rule about several backends makes another fleet of the same ones."""
    rule = route(1)
    other = replace(rule, **change)
    assert FleetSpec(rule).key == FleetSpec(route(1)).key != FleetSpec(other).key
    assert Spec(rule.upstreams[0], rule).key == Spec(rule.upstreams[0], other).key


def test_the_line_is_as_long_as_the_pool_unless_said() -> None:
    """Without numbers of its own the line has those of the connections."""
    rule = route(1, pool_connections=7, connect_timeout_s=2.0)
    spec = Spec(rule.upstreams[0], rule)
    assert (spec.queue, spec.queue_timeout_s) == (7, 2.0)
    spec = Spec(rule.upstreams[0], replace(rule, queue_requests=0, queue_timeout_s=1.0))
    assert (spec.queue, spec.queue_timeout_s) == (0, 1.0)


def test_an_address_of_a_name_is_verified_by_that_name() -> None:
    """A certificate is for the name, not for what it resolves to; a route may say another."""
    rule = route(1, upstreams=(NAMED,), health=CHECKED)
    context: Any = SSLContext
    fleet = FleetSpec(rule, Trust(context, "", ""))
    (unresolved,) = fleet.specs(NAMED, ())
    assert (unresolved.address.host, unresolved.server_name) == ("backend.test", "backend.test")
    one, two = fleet.specs(NAMED, ("10.0.0.1", "fd00::1"))
    assert [str(one.address), str(two.address)] == ["10.0.0.1:443", "[fd00::1]:443"]
    assert {one.server_name, two.server_name} == {"backend.test"}
    assert {one.shown_host, two.shown_host} == {"backend.test:443"}
    named = FleetSpec(rule, Trust(context, "other.test", ""))
    assert named.specs(NAMED, ("10.0.0.1",))[0].server_name == "other.test"
