import os
import shutil
import subprocess
import sys

import pytest

from quotad.cli.entry import main


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_has_its_script(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It asks quotad itself for the words; where the shell is here, it takes the script."""
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert f"_QUOTAD_COMPLETE={shell}_complete" in script
    program = shutil.which(shell)
    if program is not None:
        subprocess.run([program, "-n"], input=script, text=True, check=True)


def completed(shell: str, words: str, at: str) -> str:
    """What a shell is answered for a line, of which it wants the word ``at`` completed."""
    # fish says which word, bash and zsh say how many come before it.
    which = words.split()[int(at)] if shell == "fish" else at
    asked = {**os.environ, "COMP_WORDS": words, "COMP_CWORD": which, "_QUOTAD_COMPLETE": f"{shell}_complete"}
    done = subprocess.run(
        [sys.executable, "-m", "quotad"], env=asked, capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.mark.parametrize(
    ("shell", "command", "option", "value"),
    [
        ("bash", ["plain,serve", "plain,service"], ["plain,--amount"], ["plain,operate"]),
        (
            "zsh",
            ["plain", "serve", "Stand in front of the backends that the..."],
            ["plain", "--amount", "Requests."],
            ["plain", "operate", "_"],
        ),
        ("fish", ["plain", "serve"], ["plain", "--amount", "Requests."], ["plain", "operate"]),
    ],
)
def test_the_words_that_it_is_answered(
    shell: str, command: list[str], option: list[str], value: list[str]
) -> None:
    """A beginning is completed to commands, behind a command to its options, behind one to its values."""
    for words, at, expected in (
        ("quotad ser", "1", command),
        ("quotad usage top-up --am", "3", option),
        ("quotad token create --role op", "4", value),
    ):
        found = completed(shell, words, at)
        assert [each for each in expected if each not in found] == [], found


def test_another_shell_is_wrong_usage() -> None:
    """What is not known is refused."""
    assert main(["completion", "tcsh"]) == 2
