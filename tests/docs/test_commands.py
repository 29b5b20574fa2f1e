"""Every command that a document shows is run by somebody, or it is said why it cannot be."""

import re
import subprocess
import tomllib
from importlib.util import find_spec
from typing import NamedTuple

import click
import pytest

from quotad.cli.root import Root
from tests.support.pages import PAGES, ROOT, blocks, commands, inline

WORKER = "worker"
"""A command that quotad gives itself: none of the program's help."""
LANGUAGES = {"http", "json", "python", "redis", "sh", "text", "toml", "yaml"}


class Run(NamedTuple):
    """By this test, which takes the lines from the page."""

    test: str


class InCi(NamedTuple):
    """By a step of .ci/run."""

    step: str


class NotHere(NamedTuple):
    """By nobody; why."""

    reason: str


Way = Run | InCi | NotHere

CLI = Run("tests/integration/test_command_document.py::test_every_line_works")
REST = Run("tests/integration/test_rest_document.py::test_from_nothing_to_a_first_call_and_back")
SERVED = Run("tests/docs/test_pages.py::test_a_configuration_is_checked_and_served")
RECORDS = Run("tests/docs/test_pages.py::test_the_records_of_the_readme")
SIGNED = Run("tests/docs/test_pages.py::test_callers_sign")
CURLED = Run("tests/docs/test_pages.py::test_use_is_changed_with_curl")
KUBE = Run("tests/docs/test_pages.py::test_secrets_and_chart_of_kubernetes")
HOOKED = Run("tests/docs/test_pages.py::test_webhooks_by_command")
TRIED = Run("tests/docs/test_pages.py::test_a_part_of_the_tests_or_of_the_bench")
MADE = Run("tests/docs/test_pages.py::test_make_runs_a_part_of_the_tests")
IMAGE = NotHere("an image is built from a Debian mirror, as root: by make rehearsal without QUICK=1")

NOUNS = ("token", "admin", "service", "plan", "secret", "bind", "usage")

WAYS: dict[str, dict[str, Way]] = {
    "README.md": {
        "make demo": InCi("make demo CHECK=1"),
        "make test": InCi("make test-all"),
        "quotad check": SERVED,
        "quotad serve": SERVED,
        "export QUOTAD_SECRET_KEY": SIGNED,
        "quotad call": SIGNED,
        'eval "$(quotad sign': SIGNED,
        "export QUOTAD_ADMIN": RECORDS,
        **dict.fromkeys((f"quotad {each} " for each in NOUNS), RECORDS),
    },
    "CONTRIBUTING.md": {
        "make lint": InCi("make test-all"),
        "make test PYTEST=": MADE,
        "make properties TIMES=": MADE,
        ".venv/bin/pytest": TRIED,
    },
    "bench/README.md": {".venv/bin/python -m bench": TRIED},
    "docs/cli.md": {"": CLI},
    "docs/rest.md": {"curl": REST, "quotad admin -c admin.yaml": CLI},
    "docs/console.md": {"quotad admin -c admin.yaml": CLI},
    "docs/clients.md": {'eval "$(quotad sign': SIGNED, "curl": SIGNED},
    "docs/kubernetes.md": {
        "helm install": KUBE,
        "quotad keygen": KUBE,
        "kubectl create secret": KUBE,
        "kubectl apply -k": KUBE,
        "kubectl port-forward": NotHere("needs a cluster"),
    },
    "docs/webhooks.md": {"quotad webhook": HOOKED},
    "docs/operations.md": {
        "quotad check": SERVED,
        "quotad serve": SERVED,
        "curl": CURLED,
        "rm -rf base/var": IMAGE,
        "export BUILDAH_ISOLATION": IMAGE,
        "container=$(buildah": IMAGE,
        **dict.fromkeys(("apt-get", "debootstrap", "buildah"), IMAGE),
    },
}  # fmt: skip
"""By page and by how a command begins; the first that fits."""


def way_of(page: str, command: str) -> str | None:
    """How the row begins that a command has."""
    return next((each for each in WAYS.get(page, {}) if command.startswith(each)), None)


