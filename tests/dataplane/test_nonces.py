from dataclasses import dataclass

from quotad.dataplane.nonces import NonceTable


@dataclass
class Clock:
    """A time that moves when told."""

    now_s: float = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_once_within_its_time() -> None:
    """A nonce is new once until its time is over, and then again."""
    clock = Clock()
    table = NonceTable(clock)
    assert table.spend(b"a", 10.0) is True
    assert table.spend(b"a", 10.0) is False
    assert table.spend(b"b", 10.0) is True
    clock.now_s += 9.9
    assert table.spend(b"a", 10.0) is False
    clock.now_s += 0.1
    assert table.spend(b"a", 10.0) is True
    assert table.spend(b"a", 10.0) is False


def test_what_has_ended_goes() -> None:
    """The table holds what is within its time, and hardly more."""
    clock = Clock()
    table = NonceTable(clock)
    for number in range(10_000):
        clock.now_s += 0.01
        assert table.spend(b"%d" % number, 1.0) is True
        assert len(table) <= 102
    assert table.spend(b"9999", 1.0) is False


def test_a_full_table_takes_nothing_new() -> None:
    """It forgets none of those that could be used again; when the oldest ends there is room."""
    clock = Clock()
    table = NonceTable(clock, bound=3)
    for name in (b"a", b"b", b"c"):
        assert table.spend(name, 10.0) is True
        clock.now_s += 1.0
    assert table.spend(b"d", 10.0) is None
    assert [table.spend(name, 10.0) for name in (b"a", b"b", b"c")] == [False] * 3
    clock.now_s += 7.0
    assert table.spend(b"d", 10.0) is True
    assert table.spend(b"b", 10.0) is False
