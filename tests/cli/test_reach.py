from pathlib import Path

import pytest

from quotad.cli.reach import ADMIN_VARIABLE, TOKEN_FILE_VARIABLE, TOKEN_VARIABLE, admin_port
from quotad.errors import QuotadError
from tests.support.commands import VALID

TOKEN = "a-token-of-twenty-characters"


@pytest.fixture(autouse=True)
def nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what a test sets is there."""
    for name in (ADMIN_VARIABLE, TOKEN_VARIABLE, TOKEN_FILE_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


def own(tmp_path: Path, text: str) -> None:
    (tmp_path / "quotad").mkdir()
    (tmp_path / "quotad" / "cli.toml").write_text(text)


def test_the_nearest_word_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line before the configuration, that before the environment, that before the user's own file."""
    mine, other = tmp_path / "mine.token", tmp_path / "other.token"
    mine.write_text("token-of-my-own-file\n")
    other.write_text("token-of-the-line\n")
    own(tmp_path, f'admin = "http://127.0.0.1:1"\ntokenFile = "{mine}"\n')
    assert told(admin_port(None, None, None)) == ("127.0.0.1:1", "token-of-my-own-file")
    monkeypatch.setenv(ADMIN_VARIABLE, "http://127.0.0.1:2")
    monkeypatch.setenv(TOKEN_FILE_VARIABLE, str(other))
    assert told(admin_port(None, None, None)) == ("127.0.0.1:2", "token-of-the-line")
    monkeypatch.setenv(TOKEN_VARIABLE, "token-of-environment")
    assert told(admin_port(None, None, None)) == ("127.0.0.1:2", "token-of-environment")
    config = tmp_path / "quotad.yaml"
    config.write_text(VALID + f"admin: {{address: '127.0.0.1:3', token: {TOKEN}}}\n")
    assert told(admin_port(None, None, config)) == ("127.0.0.1:3", "token-of-environment")
    monkeypatch.delenv(TOKEN_VARIABLE)
    monkeypatch.delenv(TOKEN_FILE_VARIABLE)
    assert told(admin_port(None, None, config)) == ("127.0.0.1:3", TOKEN)
    assert told(admin_port("http://127.0.0.1:4", other, config)) == ("127.0.0.1:4", "token-of-the-line")


def told(port: object) -> tuple[str, str]:
    """Place and token of an AdminPort."""
    headers = dict(port._headers)  # type: ignore[attr-defined]
    place: str = port._client._place  # type: ignore[attr-defined]
    return place, headers["Authorization"].removeprefix("Bearer ")


@pytest.mark.parametrize(
    ("text", "words"),
    [("admin = ", "not TOML"), ('token = "x"', "token: only"), ("admin = 1", "admin: only")],
)
def test_a_file_of_ones_own_that_is_wrong(tmp_path: Path, text: str, words: str) -> None:
    """It is named, and nothing of it is shown that may be a token."""
    own(tmp_path, text)
    with pytest.raises(QuotadError, match=words):
        admin_port(None, None, None)


def test_nothing_was_said(tmp_path: Path) -> None:
    """Without an address, or with a token file that is none, the error says what is missing."""
    with pytest.raises(QuotadError, match="--admin, -c or QUOTAD_ADMIN"):
        admin_port(None, None, None)
    with pytest.raises(QuotadError, match=r"none\.token: No such file"):
        admin_port("http://127.0.0.1:4", tmp_path / "none.token", None)
