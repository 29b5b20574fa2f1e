"""Values that do not stand in the file: ``${VAR}`` from the environment, ``file:`` from a file.

What they resolve to never appears in a Problem: it may be a key.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from quotad.config.document import Document, Path_

MAX_FILE_BYTES = 64 * 1024

_REFERENCE = re.compile(r"\$\$\{|\$\{([^}]*)\}?")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Outside(str):
    """Text that came from outside the file. Where a number or true/false belongs, it is read as one."""

    __slots__ = ()


class Resolver:
    """Replaces every reference in a Document's values."""

    def __init__(self, document: Document, folder: Path, environ: Mapping[str, str]) -> None:
        self._document = document
        self._folder = folder
        self._environ = environ

    def resolve(self, value: object, path: Path_ = ()) -> object:
        """``value`` with its references replaced; a missing one is noted as a Problem."""
        if isinstance(value, str):
            return self._text(value, path)
        if isinstance(value, list):
            return [self.resolve(item, (*path, at)) for at, item in enumerate(value)]
        if isinstance(value, dict):
            return {key: self.resolve(item, (*path, key)) for key, item in value.items()}
        return value

    def expand(self, text: str) -> str:
        """``text`` with its variables replaced."""
        return self._expand(text, ()) if "${" in text else text

    def _text(self, text: str, path: Path_) -> str:
        expanded = self._expand(text, path) if "${" in text else text
        if text.startswith("file:"):
            return self._file(expanded.removeprefix("file:"), text.removeprefix("file:"), path)
        return expanded

    def _expand(self, text: str, path: Path_) -> str:
        def value_of(match: re.Match[str]) -> str:
            if match[0] == "$${":
                return "${"
            name = match[1]
            if not match[0].endswith("}") or not _NAME.fullmatch(name):
                self._document.refuse_unreadable(
                    path, "${ must begin a reference like ${NAME}; write $${ for the text ${"
                )
                return ""
            if name not in self._environ:
                self._document.refuse_unreadable(path, f"the environment variable {name} is not set")
                return ""
            return self._environ[name]

        return Outside(_REFERENCE.sub(value_of, text))

    def _file(self, name: str, written: str, path: Path_) -> str:
        """The content of ``name``, which Problems call as it is ``written``."""
        try:
            with (self._folder / name).open("rb") as source:
                content = source.read(MAX_FILE_BYTES + 1)
            if len(content) <= MAX_FILE_BYTES:
                return Outside(content.decode().removesuffix("\n").removesuffix("\r"))
            reason = f"is larger than {MAX_FILE_BYTES} bytes"
        except UnicodeDecodeError:
            reason = "is not UTF-8 text"
        except (OSError, ValueError) as error:
            reason = f"cannot be read: {getattr(error, 'strerror', None) or 'not a file name'}"
        self._document.refuse_unreadable(path, f"the file {written!r} {reason}")
        return Outside()
