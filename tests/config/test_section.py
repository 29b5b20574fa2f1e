"""What all sections share: descriptions are read when a schema is asked for, and only then."""

import os
import subprocess
import sys

import pytest
from pydantic import Field, alias_generators

from quotad.config.section import Section, to_camel
from quotad.config.whole_schema import File


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


@pytest.mark.parametrize(("given", "printed"), [("", "False"), ("PYDANTIC_DISABLE_PLUGINS", "True")])
def test_nothing_is_imported_to_look_for_plugins(given: str, printed: str) -> None:
    """Unless whoever starts the process wants some, the module that would look for them is not read."""
    script = (
        "import sys\nfrom quotad.config.schema import Processes\nProcesses.model_validate({})\n"
        "print(hasattr(sys.modules['pydantic.plugin._loader'], '__file__'))\n"
    )
    environ = {name: value for name, value in os.environ.items() if name != "PYDANTIC_DISABLE_PLUGINS"}
    environ |= {given: "none"} if given else {}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environ, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [printed]


def test_what_stands_in_for_plugins_is_only_that() -> None:
    """It answers that there are none; whoever wants anything else of the module gets the module's own."""
    script = (
        "import os\nos.environ.pop('PYDANTIC_DISABLE_PLUGINS', None)\n"
        "import quotad.config.section\nfrom pydantic.plugin import _loader\n"
        "print(list(_loader.get_plugins()), hasattr(_loader, '__path__'), hasattr(_loader, 'no_such_name'))\n"
        "from pydantic.plugin._loader import PYDANTIC_ENTRY_POINT_GROUP\n"
        "print(PYDANTIC_ENTRY_POINT_GROUP)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[] False False", "pydantic"]


def test_names_of_fields() -> None:
    """Written as pydantic would."""
    for name in ("a", "max_head_bytes", "sha256_sum", "usage_plan_id", "level2"):
        assert to_camel(name) == alias_generators.to_camel(name)
    assert to_camel("max_head_bytes") == "maxHeadBytes"
