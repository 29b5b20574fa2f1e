import pytest
from pydantic import ValidationError

from quotad.config.service_schema import ServiceSection, ThrottleSection


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"rateRps": 5}, 5),
        ({"rateRps": 5, "burst": -1}, 5),
        ({"rateRps": 5, "burst": 0}, 0),
        ({"rateRps": 0}, 0),
    ],
)
def test_bucket(fields: dict[str, int], expected: int) -> None:
    """The burst is the rate unless a throttle gives a number of its own, which may be 0."""
    assert ThrottleSection.model_validate(fields).bucket == expected


def test_environments_in_both_forms() -> None:
    """A name is an environment where nothing special holds; without a list there are all three."""
    both = ServiceSection.model_validate(
        {"serviceId": "a", "environments": ["test", {"environment": "release", "defaultPlan": "p"}]}
    )
    assert [(place.environment, place.default_plan) for place in both.environments] == [
        ("test", None),
        ("release", "p"),
    ]
    assert ServiceSection.model_validate({"serviceId": "a", "environments": []}).environments == []
    every = ServiceSection.model_validate({"serviceId": "a"}).environments
    assert [place.environment for place in every] == ["release", "prepub", "test"]
    for wrong in (["publish"], [{"throttle": {"rateRps": 5}}], [["test"]]):
        with pytest.raises(ValidationError):
            ServiceSection.model_validate({"serviceId": "a", "environments": wrong})
