import copy
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError, dataclass, field, fields, is_dataclass, replace
from typing import Any

import pytest

from quotad.frozen import frozen


@frozen
class Ours:
    """Made here."""

    name: str
    count: int = 3
    secret: str = field(default="", repr=False)
    tags: dict[str, int] = field(default_factory=dict)

    @property
    def double(self) -> int:
        """A member beside the fields."""
        return 2 * self.count


@dataclass(frozen=True, slots=True)
class Theirs:
    """The same by the standard library."""

    name: str
    count: int = 3
    secret: str = field(default="", repr=False)
    tags: dict[str, int] = field(default_factory=dict)


@frozen
class Point:
    """Hashable."""

    x: int
    y: int = 0


@frozen
class Alone:
    """Of one field."""

    only: int


@frozen
class Bare:
    """Of none."""


GIVEN: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
    (("a",), {}),
    (("a", 5), {}),
    (("a",), {"secret": "s"}),
    ((), {"name": "a", "tags": {"t": 1}, "count": 0}),
    (("a", 5, "s", {"t": 1}), {}),
]


@pytest.mark.parametrize(("given", "named"), GIVEN)
def test_it_takes_what_a_dataclass_takes(given: tuple[Any, ...], named: dict[str, Any]) -> None:
    """By place, by name, with defaults; and it shows the same, without what is not to be shown."""
    ours, theirs = Ours(*given, **named), Theirs(*given, **named)
    for part in fields(theirs):
        assert getattr(ours, part.name) == getattr(theirs, part.name)
    assert repr(ours) == repr(theirs).replace("Theirs", "Ours")
    assert "s" not in ours.secret or "secret" not in repr(ours)
    assert ours.double == 2 * ours.count


@pytest.mark.parametrize(
    ("given", "named"),
    [((), {}), (("a", 1, "s", {}, 5), {}), (("a",), {"name": "b"}), (("a",), {"nmae": "b"})],
)
def test_it_refuses_what_a_dataclass_refuses(given: tuple[Any, ...], named: dict[str, Any]) -> None:
    """A field that is missing, one too many, one given twice, one that there is not."""
    for kind in (Ours, Theirs):
        with pytest.raises(TypeError):
            kind(*given, **named)


def test_a_default_factory_is_called_for_each() -> None:
    """Two values share no dict."""
    assert Ours("a").tags is not Ours("a").tags


@pytest.mark.parametrize(
    "change",
    [
        lambda value: setattr(value, "x", 2),
        lambda value: setattr(value, "z", 2),
        lambda value: delattr(value, "x"),
    ],
)
def test_nothing_changes(change: Callable[[Point], None]) -> None:
    """No field can be set or deleted, and none added."""
    point = Point(1)
    with pytest.raises(FrozenInstanceError):
        change(point)
    assert point == Point(1)
    assert not hasattr(point, "__dict__")


def test_equal_values_are_equal() -> None:
    """All fields count, also those not shown; another class is never equal; equal ones have one hash."""
    assert Point(1, 2) == Point(1, y=2)
    assert Point(1, 2) != Point(1, 3)
    assert Ours("a", secret="s") != Ours("a")
    other: object = Theirs("a")
    assert Ours("a") != other
    assert (Alone(1) == Alone(1), Alone(1) == Alone(2), Bare() == Bare()) == (True, False, True)
    assert len({Point(1, 2), Point(1, 2), Point(2, 1)}) == 2
    assert hash(Alone(1)) == hash(Alone(1))
    with pytest.raises(TypeError):
        hash(Ours("a"))


@pytest.mark.parametrize("value", [Point(1, 2), Ours("a", 2, "s", {"t": 1}), Alone(7), Bare()])
def test_copies_are_equal(value: object) -> None:
    """Copied, deeply, or by way of a pickle."""
    assert copy.copy(value) == value
    assert copy.deepcopy(value) == value
    assert pickle.loads(pickle.dumps(value)) == value


def test_the_standard_library_takes_it_for_one_of_its_own() -> None:
    """``fields``, ``replace`` and a match by place."""
    kind: object = Ours
    assert is_dataclass(kind)
    assert [part.name for part in fields(Ours)] == [part.name for part in fields(Theirs)]
    assert replace(Ours("a", secret="s"), count=9) == Ours("a", 9, "s")
    match Point(1, 2):
        case Point(x, y):
            assert (x, y) == (1, 2)
