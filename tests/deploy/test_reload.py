"""``reload: onChange`` in a real quotad whose files are mounted."""

import asyncio
import json
from pathlib import Path

import pytest

from tests.support.backends import running_backend
from tests.support.mounts import Mount
from tests.support.processes import REQUEST, Quotad, start_quotad, write_config
from tests.support.servers import StoreServer
from tests.support.storm import exchange
from tests.support.waiting import until_true


async def status(quotad: Quotad, key: str) -> int:
    """What the caller gets with this key."""
    reader, writer = await asyncio.open_connection("127.0.0.1", quotad.ports["listen"])
    try:
        return (await exchange(reader, writer, REQUEST.replace(b"secretcaller", key.encode())))[0]
    finally:
        writer.close()


@pytest.mark.parametrize("workers", [1, 2])
async def test_secrets_and_limits_change_in_place(
    workers: int, tmp_path: Path, store_server: StoreServer
) -> None:
    """A key that is rotated and a plan that is raised are in force without a signal; a wrong file is not."""
    async with running_backend() as backend:
        written = write_config(
            tmp_path / "q.json", {"url": store_server.url}, backend.port, {"dayQuotaRequest": 1}, workers
        )
        config = json.loads(written.read_text())
        config["reload"] = "onChange"
        config["secrets"][0]["secretKey"] = "file:../secret/caller"
        mounted = Mount(tmp_path / "config", {"quotad.yaml": json.dumps(config)})
        secret = Mount(tmp_path / "secret", {"caller": "first-key-of-it"})
        quotad = await start_quotad(mounted.folder / "quotad.yaml")
        try:
            assert await status(quotad, "first-key-of-it") == 200
            assert await status(quotad, "first-key-of-it") == 429
            secret.update({"caller": "second-key-of-it"})

            async def rotated() -> bool:
                return await status(quotad, "second-key-of-it") == 429

            async def old_is_refused() -> bool:
                return await status(quotad, "first-key-of-it") == 401

            await until_true(rotated)
            # Workers change one after the other.
            await until_true(old_is_refused)
            config["plans"][0]["dayQuotaRequest"] = "many"
            mounted.update({"quotad.yaml": json.dumps(config)})
            await quotad.until_said("reload refused: plans[0].dayQuotaRequest")
            config["plans"][0]["dayQuotaRequest"] = 100
            mounted.update({"quotad.yaml": json.dumps(config)})

            async def raised() -> bool:
                return await status(quotad, "second-key-of-it") == 200

            await until_true(raised)
        finally:
            await quotad.stop()
