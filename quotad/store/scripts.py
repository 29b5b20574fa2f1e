"""Finds the Lua verbs, assembles each with what it includes, and names it by its SHA1.

A verb is one file of ``lua/``; a line ``--@include name`` in it is replaced by ``name.lua``, and then
each constant (``local NAME = literal``, upper case, at the start of a line) by its value: a constant
that functions share would be made anew, and caught by each of them, at every script call (15,000 of
230,000 instructions of a call for one Subject). For the same reason ``--@rare name`` stands for a function of
that name, which makes the file's functions when it is first called, and calls the one of that name. What is
included may include.
"""

import re
from collections.abc import Sequence
from dataclasses import field
from hashlib import sha1
from pathlib import Path

from quotad.errors import StoreError
from quotad.frozen import frozen

VERBS = ("reserve", "settle", "usage", "adjust", "replay", "history", "attribute", "attributed", "nonce")
"""Every script that the store of counters runs."""
CONTROL_VERBS = ("commit", "tally")
"""Those of the control records, which only admin processes run."""
WEBHOOK_VERBS = ("lead", "announce", "attempted")
"""Those of webhooks, which only processes that serve the admin port run."""

# Each begins with letters to look for, and only then asks what is before them: most text is passed over.
_INCLUDE = re.compile(r"--@(?<![^\n]--@)(include|rare) ([a-z]+)$", re.MULTILINE)
_CONSTANT = re.compile(r"local (?<![^\n]local )([A-Z][A-Z_]*) = ('[^']*'|\d+)\n")
_NAME = re.compile(r"[A-Z](?<!\w[A-Z])[A-Z_]*\b(?!')")
_RARE = """\
local made_{name}
local function {name}(...)
if not made_{name} then made_{name} = (function()
{text}return {name}
end)() end
return made_{name}(...)
end"""
_PACKAGE = Path(__file__).resolve().parent.parent
_PLACES = (_PACKAGE / "_lua", _PACKAGE.parent / "lua")
"""Inside an installed wheel, and beside the package in a checkout (which editable installs use)."""


@frozen
class Script:
    """One verb, ready for ``SCRIPT LOAD`` and ``EVALSHA``."""

    name: str
    text: str = field(repr=False)
    sha: bytes
    """What ``EVALSHA`` takes: 40 lower-case hex digits."""


def directory() -> Path:
    """Where the Lua files are. Raises StoreError when the installation lacks them."""
    for place in _PLACES:
        if (place / "reserve.lua").is_file():
            return place
    raise StoreError("script", "the Lua scripts are missing from this installation of quotad", executed=False)


def load(name: str, clock_text: str | None = None) -> Script:
    """Assemble one verb. ``clock_text`` takes the place of ``clock.lua``: tests settle the time with it.

    Raises StoreError when a file is missing.
    """
    return load_all(clock_text, (name,))[name]


def load_all(clock_text: str | None = None, verbs: Sequence[str] = VERBS) -> dict[str, Script]:
    """Each of these verbs by its name; a file that several include is read once. Raises StoreError."""
    root = directory()
    whole: dict[str, str] = {} if clock_text is None else {"clock": clock_text}

    def part(name: str) -> str:
        if name not in whole:
            whole[name] = _INCLUDE.sub(included, _read(root / f"{name}.lua"))
        return whole[name]

    def included(match: re.Match[str]) -> str:
        kind, name = match.groups()
        return part(name) if kind == "include" else _RARE.format(name=name, text=part(name))

    return {name: _script(name, _inline(part(name))) for name in verbs}


def _script(name: str, text: str) -> Script:
    return Script(name, text, sha1(text.encode(), usedforsecurity=False).hexdigest().encode())


def _inline(text: str) -> str:
    """Put the constants' values in the place of their names. Redis' own words stand in quotes."""
    constants: dict[str, str] = {}

    def noted(match: re.Match[str]) -> str:
        constants[match[1]] = match[2]
        return ""

    text = _CONSTANT.sub(noted, text)
    return _NAME.sub(lambda match: constants.get(match[0], match[0]), text)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise StoreError("script", f"the Lua file {path.name} cannot be read", executed=False) from error
