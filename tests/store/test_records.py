import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quotad.errors import StoreError
from quotad.store import records

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=20,
)


@given(st.dictionaries(st.text(st.characters(codec="utf-8")), JSON))
def test_a_record_is_read_as_it_was_written(record: dict[str, object]) -> None:
    """Whatever JSON it holds; times in microseconds stay exact."""
    assert records.record_of(records.pack(record, 1 << 20)) == record


@given(st.text(st.sampled_from('$*%~>|=\\"0123456789')))
def test_no_text_looks_like_the_length_of_a_reply(text: str) -> None:
    """Else half of a page that holds it would end the connection."""
    record = {text: [text + "=123456789012", 1_700_000_000_123_456]}
    packed = records.pack(record, 1 << 20)
    assert records.record_of(packed) == record
    assert not re.search(rb"[$*%~>|=]\d{9}", packed)


def test_a_record_has_its_size() -> None:
    """As many bytes as it may have, and not one more."""
    assert records.pack({"a": "\u00e9"}, 10) == '{"a":"\u00e9"}'.encode()
    with pytest.raises(ValueError, match="at most 9 bytes"):
        records.pack({"a": "\u00e9"}, 9)


@pytest.mark.parametrize("odd", [None, 1, "text", b"", b"{", b"[]", b"1", b"null", b"\xff"])
def test_what_is_no_record_is_said_to_be_unreadable(odd: object) -> None:
    """Somebody else's value, or half of one."""
    with pytest.raises(StoreError) as refusal:
        records.record_of(odd)
    assert refusal.value.kind == "reply"


def test_several_are_read_as_each_is() -> None:
    """In order, None where there is none; one that is no record makes all of them unreadable."""
    assert records.records_of([b'{"a":1}', None, b"{}"]) == [{"a": 1}, None, {}]
    for odd in (1, "text", b"", b"{", b"[]", b"1", b"null", b"\xff"):
        with pytest.raises(StoreError) as refusal:
            records.records_of([b"{}", odd])
        assert refusal.value.kind == "reply"


def test_names_are_text() -> None:
    """Whatever the server sends in their place is unreadable."""
    assert records.text(b"AKID") == "AKID"
    with pytest.raises(StoreError, match="cannot be read"):
        records.text(7)


def test_a_page_of_the_largest_records_fits_a_reply() -> None:
    """wire.py takes 16 MiB; SCAN may give a few more than were asked for."""
    for kind, count in records.PAGE.items():
        assert 1.25 * count * records.RECORD_BYTES[kind] <= 16 * 1024 * 1024


def test_only_known_kinds_and_plain_ids_are_kept() -> None:
    """An id stands in keys and, as it is, in JSON."""
    assert records.known_kind("plan") == "plan"
    assert records.known_id("AKID_-.:9") == "AKID_-.:9"
    for odd in ("", 'a"', "a\\", "a/b", "a\n", "x" * 129, "\u00e9"):
        with pytest.raises(ValueError, match="characters"):
            records.known_id(odd)
    with pytest.raises(ValueError, match="kind"):
        records.known_kind("route")
