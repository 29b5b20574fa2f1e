import shlex
from collections.abc import Iterator

import click
import pytest

from quotad.cli.entry import main
from quotad.cli.reach import Asking
from quotad.cli.root import SECTIONS, root

COMMANDS = [name for rows in SECTIONS.values() for name in rows]


def leaves(group: click.Group, context: click.Context, *path: str) -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, by its words."""
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from leaves(command, context, *path, name)
        else:
            yield " ".join((*path, name)), command


LEAVES = dict(leaves(root, click.Context(root)))


def examples(command: click.Command) -> list[list[str]]:
    """The words of each line that its help shows, behind the program's name."""
    text = (command.help or "").replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines() if line.strip().startswith("quotad ")]
    return [shlex.split(line.partition(" > ")[0].partition(" && ")[0], comments=True)[1:] for line in lines]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each name leads to a command, whose help begins with how it is used."""
    assert main([name, "--help"]) == 0
    assert capsys.readouterr().out.startswith(f"Usage: quotad {name} ")


@pytest.mark.parametrize("name", LEAVES)
def test_help_teaches(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A sentence for each command and each option; examples for those that ask, and all of them are taken."""
    command = LEAVES[name]
    assert command.get_short_help_str(200).endswith((".", ":", "!")) or name == "completion"
    shown = examples(command)
    assert shown or not isinstance(command, Asking)
    for words in shown:
        found = next(each for each in LEAVES if words[: len(each.split())] == each.split())
        LEAVES[found].make_context(found, words[len(found.split()) :])
    for each in command.params:
        if isinstance(each, click.Option):
            assert each.help or each.type.name == "choice", each.name


def test_the_list_of_commands(capsys: pytest.CaptureFixture[str]) -> None:
    """``--help`` lists all of them in sections and says what an exit status means."""
    assert main(["-h"]) == 0
    told = capsys.readouterr().out
    assert [name for name in COMMANDS if f"\n  {name} " not in told] == []
    assert [title for title in SECTIONS if f"\n{title}:\n" not in told] == []
    assert "Exit status: 0" in told


def test_what_is_no_command(capsys: pytest.CaptureFixture[str]) -> None:
    """It is told by name."""
    assert main(["srve"]) == 2
    assert "No such command 'srve'" in capsys.readouterr().err
    assert set(root.commands) == set()
