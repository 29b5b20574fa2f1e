"""Exported sections as a file of the form that file mode reads.

Text is quoted unless it is plainly a word, so that no reader of YAML takes it for anything else.
"""

import re
from typing import TYPE_CHECKING, Any

import yaml

from quotad.controlplane.export import Part
from quotad.errors import QuotadError

if TYPE_CHECKING:
    from yaml import SafeDumper as _Base
else:
    _Base = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_-]*", re.ASCII)
_NO_WORDS = frozenset(("null", "true", "false", "yes", "no", "on", "off", "y", "n"))


class _Dumper(_Base):
    """Quotes what could be read as something else than text."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    plain = _WORD.fullmatch(text) is not None and text.lower() not in _NO_WORDS
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if plain else '"')


_Dumper.add_representer(str, _text)


class Writer:
    """Puts parts into one file; those of a section come one after another."""

    def __init__(self) -> None:
        self._section = ""

    def text(self, part: Part) -> str:
        """What comes next in the file. Raises QuotadError for what no file can say."""
        if not part.items:
            return ""
        if part.section == "remarks":
            return "".join(f"# {each}\n" for each in part.items)
        head = "" if part.section == self._section else f"{part.section}:\n"
        self._section = part.section
        items = [_escaped(each) for each in part.items]
        return head + yaml.dump(items, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


def _escaped(value: Any) -> Any:
    """``${`` would be a reference, and so would ``file:``, which has no escape."""
    if isinstance(value, dict):
        return {name: _escaped(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_escaped(each) for each in value]
    if not isinstance(value, str):
        return value
    if value.startswith("file:"):
        raise QuotadError(f"the text {value[:40]!r} cannot stand in a file: it would name another one")
    return value.replace("${", "$${")
