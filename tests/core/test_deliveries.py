from dataclasses import replace

import pytest

from quotad.core.deliveries import (
    ATTEMPTS_SHOWN,
    FIRST_PAUSE_US,
    GIVEN_UP_US,
    LONGEST_PAUSE_US,
    Attempt,
    Delivery,
    is_gone,
    pause_us,
)

NEW = Delivery("event-1", "quota.threshold", "{}", 1_000, 1_000)


def attempt(status: int, at_us: int = 2_000) -> Attempt:
    """One try."""
    return Attempt(at_us, status, "" if status else "no answer", 5)


def test_what_is_kept_is_what_was_written() -> None:
    """Also after attempts; anything else is refused."""
    tried = NEW.tried(attempt(500)).tried(attempt(0))
    assert Delivery.of(tried.members()) == tried
    for odd in ({}, {**NEW.members(), "attempts": 5}, {**NEW.members(), "next": "x"}):
        with pytest.raises(ValueError):
            Delivery.of(odd)


@pytest.mark.parametrize("status", [200, 202, 204, 299])
def test_any_good_status_is_a_delivery(status: int) -> None:
    """Then it is over."""
    done = NEW.tried(attempt(status))
    assert (done.state, done.next_us, done.attempt_count) == ("delivered", 0, 1)


@pytest.mark.parametrize("status", [0, 301, 400, 404, 500])
def test_all_else_is_tried_again(status: int) -> None:
    """After a pause that doubles, half of it by lot."""
    once = NEW.tried(attempt(status), fraction=0.0)
    assert (once.state, once.next_us) == ("pending", 2_000 + FIRST_PAUSE_US // 2)
    twice = once.tried(attempt(status), fraction=1.0)
    assert twice.next_us == 2_000 + 2 * FIRST_PAUSE_US
    assert [pause_us(count, 1.0) for count in (1, 3, 60)] == [
        FIRST_PAUSE_US,
        4 * FIRST_PAUSE_US,
        LONGEST_PAUSE_US,
    ]


def test_a_receiver_may_ask_for_more_time() -> None:
    """With 429 and 503, up to the longest pause; not with other answers."""
    second = 1_000_000
    assert NEW.tried(attempt(429), 60 * second).next_us == 2_000 + 60 * second
    assert NEW.tried(attempt(503), 99_999 * second).next_us == 2_000 + LONGEST_PAUSE_US
    assert NEW.tried(attempt(500), 60 * second).next_us < 2_000 + 60 * second


def test_it_is_given_up_after_three_days() -> None:
    """Or at once when the receiver is gone."""
    last = NEW.tried(attempt(500, at_us=1_000 + GIVEN_UP_US))
    assert (last.state, last.next_us) == ("failed", 0)
    gone = NEW.tried(attempt(410))
    assert gone.state == "failed"
    assert is_gone(gone.attempts[-1])
    assert not is_gone(last.attempts[-1])


def test_the_last_attempts_are_kept() -> None:
    """All are counted."""
    tried = NEW
    for number in range(ATTEMPTS_SHOWN + 3):
        tried = tried.tried(attempt(500, at_us=number))
    assert tried.attempt_count == ATTEMPTS_SHOWN + 3
    assert [each.at_us for each in tried.attempts] == list(range(3, ATTEMPTS_SHOWN + 3))


def test_it_can_be_asked_for_again() -> None:
    """With all that is known of it."""
    failed = replace(NEW, state="failed", next_us=0, attempt_count=4)
    assert failed.again(77) == replace(failed, state="pending", next_us=77)
