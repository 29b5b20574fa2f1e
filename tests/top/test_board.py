import pytest

from quotad.top.board import Row, Sort, arranged, board
from quotad.top.snapshot import Key, Snapshot, Use

A, B = Key("a", "s", "release"), Key("b", "s", "test")


def snapshot(at_s: float, requests: float, denied: float = 0.0, **more: object) -> Snapshot:
    made = Snapshot(at_s, requests={A: requests}, denied={(A, "day"): denied}, sidecars=1)
    for name, value in more.items():
        setattr(made, name, value)
    return made


def test_counters_become_rates() -> None:
    """Over the time between the two, for each Subject and in all; reasons the most frequent first."""
    before = snapshot(10.0, 100, 10)
    now = snapshot(12.0, 300, 30)
    now.denied[A, "rate"] = 60
    now.use[A] = {"day": Use(5, 10)}
    found = board(before, now, "day")
    assert found.rows == [Row(A, 100.0, 40.0, 5, 10)]
    assert (found.per_s, list(found.denied.items())) == (100.0, [("rate", 30.0), ("day", 10.0)])


def test_a_process_that_began_again_is_no_negative_rate() -> None:
    """Its counters began at 0."""
    assert board(snapshot(10.0, 100), snapshot(11.0, 7), "day").per_s == 7.0


def test_the_same_moment_twice_is_no_error() -> None:
    """The first board is made of one snapshot."""
    first = snapshot(10.0, 100)
    assert board(first, first, "day").rows == [Row(A, 0.0, 0.0, 0, -1)]


def test_secrets_with_quotas_of_their_own_replace_their_plans_row() -> None:
    """Their rate is how their use grows."""
    one = A._replace(secret="AKIDone")
    before, now = snapshot(10.0, 100), snapshot(12.0, 300)
    before.use[one] = {"total": Use(5, -1), "day": Use(5, 9)}
    now.use[one] = {"total": Use(9, -1), "day": Use(9, 9)}
    assert board(before, now, "day").rows == [Row(one, 2.0, 0.0, 9, 9)]


def test_apis_are_rows_of_their_own() -> None:
    """Each has its own requests, denials and use, beside its plan's row elsewhere; its id is a word."""
    one = A._replace(api="api-one")
    before, now = snapshot(10.0, 100), snapshot(12.0, 300)
    before.requests[one], now.requests[one] = 0, 8
    now.denied[one, "day"] = 4
    now.use[one] = {"day": Use(3, 9)}
    found = board(before, now, "day")
    assert arranged(found.rows, "rate", words="API-ONE") == [Row(one, 4.0, 2.0, 3, 9)]
    assert {row.key for row in found.rows} == {A, one}


def test_the_stores_pace_is_that_of_the_time_between() -> None:
    """Half of the calls were answered within the first bound, 99 of 100 within the second; none is none."""
    inf = float("inf")
    before = snapshot(10.0, 1, store_calls={0.001: 900.0, 0.01: 900.0, inf: 1000.0})
    now = snapshot(11.0, 1, store_calls={0.001: 950.0, 0.01: 999.0, inf: 1100.0})
    assert board(before, now, "day").store_s == (0.001, 0.01)
    assert board(now, now, "day").store_s is None
    assert board(Snapshot(0.0), Snapshot(1.0), "day").store_s is None


ROWS = [
    Row(A, 1.0, 9.0, 1, 10),
    Row(B, 5.0, 0.0, 9, 10),
    Row(Key("c", "s", "test"), 3.0, 1.0, 7, -1),
    Row(Key("d", "s", "test"), 0.0, 0.0, 0, 0),
]


@pytest.mark.parametrize(
    ("sort", "names"), [("rate", "bcad"), ("denied", "acbd"), ("used", "dbac"), ("name", "abcd")]
)
def test_orders(sort: Sort, names: str) -> None:
    """The largest first; what has no limit after all that have one, and a limit of 0 is used up."""
    assert "".join(row.key[0] for row in arranged(ROWS, sort)) == names


def test_backwards_and_words() -> None:
    """The other way round; only those that have all the words, whatever their case."""
    assert [row.key[0] for row in arranged(ROWS, "name", backwards=True)] == ["d", "c", "b", "a"]
    assert [row.key[0] for row in arranged(ROWS, "rate", backwards=True)] == ["d", "a", "c", "b"]
    assert [row.key[0] for row in arranged(ROWS, "name", words="TEST b")] == ["b"]
