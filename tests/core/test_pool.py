"""Which connection: idle ones first, then new ones up to a bound, then a line up to a bound."""

from hypothesis import given
from hypothesis import strategies as st

from quotad.core.pool import Pool, Todo


def test_latest_first() -> None:
    """The connection used last is used next, so that the others grow old and go."""
    pool: Pool[str, str] = Pool(2, 2)
    assert pool.take() is None
    assert [pool.enter("w1"), pool.enter("w2")] == [Todo.OPEN, Todo.OPEN]
    assert pool.returned("a") is None
    assert pool.returned("b") is None
    assert pool.idle() == ["a", "b"]
    assert [pool.take(), pool.take(), pool.take()] == ["b", "a", None]


def test_line() -> None:
    """Beyond its size the pool lets as many wait, in their order, and refuses the rest."""
    pool: Pool[str, str] = Pool(1, 1)
    assert [pool.enter(each) for each in ("w1", "w2", "w3")] == [Todo.OPEN, Todo.WAIT, Todo.REFUSE]
    assert pool.is_full
    assert pool.returned("a") == "w2"
    assert pool.enter("w4") is Todo.WAIT
    assert pool.left("a") == "w4"
    assert pool.total == 1
    assert pool.left(None) is None
    assert pool.total == 0


def test_cancel() -> None:
    """Who leaves the line is not called any more, and its place is free."""
    pool: Pool[str, str] = Pool(1, 1)
    pool.enter("w1")
    pool.enter("w2")
    pool.cancel("w2")
    pool.cancel("never there")
    assert pool.returned("a") is None
    assert pool.left("a") is None
    assert pool.idle() == []


def test_line_of_its_own_length() -> None:
    """The line has its own bound: longer than the pool, or no line at all."""
    pool: Pool[str, str] = Pool(1, 2)
    assert [pool.enter(each) for each in "abcd"] == [Todo.OPEN, Todo.WAIT, Todo.WAIT, Todo.REFUSE]
    assert (pool.waiting, pool.busy) == (2, 3)
    pool.cancel("b")
    assert pool.enter("d") is Todo.WAIT
    assert [pool.returned("x"), pool.returned("x"), pool.returned("x")] == ["c", "d", None]
    assert (pool.waiting, pool.busy, pool.total) == (0, 0, 1)
    none: Pool[str, str] = Pool(1, 0)
    assert [none.enter(each) for each in "ab"] == [Todo.OPEN, Todo.REFUSE]


@given(st.lists(st.sampled_from(["take", "enter", "opened", "return", "lose", "fail"]), max_size=60))
def test_the_bound_holds(steps: list[str]) -> None:
    """Whatever happens in whatever order, no more connections exist than the size allows."""
    size = 3
    pool: Pool[int, int] = Pool(size, size)
    opening, busy, names = 0, [], iter(range(1000))
    for step in steps:
        if step == "take" and (taken := pool.take()) is not None:
            busy.append(taken)
        elif step == "enter":
            opening += pool.enter(next(names)) is Todo.OPEN
        elif step == "opened" and opening:
            opening -= 1
            busy.append(next(names))
        elif step == "return" and busy:
            connection = busy.pop()
            if pool.returned(connection) is not None:
                busy.append(connection)
        elif step == "lose" and busy:
            opening += pool.left(busy.pop()) is not None
        elif step == "fail" and opening:
            opening -= pool.left(None) is None
        assert opening + len(busy) + len(pool.idle()) == pool.total <= size
