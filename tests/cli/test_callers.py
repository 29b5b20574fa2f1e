from pathlib import Path

import pytest

from quotad.cli.callers import KEY_VARIABLE
from quotad.cli.entry import main


def signed_with(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The printed Authorization header."""
    assert main(["sign", "--id", "AKIDx", "-H", "Source: app", *arguments]) == 0
    return capsys.readouterr().out.splitlines()[-1]


def test_where_the_key_comes_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key file comes first, then --key, then the environment; the key is never printed."""
    path = tmp_path / "key"
    path.write_text("key-of-the-file\n")
    monkeypatch.setenv(KEY_VARIABLE, "key-of-the-environment")
    outputs = [
        signed_with(capsys, "--key-file", str(path), "--key", "key-of-the-line"),
        signed_with(capsys, "--key", "key-of-the-line"),
        signed_with(capsys),
    ]
    assert len(set(outputs)) == 3
    assert "key-of" not in "".join(outputs)


def test_no_key_is_1(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a key, or without an id, one line says what is missing."""
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    assert main(["sign", "--id", "AKIDx"]) == 1
    assert main(["sign", "--key", "x"]) == 1
    assert main(["call", "http://127.0.0.1:9/", "--id", "AKIDx"]) == 1
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 3
    assert KEY_VARIABLE in errors[0]
    assert "--id" in errors[1]


def test_help_warns_of_ps(capsys: pytest.CaptureFixture[str]) -> None:
    """Who asks for help learns that a command line can be read by others."""
    assert main(["call", "--help"]) == 0
    assert "can read a command line" in " ".join(capsys.readouterr().out.split())


def test_a_server_that_is_away_is_1(capsys: pytest.CaptureFixture[str]) -> None:
    """``call`` to nobody ends with 1 and one line."""
    assert main(["call", "http://127.0.0.1:9/"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("quotad: 127.0.0.1:9: ")
