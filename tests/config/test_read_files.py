from pathlib import Path

import pytest

from quotad.config.read_files import read_files

TEXT = """
listen:
  tls: {certificate: tls/a.crt, key: tls/a.key, clientCa: ca.crt,
        certificates: [{certificate: b.crt, key: b.key}]}
routes:
  - upstreamTls: {ca: "${FOLDER}/up.crt"}
secrets:
  - {secretId: AKIDone, secretKey: file:keys/one}
  - {secretId: key, secretKey: "${KEY}"}
surprise: "file:missing"
"""


def test_every_file_that_is_named_is_found(tmp_path: Path) -> None:
    """Of ``file:`` and of TLS, relative ones from the folder, whether they are there or not."""
    path = tmp_path / "quotad.yaml"
    path.write_text(TEXT)
    named = ("tls/a.crt", "tls/a.key", "b.crt", "b.key", "ca.crt", "keys/one", "missing", "quotad.yaml")
    expected = {tmp_path / name for name in named} | {Path("/somewhere/up.crt")}
    assert read_files(path, {"FOLDER": "/somewhere", "KEY": "file:no"}) == expected


@pytest.mark.parametrize("text", ["- [", "\udc80", None])
def test_a_file_that_cannot_be_read_is_the_only_one(text: str | None, tmp_path: Path) -> None:
    """It is looked at on, until it can be."""
    path = tmp_path / "quotad.yaml"
    if text is not None:
        path.write_text(text, errors="surrogateescape")
    assert read_files(path) == {path}
