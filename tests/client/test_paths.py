import pytest

from quotad.client.paths import PLANS, one
from quotad.errors import QuotadError


def test_one_of_them() -> None:
    """Names become parts of the path; what would lead elsewhere is refused."""
    assert one(PLANS, "usagePlan-x", "y") == "/v1/plans/usagePlan-x/y"
    for name in ("", ".", "..", "a/b"):
        with pytest.raises(QuotadError, match="is no id"):
            one(PLANS, name)
