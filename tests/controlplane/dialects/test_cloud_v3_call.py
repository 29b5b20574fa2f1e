import pytest

from quotad.controlplane.dialects.cloud_v3_call import PAGING, environment, environments, filters
from quotad.controlplane.dialects.fields import Codes, DialectError, Field, read


def refused(field: Field, value: object) -> str:
    with pytest.raises(DialectError) as caught:
        read((field,), {field.name: value}, Codes())
    return caught.value.code


def test_environments() -> None:
    """Exactly the three words, as they are written."""
    for wrong in ("Release", "publish", "prod", " test"):
        assert refused(environment("E"), wrong) == "InvalidParameterValue.InvalidEnv"
        assert refused(environments("E"), [wrong]) == "InvalidParameterValue.InvalidEnv"
    assert read((environment("E"),), {"E": "prepub"}, Codes()) == {"E": "prepub"}


def test_pages() -> None:
    """20 from the first on unless it is said otherwise, at most 100."""
    assert read(PAGING, {}, Codes()) == {"Limit": 20, "Offset": 0}
    assert refused(PAGING[0], 101) == "InvalidParameterValue.LimitExceeded"
    assert refused(PAGING[0], 0) == "InvalidParameterValue.LimitExceeded"
    assert refused(PAGING[1], -1) == "InvalidParameterValue.RangeExceeded"


def test_filters() -> None:
    """So many, and not more."""
    assert refused(filters(("A",), "B"), [{}] * 11) == "InvalidParameterValue.LimitExceeded"
