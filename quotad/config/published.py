"""The JSON Schema of the file, as an editor should see it."""

from typing import Any

from quotad.config.whole_schema import File

_REFERENCE: dict[str, Any] = {
    "type": "string",
    "pattern": r"^file:|\$\{[A-Za-z_][A-Za-z0-9_]*\}",
    "description": "${VAR} from the environment, or file:PATH.",
}


def published_schema() -> dict[str, Any]:
    """What pydantic says, with a reference allowed wherever a value may stand, and without its titles."""
    found = File.model_json_schema()
    definitions = found.pop("$defs")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "quotad",
        **_section(found),
        "$defs": {"reference": _REFERENCE, **{name: _section(part) for name, part in definitions.items()}},
    }


def _section(section: dict[str, Any]) -> dict[str, Any]:
    properties = {name: _field(field) for name, field in section["properties"].items()}
    kept = {key: value for key, value in section.items() if key not in ("title", "properties")}
    return {**kept, "properties": properties}


def _field(field: dict[str, Any]) -> dict[str, Any]:
    outer: dict[str, Any] = {key: field[key] for key in ("description", "default") if key in field}
    rule = {key: value for key, value in field.items() if key not in ("title", "description", "default")}
    return {**outer, **_with_reference(rule)}


def _with_reference(rule: dict[str, Any]) -> dict[str, Any]:
    """The rule, or a reference: the schema sees the file as written, before references are resolved."""
    if "$ref" in rule:
        return rule
    if rule.get("type") == "array":
        return {**rule, "items": _with_reference(rule["items"])}
    branches = rule.get("anyOf", [rule])
    if any("$ref" in branch for branch in branches):
        return rule
    return {"anyOf": [*branches, {"$ref": "#/$defs/reference"}]}
