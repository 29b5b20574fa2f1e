"""What docs/operations.md says about backups and about secrets that are rotated, tried."""

import asyncio
import json
import shutil
from pathlib import Path

import httpx
import pytest

from quotad.core.plans import Subject
from tests.support.backends import running_backend
from tests.support.patient import patient_store
from tests.support.processes import REQUEST, SUBJECT, Quotad, running_quotad, start_quotad, write_config
from tests.support.servers import StoreServer, running_server
from tests.support.storm import exchange
from tests.support.waiting import until_true


async def statuses(quotad: Quotad, count: int) -> list[int]:
    """What so many requests get, one after the other."""
    reader, writer = await asyncio.open_connection("127.0.0.1", quotad.ports["listen"])
    try:
        return [(await exchange(reader, writer, REQUEST))[0] for _ in range(count)]
    finally:
        writer.close()


async def used(url: str, subject: Subject = SUBJECT) -> int:
    """What the store says of the day."""
    store = patient_store(url)
    await store.start()
    try:
        return (await store.usage([subject]))[0].day_charged
    finally:
        await store.close()


async def back_up(server: StoreServer, to: Path) -> None:
    """A snapshot, copied."""
    with server.client() as client:
        await asyncio.to_thread(client.save)
    shutil.copy(server.directory / "dump.rdb", to)


def restore(server: StoreServer, backup: Path) -> None:
    """The server comes back with what it had then."""
    server.stop()
    shutil.copy(backup, server.directory / "dump.rdb")
    server.start()


async def test_a_restore_under_running_sidecars_forgets_nothing(tmp_path: Path) -> None:
    """They tell the older store what they remember of this day's use, without being asked for anything."""
    with running_server() as server:
        async with running_backend() as backend:
            path = write_config(
                tmp_path / "q.json", {"url": server.url}, backend.port, {"dayQuotaRequest": 100}
            )
            async with running_quotad(path) as (quotad,):
                assert await statuses(quotad, 5) == [200] * 5
                await back_up(server, tmp_path / "backup.rdb")
                assert await statuses(quotad, 7) == [200] * 7
                await asyncio.to_thread(restore, server, tmp_path / "backup.rdb")

                async def is_healed() -> bool:
                    return await used(server.url) == 12

                await until_true(is_healed)


async def test_a_restore_without_sidecars_forgets_what_came_after_the_backup(tmp_path: Path) -> None:
    """Nobody is there who remembers it: as many may pass again, and no more."""
    with running_server() as server:
        async with running_backend() as backend:
            path = write_config(
                tmp_path / "q.json", {"url": server.url}, backend.port, {"dayQuotaRequest": 13}
            )
            async with running_quotad(path) as (quotad,):
                assert await statuses(quotad, 5) == [200] * 5
                await back_up(server, tmp_path / "backup.rdb")
                assert await statuses(quotad, 7) == [200] * 7
            await asyncio.to_thread(restore, server, tmp_path / "backup.rdb")
            assert await used(server.url) == 5
            async with running_quotad(path) as (quotad,):
                assert await statuses(quotad, 9) == [200] * 8 + [429]


async def test_the_stores_password_changes_without_a_restart(tmp_path: Path) -> None:
    """New beside old, the file, old away: open connections live on, and the next ones log in with the new."""
    with running_server(password="operator") as server:
        async with running_backend() as backend:
            with server.client() as client:
                client.execute_command("ACL", "SETUSER", "quotad", "on", ">first", "~*", "&*", "+@all")
                (tmp_path / "password").write_text("first")
                store: dict[str, object] = {
                    "url": f"redis://quotad@127.0.0.1:{server.port}/0",
                    "passwordFile": str(tmp_path / "password"),
                }
                path = write_config(tmp_path / "q.json", store, backend.port, {"dayQuotaRequest": 100})
                async with running_quotad(path) as (quotad,):
                    assert await statuses(quotad, 2) == [200] * 2
                    client.execute_command("ACL", "SETUSER", "quotad", ">second")
                    (tmp_path / "new").write_text("second")
                    (tmp_path / "new").rename(tmp_path / "password")
                    client.execute_command("ACL", "SETUSER", "quotad", "<first")
                    assert await statuses(quotad, 2) == [200] * 2
                    client.execute_command("CLIENT", "KILL", "USER", "quotad")

                    async def is_back() -> bool:
                        return await statuses(quotad, 1) == [200]

                    await until_true(is_back)


@pytest.mark.parametrize("command", ["serve", "admin"])
async def test_the_admin_token_changes_by_a_restart(
    command: str, tmp_path: Path, store_server: StoreServer
) -> None:
    """After it the old one is refused; before it, whatever the file says, the new one."""
    path = write_config(tmp_path / "q.json", {"url": store_server.url}, 9, {})
    config = json.loads(path.read_text())
    if command == "admin":
        (tmp_path / "master.keys").write_text("k1:" + "A" * 43 + "=\n")
        config = {name: config[name] for name in ("telemetry", "store")}
        config["control"] = {"masterKeys": "file:master.keys"}
    config["admin"] = {"address": "127.0.0.1:0", "token": "file:token"}
    path.write_text(json.dumps(config))
    tokens = ("the-first-token-of-all", "the-second-token-of-all")
    (tmp_path / "token").write_text(tokens[0])
    for now, other in (tokens, tokens[::-1]):
        quotad = await start_quotad(path, command=command)
        try:
            (tmp_path / "token").write_text(tokens[1])
            url = f"http://127.0.0.1:{quotad.ports['admin']}/v1/usage"
            async with httpx.AsyncClient() as client:
                for token, status in ((now, 200), (other, 401)):
                    answer = await client.get(url, headers={"Authorization": f"Bearer {token}"})
                    assert answer.status_code == status
        finally:
            await quotad.stop()
