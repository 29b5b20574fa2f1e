"""A Config as bytes, for a process that is not to read the file (and carry pydantic) itself.

JSON, since what is sent is only ever built from the classes named here. SecretKeys and master keys are
in it: it goes from a process to its own child and nowhere else.
"""

import json
from collections.abc import Callable
from dataclasses import fields
from datetime import date
from pathlib import Path
from typing import Any

from quotad.config import admin_model, health_model, model, tenant
from quotad.core import plans
from quotad.core.table import PlanTable

_CLASSES = (
    *(
        model.Address,
        model.Admin,
        admin_model.AdminKeyPair,
        admin_model.AdminTls,
        model.AuthFailureRule,
        model.Authorize,
        model.AuthRules,
        model.Config,
        model.EmbeddedStore,
        model.Tracing,
    ),
    *(model.Listen, model.ListenTls, model.NamedCertificate, model.SignatureRules, model.UpstreamTls),
    *(health_model.CheckRules, health_model.HealthRules, health_model.RetryRules),
    *(model.Route, model.StoreConfig, model.Telemetry, model.UpstreamAddress),
    *(
        plans.Api,
        plans.Binding,
        plans.EnvironmentRule,
        plans.LeaseRule,
        plans.Secret,
        plans.Service,
        plans.StoreFailurePolicy,
        plans.UsagePlan,
    ),
    *(model.Control, model.MasterKey, tenant.Limits),
)
_NAMES: dict[type, tuple[str, ...]] = {
    each: tuple(field.name for field in fields(each) if field.init) for each in _CLASSES
}


def pack(config: model.Config) -> bytes:
    """The whole Config."""
    return json.dumps(_plain(config), separators=(",", ":")).encode("ascii")


def unpack(parcel: bytes) -> model.Config:
    """What ``pack`` was given. Raises ValueError when it is nothing of this version's."""
    try:
        config = json.loads(parcel, object_hook=_build)
    except (KeyError, TypeError) as error:
        raise ValueError("not a configuration of this version") from error
    if isinstance(config, model.Config):
        return config
    raise ValueError("not a configuration")


def _plain(value: Any) -> Any:
    """Plain values as they are, tuples as lists, all else as an object of one member: its kind."""
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    names = _NAMES.get(type(value))
    if names is not None:
        return {type(value).__name__: [_plain(getattr(value, name)) for name in names]}
    if isinstance(value, PlanTable):
        # Whoever is sent this delivers no webhooks, so it gets none of their keys.
        parts = (value.services.values(), value.plans.values(), value.secrets.values(), value.bindings)
        return {"PlanTable": [_plain(tuple(part)) for part in parts]}
    if isinstance(value, bytes):
        return {"bytes": value.decode("latin-1")}
    if isinstance(value, frozenset):
        return {"frozenset": sorted(value)}
    if isinstance(value, Path):
        return {"Path": str(value)}
    if isinstance(value, date):
        return {"date": value.isoformat()}
    return value


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def _maker(kind: Callable[..., Any]) -> Callable[[list[Any]], Any]:
    return lambda values: kind(*map(_frozen, values))


_MAKERS: dict[str, Callable[[Any], Any]] = {
    **{kind.__name__: _maker(kind) for kind in _CLASSES},
    "PlanTable": _maker(PlanTable),
    "bytes": lambda text: text.encode("latin-1"),
    "frozenset": frozenset,
    "Path": Path,
    "date": date.fromisoformat,
}


def _build(member: dict[str, Any]) -> Any:
    ((kind, value),) = member.items()
    return _MAKERS[kind](value)
