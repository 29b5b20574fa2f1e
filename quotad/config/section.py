"""What all sections of the file share."""

import ast
import inspect
import os
from itertools import pairwise
from textwrap import dedent

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

# Looking for plugins reads what every distribution that is installed says of itself; there are none for this.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")


class Section(BaseModel):
    """What all sections share."""

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        alias_generator=to_camel,
        hide_input_in_errors=True,
        # A process needs a few of them, and none of what is only part of another.
        defer_build=True,
    )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """pydantic's, with the docstring of each field as its description.

        pydantic would read the sources of all sections at each start (``use_attribute_docstrings``).
        """
        schema = handler(core_schema)
        properties = handler.resolve_ref_schema(schema)["properties"]
        for name, words in _described(cls).items():
            properties[cls.model_fields[name].alias].setdefault("description", words)
        return schema


def _described(model: type[BaseModel]) -> dict[str, str]:
    """The docstring of each field that has one, also of those that ``model`` inherits."""
    found: dict[str, str] = {}
    for each in reversed(model.__mro__):
        if each is Section or not issubclass(each, Section):
            continue
        definition = ast.parse(dedent(inspect.getsource(each))).body[0]
        said = definition.body if isinstance(definition, ast.ClassDef) else []
        for field, after in pairwise(said):
            match field, after:
                case ast.AnnAssign(target=ast.Name(name)), ast.Expr(ast.Constant(str(words))):
                    found[name] = inspect.cleandoc(words)
    return found
