import pytest
from pydantic import ValidationError

from quotad.config import schema
from quotad.config.values import Outside


def plan(**fields: object) -> schema.PlanSection:
    """A plan with these fields, as in a file."""
    return schema.PlanSection.model_validate({"usagePlanId": "usagePlan-a", **fields})


@pytest.mark.parametrize("number", [-1, 0, 1, 2**31 - 1])
def test_rates(number: int) -> None:
    """A rate is -1, 0 or up to 2^31-1."""
    assert (plan(rateRps=number, burst=number).rate_rps, plan(burst=number).burst) == (number, number)


@pytest.mark.parametrize("number", [-1, 0, 1, 2**53 - 1])
def test_quotas(number: int) -> None:
    """A quota is -1, 0 or up to 2^53-1."""
    assert plan(dayQuotaRequest=number).day_quota_request == number
    assert plan(monthQuotaRequest=number).month_quota_request == number
    assert plan(maxRequestNum=number).max_request_num == number


@pytest.mark.parametrize("value", ["5", True, 5.0, None, [5], -2, 2**31])
def test_no_rates(value: object) -> None:
    """Text, true, a fraction, nothing or a number out of range is no rate."""
    with pytest.raises(ValidationError):
        plan(rateRps=value)


def test_numbers_and_truths_from_outside() -> None:
    """Text from the environment or a file stands for a number or truth where one belongs."""
    found = plan(
        rateRps=Outside("5"),
        disabled=Outside("true"),
        scope=Outside("secret"),
        lease={"max": Outside("9")},
    )
    assert (found.rate_rps, found.disabled, found.scope) == (5, True, "secret")
    assert found.lease is not None
    assert (found.lease.max_units, found.lease.ttl_ms) == (9, 1000)
    for value in ("5.0", "five", "", "\u0665", "9" * 19):
        with pytest.raises(ValidationError):
            plan(rateRps=Outside(value))
    with pytest.raises(ValidationError):
        plan(disabled=Outside("yes"))


def test_sections_are_named_in_camel_case_only() -> None:
    """The Python names of fields are no names of the file."""
    with pytest.raises(ValidationError):
        plan(rate_rps=5)
    with pytest.raises(ValidationError):
        plan(lease={"max_units": 5})


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, -1),
        ({"rateRps": 5}, 5),
        ({"rateRps": 5, "burst": -1}, 5),
        ({"rateRps": 5, "burst": 0}, 0),
        ({"rateRps": 5, "burst": 50}, 50),
        ({"rateRps": 0}, 0),
    ],
)
def test_bucket(fields: dict[str, int], expected: int) -> None:
    """The burst is the rate unless a plan gives a number of its own, which may be 0."""
    assert plan(**fields).bucket == expected


@pytest.mark.parametrize("lease", [{"max": 1, "ttlMs": 100}, {"max": 1_000_000, "ttlMs": 3_600_000}])
def test_leases(lease: dict[str, int]) -> None:
    """A lease is of 1 to 1,000,000 units and 0.1 s to an hour."""
    found = plan(lease=lease).lease
    assert found is not None
    assert {"max": found.max_units, "ttlMs": found.ttl_ms} == lease


@pytest.mark.parametrize("number", [1, 2, 256])
def test_workers(number: int) -> None:
    """A file asks for 1 to 256 processes."""
    assert schema.Processes.model_validate({"workers": number}).workers == number
