"""What a machine can hold this tree to, beyond ruff, mypy and import-linter."""

import ast
import os
import statistics
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "quotad").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("test_*.py"))
CODE = sorted([*SOURCES, *(ROOT / "tests").rglob("*.py"), *(ROOT / "bench").rglob("*.py")])

# Put together here, so that this file does not find itself.
FOREIGN = ["/" + "work/", "/" + "root/", "/" + "home/", "/" + "opt/py", "pypi" + ".org", "python" + "hosted"]
TEXTS = {"", ".cfg", ".conf", ".css", ".html", ".js", ".json", ".lua", ".md", ".py", ".svg", ".toml", ".yaml"}
SKIPPED = {".git", "build", "dist", "quotad-data", "__pycache__"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def relative(path: Path) -> str:
    """The path as a reader of a failure knows it."""
    return path.relative_to(ROOT).as_posix()


@cache
def tree(path: Path) -> ast.Module:
    """A file's syntax."""
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def functions(path: Path) -> list[Function]:
    """Every function of a file, methods and inner ones too."""
    return [node for node in ast.walk(tree(path)) if isinstance(node, Function)]


def length(node: Function) -> int:
    """Lines from ``def`` to the end, without the docstring: a long promise is no long function."""
    start = node.lineno
    if ast.get_docstring(node, clean=False) is not None:
        docstring = node.body[0]
        start += (docstring.end_lineno or docstring.lineno) - docstring.lineno + 1
    return (node.end_lineno or node.lineno) - start + 1


def lines(path: Path) -> int:
    """Lines of a file."""
    return len(path.read_text(encoding="utf-8").splitlines())


def committed_texts() -> Iterator[Path]:
    """Every text file that is or may be committed: environments, caches, builds and data left out."""
    for at, folders, names in os.walk(ROOT):
        folder = Path(at)
        # In place: what is left out is not even looked into, it may hold copies of all this.
        folders[:] = sorted(
            name
            for name in folders
            if name not in SKIPPED and not (folder == ROOT and name[0] == "." and name != ".ci")
        )
        for name in sorted(names):
            path = folder / name
            # In a linked work tree .git is a file.
            if path.suffix in TEXTS and name not in SKIPPED and path.is_file():
                yield path


def does_something(path: Path) -> bool:
    """Whether any function has more than a docstring: types and protocols alone have nothing to test."""
    return any(len(node.body) > (ast.get_docstring(node) is not None) for node in functions(path))


def test_every_module_has_its_mirror() -> None:
    """Every module that does something has its test module at the same place under tests/."""
    tested = [path for path in SOURCES if path.name not in ("__init__.py", "__main__.py")]
    mirrors = {
        path: ROOT / "tests" / path.relative_to(ROOT / "quotad").with_name(f"test_{path.name}")
        for path in tested
        if does_something(path)
    }
    assert not [f"{relative(path)} has no {relative(to)}" for path, to in mirrors.items() if not to.is_file()]


def compiled_modules() -> dict[str, Path]:
    """Dotted name to file of what the compiled wheel has as C."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    named = project["tool"]["hatch"]["build"]["targets"]["wheel"]["hooks"]["custom"]["modules"]
    return {
        f"quotad.{package}.{name}": ROOT / "quotad" / package / f"{name}.py"
        for package, names in named.items()
        for name in names
    }


def inherited(path: Path) -> Iterator[tuple[str, str]]:
    """Module and name of each class that a class of this file inherits from by name."""
    origins = {
        alias.asname or alias.name: (node.module or "", alias.name)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ClassDef):
            yield from (
                origins[base.id] for base in node.bases if isinstance(base, ast.Name) and base.id in origins
            )


def test_whoever_inherits_from_compiled_code_is_compiled() -> None:
    """An interpreted class cannot be made that inherits from a compiled one, but for types and protocols."""
    compiled = compiled_modules()
    interpreted = [path for path in SOURCES if path not in compiled.values()]
    wrong = [
        f"{relative(path)}: {module}.{name}"
        for path in interpreted
        for module, name in inherited(path)
        if module in compiled and not is_protocol(compiled[module], name)
    ]
    assert not wrong


def test_compiled_code_waits_in_no_exception_handler() -> None:
    """What is handled there would, compiled, stay the exception under way for all who run meanwhile."""
    waiting = (ast.Await, ast.AsyncFor, ast.AsyncWith, ast.Yield, ast.YieldFrom)
    wrong = [
        f"{relative(path)}:{node.lineno}"
        for path in compiled_modules().values()
        for handler in ast.walk(tree(path))
        if isinstance(handler, ast.ExceptHandler)
        for node in ast.walk(handler)
        if isinstance(node, waiting)
    ]
    assert not wrong


def is_protocol(path: Path, name: str) -> bool:
    """Whether a class of this file is a typing.Protocol, which stays interpreted."""
    return any(
        isinstance(node, ast.ClassDef)
        and node.name == name
        and any(isinstance(base, ast.Name) and base.id == "Protocol" for base in node.bases)
        for node in tree(path).body
    )


def test_every_package_has_its_map() -> None:
    """Each package says in prose what it holds, and its __init__ re-exports nothing."""
    for init in (ROOT / "quotad").rglob("__init__.py"):
        module = tree(init)
        assert ast.get_docstring(module), relative(init)
        assert not any(isinstance(node, ast.Import | ast.ImportFrom) for node in module.body), relative(init)


def test_every_test_says_what_must_hold() -> None:
    """Each test function has a docstring."""
    silent = [
        f"{relative(path)}:{node.lineno} {node.name}"
        for path in TESTS
        for node in functions(path)
        if node.name.startswith("test_") and not ast.get_docstring(node)
    ]
    assert not silent


def test_files_stay_short() -> None:
    """No Python file has more than 400 lines; the median of the sources is at most 200."""
    assert not [f"{relative(path)}: {lines(path)} lines" for path in CODE if lines(path) > 400]
    assert statistics.median(map(lines, SOURCES)) <= 200


def test_functions_stay_short() -> None:
    """No function has more than 60 lines; of the sources' 95 in 100 have at most 35, half at most 8."""
    assert not [
        f"{relative(path)}:{node.lineno} {node.name}: {length(node)} lines"
        for path in CODE
        for node in functions(path)
        if length(node) > 60
    ]
    lengths = sorted(length(node) for path in SOURCES for node in functions(path))
    assert lengths[int(len(lengths) * 0.95)] <= 35
    assert statistics.median(lengths) <= 8


def test_nothing_names_the_machine_it_was_made_on() -> None:
    """No committed text holds a path of a machine or the host of a package registry."""
    found = [
        f"{relative(path)}: {word}"
        for path in committed_texts()
        for word in FOREIGN
        if word in path.read_text(encoding="utf-8", errors="replace")
    ]
    assert not found
