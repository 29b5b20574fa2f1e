"""What all sections of the file share."""

import ast
import inspect
import os
import sys
from importlib import import_module
from itertools import pairwise
from textwrap import dedent
from types import ModuleType

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

_PLUGINS = "pydantic.plugin._loader"


def to_camel(name: str) -> str:
    """``max_head_bytes`` -> ``maxHeadBytes``. pydantic's own asks three regular expressions each time."""
    first, *rest = name.split("_")
    return first + "".join(map(str.capitalize, rest))


def _no_plugins() -> None:
    """Have pydantic look for no plugins: there are none for this.

    It would read what every distribution that is installed says of itself; and though told not to, it would
    import what reads that: twenty modules, for e-mail and zip files too. They are still there for whatever
    else it may want of that module.
    """
    if os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__") != "__all__":
        return
    stand_in = ModuleType(_PLUGINS)

    def other(attribute: str) -> object:
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        if sys.modules.get(_PLUGINS) is stand_in:
            del sys.modules[_PLUGINS]
        return getattr(import_module(_PLUGINS), attribute)

    vars(stand_in).update(get_plugins=tuple, __getattr__=other)
    sys.modules.setdefault(_PLUGINS, stand_in)


_no_plugins()


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
