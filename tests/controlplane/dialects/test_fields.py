from typing import Any

import pytest

from quotad.controlplane.dialects.fields import (
    Codes,
    DialectError,
    Field,
    Shown,
    canonical,
    read,
    shape,
    through,
)

FIELDS = (
    Field("Name", canonical="planName", required=True, least=1, most=5),
    Field("Number", "number", canonical="rateRps", least=1, most=9, also=-1),
    Field("Kind", options=("a", "b"), default="a", code="Own"),
    Field("Ids", "texts", most=2),
    Field("Tags", "tags", status="not done", note="no"),
)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({}, "MissingParameter"),
        ({"Name": None}, "MissingParameter"),
        ({"Name": ""}, "InvalidParameterValue.LengthExceeded"),
        ({"Name": "longer"}, "InvalidParameterValue.LengthExceeded"),
        ({"Name": 5}, "InvalidParameter"),
        ({"Name": "n", "Other": 1}, "UnknownParameter"),
        ({"Name": "n", "Number": "5"}, "InvalidParameter"),
        ({"Name": "n", "Number": True}, "InvalidParameter"),
        ({"Name": "n", "Number": 5.0}, "InvalidParameter"),
        ({"Name": "n", "Number": 0}, "InvalidParameterValue.RangeExceeded"),
        ({"Name": "n", "Number": 10}, "InvalidParameterValue.RangeExceeded"),
        ({"Name": "n", "Kind": "c"}, "Own"),
        ({"Name": "n", "Ids": "a"}, "InvalidParameter"),
        ({"Name": "n", "Ids": [1]}, "InvalidParameter"),
        ({"Name": "n", "Ids": ["a", "b", "c"]}, "InvalidParameterValue.LimitExceeded"),
        ({"Name": "n", "Tags": [{}]}, "InvalidParameter"),
    ],
)
def test_rules(given: dict[str, Any], code: str) -> None:
    """Each rule of a row has its code."""
    with pytest.raises(DialectError) as caught:
        read(FIELDS, given, Codes())
    assert caught.value.code == code


def test_values() -> None:
    """Defaults are put in, null is as good as absent, digits are numbers where all is text."""
    values = read(FIELDS, {"Name": "n", "Number": "-1", "Ids": None, "Tags": []}, Codes(), as_text=True)
    assert values == {"Name": "n", "Number": -1, "Kind": "a", "Tags": []}
    assert canonical(FIELDS, values) == {"planName": "n", "rateRps": -1}


def test_an_unknown_name_may_be_a_secret() -> None:
    """What is not printable or long is not repeated in an error."""
    with pytest.raises(DialectError) as caught:
        read(FIELDS, {"Name": "n", "x" * 50: 1}, Codes())
    assert "xxx" not in caught.value.message


def test_shapes() -> None:
    """An answer is what its rows say, also of an object within another."""
    rows = (Shown("A", lambda each: each["a"]),)
    assert shape(rows, {"a": 1}) == {"A": 1}
    assert shape(through(lambda each: each[0], rows), [{"a": 2}]) == {"A": 2}


def test_rules_in_words() -> None:
    """The documents say what is checked."""
    assert [field.rule for field in FIELDS[:4]] == [
        "text, 1 to 5 long, required",
        "number, -1 or 1 to 9",
        "text, a / b, default a",
        "texts, 0 to 2 long",
    ]
