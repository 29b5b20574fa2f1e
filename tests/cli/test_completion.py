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


def test_the_words_that_it_is_answered() -> None:
    """A beginning is completed to commands, and behind a command to its options."""
    answers = []
    for words, at in (("quotad ser", "1"), ("quotad usage top-up --am", "3")):
        asked = {**os.environ, "COMP_WORDS": words, "COMP_CWORD": at, "_QUOTAD_COMPLETE": "bash_complete"}
        done = subprocess.run(
            [sys.executable, "-m", "quotad"], env=asked, capture_output=True, text=True, check=True
        )
        answers.append(done.stdout.split())
    assert "plain,serve" in answers[0]
    assert answers[1] == ["plain,--amount"]


def test_another_shell_is_wrong_usage() -> None:
    """What is not known is refused."""
    assert main(["completion", "tcsh"]) == 2
