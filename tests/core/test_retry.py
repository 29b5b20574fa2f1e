from quotad.core.retry import MOST, START, RetryBudget


def test_a_failing_backend_gets_only_so_much_more() -> None:
    """Of requests that all fail, a fifth is tried again, after what a new budget has."""
    budget = RetryBudget(20, 0.0)
    taken = sum(budget.take(requests, 0.0) for requests in range(1, 10_001))
    assert abs(taken - (START + 0.2 * 10_000)) <= 1


def test_good_times_are_saved_up_to_a_bound() -> None:
    """What was in flight on a backend that dies may be tried again, but not a whole day's worth."""
    budget = RetryBudget(20, 0.0)
    assert sum(budget.take(1_000_000, 0.0) for _ in range(2 * int(MOST))) == MOST


def test_few_requests_have_a_little() -> None:
    """However few requests there are, there is about one retry a second."""
    budget = RetryBudget(1, 0.0)
    while budget.take(0, 0.0):
        pass
    assert [budget.take(0, now_s) for now_s in (0.5, 1.0, 1.5, 2.0)] == [False, True, False, True]


def test_none_is_none() -> None:
    """Without a budget there is no retry at all."""
    assert not RetryBudget(0, 0.0).take(1_000_000, 1e6)
