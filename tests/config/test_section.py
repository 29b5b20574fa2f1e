"""What all sections share: descriptions are read when a schema is asked for, and only then."""

import subprocess
import sys

from pydantic import Field

from quotad.config.schema import File
from quotad.config.section import Section


class Inner(Section):
    """Stands in another."""

    width: int = 1
    """How wide."""


class Outer(Inner):
    """Has one more field than what it is made from."""

    inner_part: Inner | None = None
    """The part
    inside."""
    told: int = Field(default=2, description="Told otherwise.")
    """Not this."""
    untold: int = 3


def test_a_docstring_describes_its_field() -> None:
    """Own fields and inherited ones have their docstring, unless the field says something itself."""
    properties = Outer.model_json_schema()["properties"]
    found = {name: of.get("description") for name, of in properties.items()}
    assert found == {
        "width": "How wide.",
        "innerPart": "The part\ninside.",
        "told": "Told otherwise.",
        "untold": None,
    }
    assert Outer.model_json_schema()["$defs"]["Inner"]["properties"]["width"]["description"] == "How wide."


def test_every_field_of_the_file_is_described() -> None:
    """An editor has words for each field of each section."""
    schema = File.model_json_schema()
    sections = [schema, *schema["$defs"].values()]
    missing = [
        name
        for section in sections
        for name, of in section.get("properties", {}).items()
        if "description" not in of
    ]
    assert missing == []


def test_no_sources_are_read_to_check_a_file() -> None:
    """Sections are imported and used without their sources, and without a look for pydantic's plugins."""
    script = (
        "import importlib.metadata, inspect\ninspect.getsource = inspect.findsource = None\n"
        "importlib.metadata.distributions = None\n"
        "import quotad.config.linker\nfrom quotad.config.schema import PlanSection\n"
        "print(PlanSection.model_validate({'usagePlanId': 'p', 'usagePlanName': 'P'}).usage_plan_id)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "p"
