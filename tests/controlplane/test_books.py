"""History, changes and deletion over HTTP, upon a real store."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from quotad.config.model import Address, Admin
from quotad.core.history import Portion
from quotad.errors import StoreError
from tests.support.admin import SHARED, TOKEN, Port, admin_server, used_port
from tests.support.samples import TABLE
from tests.support.servers import StoreServer

PLACE = {"usagePlanId": "usagePlan-shared", "serviceId": "service-aaaaaaaa", "environment": "release"}
RESET = {**PLACE, "windows": ["day", "month", "total"], "reason": "test"}
TOP_UP = {**PLACE, "window": "total", "amount": 5, "until": "never", "reason": "test"}


@pytest.fixture
async def port(store_server: StoreServer, tmp_path: Path) -> AsyncIterator[Port]:
    """See ``used_port``."""
    async with used_port(store_server.url, tmp_path / "audit") as running:
        yield running


def problem(answer: httpx.Response, status: int) -> str:
    """The words of what must be a problem document of this status."""
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json")
    return str(answer.json()["detail"])


async def test_history_and_use_by_secret(port: Port) -> None:
    """The whole and the part of a Secret; today's parts beside what is in use."""
    (row, *_) = (await port.ask("GET", "/history?unit=day")).json()["usage"]
    assert row["history"][-1]["used"] == 7
    (row,) = (await port.ask("GET", "/history?unit=day&secretId=AKIDb")).json()["usage"]
    assert row["history"][-1]["used"] == 3
    rows = (await port.ask("GET", "?bySecret=true")).json()["usage"]
    assert [[each["day"] for each in row.get("bySecret", [])] for row in rows] == [[4, 3], [], []]
    assert "bySecret" not in (await port.ask("GET", "")).json()["usage"][0]
    assert "bySecret" not in rows[1]


async def test_use_by_secret_must_be_on(port: Port) -> None:
    """Where it is not kept, 400 says so rather than that there was none."""
    async with Port(port.store, port.path).serving(secret_usage=False) as other:
        assert "secretUsage" in problem(await other.ask("GET", "?bySecret=true"), 400)
        assert "secretUsage" in problem(await other.ask("GET", "/history?unit=day&secretId=AKIDa"), 400)


async def test_a_reset_and_a_top_up(port: Port) -> None:
    """Each answers the use after it, and says who asked for it in the audit log."""
    answer = (await port.ask("POST", "/reset", json=RESET)).json()
    assert (answer["reset"]["windows"], answer["usage"]["inUseRequestNum"]) == (["day", "month", "total"], 0)
    answer = (await port.ask("POST", "/top-up", json=TOP_UP)).json()
    assert answer["topUp"] == {"window": "total", "amount": 5, "until": "never"}
    assert [record["event"] for record in port.audited()] == ["asked", "done"] * 2
    who = port.audited()[0]["who"]
    assert who.pop("requestId")
    assert who == {
        "peer": "127.0.0.1",
        "name": "configuration",
        "role": "admin",
        "means": "token",
    }
    assert TOKEN not in port.path.read_text()


async def test_a_key_sent_again(port: Port) -> None:
    """Answers the same bytes; for another change it is 422."""
    key = {"Idempotency-Key": "8e03978e-40d5-43e8-bc93-6894a57f9324"}
    first = await port.ask("POST", "/reset", json=RESET, headers=key)
    assert first.content == (await port.ask("POST", "/reset", json=RESET, headers=key)).content
    assert "another change" in problem(await port.ask("POST", "/top-up", json=TOP_UP, headers=key), 422)
    assert len(port.audited()) == 2


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"content": b"{}"}, 415),
        ({"data": {"a": "b"}}, 415),
        ({"json": {}}, 400),
        ({"json": RESET, "params": {"a": "b"}}, 400),
        ({"json": RESET, "headers": {"Idempotency-Key": ""}}, 400),
        ({"json": RESET, "headers": {"Idempotency-Key": "x" * 256}}, 400),
        ({"json": RESET, "headers": {"Idempotency-Key": b"\xe4"}}, 400),
        ({"json": {**RESET, "environment": "test"}}, 404),
        ({"json": {**RESET, "reason": "x" * 270_000}}, 413),
    ],
)
async def test_what_is_not_understood_changes_nothing(port: Port, more: dict[str, Any], status: int) -> None:
    """It is a problem document, and nothing stands in the audit log."""
    problem(await port.ask("POST", "/reset", **more), status)
    assert not port.path.exists()


