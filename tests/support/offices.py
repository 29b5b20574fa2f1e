"""Admin ports on a real store: of the real composition in this process, or of a `quotad admin`."""

import contextlib
import functools
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import yaml

from quotad.config.certificates import client_context
from quotad.config.file import load
from quotad.controlplane import office as composition
from quotad.ground import Ground
from tests.support.described import check_described
from tests.support.processes import start_quotad
from tests.support.shell import control_file, file_of

TOKEN = "a-token-of-twenty-characters"

# All offices of a test session are in one process, which reads the usual authorities once: it takes 30 ms.
vars(composition)["client_context"] = functools.cache(client_context)


class OfficePort:
    """A running admin port."""

    def __init__(self, number: int, scheme: str = "http", verify: Any = True) -> None:
        self.number = number
        self.url = f"{scheme}://127.0.0.1:{number}"
        self._verify = verify

    async def ask(self, method: str, target: str, *, token: str = TOKEN, **more: Any) -> httpx.Response:
        """One answer, which is as the description has it; an empty token: none is sent."""
        proof = {"Authorization": f"Bearer {token}"} if token else {}
        headers = {**proof, **more.pop("headers", {})}
        async with httpx.AsyncClient(trust_env=False, verify=self._verify) as client:
            answer = await client.request(method, f"{self.url}{target}", headers=headers, **more)
        check_described(answer)
        return answer

    async def done(self, method: str, target: str, **more: Any) -> Any:
        """The members of an answer that must be good; None: it has none."""
        answer = await self.ask(method, target, **more)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    async def refused(self, status: int, method: str, target: str, **more: Any) -> dict[str, Any]:
        """The members of a problem document of this status."""
        answer = await self.ask(method, target, **more)
        assert answer.status_code == status, answer.text
        assert answer.headers["Content-Type"] == "application/problem+json"
        return dict(answer.json())


@contextlib.asynccontextmanager
async def office(
    url: str,
    folder: Path,
    admin: Mapping[str, Any] | None = None,
    verify: Any = True,
    limits: Mapping[str, int] | None = None,
) -> AsyncIterator[OfficePort]:
    """In control mode on this store, until the end of the block."""
    path = control_file(folder, url)
    members = yaml.safe_load(path.read_text())
    members["admin"] = {"address": "127.0.0.1:0", **({"token": TOKEN} if admin is None else admin)}
    members["control"]["limits"] = dict(limits or {})
    async with _serving(file_of(path, members), verify) as port:
        yield port


@contextlib.asynccontextmanager
async def admin_process(url: str, folder: Path) -> AsyncIterator[OfficePort]:
    """A process of its own on this store, until the end of the block; nothing unforeseen may happen in it."""
    admin = {"address": "127.0.0.1:0", "token": TOKEN}
    telemetry = {"address": "127.0.0.1:0", "accessLog": ""}
    store = {"url": url, "deadlineMs": 5000}
    path = control_file(folder, url, admin=admin, telemetry=telemetry, store=store)
    process = await start_quotad(path, command="admin")
    try:
        yield OfficePort(process.ports["admin"])
    finally:
        status = await process.stop()
    assert status == 0
    assert "Traceback" not in (said := "".join(process.errors)), said


@contextlib.asynccontextmanager
async def file_office(url: str, folder: Path, file: Mapping[str, Any]) -> AsyncIterator[OfficePort]:
    """In file mode, of a file with these sections too."""
    admin = {"address": "127.0.0.1:0", "token": TOKEN}
    path = file_of(
        folder / "quotad.yaml", {"store": {"url": url, "deadlineMs": 5000}, "admin": admin, **file}
    )
    async with _serving(path, verify=True) as port:
        yield port


@contextlib.asynccontextmanager
async def _serving(path: Path, verify: Any) -> AsyncIterator[OfficePort]:
    config = load(path)
    ground = Ground(config)
    try:
        store = await ground.open_store(await ground.start_server())
        await ground.open_admin(lambda: config.table, store)
        number = int(ground.bound["admin"].rpartition(":")[2])
        scheme = "https" if config.admin is not None and config.admin.tls is not None else "http"
        yield OfficePort(number, scheme, verify)
    finally:
        await ground.close()
