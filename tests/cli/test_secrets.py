from pathlib import Path

from tests.support.servers import StoreServer
from tests.support.shell import control_file, quotad

LIST = "secretId,secretKey,secretName\n" + "".join(f"AKID{n:04d},the-key-{n:04d},name\n" for n in range(450))


def test_a_list_is_imported(store_server: StoreServer, tmp_path: Path) -> None:
    """All of it, and what is there already is passed over; a list that is wrong makes nothing."""
    config = control_file(tmp_path, store_server.url)
    source = tmp_path / "keys.csv"
    source.write_text(LIST)
    command = ("secret", "import", "-c", config, source)
    assert quotad(*command) == "450 made, 0 there already\n"
    source.write_text(LIST + "AKIDmore,the-key-more,more\n")
    assert quotad(*command) == "1 made, 450 there already\n"
    assert "line 2: AKID0000 is there already (secret_exists)" in quotad(*command, "--strict", status=1)
    source.write_text(LIST.replace("the-key-0001", "another-key"))
    assert "line 3: AKID0001 is there already, with another key" in quotad(*command, status=1)
    source.write_text("AKIDone,the-key-of-one\n")
    told = quotad(*command, status=1)
    assert "line 1: must name the columns" in told
    assert "the-key" not in told
    assert "none.csv: No such file" in quotad(
        "secret", "import", "-c", config, tmp_path / "none.csv", status=1
    )
