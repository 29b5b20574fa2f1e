"""Records in tables: found, paged, searched; and the same whichever way they came."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quotad.controlplane.replica import Page, Replica, Where, tag_of
from quotad.store.control import Head, Write
from tests.support.desk import contents

IDS = ["AKIDaaaa1", "AKIDaaaa2", "AKIDaaaa3"]


def secret(secret_id: str, name: str = "caller", created: int = 1, **plans: int) -> Write:
    record = {
        "secretName": name,
        "type": "auto",
        "enabled": True,
        "expiresAt": None,
        "previousUntil": None,
        "created": created,
        "modified": created,
        "plans": plans,
    }
    return Write("secret", secret_id, record)


def filled(*writes: Write) -> Replica:
    replica = Replica()
    replica.apply(Head(1, "a"), writes)
    return replica


def test_pages_are_in_the_order_of_making() -> None:
    """The oldest first, the id where two are as old; the count is of all that match."""
    replica = filled(secret("AKIDb", created=2), secret("AKIDc", created=1), secret("AKIDa", created=2))
    assert [row.secret_id for row in replica.secrets(Where())[1]] == ["AKIDc", "AKIDa", "AKIDb"]
    total, page = replica.secrets(Where(), Page(1, 1))
    assert (total, [row.secret_id for row in page]) == (3, ["AKIDa"])
    assert replica.secrets(Where(), Page(5, 3)) == (3, [])


@pytest.mark.parametrize(
    ("text", "found"), [("50%", 1), ("%", 1), ("_", 1), ("\\", 1), ("'", 1), ("CALL", 2), ("", 5), ("x", 0)]
)
def test_what_is_searched_for_is_taken_as_it_is(text: str, found: int) -> None:
    """No character of it means anything to SQL."""
    names = ["50% off", "a_b", "caller'", "c\\d", "caller"]
    replica = filled(*(secret(f"AKID-{number}", name) for number, name in enumerate(names)))
    assert replica.secrets(Where().has(["name"], text))[0] == found


def test_a_write_takes_the_place_of_the_record() -> None:
    """Bindings that it does not have any more are gone, and its tag is another."""
    replica = filled(secret(IDS[0], one=1, two=2))
    before = replica.secret(IDS[0])
    replica.apply(Head(2, "b"), [secret(IDS[0], two=2)])
    after = replica.secret(IDS[0])
    assert before is not None
    assert after is not None
    assert before.tag != after.tag
    assert replica.plans_of(IDS[0]) == {"two": 2}
    assert replica.head == Head(2, "b")
    replica.apply(Head(3, "c"), [Write("secret", IDS[0], None)])
    assert replica.secret(IDS[0]) is None
    assert replica.plans_of(IDS[0]) == {}


def test_half_a_commit_is_never_there() -> None:
    """A record that cannot be read leaves all as it was."""
    replica = filled(secret(IDS[0]))
    broken = Write("secret", IDS[2], {"secretName": "no more"})
    with pytest.raises(KeyError):
        replica.apply(Head(2, "b"), [secret(IDS[1]), broken])
    assert replica.secrets(Where())[0] == 1
    assert replica.head == Head(1, "a")


def test_a_tag_is_the_contents() -> None:
    """Members in another order are the same record."""
    assert tag_of({"a": 1, "b": 2}) == tag_of({"b": 2, "a": 1}) != tag_of({"a": 1, "b": 3})


@given(st.lists(st.tuples(st.sampled_from(IDS), st.sets(st.sampled_from(["one", "two"])), st.booleans())))
def test_commit_by_commit_is_as_all_at_once(steps: list[tuple[str, set[str], bool]]) -> None:
    """Whoever followed every commit knows what one knows who reads the last records."""
    followed, last = Replica(), dict[str, Any]()
    for number, (secret_id, plans, kept) in enumerate(steps):
        write = secret(secret_id, "caller", number, **dict.fromkeys(plans, number))
        write = write if kept else Write("secret", secret_id, None)
        followed.apply(Head(number, "x"), [write])
        last[secret_id] = write.record
    read = Replica()
    read.put("secret", last.items())
    assert contents(read) == contents(followed)