async def test_only_who_may_changes_anything(port: Port) -> None:
    """Without the token each verb is 401, from another page 403."""
    for method, target in (("POST", "/reset"), ("POST", "/top-up"), ("DELETE", "?usagePlanId=x")):
        problem(await port.ask(method, target, headers={"Authorization": "Bearer x"}, json=RESET), 401)
        problem(await port.ask(method, target, headers={"Origin": "http://evil.example"}, json=RESET), 403)
    assert not port.path.exists()
    assert port.forgotten == []


async def test_an_audit_log_that_cannot_be_written(port: Port) -> None:
    """Refuses the change, and the deletion."""
    port.path.mkdir()
    assert "nothing was changed" in problem(await port.ask("POST", "/reset", json=RESET), 503)
    assert "nothing was changed" in problem(await port.ask("DELETE", "?usagePlanId=gone"), 503)
    assert port.forgotten == []
    assert (await port.ask("GET", "")).json()["usage"][0]["inUseRequestNum"] == 7


async def test_what_is_not_configured_can_be_deleted(port: Port) -> None:
    """A Secret that is gone goes from where others have their part; how many keys is answered and audited."""
    day_end_us = (await port.store.usage([SHARED]))[0].day_end_us
    await port.store.attribute([Portion(SHARED, day_end_us, 2, {"AKIDgone": 1})])
    answer = await port.ask("DELETE", "?secretId=AKIDgone")
    assert (answer.status_code, answer.json()) == (200, {"secretId": "AKIDgone", "keys": 1})
    assert "AKIDgone" not in (await port.store.attributed(SHARED, [day_end_us]))[day_end_us]
    asked, done = port.audited()
    assert (asked["action"], asked["secretId"], done["keys"]) == ("forget", "AKIDgone", 1)
    assert (await port.ask("DELETE", "?usagePlanId=none")).json()["keys"] == 0


@pytest.mark.parametrize("query", ["usagePlanId=usagePlan-own", "secretId=AKIDa"])
async def test_what_is_configured_stays(port: Port, query: str) -> None:
    """409, since serving it would make its counters anew."""
    assert "still names it" in problem(await port.ask("DELETE", f"?{query}"), 409)
    assert port.forgotten == []


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?usagePlanId=",
        "?usagePlanId=a&secretId=b",
        "?usagePlanId=a&usagePlanId=b",
        "?x=y",
        "?usagePlanId=a*",
    ],
)
async def test_exactly_one_is_named(port: Port, query: str) -> None:
    """Nothing, two, and what is no id are 400."""
    problem(await port.ask("DELETE", query), 400)


@pytest.mark.parametrize(("kind", "status"), [("noperm", 403), ("disconnected", 503)])
async def test_a_deletion_that_fails_is_told(port: Port, kind: str, status: int) -> None:
    """A missing right is 403 with what is missing, a store that is away 503; both are audited."""
    port.refusal = StoreError(kind, "the store says no", executed=False)
    problem(await port.ask("DELETE", "?usagePlanId=gone"), status)
    assert [record["event"] for record in port.audited()] == ["asked", "failed"]


async def test_without_any_of_it_there_are_no_such_paths(port: Port) -> None:
    """An admin port that was given nothing to keep only shows."""
    server = admin_server(Admin(Address("127.0.0.1", 0), TOKEN), lambda: TABLE, port.store)
    port.number, port.serves_all = await server.start(), False
    problem(await port.ask("GET", "/history?unit=day"), 404)
    problem(await port.ask("DELETE", "?usagePlanId=gone"), 405)
    problem(await port.ask("GET", "?bySecret=true"), 400)
    await server.close()
