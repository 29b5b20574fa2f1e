"""What a refusal tells."""

import pytest

from quotad.controlplane.refusal import Reason, invalid, missing, no_plan, no_secret, no_service


def test_what_could_be_a_pasted_key_is_not_told_again() -> None:
    """An unknown SecretId may be a SecretKey in the wrong field; a long name is cut."""
    assert "sesame-open" not in no_secret("sesame-open").detail
    assert "x" * 41 not in no_plan("x" * 50).detail
    assert "usagePlan-1" in no_plan("usagePlan-1").detail


@pytest.mark.parametrize(
    ("error", "reason", "field"),
    [
        (invalid("rateRps", "must be at least -1"), Reason.INVALID, "rateRps"),
        (missing("secretName"), Reason.MISSING, "secretName"),
        (no_service("s"), Reason.NO_SERVICE, "serviceId"),
    ],
)
def test_a_refusal_names_reason_and_field(error: Exception, reason: Reason, field: str) -> None:
    """Every dialect can put it into its own words."""
    assert vars(error)["reason"] is reason
    assert vars(error)["field"] == field
