"""What pydantic found wrong, in our words: the field's path, the rule, and never the value."""

from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from quotad.config.document import Document, Path_
from quotad.config.fields import did_you_mean

ELSEWHERE = {"shadow": "belongs to a binding: bindings[].shadow", "workers": "stands at the top of the file"}
"""Fields that are easily written in a section that does not have them."""

_WORDS = {
    "missing": "is required",
    "string_type": "must be text (put it in quotes)",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "list_type": "must be a list",
    "model_type": "must be a mapping of fields",
    "dict_type": "must be a mapping of fields",
}


def note(error: ValidationError, model: type[BaseModel], path: Path_, document: Document) -> None:
    """Add every error of a section that stands at ``path`` to the document's problems."""
    for detail in error.errors(include_url=False, include_input=False):
        location = _steps(detail["loc"])
        if detail["type"] == "extra_forbidden":
            # Whoever wrote it may have written anything: it is no mark of pydantic's.
            *before, name = detail["loc"]
            location = (*_steps(tuple(before)), str(name))
            message = _unknown(str(name), _model_at(model, location[:-1]))
        else:
            message = _message(detail["type"], detail["msg"], detail.get("ctx", {}))
        document.refuse((*path, *location), message)


def unknown_field(name: str, model: type[BaseModel]) -> str:
    """The message for a field that ``model`` does not have."""
    return _unknown(name, model)


def _steps(location: tuple[int | str, ...]) -> Path_:
    """A location without the marks that pydantic adds for the branches of a union."""
    return tuple(step for step in location if isinstance(step, int) or step.isidentifier())


def _message(kind: str, words: str, context: dict[str, Any]) -> str:
    if kind == "greater_than_equal":
        return f"must be at least {context['ge']}"
    if kind == "less_than_equal":
        return f"must be at most {context['le']}"
    if kind == "too_short":
        return f"must have at least {context['min_length']} item"
    if kind == "too_long":
        return f"must have at most {context['max_length']} items"
    if kind == "literal_error":
        return f"must be {context['expected'].replace(chr(39), '')}"
    if kind == "rule":
        return words
    return _WORDS.get(kind, "is invalid")


def _unknown(name: str, model: type[BaseModel] | None) -> str:
    if name in ELSEWHERE:
        return ELSEWHERE[name]
    names = [] if model is None else [str(field.alias) for field in model.model_fields.values()]
    return "is no field of quotad" + did_you_mean(name, names)


def _model_at(model: type[BaseModel], location: Path_) -> type[BaseModel] | None:
    """The section that ``location`` leads to, from ``model``."""
    found: type[BaseModel] | None = model
    for step in location:
        if isinstance(step, int) or found is None:
            continue
        by_alias = {field.alias: field.annotation for field in found.model_fields.values()}
        found = _model_in(by_alias.get(step))
    return found


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The one section that an annotation names, also inside ``list[...]`` or ``... | None``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in get_args(annotation):
        found = _model_in(inner)
        if found is not None:
            return found
    return None
