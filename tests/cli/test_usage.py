from pathlib import Path

import pytest

from quotad.cli.entry import main
from tests.support.commands import VALID


def test_usage_verbs_ask_the_admin_port(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each one reaches for it, as the file or the line names it, and says that nobody is there."""
    path = tmp_path / "quotad.yaml"
    path.write_text(VALID + "admin: {address: '127.0.0.1:9', unauthenticatedLoopback: true}\n")
    place = ["--plan", "p", "--service", "s", "--environment", "test", "--reason", "r"]
    top_up = ["--window", "day", "--amount", "5", "--until", "never"]
    assert main(["usage", "history", "-c", str(path)]) == 1
    assert main(["usage", "reset", "--admin", "http://127.0.0.1:9", *place, "--window", "day"]) == 1
    assert main(["usage", "top-up", "-c", str(path), *place, *top_up]) == 1
    assert main(["usage", "history"]) == 1
    *refused, missing = capsys.readouterr().err.splitlines()
    assert [line.partition("9: ")[0] for line in refused] == ["quotad: 127.0.0.1:"] * 3
    assert missing == "quotad: which admin port? Give --admin, -c or QUOTAD_ADMIN"
