import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import httpx
import pytest

from quotad.config.model import Address, Admin
from quotad.controlplane.explain import FindRefusal
from quotad.controlplane.rest import use as module
from quotad.controlplane.rest.use import UsageReader
from quotad.core.plans import Subject
from quotad.core.quota import Usage
from quotad.core.table import PlanTable
from quotad.errors import QuotadError
from tests.support.admin import admin_server
from tests.support.samples import SERVICE, TABLE, FixedReader

TOKEN = "a-token-of-twenty-characters"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


async def find_refusal(request_id: str) -> dict[str, Any] | None:
    """A sidecar that remembers one refusal."""
    return {"requestId": request_id, "limit": "day"} if request_id.startswith("0123456789ab") else None


class Port:
    """A running admin port."""

    def __init__(
        self, reader: UsageReader, token: str = TOKEN, find_refusal: FindRefusal | None = find_refusal
    ) -> None:
        self.table = TABLE
        admin = Admin(Address("127.0.0.1", 0), token, unauthenticated=not token)
        self.server = admin_server(admin, self.current_table, reader, find_refusal)
        self.number = 0

    def current_table(self) -> PlanTable:
        return self.table

    async def ask(
        self, target: str = "/v1/usage", method: str = "GET", headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """One answer; with the right token unless other headers are given."""
        async with httpx.AsyncClient(trust_env=False) as client:
            url = f"http://127.0.0.1:{self.number}{target}"
            return await client.request(method, url, headers=BEARER if headers is None else headers)


@contextlib.asynccontextmanager
async def serving(port: Port) -> AsyncIterator[Port]:
    """Start it, and close it afterwards."""
    port.number = await port.server.start()
    try:
        yield port
    finally:
        await port.server.close()


@pytest.fixture
def reader() -> FixedReader:
    """A store that knows the same use of everything."""
    return FixedReader()


@pytest.fixture
async def port(reader: FixedReader) -> AsyncIterator[Port]:
    """An admin port over that store."""
    async with serving(Port(reader)) as running:
        yield running


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The members of what must be a problem document of this status."""
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"
    members: dict[str, Any] = answer.json()
    assert members["status"] == status
    assert members["message"] == members["detail"]
    assert members["requestId"] == answer.headers["X-Request-Id"]
    return members


async def test_usage_of_everything(port: Port, reader: FixedReader) -> None:
    """One row per plan, service and environment, per Secret under scope: secret, by one read."""
    answer = await port.ask()
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    body = answer.json()
    assert body["totalCount"] == 3
    assert [found["usagePlanId"] for found in body["usage"]] == [
        "usagePlan-shared",
        "usagePlan-own",
        "usagePlan-own",
    ]
    assert [found.get("secretId") for found in body["usage"]] == [None, "AKIDc", "AKIDd"]
    assert body["usage"][0]["inUseRequestNum"] == 7
    assert len(reader.asked) == 1


async def test_only_the_page_is_read(port: Port, reader: FixedReader) -> None:
    """The store is asked for the Subjects of the page alone, and not at all for an empty one."""
    body = (await port.ask("/v1/usage?usagePlanId=usagePlan-own&limit=1&offset=1")).json()
    assert (body["totalCount"], [found["secretId"] for found in body["usage"]]) == (2, ["AKIDd"])
    assert reader.asked == [["usagePlan-own/service-aaaaaaaa/test/AKIDd"]]
    assert (await port.ask("/v1/usage?serviceId=service-other")).json()["usage"] == []
    assert len(reader.asked) == 1


async def test_a_reload_is_seen(port: Port) -> None:
    """The table in force is the one that is shown."""
    port.table = PlanTable()
    assert (await port.ask()).json()["totalCount"] == 0


async def test_head(port: Port) -> None:
    """HEAD answers as GET does, without the body."""
    answer = await port.ask(method="HEAD")
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic eDp5"}])
@pytest.mark.parametrize("target", ["/v1/usage", "/nothing", "/v1/usage?limit=x"])
async def test_without_the_token_nothing_is_said(
    port: Port, reader: FixedReader, headers: dict[str, str], target: str
) -> None:
    """Any path is 401 with a challenge; the store is not asked."""
    answer = await port.ask(target, headers=headers)
    problem(answer, 401)
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="quotad admin"'
    assert reader.asked == []


async def test_a_rebound_name_is_refused(port: Port) -> None:
    """Another name in Host is 421 even with the right token."""
    problem(await port.ask(headers={**BEARER, "Host": "attacker.example"}), 421)


async def test_another_origin_is_refused(port: Port) -> None:
    """A browser's page from elsewhere is 403 even with the right token; our own origin passes."""
    problem(await port.ask(headers={**BEARER, "Origin": "http://attacker.example"}), 403)
    own = {**BEARER, "Origin": f"http://127.0.0.1:{port.number}"}
    assert (await port.ask(headers=own)).status_code == 200


async def test_loopback_without_a_token(reader: FixedReader) -> None:
    """Where the file asks for it, no token is needed, but a foreign Host is refused all the same."""
    async with serving(Port(reader, token="")) as port:
        assert (await port.ask(headers={})).status_code == 200
        problem(await port.ask(headers={"Host": "attacker.example"}), 421)


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=x", "offset=-1", "environment=prod", "what=1", "limit=1&limit=2"]
)
async def test_a_bad_query_is_400(port: Port, query: str) -> None:
    """A query that is not understood is a problem that says why."""
    assert problem(await port.ask(f"/v1/usage?{query}"), 400)["detail"]


