import stat
from pathlib import Path

import pytest

from quotad.cli.reach import ADMIN_VARIABLE, TOKEN_VARIABLE
from tests.support.desks import Shell, elsewhere
from tests.support.offices import office
from tests.support.servers import StoreServer
from tests.support.shell import control_file


def test_the_life_of_a_token(shell: Shell) -> None:
    """Shown when it is made and not again; changed, listed apart from key pairs, revoked."""
    made = shell.json("token", "create", "ci", "--role", "operate", "--expires", "2031-01-02T03:04:05Z")
    assert "Keep the token now" in shell.err
    token_id, token = made["credentialId"], made["token"]
    pair = shell.json("credential", "create", "sdk", "--role", "read")
    assert pair["secretKey"]
    listed = shell("token", "list")
    assert listed.splitlines()[1].split()[:4] == [token_id, "ci", "operate", "yes"]
    assert token not in listed + shell("credential", "list", "-o", "json")
    assert pair["credentialId"] in shell("credential", "list")
    changed = shell.json("token", "modify", token_id, "--disable", "--expires", "never", "--role", "read")
    assert (changed["enabled"], changed["expiresAt"], changed["role"]) == (False, None, "read")
    shell("token", "revoke", token_id)
    shell("credential", "revoke", pair["credentialId"])
    assert shell.json("token", "list")["totalCount"] == 0
    shell("token", "revoke", token_id, status=1)
    assert "no such credential (unknown_credential)" in shell.err


def test_a_token_is_put_into_a_file(shell: Shell, tmp_path: Path) -> None:
    """A new one of its owner alone, and nowhere else; none is made that cannot be kept."""
    path = tmp_path / "mine"
    told = shell("token", "create", "me", "--role", "admin", "--save", str(path))
    token = path.read_text().strip()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert token not in told
    assert str(path) in told
    shell("token", "create", "me", "--role", "admin", "--save", str(path), status=1)
    assert "File exists" in shell.err
    assert shell.json("token", "list")["totalCount"] == 1
    shell(
        "token",
        "create",
        "me",
        "--role",
        "admin",
        "--save",
        str(tmp_path / "other"),
        "--expires",
        "x",
        status=1,
    )
    assert not (tmp_path / "other").exists()


def test_the_first_token(
    store_server: StoreServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Made on the store itself; each role may do its own; a wrong one and none are told apart."""
    shell, config = Shell(capsys), str(control_file(tmp_path, store_server.url))
    shell("token", "create", "me", "--role", "admin", "--save", str(tmp_path / "admin"), "-c", config)
    (tmp_path / "office").mkdir()
    with elsewhere(lambda: office(store_server.url, tmp_path / "office")) as port:
        monkeypatch.setenv(ADMIN_VARIABLE, port.url)
        mine = ("--token-file", str(tmp_path / "admin"))
        who = shell.json("whoami", *mine)
        assert (who["role"], who["means"], who["mode"]) == ("admin", "token", "control")
        for role in ("read", "operate"):
            shell("token", "create", role, "--role", role, "--save", str(tmp_path / role), *mine)
        reader, operator = (("--token-file", str(tmp_path / role)) for role in ("read", "operate"))
        shell("plan", "list", *reader)
        shell("plan", "create", "gold", *reader, status=4)
        assert "his needs the role operate (forbidden): `quotad whoami`" in shell.err
        shell("plan", "create", "gold", *operator)
        shell("secret", "create", "one", *operator, status=4)
        assert "needs the role admin" in shell.err
        shell("export", *operator, status=4)
        shell("audit", *reader, status=4)
        shell("plan", "list", status=4)
        assert "give it with --token-file or QUOTAD_TOKEN" in shell.err
        for wrong in ("token-nobody.has-this-one", (tmp_path / "admin").read_text().strip() + "x"):
            monkeypatch.setenv(TOKEN_VARIABLE, wrong)
            shell("plan", "list", status=4)
            assert "unknown there, switched off or expired" in shell.err
            assert wrong not in shell.err
        shell("token", "revoke", who["name"], *mine)
        shell("token", "list", *mine, status=4)
