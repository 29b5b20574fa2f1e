import pytest
from pydantic import ValidationError

from quotad.config import schema
from quotad.config.values import Outside
from quotad.core.plans import StoreFailurePolicy


def plan(**fields: object) -> schema.PlanSection:
    """A plan with these fields, as in a file."""
    return schema.PlanSection.model_validate({"usagePlanId": "usagePlan-a", **fields})


@pytest.mark.parametrize("value", ["2xx", ["2xx"], ["others", "5xx"]])
def test_conditions(value: object) -> None:
    """A condition is one class or a list of them."""
    assert plan(quotaCondition=value).quota_condition == ([value] if isinstance(value, str) else value)


@pytest.mark.parametrize(
    ("value", "policy"),
    [
        ("closed", StoreFailurePolicy()),
        (Outside("closed"), StoreFailurePolicy()),
        ({"open": {"budget": 1}}, StoreFailurePolicy("open", budget=1)),
        ({"open": {"budget": Outside("9")}}, StoreFailurePolicy("open", budget=9)),
        ({"local": {"units": 2**31 - 1}}, StoreFailurePolicy("local", units=2**31 - 1)),
        ({"local": {"units": Outside("9")}}, StoreFailurePolicy("local", units=9)),
    ],
)
def test_failure_policies(value: object, policy: StoreFailurePolicy) -> None:
    """There are three, and two of them name a number."""
    assert plan(onStoreFailure=value).on_store_failure == policy


@pytest.mark.parametrize(
    ("value", "soft"),
    [
        ("deny", set()),
        ("allow", {"day", "month", "total"}),
        (Outside("allow"), {"day", "month", "total"}),
        ({"allow": ["month"]}, {"month"}),
        ({"allow": ["month", "day", "day"]}, {"day", "month"}),
    ],
)
def test_soft_quotas(value: object, soft: set[str]) -> None:
    """None, all, or those that are named."""
    assert plan(onBreach=value).on_breach == soft


@pytest.mark.parametrize(
    "value", ["none", None, True, {}, {"allow": []}, {"allow": "day"}, {"allow": ["rate"]}, {"deny": ["day"]}]
)
def test_soft_quotas_are_strict(value: object) -> None:
    """Anything else is refused, the rate among it."""
    with pytest.raises(ValidationError):
        plan(onBreach=value)


@pytest.mark.parametrize(
    "value",
    [
        "opened",
        "open",
        "local",
        None,
        True,
        {},
        {"open": None},
        {"open": {}},
        {"open": {"budget": True}},
        {"open": {"budget": 1.0}},
        {"open": {"budget": 0}},
        {"open": {"budget": 1, "more": 1}},
        {"open": {"budget": 1}, "closed": {}},
        {"open": {"budget": 2**31}},
        {"open": {"units": 1}},
        {"local": {"budget": 1}},
        {"local": {"units": 0}},
        {"local": {"units": "9"}},
        {"local": {"units": 1}, "open": {"budget": 1}},
        {"local": {"units": 2**31}},
    ],
)
def test_failure_policies_are_strict(value: object) -> None:
    """Only closed, open with a budget, or local with units, and nothing else, is one."""
    with pytest.raises(ValidationError):
        plan(onStoreFailure=value)
