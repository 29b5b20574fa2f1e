import pytest

from quotad.core.plans import Subject, UsagePlan
from quotad.store.keys import CONTROL, control_key, subject_keys

PLAN = UsagePlan("usagePlan-aaaaaaaa", "plan")


def test_both_keys_carry_the_tag_in_braces() -> None:
    """The namespace stands before the hash tag, so that one slot holds all of a Subject."""
    keys = subject_keys("shop.eu", Subject(PLAN, "service-bbbbbbbb", "test", "AKIDx_-1"))
    assert keys.state == b"shop.eu:{usagePlan-aaaaaaaa/service-bbbbbbbb/test/AKIDx_-1}:s"
    assert keys.total == b"shop.eu:{usagePlan-aaaaaaaa/service-bbbbbbbb/test/AKIDx_-1}:t"


@pytest.mark.parametrize("odd", ["", "a{b", "a}b", "a b", "a\n", "\u00e4", "a\x00b", "x" * 300])
def test_characters_that_could_move_a_key_are_refused(odd: str) -> None:
    """Neither a namespace nor an id may change which slot or key is meant."""
    with pytest.raises(ValueError, match="characters"):
        subject_keys(odd, Subject(PLAN, "service-bbbbbbbb", "test"))
    if odd:
        with pytest.raises(ValueError, match="characters"):
            subject_keys("quotad", Subject(PLAN, odd, "test"))


def test_control_keys_share_a_tag_that_no_subject_has() -> None:
    """A Subject's tag has slashes; no control key has one anywhere."""
    assert control_key("shop.eu", "members:usagePlan-a") == b"shop.eu:{.control}:members:usagePlan-a"
    assert "/" not in CONTROL.tag


@pytest.mark.parametrize("odd", ["", "a{b", "a}b", "a/b", "a b", "a\n", "\u00e4", "a\x00b", "x" * 300])
def test_odd_control_keys_are_refused(odd: str) -> None:
    """Neither by the namespace nor by the name may a key leave its place."""
    with pytest.raises(ValueError, match="characters"):
        control_key("quotad", odd)
    with pytest.raises(ValueError, match="characters"):
        control_key(odd, "meta")
