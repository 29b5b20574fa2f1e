import pytest

from quotad.controlplane.dialects.fields import DialectError
from quotad.controlplane.dialects.usage_plans_call import stage_of


def test_what_a_stage_is() -> None:
    """Service and environment, or the environment alone where the service is known; no other environment."""
    assert stage_of("a.test") == ("a", "test")
    assert stage_of("test", "a") == ("a", "test")
    for text in ("test", "a.production", "", "a."):
        with pytest.raises(DialectError):
            stage_of(text)
