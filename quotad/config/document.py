"""A YAML file as plain values with the line of each: YAML 1.2's few scalar types, no duplicate keys.

YAML 1.1, as PyYAML reads it, turns ``on`` into true, ``1:30`` into 90 and a date into an object;
here a plain scalar is null, true, false, a decimal number, or text.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from quotad.errors import ConfigError, Problem

if TYPE_CHECKING:
    from yaml import SafeLoader as _Loader
else:
    # libyaml reads a file of ten thousand secrets ten times faster; not every build of PyYAML has it.
    _Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Path_ = tuple[str | int, ...]
"""Where a value stands: keys and list positions from the top."""

MAX_VALUES = 1_000_000
"""Bounds what aliases can unfold to."""

_STRING_TAG = "tag:yaml.org,2002:str"
_STANDARD_TAG = re.compile(r"tag:yaml\.org,2002:(null|bool|int|float|str|timestamp|seq|map|merge|value)")
_NULL = re.compile(r"~|null|Null|NULL|")
_TRUE = re.compile(r"true|True|TRUE")
_FALSE = re.compile(r"false|False|FALSE")
_WHOLE = re.compile(r"[-+]?[0-9]{1,30}")
_DECIMAL = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


def show_path(path: Path_) -> str:
    """``plans[0].rateRps``; the top of the file is ``(file)``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part[:64]}" if text else part[:64]
    return text or "(file)"


@dataclass(slots=True)
class Document:
    """What a file says, and where it says it."""

    value: object = None
    lines: dict[Path_, int] = field(default_factory=dict)
    """1-based; a field's line is where its key stands."""
    problems: list[Problem] = field(default_factory=list)
    unreadable: set[Path_] = field(default_factory=set)
    """Values that could not be had: nothing more is said about them."""

    def problem(self, path: Path_, message: str) -> Problem:
        """A Problem that names the line of ``path``, or of what it stands in."""
        for length in range(len(path), 0, -1):
            line = self.lines.get(path[:length])
            if line is not None:
                return Problem(show_path(path), f"{message} (line {line})")
        return Problem(show_path(path), message)

    def refuse(self, path: Path_, message: str) -> None:
        """Add a Problem."""
        if path not in self.unreadable:
            self.problems.append(self.problem(path, message))

    def refuse_unreadable(self, path: Path_, message: str) -> None:
        """Add a Problem with a value that could not be had at all."""
        self.refuse(path, message)
        self.unreadable.add(path)


def read_document(path: Path) -> Document:
    """Read a YAML file. Raises ConfigError when it cannot be read or is not YAML.

    Duplicate keys, unknown tags and keys that are no text are noted in ``problems``.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ConfigError([Problem(str(path), f"cannot be read: {error.strerror}")]) from None
    except UnicodeDecodeError:
        raise ConfigError([Problem(str(path), "is not UTF-8 text")]) from None
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = f" (line {mark.line + 1})" if mark is not None else ""
        raise ConfigError([Problem(str(path), f"is not YAML: {_reason(error)}{line}")]) from None
    except yaml.YAMLError:
        raise ConfigError(
            [Problem(str(path), "is not YAML: it holds a character that is not allowed")]
        ) from None
    document = Document()
    if root is not None:
        document.value = _Builder(document).build(root, ())
    return document


def _reason(error: yaml.MarkedYAMLError) -> str:
    """The reader's own words; what it quotes of the file may be a key."""
    words = ", ".join(part for part in (error.context, error.problem) if part)
    return re.sub(r""" ('(?!<)[^']{2,}'|"[^"]{2,}")""", "", words)


class _Builder:
    """Turns YAML nodes into values."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._open: set[int] = set()
        self._count = 0

    def build(self, node: yaml.Node, path: Path_) -> object:
        """The value of a node; None where a Problem was noted."""
        self._count += 1
        if self._count > MAX_VALUES:
            raise ConfigError(
                [Problem(show_path(path), f"the file unfolds to more than {MAX_VALUES} values")]
            )
        self._document.lines.setdefault(path, node.start_mark.line + 1)
        if not _STANDARD_TAG.fullmatch(node.tag):
            self._document.refuse_unreadable(path, "YAML tags are not supported")
            return None
        if id(node) in self._open:
            self._document.refuse_unreadable(path, "an alias must not contain itself")
            return None
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, path)
            if isinstance(node, yaml.SequenceNode):
                return [self.build(item, (*path, at)) for at, item in enumerate(node.value)]
            return _scalar(node) if isinstance(node, yaml.ScalarNode) else None
        finally:
            self._open.discard(id(node))

    def _mapping(self, node: yaml.MappingNode, path: Path_) -> dict[str, object]:
        values: dict[str, object] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                self._document.refuse(path, f"a key must be text (line {line})")
                continue
            key = str(key_node.value)
            if key in values:
                self._document.refuse((*path, key), f"is given again on line {line}")
                continue
            self._document.lines[(*path, key)] = line
            values[key] = self.build(value_node, (*path, key))
        return values


def _scalar(node: yaml.ScalarNode) -> str | int | float | bool | None:
    text = str(node.value)
    if node.style or node.tag == _STRING_TAG:
        return text
    if _NULL.fullmatch(text):
        return None
    if _TRUE.fullmatch(text) or _FALSE.fullmatch(text):
        return text[0] in "tT"
    if _WHOLE.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        return float(text)
    return text
