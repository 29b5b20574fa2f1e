import json
from pathlib import Path

import pytest

from quotad.cli.entry import main
from tests.support.commands import VALID
from tests.support.servers import StoreServer


def test_check_of_a_good_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line says that all is well, and what was found."""
    path = tmp_path / "quotad.yaml"
    path.write_text(VALID)
    assert main(["check", "-c", str(path)]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"{path}: OK: 1 route, 1 service, 1 plan, 1 secret (version ")


def test_a_missing_file_is_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that is not there is named on stderr, without a trace."""
    assert main(["check", "-c", str(tmp_path / "none.yaml")]) == 1
    assert "none.yaml" in capsys.readouterr().err


def test_schema_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    """``schema`` prints a JSON Schema with every top-level key."""
    assert main(["schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    keys = {"listen", "telemetry", "admin", "workers", "supervised", "reload", "authorize", "store", "routes"}
    keys |= {"tracing", "control", "services", "plans", "secrets", "bindings", "webhooks"}
    assert set(schema["properties"]) == keys


def test_forget_deletes_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], store_server: StoreServer
) -> None:
    """One line with the number of keys; what is configured is refused."""
    path = tmp_path / "quotad.yaml"
    path.write_text(VALID.replace("embedded: {dir: data}", f"url: '{store_server.url}'"))
    with store_server.client() as client:
        client.set("quotad:{usagePlan-gone/service-aaaaaaaa/release}:s", 1)
    assert main(["forget", "-c", str(path), "--plan", "usagePlan-gone"]) == 0
    assert main(["forget", "-c", str(path), "--secret", "AKIDone"]) == 1
    captured = capsys.readouterr()
    assert captured.out == "usagePlan-gone: 1 key deleted or changed\n"
    assert "still names AKIDone" in captured.err