@pytest.mark.parametrize("page", PAGES)
def test_each_command_has_its_way(page: str) -> None:
    """A new command that nobody runs is found; so is a row of a command that is no more."""
    shown = commands(page)
    found = {command: way_of(page, command) for command in shown}
    assert [command for command, way in found.items() if way is None] == []
    assert set(WAYS.get(page, ())) == set(found.values())


@pytest.mark.parametrize("page", PAGES)
def test_each_block_says_what_it_is(page: str) -> None:
    """No command hides in a block without a language, and what is for a shell can be read by one."""
    for block in blocks(page):
        assert block.language in LANGUAGES, block.text
        if block.language == "sh":
            subprocess.run(["sh", "-n"], input=block.text, text=True, check=True)


@pytest.mark.parametrize("way", sorted({way for rows in WAYS.values() for way in rows.values()}, key=str))
def test_who_is_named_is_there(way: Way) -> None:
    """A test that takes the lines of these pages, a step of CI; a reason has words."""
    pages = [page for page, rows in WAYS.items() if way in rows.values()]
    match way:
        case Run(test):
            path, _, name = test.partition("::")
            text = (ROOT / path).read_text(encoding="utf-8")
            assert f"def {name}(" in text
            # Of two pages that show one command the lines of one are taken.
            assert any(page.rpartition("/")[2] in text for page in pages)
        case InCi(step):
            assert f"\n{step}" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
        case NotHere(reason):
            assert len(reason.split()) > 2


def fault(code: str) -> str:
    """What is wrong with a command within a sentence; empty: nothing, or it is none."""
    words = code.split()
    match words:
        case ["quotad", *rest]:
            return _fault_of_quotad(rest)
        case ["make", target, *_]:
            return (
                "" if f"\n{target}:" in (ROOT / "Makefile").read_text(encoding="utf-8") else "no such target"
            )
        case ["python", "-m", module, *_]:
            return "" if find_spec(module) else "no such module"
        case ["pip", "install", what]:
            return _fault_of_extra(what)
    return ""


def _fault_of_quotad(words: list[str]) -> str:
    """Commands and options are those of the program; what follows a command is the reader's."""
    command: click.Command = Root("quotad")
    context = click.Context(command)
    options = {"-h", "--help"}
    for word in words:
        if word.startswith("-"):
            if word not in options:
                return f"{command.name} has no {word}"
        elif isinstance(command, click.Group) and word.islower() and word != WORKER:
            names = word.split("|")
            missing = [name for name in names if command.get_command(context, name) is None]
            if missing:
                return f"{command.name} has no {missing[0]}"
            command = command.get_command(context, names[-1]) or command
            options |= {option for each in command.params for option in (*each.opts, *each.secondary_opts)}
    return ""


def _fault_of_extra(what: str) -> str:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found = re.fullmatch(r"'?quotad(?:\[(\w+)\])?'?|\.", what)
    if found is None:
        # Of others: what the tests themselves use.
        mine = [
            re.split(r"\W", each.replace("-", "_"))[0] for each in project["optional-dependencies"]["dev"]
        ]
        return "" if what.replace("-", "_") in mine else "neither quotad nor used by a test"
    return "" if found[1] is None or found[1] in project["optional-dependencies"] else "no such extra"


@pytest.mark.parametrize("page", PAGES)
def test_commands_in_sentences_exist(page: str) -> None:
    """Commands and options of quotad, targets of make, modules and extras that sentences name are there."""
    wrong = {code: why for code in inline(page) if (why := fault(code))}
    assert wrong == {}


@pytest.mark.parametrize(
    "code",
    [
        "quotad nothing",
        "quotad usage nothing",
        "quotad top --nothing",
        "make nothing",
        "pip install quotad[nothing]",
        "pip install nothing",
    ],
)
def test_a_command_that_does_not_exist_is_found(code: str) -> None:
    """Each kind of fault is one."""
    assert fault(code)
