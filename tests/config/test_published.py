import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from quotad.config.document import read_document
from quotad.config.file import load
from quotad.config.published import published_schema

HERE = Path(__file__).parent
VALIDATOR = Draft202012Validator(published_schema())

SEEN_BY_AN_EDITOR = [
    "binding_shadow",
    "listen_bounds",
    "listen_unknown_field",
    "no_store",
    "plan_anchor_day",
    "plan_condition",
    "plan_failure_local",
    "plan_failure_local_budget",
    "plan_failure_local_units",
    "plan_first_period_alone",
    "plan_first_period_negative",
    "plan_first_period_without_offset",
    "plan_first_period_without_quota",
    "plan_first_period_without_start",
    "plan_id_characters",
    "plan_lease",
    "plan_lease_bounds",
    "plan_lease_number",
    "plan_lease_unknown_field",
    "plan_lease_without_max",
    "plan_numbers_as_text",
    "plan_rate_range",
    "plan_scope",
    "plan_shadow",
    "plan_starts_on",
    "route_no_upstream",
    "route_upgrades",
    "secret_id_not_ascii",
    "secret_key_short",
    "store_journal",
    "store_min_replicas",
    "unknown_section",
    "workers",
    "workers_text",
    "workers_too_many",
]


def test_it_is_a_schema() -> None:
    """What is published is itself valid under its draft."""
    Draft202012Validator.check_schema(published_schema())


@pytest.mark.parametrize("path", sorted((HERE / "valid").glob("*.yaml")), ids=lambda path: path.stem)
def test_valid_files_validate(path: Path) -> None:
    """Every valid file, as written, with its references, passes."""
    assert list(VALIDATOR.iter_errors(read_document(path).value)) == []


@pytest.mark.parametrize("name", SEEN_BY_AN_EDITOR)
def test_busted_files_do_not(name: str) -> None:
    """What one field alone can get wrong, an editor sees too."""
    assert list(VALIDATOR.iter_errors(read_document(HERE / f"busted/{name}.yaml").value))


def fields(schema: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every property of a schema, with its path."""
    for key, value in schema.items() if isinstance(schema, dict) else ():
        if key == "properties":
            for name, field in value.items():
                yield f"{path}.{name}", field
                yield from fields(field, f"{path}.{name}")
        elif isinstance(value, dict):
            yield from fields(value, f"{path}/{key}")
        elif isinstance(value, list):
            for item in value:
                yield from fields(item, path)


def test_every_field_is_described() -> None:
    """Each field says what it does, and none leaks the name of a Python class as its title."""
    found = list(fields(published_schema()))
    assert len(found) > 80
    assert [path for path, field in found if not field.get("description")] == []
    assert [path for path, field in found if "title" in field] == []


def test_every_field_is_documented() -> None:
    """The page on configuration names each field of the schema."""
    page = (HERE.parent.parent / "docs/configuration.md").read_text(encoding="utf-8")
    names = {path.rpartition(".")[2] for path, _ in fields(published_schema())}
    assert sorted(name for name in names if not re.search(rf"\b{name}\b", page)) == []


def test_the_documented_example_is_valid(tmp_path: Path) -> None:
    """The example of the page is a whole configuration."""
    page = (HERE.parent.parent / "docs/configuration.md").read_text(encoding="utf-8")
    example = tmp_path / "quotad.yaml"
    example.write_text(page.split("```yaml\n")[1].split("```")[0], encoding="utf-8")
    assert load(example, {"TRIAL_KEY": "trial-secret-key"}).routes
