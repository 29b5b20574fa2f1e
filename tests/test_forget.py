import asyncio
import json
from pathlib import Path

import pytest

from quotad.config.file import load
from quotad.config.model import Config
from quotad.errors import QuotadError
from quotad.forget import forget
from quotad.store.control import Write
from tests.support.catalog import PLAN_ID, SERVICE_ID, plan, secret, service
from tests.support.control import committed, control_store
from tests.support.processes import write_config
from tests.support.servers import StoreServer
from tests.support.shell import control_file

KEY = "quotad:{usagePlan-gone0001/service-orders01/release}:s"


def configured(tmp_path: Path, store: dict[str, object]) -> Config:
    return load(write_config(tmp_path / "q.yaml", store, 9, {}))


def test_what_is_gone_is_deleted(tmp_path: Path, store_server: StoreServer) -> None:
    """Every key of a plan that is not configured; how many is answered."""
    with store_server.client() as client:
        client.set(KEY, 1)
        config = configured(tmp_path, {"url": store_server.url})
        assert forget(config, "usagePlan-gone0001", "", force=False) == 1
        assert client.dbsize() == 0


def test_what_is_configured_stays(tmp_path: Path, store_server: StoreServer) -> None:
    """Unless it is forced: who serves it would make it anew."""
    key = KEY.replace("gone", "only")
    with store_server.client() as client:
        client.set(key, 1)
        config = configured(tmp_path, {"url": store_server.url})
        for plan_id, secret_id in (("usagePlan-only0001", ""), ("", "AKIDcaller")):
            with pytest.raises(QuotadError, match="still names"):
                forget(config, plan_id, secret_id, force=False)
        assert client.dbsize() == 1
        assert forget(config, "usagePlan-only0001", "", force=True) == 1
        assert client.dbsize() == 0


@pytest.mark.parametrize(("kind", "name"), [("plan", PLAN_ID), ("secret", "AKIDone")])
def test_what_is_in_the_control_records_stays(
    tmp_path: Path, store_server: StoreServer, kind: str, name: str
) -> None:
    """Unless it is forced, or was deleted there; a name of the other kind is no reason."""
    own, other = ((name, ""), ("", name)) if kind == "plan" else (("", name), (name, ""))
    config = load(control_file(tmp_path, store_server.url))
    asyncio.run(written(store_server.url, plan(), secret("AKIDone")))
    with pytest.raises(QuotadError, match="control records have"):
        forget(config, *own, force=False)
    assert forget(config, *other, force=False) == 0
    assert forget(config, *own, force=True) == 0
    asyncio.run(written(store_server.url, Write(kind, name, None)))
    assert forget(config, *own, force=False) == 0


async def written(url: str, *writes: Write) -> None:
    """One commit."""
    async with control_store(url) as control:
        await committed(control, *writes)


@pytest.mark.parametrize("plan_id", ["a*", "a/b"])
def test_what_is_no_id_is_refused(tmp_path: Path, store_server: StoreServer, plan_id: str) -> None:
    """It could match more than one plan."""
    with pytest.raises(QuotadError, match="each by its id"):
        forget(configured(tmp_path, {"url": store_server.url}), plan_id, "", force=False)


def test_a_store_that_is_away_is_an_error(tmp_path: Path) -> None:
    """Nothing is said to be deleted."""
    config = configured(tmp_path, {"url": f"unix://{tmp_path}/none", "deadlineMs": 50})
    with pytest.raises(QuotadError):
        forget(config, "usagePlan-gone0001", "", force=False)


def test_an_embedded_store_is_started_for_it(tmp_path: Path) -> None:
    """It is there when nobody serves it, and is stopped again."""
    config = configured(tmp_path, {"embedded": {"dir": "data"}})
    assert forget(config, "usagePlan-gone0001", "", force=False) == 0


def test_an_api_that_is_gone_is_deleted(tmp_path: Path, store_server: StoreServer) -> None:
    """Its keys, and those of its throttle; while the file has it, only when it is forced."""
    path = write_config(tmp_path / "q.yaml", {"url": store_server.url}, 9, {})
    said = json.loads(path.read_text())
    said["services"][0]["apis"] = [{"apiId": "api-here", "path": "/a"}]
    path.write_text(json.dumps(said))
    config = load(path)
    with store_server.client() as client:
        for api_id in ("api-gone", "api-here"):
            client.set(f"quotad:{{usagePlan-only0001/service-orders01/release/.api.{api_id}}}:s", 1)
        assert forget(config, "", "", "service-orders01/api-gone", force=False) == 1
        with pytest.raises(QuotadError, match="still names service-orders01/api-here"):
            forget(config, "", "", "service-orders01/api-here", force=False)
        assert forget(config, "", "", "service-orders01/api-here", force=True) == 1
        assert client.dbsize() == 0
    for wrong in ("api-gone", "/api-gone", "service-orders01/"):
        with pytest.raises(QuotadError, match="SERVICE/ID"):
            forget(config, "", "", wrong, force=False)


def test_an_api_of_the_control_records_stays(tmp_path: Path, store_server: StoreServer) -> None:
    """Unless it is forced; another of the same service is no reason."""
    config = load(control_file(tmp_path, store_server.url))
    apis = [{"apiId": "api-here", "apiName": "a", "method": "ANY", "path": "/a"}]
    asyncio.run(written(store_server.url, service(apis=apis)))
    with pytest.raises(QuotadError, match=f"control records have {SERVICE_ID}/api-here"):
        forget(config, "", "", f"{SERVICE_ID}/api-here", force=False)
    assert forget(config, "", "", f"{SERVICE_ID}/api-here", force=True) == 0
    assert forget(config, "", "", f"{SERVICE_ID}/api-gone", force=False) == 0
