from collections import Counter
from itertools import cycle

import pytest

from quotad.config.health_model import HealthRules
from quotad.core.balance import Rotation
from quotad.core.health import Health

RULES = HealthRules(failures=1, ejection_s=10.0, return_s=10.0)


class One:
    """A backend by its name."""

    def __init__(self, name: str, load: int = 0) -> None:
        self.name = name
        self.load = load
        self.health = Health(RULES)

    def eject(self, now_s: float = 0.0) -> None:
        assert self.health.failed(now_s, answered=False)


class Table:
    """Backends a, b, c, ... at a time that the test sets."""

    def __init__(self, names: str, least: bool = False, panic_percent: int = 25) -> None:
        self.now_s = 0.0
        self.drawn = cycle([0.0])
        self.all = {name: One(name) for name in names}
        self.rotation = Rotation(
            list(self.all.values()), least, panic_percent, lambda: self.now_s, lambda: next(self.drawn)
        )

    def picks(self, count: int) -> str:
        return "".join(self.rotation.pick().name for _ in range(count))

    def other(self, tried: str) -> str | None:
        found = self.rotation.other([self.all[name] for name in tried])
        return None if found is None else found.name


def test_they_take_turns() -> None:
    """Each backend serves as often as the others, in the order of the configuration."""
    assert Table("abc").picks(7) == "abcabca"
    assert Table("a").picks(3) == "aaa"


def test_who_is_out_takes_no_turn() -> None:
    """An ejected backend gets nothing, the others all of it; back, it gets more and more."""
    table = Table("abc")
    table.all["b"].eject()
    assert Counter(table.picks(300)) == {"a": 150, "c": 150}
    counts = []
    for now_s in (10.0, 12.5, 15.0, 20.0):
        table.now_s = now_s
        counts.append(Counter(table.picks(300))["b"])
    assert counts == sorted(counts)
    assert counts[0] < 15
    assert counts[-1] == 100


@pytest.mark.parametrize(
    ("names", "out", "percent", "served"),
    [
        ("a", "a", 25, "a"),
        ("ab", "ab", 25, "ab"),
        ("ab", "a", 25, "b"),
        ("abcd", "abc", 25, "d"),
        ("abcde", "abcd", 25, "abcde"),
        ("abcde", "abcd", 20, "e"),
        ("abcde", "abcde", 1, "abcde"),
        ("abc", "a", 70, "abc"),
    ],
)
def test_panic(names: str, out: str, percent: int, served: str) -> None:
    """When fewer are in than the panic threshold says, all serve; never does nobody."""
    table = Table(names, panic_percent=percent)
    for name in out:
        table.all[name].eject()
    assert "".join(sorted(set(table.picks(60)))) == served


def test_the_less_busy_of_two() -> None:
    """Of the one whose turn it is and one by chance the less busy serves; a tie goes to the turn."""
    table = Table("abc", least=True)
    table.drawn = cycle([0.0, 0.34, 0.67])
    assert table.picks(6) == "abcabc"
    table.all["b"].load = 5
    # a against b, b against c, c against a.
    table.drawn = cycle([0.34, 0.67, 0.0])
    assert table.picks(3) == "acc"
    table.all["a"].load, table.all["c"].load = 9, 9
    assert table.picks(3) == "bbc"


def test_the_less_busy_one_may_be_out() -> None:
    """A backend that is out has nothing to do, and is not picked for it."""
    table = Table("ab", least=True)
    table.all["a"].load = 9
    table.all["b"].eject()
    table.drawn = cycle([0.9])
    assert table.picks(4) == "aaaa"


def test_another_for_a_retry() -> None:
    """A retry goes to one that was not tried, best to one that is in; None when all were tried."""
    table = Table("abc")
    assert [table.other("a"), table.other("ab"), table.other("abc")] == ["b", "c", None]
    table.all["b"].eject()
    assert {table.other("a") for _ in range(5)} == {"c"}
    table.all["c"].eject()
    assert table.other("a") in ("b", "c")
    assert Table("a").other("a") is None


def test_retries_are_no_requests() -> None:
    """What a retry budget is reckoned from is how often somebody was picked for a first try."""
    table = Table("ab")
    table.picks(5)
    table.other("a")
    assert table.rotation.picks == 5
