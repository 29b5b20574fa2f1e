import pytest

from quotad.controlplane.answers import RefusedError
from quotad.controlplane.strict_json import is_text, json_object


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b'{"a": 1, "a": 2}',
        b'{"a": {"b": 1, "b": 1}}',
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": "\xff"}',
        b'{"a": "\\ud800"}',
        b"\xef\xbb\xbf{}",
        b'{"a":' * 5_000,
        b'{"a": ' + b"9" * 5_000 + b"}",
    ],
)
def test_what_is_no_strict_json_is_refused(body: bytes) -> None:
    """Names given twice, NaN, odd bytes, half characters, and what Python cannot or will not read."""
    with pytest.raises(RefusedError) as caught:
        json_object(body)
    assert caught.value.status == 400


def test_numbers_are_numbers() -> None:
    """To JSON 2.0 is as whole as 2; what is not whole stays so."""
    found = json_object(b'{"a": 2.0, "b": 2.5, "c": 1e3}')
    assert [(value, type(value)) for value in found.values()] == [(2, int), (2.5, float), (1000, int)]


def test_half_a_character_is_no_text() -> None:
    """It could not be written anywhere."""
    assert is_text("é")
    assert not is_text("\ud800")
