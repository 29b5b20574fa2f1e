"""A file of services, plans, Secrets and bindings: what ``quotad apply`` makes of the control records."""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from quotad.config.document import Document, read_document
from quotad.config.linker import Linker
from quotad.config.problems import unknown_field
from quotad.config.values import Resolver
from quotad.config.whole_schema import File
from quotad.core.table import PlanTable
from quotad.errors import ConfigError

SECTIONS = ("services", "plans", "secrets", "bindings", "webhooks")


@dataclass(frozen=True, slots=True)
class Nouns:
    """What such a file says: SecretKeys too, so it is not shown."""

    values: dict[str, Any] = field(repr=False)
    """Its sections as plain values, references resolved."""
    table: PlanTable
    """What they mean. A Secret without ``secretKey`` has an empty key here."""


def load_nouns(path: Path, environ: Mapping[str, str] = os.environ) -> Nouns:
    """Read, resolve and check these sections of a file; other sections of a configuration are passed over.

    Raises ConfigError with everything that is wrong.
    """
    document = read_document(path)
    given = document.value if isinstance(document.value, dict) else {}
    if document.value is not None and not isinstance(document.value, dict):
        document.refuse((), "must be a mapping of fields")
    known = {each.alias for each in File.model_fields.values()}
    for key in given:
        if key not in known:
            document.refuse((key,), unknown_field(key, File))
    wanted = {name: given[name] for name in SECTIONS if given.get(name) is not None}
    values = Resolver(document, path.absolute().parent, environ).resolve(wanted)
    return Nouns(
        values if isinstance(values, dict) else {}, _linked(document, values, path.absolute().parent)
    )


def nouns_of(values: Mapping[str, Any]) -> PlanTable:
    """What sections mean that somebody sent: nothing in them is a reference. Raises ConfigError."""
    return _linked(Document(), dict(values), Path("/"))


def _linked(document: Document, values: object, folder: Path) -> PlanTable:
    # The schema asks for a key; this one stands for none, and nobody can have written it.
    absent = secrets.token_hex(20)
    table = Linker(document, _with_keys(values, absent), folder).nouns()
    if document.problems:
        raise ConfigError(document.problems)
    found = (
        replace(secret, secret_key=b"") if secret.secret_key == absent.encode() else secret
        for secret in table.secrets.values()
    )
    return PlanTable(table.services.values(), table.plans.values(), found, table.bindings, table.webhooks)


def _with_keys(values: object, key: str) -> object:
    """Every Secret has a key, those without one have this."""
    if not isinstance(values, dict) or not isinstance(values.get("secrets"), list):
        return values
    filled = [{"secretKey": key, **each} if isinstance(each, dict) else each for each in values["secrets"]]
    return {**values, "secrets": filled}
