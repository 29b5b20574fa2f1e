"""Values that records are made of."""

import re

import pytest

from quotad.controlplane.refusal import OperationError
from quotad.controlplane.values import environment, new_id, new_secret_id, new_secret_key, plan_values


def test_ids_and_keys_are_of_their_form() -> None:
    """``usagePlan-`` and eight, ``AKID`` and 36, 40 of a key; none comes twice."""
    made = [(new_id("usagePlan-"), new_secret_id(), new_secret_key()) for _ in range(50)]
    for plan_id, secret_id, key in made:
        assert re.fullmatch(r"usagePlan-[a-z0-9]{8}", plan_id)
        assert re.fullmatch(r"AKID[A-Za-z0-9]{36}", secret_id)
        assert re.fullmatch(r"[A-Za-z0-9]{40}", key)
    assert len({each for three in made for each in three}) == 150


def test_people_have_other_names_for_environments() -> None:
    """publish, pre-publish and testing are release, prepub and test; all else is refused."""
    assert [environment(name) for name in ("publish", "pre-publish", "testing")] == [
        "release",
        "prepub",
        "test",
    ]
    for wrong in ("Release", "staging", "", None, 5):
        with pytest.raises(OperationError):
            environment(wrong)


def test_a_plans_values_are_kept_as_given() -> None:
    """What is at its default is left out, and what was checked is kept in its canonical form."""
    given = {
        "usagePlanId": "usagePlan-1",
        "usagePlanName": "gold",
        "rateRps": -1,
        "dayQuotaRequest": 5,
        "onStoreFailure": {"local": {"units": 3}},
        "lease": {"max": 4},
    }
    assert plan_values(given) == {name: value for name, value in given.items() if name != "rateRps"}
