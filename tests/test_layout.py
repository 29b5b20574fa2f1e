"""What a machine can hold this tree to, beyond ruff, mypy and import-linter."""

import ast
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "quotad").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("test_*.py"))
CODE = sorted([*SOURCES, *(ROOT / "tests").rglob("*.py"), *(ROOT / "bench").rglob("*.py")])

# Put together here, so that this file does not find itself.
FOREIGN = ["/" + "work/", "/" + "root/", "/" + "home/", "/" + "opt/py", "pypi" + ".org", "python" + "hosted"]
TEXTS = {"", ".cfg", ".conf", ".css", ".html", ".js", ".json", ".lua", ".md", ".py", ".svg", ".toml", ".yaml"}
SKIPPED = {".git", ".venv", ".demo", "build", "dist", "quotad-data", "__pycache__"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def relative(path: Path) -> str:
    """The path as a reader of a failure knows it."""
    return path.relative_to(ROOT).as_posix()


def functions(path: Path) -> Iterator[Function]:
    """Every function of a file, methods and inner ones too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, Function):
            yield node


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
    """Every text file that is or may be committed: caches and environments left out."""
    for path in sorted(ROOT.rglob("*")):
        inside = path.relative_to(ROOT).parts
        hidden_cache = any(part.startswith(".") and part.endswith("_cache") for part in inside)
        if SKIPPED.isdisjoint(inside) and not hidden_cache and path.suffix in TEXTS and path.is_file():
            yield path


def does_something(path: Path) -> bool:
    """Whether any function has more than a docstring: types and protocols alone have nothing to test."""
    return any(len(node.body) > (ast.get_docstring(node) is not None) for node in functions(path))


@pytest.mark.parametrize(
    "source",
    [path for path in SOURCES if path.name not in ("__init__.py", "__main__.py") and does_something(path)],
    ids=relative,
)
def test_mirror(source: Path) -> None:
    """Every module that does something has its test module at the same place under tests/."""
    mirror = ROOT / "tests" / source.relative_to(ROOT / "quotad").with_name(f"test_{source.name}")
    assert mirror.is_file(), f"{relative(source)} has no {relative(mirror)}"


def test_every_package_has_its_map() -> None:
    """Each package says in prose what it holds, and its __init__ re-exports nothing."""
    for init in (ROOT / "quotad").rglob("__init__.py"):
        tree = ast.parse(init.read_text(encoding="utf-8"))
        assert ast.get_docstring(tree), relative(init)
        assert not any(isinstance(node, ast.Import | ast.ImportFrom) for node in tree.body), relative(init)


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
