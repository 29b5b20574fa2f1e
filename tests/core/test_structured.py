import string
from decimal import Decimal
from typing import Any

import http_sf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quotad.core.structured import (
    BareItem,
    Date,
    Dictionary,
    DisplayString,
    InnerList,
    Item,
    Member,
    Token,
    parse_dictionary,
    serialize_dictionary,
    serialize_member,
)
from tests.support.properties import examples


def one(text: str) -> Member:
    """What ``text`` is as the only member of a Dictionary."""
    return parse_dictionary(f"a={text}")["a"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("-0", 0),
        ("999999999999999", 999_999_999_999_999),
        ("1.5", Decimal("1.5")),
        ("-0.125", Decimal("-0.125")),
        ('"a b"', "a b"),
        ('"\\"\\\\"', '"\\'),
        ('""', ""),
        ("tok/en:*", Token("tok/en:*")),
        ("*", Token("*")),
        (":aGk=:", b"hi"),
        ("::", b""),
        ("?1", True),
        ("?0", False),
        ("@-62135596800", Date(-62_135_596_800)),
        ('%"f%c3%bc"', DisplayString("f\u00fc")),
    ],
)
def test_bare_items(text: str, value: BareItem) -> None:
    """Each kind of value is read as what it is (RFC 9651, section 3.3)."""
    assert one(text) == Item(value, {})


def test_members_in_their_order() -> None:
    """Members, parameters and items of inner lists keep their order; a bare key is true."""
    found = parse_dictionary('b=1;y;x=2 ,\ta, c=( "one";p  two );q=?0')
    assert list(found) == ["b", "a", "c"]
    assert found["b"] == Item(1, {"y": True, "x": 2})
    assert list(found["b"].parameters) == ["y", "x"]
    assert found["a"] == Item(True, {})
    assert found["c"] == InnerList((Item("one", {"p": True}), Item(Token("two"), {})), {"q": False})
    assert parse_dictionary("") == {}
    assert parse_dictionary("  ") == {}


@pytest.mark.parametrize(
    "text",
    [
        "a=1,",
        "a=1,,b=2",
        ",a=1",
        "a=1 b=2",
        "A=1",
        "a=",
        "a= 1",
        "a =1",
        "a=1, a=2",
        "a=1;p;p",
        "a=1;P",
        "a=1 ;p",
        "a=1.",
        "a=1.1234",
        "a=1234567890123.1",
        "a=1234567890123456",
        "a=--1",
        "a=+1",
        "a=.5",
        'a="',
        'a="\\n"',
        'a="\t"',
        'a="\u00e9"',
        "a=:aGk:",
        "a=:aGk=",
        "a=:a-_=:",
        "a=?2",
        "a=?",
        "a=@1.5",
        "a=@",
        'a=%"%C3"',
        'a=%"%c3"',
        'a=%"',
        "a=(1",
        "a=(1,2)",
        'a=("a""b")',
        "a=(1 (2))",
        "a=1)",
        "a=\u0661",
        "\u0430=1",
        "a\x00=1",
        "a=1\n",
    ],
)
def test_what_is_none(text: str) -> None:
    """Nothing is guessed, forgiven or skipped: it is an error as a whole."""
    with pytest.raises(ValueError):
        parse_dictionary(text)


KEYS = st.from_regex(r"[a-z*][a-z0-9_\-.*]{0,8}", fullmatch=True)
VALUES: st.SearchStrategy[BareItem] = st.one_of(
    st.booleans(),
    st.integers(-999_999_999_999_999, 999_999_999_999_999),
    st.decimals(min_value=-99999, max_value=99999, places=3, allow_nan=False, allow_infinity=False),
    st.text(st.sampled_from(string.printable[:95]), max_size=12),
    st.binary(max_size=12),
    st.from_regex(r"[A-Za-z*][!#$%&'*+\-.^_`|~0-9A-Za-z:/]{0,8}", fullmatch=True).map(Token),
    st.integers(-62_135_596_800, 253_402_214_400).map(Date),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8).map(DisplayString),
)
PARAMETERS = st.dictionaries(KEYS, VALUES, max_size=3)
ITEMS = st.builds(Item, VALUES, PARAMETERS)
MEMBERS = ITEMS | st.builds(InnerList, st.lists(ITEMS, max_size=3).map(tuple), PARAMETERS)


@given(st.dictionaries(KEYS, MEMBERS, max_size=4))
@examples(300)
def test_there_and_back(members: Dictionary) -> None:
    """What is written is read as what it was, and written again is the same text."""
    text = serialize_dictionary(members)
    found = parse_dictionary(text)
    assert found == members
    assert list(found) == list(members)
    assert serialize_dictionary(found) == text
    for key, member in members.items():
        if not (isinstance(member, Item) and member.value is True):
            assert f"{key}={serialize_member(member)}" in text


GARBAGE = st.text(st.sampled_from('ab*=,;()"\\: \t?01.-@%c3\u00e9\x00'), max_size=24) | st.text(max_size=24)


@given(GARBAGE)
@examples(500)
def test_garbage(text: str) -> None:
    """Any text is a Dictionary or a ValueError, and what is one is the same when written and read again."""
    try:
        found = parse_dictionary(text)
    except ValueError:
        return
    assert parse_dictionary(serialize_dictionary(found)) == found


def refuse_duplicate(key: str, context: str) -> None:
    """As ours does."""
    raise ValueError(f"{key} in {context}")


@given(
    st.dictionaries(
        KEYS, st.builds(InnerList, st.lists(ITEMS, max_size=3).map(tuple), PARAMETERS), max_size=3
    )
)
@examples(100)
def test_another_reader_agrees(members: Dictionary) -> None:
    """The structure of what is written is the same to a reader that shares no code with this one."""
    theirs: Any = http_sf.parse(
        serialize_dictionary(members).encode(), tltype="dictionary", on_duplicate_key=refuse_duplicate
    )
    assert list(theirs) == list(members)
    for key, (items, parameters) in theirs.items():
        ours = members[key]
        assert isinstance(ours, InnerList)
        assert len(items) == len(ours.items)
        assert list(parameters) == list(ours.parameters)
        assert [list(each) for _, each in items] == [list(item.parameters) for item in ours.items]
