import pytest

from quotad.config import build, schema


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, (-1, -1)),
        ({"rateRps": 5}, (5, 5)),
        ({"rateRps": 5, "burst": -1}, (5, 5)),
        ({"rateRps": 5, "burst": 0}, (5, 0)),
        ({"rateRps": 5, "burst": 50}, (5, 50)),
        ({"rateRps": 0}, (0, 0)),
    ],
)
def test_burst(fields: dict[str, int], expected: tuple[int, int]) -> None:
    """The burst is the rate unless a plan gives a number of its own, which may be 0."""
    plan = build.plan_of(schema.PlanSection.model_validate({"usagePlanId": "p", **fields}))
    assert (plan.rate_rps, plan.burst) == expected


def test_an_environment_is_listed_once() -> None:
    """A service that names an environment twice is published there once."""
    section = schema.ServiceSection.model_validate(
        {"serviceId": "service-a", "environments": ["test", "release", "test"]}
    )
    assert build.service_of(section).environments == ("test", "release")
