import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from quotad import __version__
from quotad.cli import KEY_VARIABLE, main
from tests.support.servers import StoreServer

VALID = """\
listen: {address: "127.0.0.1:0"}
store: {embedded: {dir: data}}
services: [{serviceId: service-aaaaaaaa, serviceName: orders, environments: [release]}]
routes: [{pathPrefix: /, service: orders, environment: release, upstreams: ["http://127.0.0.1:9"]}]
plans: [{usagePlanId: usagePlan-aaaaaaaa, usagePlanName: trial, rateRps: 5}]
secrets: [{secretName: one, secretId: AKIDone, secretKey: abcdefghij0123456789}]
bindings:
  - usagePlanId: usagePlan-aaaaaaaa
    secretIds: [AKIDone]
    environments: [{service: orders, environment: release}]
"""


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """``version`` and ``--version`` say the same."""
    assert main(["version"]) == 0
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"quotad {__version__}\n" * 2


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nothing"],
        ["serve"],
        ["check"],
        ["call"],
        ["sign", "-x"],
        ["usage"],
        ["usage", "reset", "--plan", "p"],
        ["forget", "-c", "x"],
        ["forget", "-c", "x", "--plan", "p", "--secret", "s"],
    ],
)
def test_wrong_usage_is_2(arguments: list[str]) -> None:
    """What is no command line ends with 2."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2


def test_check_of_a_good_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line says that all is well, and what was found."""
    path = tmp_path / "quotad.yaml"
    path.write_text(VALID)
    assert main(["check", "-c", str(path)]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"{path}: OK: 1 route, 1 service, 1 plan, 1 secret (version ")


@pytest.mark.parametrize("command", ["check", "serve"])
def test_every_problem_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str) -> None:
    """A bad file ends with 1 and a line per problem, each with the field's path."""
    path = tmp_path / "quotad.yaml"
    path.write_text(
        VALID.replace("rateRps: 5", "rateRps: -7").replace("serviceName: orders", "serviceName: ''")
    )
    assert main([command, "-c", str(path)]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert f"{path}: plans[0].rateRps: " in captured.err
    assert "services[0].serviceName" in captured.err
    assert "abcdefghij0123456789" not in captured.err


def test_a_missing_file_is_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that is not there is named on stderr, without a trace."""
    assert main(["check", "-c", str(tmp_path / "none.yaml")]) == 1
    assert "none.yaml" in capsys.readouterr().err


def test_schema_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    """``schema`` prints a JSON Schema with every top-level key."""
    assert main(["schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    keys = {"listen", "telemetry", "admin", "workers", "supervised", "store", "routes"}
    keys |= {"services", "plans", "secrets", "bindings"}
    assert set(schema["properties"]) == keys


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
    with pytest.raises(SystemExit):
        main(["call", "--help"])
    assert "can read a command line" in " ".join(capsys.readouterr().out.split())


def test_a_server_that_is_away_is_1(capsys: pytest.CaptureFixture[str]) -> None:
    """``call`` to nobody ends with 1 and one line."""
    assert main(["call", "http://127.0.0.1:9/"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("quotad: 127.0.0.1:9: ")


def test_a_reader_that_leaves_is_no_traceback() -> None:
    """``quotad schema | head -1`` ends quietly."""
    reader, writer = os.pipe()
    os.close(reader)
    arguments = [sys.executable, "-m", "quotad", "schema"]
    done = subprocess.run(arguments, stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")


def test_commands_import_only_what_they_need() -> None:
    """``version`` and ``sign`` start without the server's libraries."""
    heavy = ["aiohttp", "pydantic", "redis", "uvloop", "prometheus_client", "asyncio"]
    script = (
        "import sys\nfrom quotad.cli import main\n"
        "main(['version'])\nmain(['sign', '--id', 'AKIDx', '--key', 'k'])\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


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
    assert missing == "quotad: usage: --config or --admin is needed"


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
