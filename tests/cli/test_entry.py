import os
import subprocess
import sys
from pathlib import Path

import pytest

from quotad import __version__
from quotad.cli.entry import main
from tests.support.commands import VALID


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """``version`` and ``--version`` say the same."""
    assert main(["version"]) == 0
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"quotad {__version__}\n" * 2


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nothing"],
        ["serve"],
        ["check"],
        ["call"],
        ["sign", "-x"],
        ["usage"],
        ["usage", "reset", "--plan", "p"],
        ["forget", "-c", "x"],
        ["forget", "-c", "x", "--plan", "p", "--secret", "s"],
    ],
)
def test_wrong_usage_is_2(arguments: list[str]) -> None:
    """What is no command line ends with 2."""
    assert main(arguments) == 2


@pytest.mark.parametrize("command", ["check", "serve"])
def test_every_problem_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str) -> None:
    """A bad file ends with 1 and a line per problem, each with the field's path."""
    path = tmp_path / "quotad.yaml"
    path.write_text(
        VALID.replace("rateRps: 5", "rateRps: -7").replace("serviceName: orders", "serviceName: ''")
    )
    assert main([command, "-c", str(path)]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert f"{path}: plans[0].rateRps: " in captured.err
    assert "services[0].serviceName" in captured.err
    assert "abcdefghij0123456789" not in captured.err


def test_a_reader_that_leaves_is_no_traceback() -> None:
    """``quotad schema | head -1`` ends quietly."""
    reader, writer = os.pipe()
    os.close(reader)
    arguments = [sys.executable, "-m", "quotad", "schema"]
    done = subprocess.run(arguments, stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")


def test_commands_import_only_what_they_need() -> None:
    """``version`` and ``sign`` start without the server's libraries."""
    heavy = ["aiohttp", "pydantic", "redis", "uvloop", "prometheus_client", "asyncio"]
    script = (
        "import sys\nfrom quotad.cli.entry import main\n"
        "main(['version'])\nmain(['sign', '--id', 'AKIDx', '--key', 'k'])\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_what_serves_carries_no_command_line(tmp_path: Path) -> None:
    """``serve -c FILE`` loads neither click nor rich: that memory would be there for months."""
    script = (
        "import sys\nfrom quotad.cli.entry import main\n"
        f"main(['serve', '-c', {str(tmp_path / 'none.yaml')!r}])\n"
        "print([name for name in ('click', 'rich') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
    assert "none.yaml" in done.stderr
