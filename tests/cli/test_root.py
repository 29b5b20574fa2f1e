import pytest

from quotad.cli.entry import main
from quotad.cli.root import SECTIONS, root

COMMANDS = [name for rows in SECTIONS.values() for name in rows]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each name leads to a command, whose help begins with how it is used."""
    assert main([name, "--help"]) == 0
    assert capsys.readouterr().out.startswith(f"Usage: quotad {name} ")


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
