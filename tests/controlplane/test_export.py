from pathlib import Path
from typing import Any

import pytest
import yaml

from quotad.config.nouns import load_nouns
from quotad.controlplane.export_file import Writer
from quotad.controlplane.operations import Operations
from quotad.errors import QuotadError
from tests.support.control import control_store
from tests.support.desk import ADMIN, contents, operations, plan, secret, service
from tests.support.servers import StoreServer

ODD = "'yes' 1e5 ${HOME}: {[#\u2028 ключ"


async def exported(desk: Operations, *, with_keys: bool = False) -> str:
    """The whole file."""
    writer = Writer()
    return "".join([writer.text(part) async for part in desk.export(ADMIN, with_keys=with_keys)])


async def made(desk: Operations) -> dict[str, str]:
    """Records with all that a file can say, and some that is half done."""
    orders = await service(desk, "release", "test", name=ODD)
    nowhere = await service(desk, name="1e5")
    gold = await plan(
        desk,
        "off",
        rateRps=5,
        burst=9,
        monthQuotaRequest=100,
        quotaCondition=["2xx"],
        lease={"max": 3},
        startsOn="2026-11-01",
        firstPeriodOffset=4,
        usagePlanDesc=ODD,
    )
    half, shadow = await plan(desk, "half"), await plan(desk, "shadow")
    one = await secret(desk, "one", expiresAt="2031-01-02T03:04:05.000006Z")
    two = await secret(desk, "two", secretDesc=ODD)
    await desk.rotate_secret(ADMIN, two, {"which": "secondary"})
    await desk.disable_secret(ADMIN, two)
    await desk.set_throttle(ADMIN, orders, ["release"], {"rateRps": 7})
    await desk.set_default_plan(ADMIN, orders, "release", gold)
    api = await desk.create_api(ADMIN, orders, {"apiName": "a", "path": "/a/{id}"})
    for where in ("release", "test"):
        await desk.set_api_throttle(ADMIN, orders, [api["apiId"]], where, {"rateRps": 3, "burst": 4})
    await desk.bind_secrets(ADMIN, gold, [one, two])
    await desk.bind_secrets(ADMIN, shadow, [one])
    await desk.bind_secrets(ADMIN, half, [two])
    await desk.bind_environment(ADMIN, [gold], orders, "release")
    await desk.bind_environment(ADMIN, [shadow], orders, "release", shadow=True)
    return {"orders": orders, "nowhere": nowhere, "gold": gold, "half": half, "one": one, "two": two}


async def test_what_is_written_is_nothing_new(store_server: StoreServer, tmp_path: Path) -> None:
    """Applied where it came from it changes nothing; applied to an empty store it makes the same again."""
    path = tmp_path / "f.yaml"
    async with operations(store_server.url) as desk:
        ids = await made(desk)
        path.write_text(await exported(desk))
        assert (await desk.applier(ADMIN, load_nouns(path, {}).table, prune=True).plan()).differences == []
        path.write_text(await exported(desk, with_keys=True))
        before = contents(await desk.records())
        keys = [await desk.reveal_secret_keys(ADMIN, ids[name]) for name in ("one", "two")]
        assert [len(each) for each in keys] == [1, 2]
        apis = await desk.apis(ids["orders"])
    with store_server.client() as client:
        client.flushall()
    async with operations(store_server.url) as desk:
        applier = desk.applier(ADMIN, load_nouns(path, {}).table, prune=True)
        await applier.apply(await applier.plan())
        after = contents(await desk.records())
        assert [await desk.reveal_secret_keys(ADMIN, ids[name]) for name in ("one", "two")] == keys
        assert (await desk.secret(ids["two"])).secret_desc == ODD
        assert await desk.apis(ids["orders"]) == apis
    for name, columns in (("holder", 2), ("reach", 4), ("service", 2), ("secret", 5)):
        assert firsts(after[name], columns) == firsts(before[name], columns)


def firsts(rows: Any, columns: int) -> list[Any]:
    """Without times and tags; a Secret's type is that of one that was given."""
    return [["manual" if cell == "auto" else cell for cell in row[:columns]] for row in rows]


async def test_keys_only_when_asked_for(store_server: StoreServer) -> None:
    """Then the audit log tells of it; without, there is no key in the file."""
    async with operations(store_server.url) as desk, control_store(store_server.url) as control:
        record = await desk.create_secret(ADMIN, {"secretName": "one"})
        without, within = await exported(desk), await exported(desk, with_keys=True)
        ((_, last), *_) = await control.audit("", 1)
    assert record["secretKey"] not in without
    assert yaml.safe_load(within)["secrets"][0]["secretKey"] == record["secretKey"]
    assert (last["action"], last["after"]) == ("ExportRecords", {"shown": True})


async def test_what_a_file_cannot_say(store_server: StoreServer) -> None:
    """A binding to what was unpublished is a remark; a text that would be a reference is refused."""
    async with operations(store_server.url) as desk:
        assert await exported(desk) == ""
        service_id, plan_id = await service(desk, "test"), await plan(desk)
        await desk.bind_environment(ADMIN, [plan_id], service_id, "test")
        await desk.unpublish(ADMIN, service_id, "test")
        text = await exported(desk)
        assert text.endswith(f"# {plan_id} is bound to {service_id}/test too, which is not published.\n")
        assert "bindings:" not in text
        await plan(desk, "file:/etc/passwd")
        with pytest.raises(QuotadError, match="cannot stand in a file"):
            await exported(desk)


async def test_webhooks_are_in_the_file(store_server: StoreServer, tmp_path: Path) -> None:
    """As file mode reads them; their keys only when asked for, and the file makes them again."""
    async with operations(store_server.url) as desk:
        gold = await plan(desk)
        given = {"name": "ops", "url": "https://r.example/x", "thresholds": [80], "windows": ["day"]}
        made = await desk.create_webhook(ADMIN, {**given, "usagePlanIds": [gold], "forecast": True})
        assert made["signingKey"] not in await exported(desk)
        text = await exported(desk, with_keys=True)
        assert yaml.safe_load(text)["webhooks"] == [
            {
                "webhookId": made["webhookId"],
                **given,
                "usagePlanIds": [gold],
                "forecast": True,
                "signingKey": made["signingKey"],
            }
        ]
        (path := tmp_path / "all.yaml").write_text(text)
        await desk.delete_webhook(ADMIN, made["webhookId"])
        applier = desk.applier(ADMIN, load_nouns(path).table, prune=False)
        await applier.apply(await applier.plan())
        assert await exported(desk, with_keys=True) == text
