from base64 import b64decode
from pathlib import Path

import pytest

from quotad.cli.entry import main
from tests.support.control import control_store
from tests.support.servers import StoreServer
from tests.support.shell import MASTER_KEYS, control_file, file_of, quotad, wanted


def test_a_new_master_key(capsys: pytest.CaptureFixture[str]) -> None:
    """32 random bytes under an id; no two are alike."""
    assert main(["keygen", "--id", "2027"]) == 0
    assert main(["keygen"]) == 0
    first, second = capsys.readouterr().out.split()
    assert first.startswith("2027:")
    keys = {b64decode(each.partition(":")[2]) for each in (first, second)}
    assert {len(key) for key in keys} == {32}
    assert len(keys) == 2
    assert main(["keygen", "--id", "a b"]) == 1
    captured = capsys.readouterr()
    assert "--id: " in captured.err
    assert captured.out == ""


async def test_a_master_key_is_replaced(store_server: StoreServer, tmp_path: Path) -> None:
    """All is sealed anew with the first one; then the old one is not needed."""
    config = control_file(tmp_path, store_server.url)
    quotad("apply", "-c", config, "-f", file_of(tmp_path / "f.yaml", wanted()))
    new = quotad("keygen", "--id", "k2").strip()
    control_file(tmp_path, store_server.url, f"{new}\n{MASTER_KEYS}")
    assert quotad("rekey", "-c", config) == "1 SecretKey sealed anew\n"
    assert quotad("rekey", "-c", config) == "0 SecretKeys sealed anew\n"
    async with control_store(store_server.url) as control:
        (record,) = await control.get("secret", ["AKIDone"])
    assert record is not None
    assert record["secretKey"].startswith("k2.")
    control_file(tmp_path, store_server.url, new)
    assert "secretKey: the-key-of-one" in quotad("export", "-c", config, "--with-keys")
    control_file(tmp_path, store_server.url)
    assert "not among those configured" in quotad("export", "-c", config, "--with-keys", status=1)
