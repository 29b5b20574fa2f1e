import asyncio
from pathlib import Path

import click
import pytest

from quotad.cli.entry import main
from quotad.cli.reach import (
    ADMIN_VARIABLE,
    CONFIG_VARIABLE,
    TOKEN_FILE_VARIABLE,
    TOKEN_VARIABLE,
    Reach,
    admin_port,
    chosen_config,
)
from quotad.errors import QuotadError
from tests.support.commands import VALID
from tests.support.shell import control_file

TOKEN = "a-token-of-twenty-characters"


@pytest.fixture(autouse=True)
def nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what a test sets is there."""
    for name in (ADMIN_VARIABLE, CONFIG_VARIABLE, TOKEN_VARIABLE, TOKEN_FILE_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


def own(tmp_path: Path, text: str) -> None:
    (tmp_path / "quotad").mkdir()
    (tmp_path / "quotad" / "cli.toml").write_text(text)


def told(**said: object) -> tuple[str, str]:
    """URL and token of the port that is asked."""
    reach = Reach(**said)  # type: ignore[arg-type]

    async def opened() -> tuple[str, str]:
        async with admin_port(reach) as port:
            return port._spot.url, port._spot.token

    return asyncio.run(opened())


def test_the_nearest_word_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line before the environment, that before the user's own file; of tokens too."""
    mine, other, third = (tmp_path / f"{name}.token" for name in ("mine", "other", "third"))
    for path in (mine, other, third):
        path.write_text(f"token-of-{path.stem}\n")
    own(tmp_path, f'admin = "http://127.0.0.1:1"\ntokenFile = "{mine}"\n')
    assert told() == ("http://127.0.0.1:1", "token-of-mine")
    config = tmp_path / "quotad.yaml"
    config.write_text(VALID + f"admin: {{address: '127.0.0.1:3', token: {TOKEN}}}\n")
    monkeypatch.setenv(CONFIG_VARIABLE, str(config))
    assert told() == ("http://127.0.0.1:3", TOKEN)
    monkeypatch.setenv(ADMIN_VARIABLE, "http://127.0.0.1:2")
    monkeypatch.setenv(TOKEN_FILE_VARIABLE, str(other))
    assert told() == ("http://127.0.0.1:2", "token-of-other")
    monkeypatch.setenv(TOKEN_VARIABLE, "token-of-environment")
    assert told() == ("http://127.0.0.1:2", "token-of-environment")
    assert told(config=config, token_file=third) == ("http://127.0.0.1:3", "token-of-third")
    assert told(admin="http://127.0.0.1:4", token_file=third) == ("http://127.0.0.1:4", "token-of-third")


def test_a_configuration_in_control_mode_is_its_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of file mode has no store of records; a port that is named comes before both."""
    path = control_file(tmp_path, "redis://127.0.0.1:9")
    assert chosen_config(Reach(config=path)) is not None
    monkeypatch.setenv(CONFIG_VARIABLE, str(path))
    assert chosen_config(Reach()) is not None
    assert chosen_config(Reach(admin="http://127.0.0.1:4")) is None
    file = tmp_path / "file.yaml"
    file.write_text(VALID)
    assert chosen_config(Reach(config=file)) is None
    with pytest.raises(click.UsageError, match="not both"):
        chosen_config(Reach(admin="http://127.0.0.1:4", config=path))


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("127.0.0.1:9", "127.0.0.1:9"),
        (":9", "127.0.0.1:9"),
        ("[::1]:9", "[::1]:9"),
        ("[::]:9", "127.0.0.1:9"),
    ],
)
def test_the_port_of_a_configuration(tmp_path: Path, address: str, place: str) -> None:
    """Its address, on this machine where it is every one, with its token."""
    path = tmp_path / "q.yaml"
    path.write_text(VALID + f'admin: {{address: "{address}", token: {TOKEN}}}\n')
    assert told(config=path) == (f"http://{place}", TOKEN)


@pytest.mark.parametrize("admin", ["", "admin: {address: '127.0.0.1:0', unauthenticatedLoopback: true}\n"])
def test_a_configuration_without_one(tmp_path: Path, admin: str) -> None:
    """None, or one whose number only the system knows."""
    path = tmp_path / "q.yaml"
    path.write_text(VALID + admin)
    with pytest.raises(QuotadError, match="no admin port to ask"):
        told(config=path)


@pytest.mark.parametrize(
    ("text", "words"),
    [("admin = ", "not TOML"), ('token = "x"', "token: only"), ("admin = 1", "admin: only")],
)
def test_a_file_of_ones_own_that_is_wrong(tmp_path: Path, text: str, words: str) -> None:
    """It is named, and nothing of it is shown that may be a token."""
    own(tmp_path, text)
    with pytest.raises(QuotadError, match=words):
        told()


def test_nothing_was_said(tmp_path: Path) -> None:
    """Without an address it is wrong usage; a token file that is none is named."""
    with pytest.raises(click.UsageError, match="--admin or QUOTAD_ADMIN, or -c"):
        told()
    for name, text in (("none", None), ("empty", ""), ("odd", "\u00e9")):
        path = tmp_path / f"{name}.token"
        if text is not None:
            path.write_text(text)
        with pytest.raises(QuotadError, match=rf"{name}\.token: "):
            told(admin="http://127.0.0.1:4", token_file=path)


def test_help_has_the_options_apart(capsys: pytest.CaptureFixture[str]) -> None:
    """Those of the command first, then whom it asks; no option takes a token."""
    assert main(["plan", "list", "--help"]) == 0
    words = capsys.readouterr().out
    own_part, _, reach = words.partition("Whom to ask:")
    assert "--search" in own_part
    assert "--search" not in reach
    assert [name for name in ("--admin", "--config", "--token-file", "--ca-cert") if name not in reach] == []
    assert "--token " not in words
