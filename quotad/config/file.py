"""``quotad.yaml`` -> Config, or every Problem at once; and the JSON Schema of the file."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from quotad.config.document import read_document
from quotad.config.linker import Linker
from quotad.config.model import Config
from quotad.config.values import Resolver
from quotad.errors import ConfigError


def load(path: str | Path, environ: Mapping[str, str] = os.environ) -> Config:
    """Read, resolve, validate and link a file. Raises ConfigError with everything that is wrong.

    ``${VAR}`` is taken from ``environ``; relative paths start from the file's folder.
    """
    path = Path(path)
    folder = path.absolute().parent
    document = read_document(path)
    values = Resolver(document, folder, environ).resolve(document.value)
    config = Linker(document, values, folder).config()
    if config is None:
        raise ConfigError(document.problems)
    return config


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of the file, for editors and ``quotad schema``."""
    from quotad.config.published import published_schema

    return published_schema()