@pytest.mark.parametrize("target", ["/", "/v1", "/v1/usage/", "/v1/apis", "//v1/usage", "/metrics"])
async def test_nothing_else_is_there(port: Port, target: str) -> None:
    """Other paths are 404."""
    problem(await port.ask(target), 404)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_read_only(port: Port, method: str) -> None:
    """Nothing can be changed: 405 with Allow."""
    answer = await port.ask(method=method)
    problem(answer, 405)
    assert answer.headers["Allow"] == "GET,HEAD"


async def test_a_store_that_is_away_is_503(port: Port, reader: FixedReader) -> None:
    """No old numbers are given out as if they were new."""
    reader.away = True
    answer = await port.ask()
    problem(answer, 503)
    assert answer.headers["Retry-After"] == "1"


class OddReader:
    """Never answers, or breaks."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    async def usage(self, subjects: Sequence[Subject]) -> list[Usage]:
        if self.error is not None:
            raise self.error
        await asyncio.Event().wait()
        return []


async def test_a_silent_store_is_503(monkeypatch: pytest.MonkeyPatch) -> None:
    """The admin port does not wait for ever."""
    monkeypatch.setattr(module, "STORE_TIMEOUT_S", 0.01)
    async with serving(Port(OddReader())) as port:
        problem(await port.ask(), 503)


async def test_a_bug_is_500_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    """An unexpected error is logged with its trace; the caller learns nothing of it."""
    async with serving(Port(OddReader(RuntimeError("hidden words")))) as port:
        answer = await port.ask()
    assert "hidden words" not in json.dumps(problem(answer, 500))
    assert "hidden words" in caplog.text


async def test_no_version_and_no_secret_leaks(port: Port, caplog: pytest.LogCaptureFixture) -> None:
    """Server names quotad alone, on errors too; a malformed request's token reaches no log."""
    caplog.set_level(logging.DEBUG)
    for sent in (
        b"GET /v1/usage HTTP/1.1\r\nHost: localhost\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: localhost\r\nAuthori zation: Bearer {TOKEN}\r\n\r\n".encode(),
        f"nonsense {TOKEN}\r\n\r\n".encode(),
    ):
        stream, writer = await asyncio.open_connection("127.0.0.1", port.number)
        writer.write(sent)
        head = (await stream.readuntil(b"\r\n\r\n")).lower()
        writer.close()
        assert head.startswith((b"http/1.0 4", b"http/1.1 4"))
        assert b"aiohttp" not in head
        assert b"python" not in head
    assert TOKEN not in caplog.text


async def test_a_taken_address_is_named(port: Port, reader: FixedReader) -> None:
    """When the port is taken, the error says which."""
    admin = Admin(Address("127.0.0.1", port.number), TOKEN)
    with pytest.raises(QuotadError, match=f"admin 127.0.0.1:{port.number}: "):
        await admin_server(admin, port.current_table, reader).start()


PLACE = f"/v1/explain?secretId=AKIDa&serviceId={SERVICE.service_id}&environment=release"


async def test_explain_a_place(port: Port, reader: FixedReader) -> None:
    """One read of the store says what a Secret would meet; the reader's absence is 503, a bad query 400."""
    body = (await port.ask(PLACE)).json()
    assert (body["admitted"], body["plan"]["usagePlanId"], body["plan"]["windows"]["day"]["left"]) == (
        True,
        "usagePlan-shared",
        91,
    )
    assert len(reader.asked) == 1
    body = (await port.ask(PLACE.replace("AKIDa", "AKIDz"))).json()
    assert (body["reason"], len(reader.asked)) == ("unknown_secret", 1)
    problem(await port.ask("/v1/explain"), 400)
    reader.away = True
    problem(await port.ask(PLACE), 503)


async def test_explain_a_request(port: Port) -> None:
    """What a sidecar remembers is told; an id of another, or of none, is 404 with the reason."""
    known = "0123456789ab00000001"
    assert (await port.ask(f"/v1/explain?requestId={known}")).json() == {"requestId": known, "limit": "day"}
    other = problem(await port.ask("/v1/explain?requestId=ba987654321000000001"), 404)
    assert "another sidecar" in other["detail"]


async def test_without_a_memory_no_request_is_known(reader: FixedReader) -> None:
    """A port that no sidecar tells its refusals says so."""
    async with serving(Port(reader, find_refusal=None)) as port:
        assert (
            "not remembered here"
            in problem(await port.ask("/v1/explain?requestId=0123456789ab00000001"), 404)["detail"]
        )
