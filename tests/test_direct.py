import stat
from pathlib import Path

import pytest

from quotad.client.admin import AdminPort, Spot
from quotad.client.wording import UnreachableError
from quotad.config.file import load
from quotad.config.nouns import load_nouns
from quotad.controlplane.key_list import read_list
from quotad.controlplane.refusal import invalid
from quotad.direct import OnStore, asker, operations, own_admin_port
from quotad.errors import QuotadError
from tests.support.servers import StoreServer
from tests.support.shell import SECRET_KEY, control_file, file_of, wanted


async def test_the_control_plane_of_a_command(store_server: StoreServer, tmp_path: Path) -> None:
    """It acts on the store with the configuration's keys, as whoever runs it; refusals are told in words."""
    config = load(control_file(tmp_path, store_server.url))
    async with operations(config) as desk:
        record = await desk.create_secret(asker(), {"secretName": "one"})
        shown = await desk.reveal_secret_keys(asker(), record["secretId"])
        assert shown == {"secretKey": record["secretKey"]}
    assert asker().name.startswith("shell:")
    with pytest.raises(QuotadError, match=r"^rateRps is odd \(invalid_value\)$"):
        async with operations(config):
            raise invalid("rateRps", "is odd")


async def test_its_own_admin_port(store_server: StoreServer, tmp_path: Path) -> None:
    """Nobody else can open it, whoever runs the command may do all, and nothing of it is left."""
    config = load(control_file(tmp_path, store_server.url))
    async with own_admin_port(config) as url, AdminPort(Spot(url)) as port:
        path = Path(url.removeprefix("unix:"))
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        who = await port.get("/v1/whoami")
        assert (who["name"], who["role"], who["means"]) == (asker().name, "admin", "shell")
        await port.post("/v1/plans", {"usagePlanName": "gold"})
        (row,) = await port.audited(10)
        assert (row["who"], row["action"]) == (asker().name, "CreateUsagePlan")
        assert (await port.get("/v1/usage"))["totalCount"] == 0
    assert not path.parent.exists()


async def test_all_records_at_once(store_server: StoreServer, tmp_path: Path) -> None:
    """Compared, applied, exported and imported on the store itself."""
    nouns = load_nouns(file_of(tmp_path / "f.yaml", wanted()), {})
    told: list[int] = []
    async with operations(load(control_file(tmp_path, store_server.url))) as desk:
        records = OnStore(desk)
        heard: list[int] = []
        shown = await records.compare(nouns, heard.append, prune=True)
        assert (len(shown.differences), shown.steps, shown.writes) == (3, 1, 3)
        await records.apply(shown, told.append)
        assert told == [3]
        rows = read_list(["secretId,secretKey\n", "AKIDmore,the-key-of-more\n"])
        assert (await records.import_secrets(rows, told.append, strict=False)).made == 1
        assert await records.secret_count() == 2
        parts = {part.section: part.items async for part in records.export(with_keys=True)}
    assert parts["secrets"][-1]["secretKey"] == SECRET_KEY


async def test_file_mode_has_none(tmp_path: Path) -> None:
    """A configuration without a control section is refused, and a store that is away is an error."""
    config = load(file_of(tmp_path / "q.yaml", {"store": {"url": "redis://127.0.0.1:9"}}))
    for opened in (operations, own_admin_port):
        with pytest.raises(QuotadError, match="no control section"):
            async with opened(config):
                pass
    away = load(control_file(tmp_path, "redis://127.0.0.1:9"))
    async with own_admin_port(away) as url, AdminPort(Spot(url)) as port:
        with pytest.raises(UnreachableError, match="did not answer"):
            await port.get("/v1/plans")
