"""Which files a configuration is read from: those whose change may be a change of it."""

from collections.abc import Iterator, Mapping
from os import environ
from pathlib import Path

from quotad.config.document import Document, read_document
from quotad.config.values import Resolver
from quotad.errors import ConfigError

_NAMING_FILES = frozenset(("certificate", "key", "clientCa", "ca"))
"""Fields about TLS whose value is a file. Passwords of the store are read at every login anyway."""


def read_files(path: Path, environment: Mapping[str, str] = environ) -> frozenset[Path]:
    """The file itself, and what it names, also when something is wrong with it, or when one is missing."""
    folder = path.absolute().parent
    try:
        document = read_document(path)
    except ConfigError:
        return frozenset((path.absolute(),))
    expand = Resolver(Document(), folder, environment).expand
    return frozenset((path.absolute(), *(folder / expand(name) for name in _names(document.value))))


def _names(value: object, field: object = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _names(item, key)
    elif isinstance(value, list):
        for item in value:
            yield from _names(item)
    elif isinstance(value, str):
        if value.startswith("file:"):
            yield value.removeprefix("file:")
        elif field in _NAMING_FILES:
            yield value
