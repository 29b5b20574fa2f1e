import pytest
from pydantic import ValidationError

from quotad.config import schema
from quotad.config.values import Outside
from quotad.core.plans import StoreFailurePolicy


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
        onStoreFailure={"open": {"budget": Outside("9")}},
    )
    assert (found.rate_rps, found.disabled, found.scope) == (5, True, "secret")
    assert found.on_store_failure == StoreFailurePolicy("open", 9)
    for value in ("5.0", "five", "", "\u0665", "9" * 19):
        with pytest.raises(ValidationError):
            plan(rateRps=Outside(value))
    with pytest.raises(ValidationError):
        plan(disabled=Outside("yes"))


@pytest.mark.parametrize("value", ["2xx", ["2xx"], ["others", "5xx"]])
def test_conditions(value: object) -> None:
    """A condition is one class or a list of them."""
    assert plan(quotaCondition=value).quota_condition == ([value] if isinstance(value, str) else value)


@pytest.mark.parametrize(
    "value",
    [
        "opened",
        None,
        True,
        {},
        {"open": None},
        {"open": {}},
        {"open": {"budget": True}},
        {"open": {"budget": 1.0}},
        {"open": {"budget": 1, "more": 1}},
        {"open": {"budget": 1}, "closed": {}},
        {"open": {"budget": 2**31}},
    ],
)
def test_failure_policies_are_strict(value: object) -> None:
    """Only closed, or open with a budget and nothing else, says what happens without the store."""
    with pytest.raises(ValidationError):
        plan(onStoreFailure=value)


def test_sections_are_named_in_camel_case_only() -> None:
    """The Python names of fields are no names of the file."""
    with pytest.raises(ValidationError):
        plan(rate_rps=5)
