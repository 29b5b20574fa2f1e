from pathlib import Path

import pytest

from quotad.config import build, schema, service_schema
from quotad.core.plans import EnvironmentRule, LeaseRule


@pytest.mark.parametrize(
    ("store", "journal"),
    [
        ({"url": "redis://h"}, None),
        ({"url": "redis://h", "journal": "outages"}, Path("/etc/quotad/outages")),
        ({"url": "redis://h", "journal": "/var/outages"}, Path("/var/outages")),
        ({"embedded": {"dir": "data"}}, Path("/etc/quotad/data/journal")),
        ({"embedded": {"dir": "/data"}}, Path("/data/journal")),
        ({"embedded": {"dir": "data"}, "journal": "outages"}, Path("/etc/quotad/outages")),
    ],
)
def test_journals(store: dict[str, object], journal: Path | None) -> None:
    """A journal is where the file says, or in the embedded server's folder."""
    section = schema.StoreSection.model_validate(store)
    assert build.store_of(section, Path("/etc/quotad")).journal == journal


def test_a_plan_keeps_what_its_section_says() -> None:
    """The bucket has its number, and a lease its two."""
    section = {"usagePlanId": "p", "rateRps": 5, "lease": {"max": 3, "ttlMs": 200}}
    plan = build.plan_of(schema.PlanSection.model_validate(section))
    assert (plan.rate_rps, plan.burst, plan.lease) == (5, 5, LeaseRule(3, 200))


def test_an_environment_is_listed_once() -> None:
    """A service that names an environment twice is published there once."""
    section = service_schema.ServiceSection.model_validate(
        {"serviceId": "service-a", "environments": ["test", "release", "test"]}
    )
    assert build.service_of(section).environments == ("test", "release")


def test_a_throttle_of_the_service_is_that_of_each_environment() -> None:
    """An environment without one of its own has the service's; the burst is the rate unless given."""
    section = service_schema.ServiceSection.model_validate(
        {
            "serviceId": "service-a",
            "throttle": {"rateRps": 5, "burst": 9},
            "environments": ["test", {"environment": "release", "throttle": {"rateRps": 0}}],
        }
    )
    assert build.service_of(section).rules == (
        EnvironmentRule("test", 5, 9),
        EnvironmentRule("release", 0, 0),
    )


def test_a_throttle_of_an_api_is_that_of_each_environment() -> None:
    """Where its service is published, unless the Api says something else there; else it has none."""
    section = service_schema.ServiceSection.model_validate(
        {
            "serviceId": "service-a",
            "environments": ["test", "release"],
            "apis": [
                {
                    "apiId": "api-a",
                    "path": "/a",
                    "throttle": {"rateRps": 5},
                    "environments": [{"environment": "release", "throttle": {"rateRps": 1, "burst": 2}}],
                },
                {"apiId": "api-b", "path": "/b"},
            ],
        }
    )
    apis = build.service_of(section).apis
    assert apis[0].rules == (EnvironmentRule("test", 5, 5), EnvironmentRule("release", 1, 2))
    assert apis[1].rules == ()


def test_only_environments_with_rules_have_some() -> None:
    """An environment that is only named says nothing more, in either form."""
    section = service_schema.ServiceSection.model_validate(
        {"serviceId": "service-a", "environments": ["test", {"environment": "release"}]}
    )
    service = build.service_of(section)
    assert (service.environments, service.rules) == (("test", "release"), ())
