"""Fields that may be written in several forms: what each becomes, and what an editor is told."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, WithJsonSchema
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from quotad.config import fields as kind
from quotad.core.plans import QUOTA_WINDOWS, Environment, QuotaWindow, StatusClass, StoreFailurePolicy
from quotad.frozen import frozen

_SAID_OTHERWISE = {"publish": "release", "pre-publish": "prepub", "testing": "test"}
_CLASSES = ["2xx", "3xx", "4xx", "5xx", "others"]


def _environment(value: object) -> object:
    if isinstance(value, str) and value in _SAID_OTHERWISE:
        raise kind.refusal(f"must be release, prepub or test; in a file {value} is {_SAID_OTHERWISE[value]}")
    return value


def _one_or_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _single(value: object, key: str) -> object:
    """What a mapping of this one key holds; None for anything else."""
    return value.get(key) if isinstance(value, dict) and len(value) == 1 else None


def _store_failure(value: object) -> object:
    """``closed``, ``{open: {budget: n}}`` or ``{local: {units: n}}``."""
    if value == "closed":
        return StoreFailurePolicy()
    budget = kind.whole(_single(_single(value, "open"), "budget"))
    if type(budget) is int and 1 <= budget <= kind.MAX_RATE:
        return StoreFailurePolicy("open", budget=budget)
    units = kind.whole(_single(_single(value, "local"), "units"))
    if type(units) is int and 1 <= units <= kind.MAX_RATE:
        return StoreFailurePolicy("local", units=units)
    raise kind.refusal(
        f"must be closed, {{open: {{budget: n}}}} or {{local: {{units: n}}}}, n from 1 to {kind.MAX_RATE}"
    )


def _breach(value: object) -> object:
    """``deny``, ``allow`` or ``{allow: [day, ...]}``: the quotas that deny nobody."""
    if value in ("deny", "allow"):
        return frozenset(QUOTA_WINDOWS if value == "allow" else ())
    names = _single(value, "allow")
    if isinstance(names, list) and names and all(name in QUOTA_WINDOWS for name in names):
        return frozenset(names)
    raise kind.refusal("must be deny, allow or {allow: [...]} with some of day, month, total")


def _form(mode: str, means: str, number: str, counts: str) -> dict[str, Any]:
    """``{mode: {number: n}}`` for the JSON Schema."""
    count = {"type": "integer", "minimum": 1, "maximum": kind.MAX_RATE, "description": counts}
    inner = {**_only(number, count), "description": means}
    return _only(mode, inner)


def _only(key: str, value: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "required": [key], "properties": {key: value}}


@frozen
class ByName:
    """A section that may be given as one of its fields alone: a name."""

    field: str
    names: tuple[str, ...]

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """A name stands for the section that has nothing else."""
        return core_schema.no_info_before_validator_function(self._whole, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Editors see both forms."""
        return {"anyOf": [{"enum": list(self.names)}, handler(schema)]}

    def _whole(self, value: object) -> object:
        return {self.field: value} if isinstance(value, str) else value


EnvironmentName = Annotated[Environment, BeforeValidator(_environment)]
StatusClasses = Annotated[
    list[StatusClass],
    BeforeValidator(_one_or_list),
    Field(min_length=1),
    WithJsonSchema(
        {"anyOf": [{"enum": _CLASSES}, {"type": "array", "minItems": 1, "items": {"enum": _CLASSES}}]}
    ),
]
OnBreach = Annotated[
    frozenset[QuotaWindow],
    BeforeValidator(_breach),
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": ["deny", "allow"]},
                _only(
                    "allow",
                    {
                        "type": "array",
                        "minItems": 1,
                        "items": {"enum": list(QUOTA_WINDOWS)},
                        "description": "Quotas over which requests pass, and count as overage.",
                    },
                ),
            ]
        }
    ),
]
OnStoreFailure = Annotated[
    StoreFailurePolicy,
    BeforeValidator(_store_failure),
    WithJsonSchema(
        {
            "anyOf": [
                {"const": "closed"},
                _form(
                    "open",
                    "Admit without the store, up to a budget; needs store.journal.",
                    "budget",
                    "Requests admitted per process and outage.",
                ),
                _form(
                    "local",
                    "Spend what the store debited beforehand, then act as closed.",
                    "units",
                    "Requests that each process in use holds ahead.",
                ),
            ]
        }
    ),
]
