"""From zero by commands, through a running `quotad admin`, with a token; the route alone is configured."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx

from tests.support.backends import running_backend
from tests.support.processes import running_quotad, start_quotad
from tests.support.servers import StoreServer
from tests.support.shell import PLAN_ID, SECRET_ID, SECRET_KEY, SERVICE_ID, control_file, file_of
from tests.support.waiting import until_true

PLACE = f"{SERVICE_ID}/release"


class People:
    """Runs commands as whoever has this token."""

    def __init__(self, url: str, token_file: Path) -> None:
        self._reach = ("--admin", url, "--token-file", str(token_file))

    async def __call__(self, *words: object, status: int = 0) -> str:
        """What it printed, or, where it is to fail, its errors."""
        command = [sys.executable, "-m", "quotad", *map(str, words), *self._reach]
        done = await asyncio.to_thread(
            subprocess.run, command, capture_output=True, text=True, check=False, timeout=600
        )
        assert done.returncode == status, (done.stdout, done.stderr)
        return str(done.stdout if status == 0 else done.stderr)

    async def used(self) -> int:
        """Of the plan's day, as ``usage show`` has it."""
        rows = json.loads(await self("usage", "show", "--plan", PLAN_ID, "-o", "json"))["usage"]
        return int(rows[0]["windows"]["day"]["inUse"])


def sidecar_file(folder: Path, url: str, backend: int) -> Path:
    """A configuration that has nothing but a route."""
    folder.mkdir()
    route = {
        "pathPrefix": "/",
        "service": SERVICE_ID,
        "environment": "release",
        "upstreams": [f"http://127.0.0.1:{backend}"],
    }
    ports = {"address": "127.0.0.1:0"}
    return control_file(folder, url, listen=ports, telemetry={**ports, "accessLog": ""}, routes=[route])


async def test_from_zero(store_server: StoreServer, tmp_path: Path) -> None:
    """The first token on the store, all else by it: made, published, bound, called, counted, unbound."""
    (tmp_path / "admin").mkdir()
    address: dict[str, Any] = {"address": "127.0.0.1:0"}
    # Nobody knows the configuration's own token: the first one is made on the store.
    admin = {**address, "token": "nobody-ever-uses-this-token"}
    config = control_file(tmp_path / "admin", store_server.url, admin=admin, telemetry=address)
    token = tmp_path / "token"
    first = ("token", "create", "me", "--role", "admin", "--save", token, "-c", config)
    await asyncio.to_thread(
        subprocess.run, [sys.executable, "-m", "quotad", *map(str, first)], check=True, timeout=600
    )
    control = await start_quotad(config, command="admin")
    try:
        async with running_backend() as backend, httpx.AsyncClient() as client:
            path = sidecar_file(tmp_path / "sidecar", store_server.url, backend.port)
            async with running_quotad(path) as (sidecar,):
                me = People(f"http://127.0.0.1:{control.ports['admin']}", token)
                url = f"http://127.0.0.1:{sidecar.ports['listen']}/x"
                await whole_way(me, client, url, tmp_path)
    finally:
        await control.stop()


async def whole_way(me: People, client: httpx.AsyncClient, url: str, folder: Path) -> None:
    """Each step is a command, and in force soon after."""
    headers = {"X-Secret-Id": SECRET_ID, "X-Secret-Key": SECRET_KEY}

    async def status() -> int:
        return (await client.get(url, headers=headers)).status_code

    async def becomes(expected: int) -> None:
        async def is_so() -> bool:
            return await status() == expected

        await until_true(is_so)

    pairs = folder / "keys.csv"
    pairs.write_text(f"secretId,secretKey,secretName\n{SECRET_ID},{SECRET_KEY},one\n")
    await me("service", "create", "orders", "--id", SERVICE_ID)
    await me("service", "publish", SERVICE_ID, "release")
    await me("plan", "create", "gold", "--id", PLAN_ID, "--day", 100)
    assert await me("secret", "import", pairs) == "1 made, 0 there already\n"
    await me("bind", PLAN_ID, "--at", PLACE, "--secret", SECRET_ID)
    await becomes(200)
    before = await me.used()
    assert await status() == 200
    assert await me.used() == before + 1
    await refused_to_others(me, folder)
    wanted = {"plans": [{"usagePlanId": PLAN_ID, "usagePlanName": "gold", "dayQuotaRequest": 0}]}
    told = await me("apply", "-f", file_of(folder / "f.yaml", wanted))
    assert "dayQuotaRequest 100 -> 0" in told
    await becomes(429)
    await me("plan", "modify", PLAN_ID, "--day", 100)
    await becomes(200)
    await me("unbind", PLAN_ID, "--secret", SECRET_ID)
    # Of a Secret that no plan binds to what is served here a sidecar knows nothing, sooner or later.
    await until_true(lambda: _is_refused(client, url, headers))


async def _is_refused(client: httpx.AsyncClient, url: str, headers: dict[str, str]) -> bool:
    return (await client.get(url, headers=headers)).status_code in (401, 403)


async def refused_to_others(me: People, folder: Path) -> None:
    """A reader changes nothing, a wrong token reads nothing; each has its exit status and words."""
    await me("token", "create", "reader", "--role", "read", "--save", folder / "reader")
    reader = People(me._reach[1], folder / "reader")
    assert SECRET_ID in await reader("secret", "list")
    assert "needs the role operate" in await reader("unbind", PLAN_ID, "--secret", SECRET_ID, status=4)
    (folder / "wrong").write_text("token-wrong.of-nobody\n")
    told = await People(me._reach[1], folder / "wrong")("plan", "list", status=4)
    assert "unauthenticated" in told
    assert "of-nobody" not in told
