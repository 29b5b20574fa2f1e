import asyncio
from pathlib import Path

import pytest

from quotad.cli.entry import main
from tests.support.backends import running_backend
from tests.support.processes import REQUEST, running_quotad, write_config
from tests.support.servers import StoreServer, free_port
from tests.support.storm import exchange


async def test_once(tmp_path: Path, store_server: StoreServer, capsys: pytest.CaptureFixture[str]) -> None:
    """A plain picture of a running quotad in 80 columns; a port that is silent is named on stderr."""
    async with running_backend() as backend:
        config = write_config(
            tmp_path / "q.yaml", {"url": store_server.url}, backend.port, {"dayQuotaRequest": 4}
        )
        async with running_quotad(config) as (quotad,):
            reader, writer = await asyncio.open_connection("127.0.0.1", quotad.ports["listen"])
            assert (await exchange(reader, writer, REQUEST))[0] == 200
            writer.close()
            silent = f"http://127.0.0.1:{free_port()}"
            command = [
                "top",
                f"http://127.0.0.1:{quotad.ports['telemetry']}",
                silent,
                "--once",
                "--every",
                "0.2",
            ]
            assert await asyncio.to_thread(main, command) == 0
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert lines[0].startswith("1 sidecar  ")
    assert [lines[3].split()[0], lines[3].split()[-1]] == ["usagePla…only0001", "1/4"]
    assert max(map(len, lines)) <= 80
    assert said.err.startswith(f"quotad: silent: {silent}/metrics: ")


def test_whom_to_ask(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody named is wrong usage; nobody there is an error that names the port."""
    monkeypatch.delenv("QUOTAD_ADMIN", raising=False)
    assert main(["top", "--once"]) == 2
    url = f"http://127.0.0.1:{free_port()}"
    assert main(["top", url, "--once"]) == 1
    said = capsys.readouterr().err
    assert "give the URL of a telemetry port, or --admin" in said
    assert url in said
