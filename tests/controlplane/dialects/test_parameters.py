import pytest

from quotad.controlplane.dialects.fields import DialectError
from quotad.controlplane.dialects.parameters import json_object, nested, pairs_of


def test_lists_and_objects_in_names() -> None:
    """Numbers in a name's parts make lists, in the order of the numbers; all else makes objects."""
    pairs = pairs_of("Ids.1=b&Ids.0=a&Filters.0.Name=n&Filters.0.Values.0=v&Limit=5&Empty=")
    assert nested(pairs) == {
        "Ids": ["a", "b"],
        "Filters": [{"Name": "n", "Values": ["v"]}],
        "Limit": "5",
        "Empty": "",
    }


@pytest.mark.parametrize("text", ["a=1&a=2", "a=%ff", "%ff=1", "a=1&a.0=2", "a.0=2&a=1", "a.0.0.0.0=1"])
def test_what_is_ambiguous(text: str) -> None:
    """A name twice, a value that is a list too, names too deep: refused."""
    with pytest.raises(DialectError):
        nested(pairs_of(text))


def test_too_many_parameters() -> None:
    """There is a bound."""
    with pytest.raises(DialectError):
        pairs_of("&".join(f"a{number}=" for number in range(1001)))


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"1", b'{"a": 1, "a": 2}', b'{"a": NaN}', b"\xff", b"[" * 100_000, rb'{"a": "\ud800"}'],
)
def test_what_is_no_json_object(body: bytes) -> None:
    """Only one object in UTF-8 with each name once."""
    with pytest.raises(DialectError):
        json_object(body)
