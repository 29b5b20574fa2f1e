from pathlib import Path

from tests.support.desks import Shell

LIST = "secretId,secretKey,secretName\n" + "".join(f"AKID{n:04d},the-key-{n:04d},name\n" for n in range(450))


def test_a_list_is_imported(shell: Shell, tmp_path: Path) -> None:
    """All of it, and what is there already is passed over; a list that is wrong makes nothing."""
    source = tmp_path / "keys.csv"
    source.write_text(LIST)
    command = ("secret", "import", str(source))
    assert shell(*command) == "450 made, 0 there already\n"
    source.write_text(LIST + "AKIDmore,the-key-more,more\n")
    assert shell(*command) == "1 made, 450 there already\n"
    shell(*command, "--strict", status=1)
    assert "AKID0000 is there already (secret_exists)" in shell.err
    source.write_text(LIST.replace("the-key-0001", "another-key"))
    shell(*command, status=1)
    assert "AKID0001 is there already, with another key" in shell.err
    source.write_text("AKIDone,the-key-of-one\n")
    shell(*command, status=1)
    assert "line 1: must name the columns" in shell.err
    assert "the-key" not in shell.err
    shell("secret", "import", str(tmp_path / "none.csv"), status=1)
    assert "none.csv: No such file" in shell.err
    assert len(shell("secret", "list").splitlines()) == 452


def test_the_life_of_a_secret(shell: Shell) -> None:
    """Its key is shown when it is made, rotated or revealed, and not otherwise."""
    made = shell.json("secret", "create", "one")
    secret_id, key = made["secretId"], made["secretKey"]
    assert "Keep the key now" in shell.err
    assert key not in shell("secret", "show", secret_id) + shell("secret", "list")
    assert shell.json("secret", "reveal", secret_id)["secretKey"] == key
    rotated = shell.json("secret", "rotate", secret_id, "--overlap", "3600")
    assert rotated["secretKey"] != key
    assert shell.json("secret", "show", secret_id)["previousUntil"] is not None
    shell("secret", "delete", secret_id, status=1)
    assert "disable it first (secret_enabled)" in shell.err
    assert shell.json("secret", "disable", secret_id)["enabled"] is False
    assert shell("secret", "list").splitlines()[1].split()[3] == "no"
    shell("secret", "enable", secret_id)
    shell("secret", "disable", secret_id)
    shell("secret", "delete", secret_id)
    assert shell.json("secret", "list")["totalCount"] == 0


def test_a_pair_that_is_brought(shell: Shell, tmp_path: Path) -> None:
    """Its key comes from a file, never from the line; an id without a key is refused."""
    key = tmp_path / "key"
    key.write_text("the-key-of-mine\n")
    options = ("--id", "AKIDmine", "--key-file", str(key), "--expires", "2031-01-02T03:04:05Z")
    made = shell.json("secret", "create", "mine", *options)
    assert (made["secretKey"], made["expiresAt"]) == ("the-key-of-mine", "2031-01-02T03:04:05.000Z")
    shell("secret", "modify", "AKIDmine", "--name", "renamed", "--expires", "never")
    changed = shell.json("secret", "show", "AKIDmine")
    assert (changed["secretName"], changed["expiresAt"]) == ("renamed", None)
    key.write_text("another-key-of-mine\n")
    rotated = shell.json("secret", "rotate", "AKIDmine", "--key-file", str(key))
    assert rotated["secretKey"] == "another-key-of-mine"
    shell("secret", "create", "mine", "--id", "AKIDother", status=1)
    assert "secretKey is missing" in shell.err


def test_a_second_key(shell: Shell, tmp_path: Path) -> None:
    """One that is brought or made beside the first is shown then, replaced alone, and taken away again."""
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text("the-first-key\n")
    second.write_text("the-second-key\n")
    files = ("--id", "AKIDtwo", "--key-file", str(first), "--second-key-file", str(second))
    made = shell.json("secret", "create", "two", *files, "--desc", "has two")
    keys = {"secretKey": "the-first-key", "secondaryKey": "the-second-key"}
    assert {name: made[name] for name in keys} == keys
    assert (made["secretDesc"], made["hasSecondaryKey"]) == ("has two", True)
    turned = shell.json("secret", "rotate", "AKIDtwo", "--second", "--overlap", "60")
    assert turned["secondaryKey"] != "the-second-key"
    assert "secretKey" not in turned
    assert (turned["previousUntil"], turned["secondaryPreviousUntil"] is None) == (None, False)
    said = shell.json("secret", "reveal", "AKIDtwo")
    assert said == {
        "secretId": "AKIDtwo",
        "secretKey": keys["secretKey"],
        "secondaryKey": turned["secondaryKey"],
    }
    shell("secret", "modify", "AKIDtwo", "--desc", "has one")
    alone = shell.json("secret", "drop-second", "AKIDtwo")
    assert (alone["hasSecondaryKey"], alone["secondaryPreviousUntil"]) == (False, None)
    assert alone["secretDesc"] == "has one"
    assert "secondaryKey" not in shell.json("secret", "reveal", "AKIDtwo")
