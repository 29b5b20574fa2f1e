"""Real proxies that ask a real quotad, with the files of docs/beside."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path

import httpx
import pytest

from quotad.clock import wall_s
from quotad.core.credentials import sign
from quotad.core.plans import Secret, Subject, UsagePlan
from tests.support.backends import OK, Backend, Seen, running_backend
from tests.support.processes import Quotad, running_quotad
from tests.support.proxies import BESIDE, CADDY, ENVOY, NGINX, TRAEFIK, Kind, running_proxy
from tests.support.servers import StoreServer
from tests.support.spending import charged_and_open
from tests.support.waiting import until_true

SECRET = Secret("acme", "AKIDacme0001", b"secret-key-of-acme")
PAIR = {"X-Secret-Id": SECRET.secret_id, "X-Secret-Key": SECRET.secret_key.decode()}
SUBJECT = Subject(UsagePlan("usagePlan-starter1", "starter"), "service-orders01", "release")

KINDS = [
    pytest.param(NGINX, marks=pytest.mark.debian, id="nginx"),
    pytest.param(CADDY, id="caddy"),
    pytest.param(TRAEFIK, id="traefik"),
    pytest.param(ENVOY, id="envoy"),
]
TELLING = [KINDS[0], KINDS[3]]
"""Those that can say how a request ended."""

AT_ONCE = 12
Changes = Sequence[tuple[str, str]]
"""What stands otherwise in the file, and how."""


@dataclass
class Beside:
    """A proxy, quotad beside it, and the backend behind."""

    client: httpx.AsyncClient
    backend: Backend
    store_url: str
    quotad: Quotad

    async def get(self, target: str = "/orders/1", **headers: str) -> httpx.Response:
        """One request with the key pair, unless ``headers`` say who calls."""
        return await self.client.get(target, headers=headers or PAIR)

    async def used(self) -> int:
        """Charged of the day, when all that was admitted is settled: the last settles are on their way."""
        charged = 0

        async def is_settled() -> bool:
            nonlocal charged
            charged, held = await self.charged_and_open()
            return held == 0

        await until_true(is_settled)
        return charged

    async def charged_and_open(self) -> tuple[int, int]:
        """Of the day, as the store has it now."""
        return await charged_and_open(self.store_url, SUBJECT)


def configuration(
    folder: Path, shape: str, store_url: str, plan: str, more: str = "", changes: Changes = ()
) -> Path:
    """docs/beside/quotad.yaml on free ports, with a plan of the test's."""
    text = (BESIDE / "quotad.yaml").read_text(encoding="utf-8")
    text += 'listen: {address: "127.0.0.1:0"}\ntelemetry: {accessLog: ""}\n'
    for said, meant in (
        ("127.0.0.1:8081", "127.0.0.1:0"),
        ("${SHAPE}", f"{shape}{more}"),
        ("redis://127.0.0.1:6379/0", store_url),
        ("${ACME_SECRET_KEY}", SECRET.secret_key.decode()),
        ("dayQuotaRequest: 1000", plan),
        *changes,
    ):
        assert said in text
        text = text.replace(said, meant)
    path = folder / "quotad.yaml"
    path.write_text(text.replace("store: {url", "store: {deadlineMs: 5000, url"), encoding="utf-8")
    return path


@contextlib.asynccontextmanager
async def beside(
    kind: Kind, folder: Path, store_url: str, plan: str, more: str = "", changes: Changes = ()
) -> AsyncIterator[Beside]:
    """All three, running; the backend answers what a path's end says: /orders/503, else 200."""

    def reply(seen: Seen) -> bytes:
        status = seen.line.split(b" ")[1][-3:]
        return OK.replace(b"200 OK", status + b" As Asked") if status.isdigit() else OK

    config = configuration(folder, kind.shape, store_url, plan, more, changes)
    async with (
        running_backend(reply) as backend,
        running_quotad(config) as (quotad,),
        running_proxy(kind, folder / kind.shape, quotad.ports["authorize"], backend.port) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client,
    ):
        yield Beside(client, backend, store_url, quotad)


async def all_at_once(place: Beside, count: int, target: str = "/orders/1") -> list[int]:
    """The statuses of so many requests, a dozen at a time."""
    turn = asyncio.Semaphore(AT_ONCE)

    async def one() -> int:
        async with turn:
            return (await place.get(target)).status_code

    return sorted(await asyncio.gather(*(one() for _ in range(count))))


@pytest.mark.parametrize("kind", KINDS)
async def test_a_quota_is_exact_through_each_proxy(
    kind: Kind, tmp_path: Path, store_server: StoreServer
) -> None:
    """Signatures and bodies hold, forgeries do not, as many pass as the plan has, none without quotad."""
    # What failed counts too where no status is told.
    plan = "dayQuotaRequest: 25, quotaCondition: 2xx"
    async with beside(kind, tmp_path, store_server.url, plan) as place:
        await who_calls_is_the_callers_own(place)
        await what_callers_say_of_themselves_is_not_believed(place)
        assert await place.used() == 2
        first = await place.get("/orders/503")
        assert first.status_code == 503
        assert await all_at_once(place, 60) == [200] * 22 + [429] * 38
        assert await place.used() == 25
        assert len(place.backend.seen) == 25
        await refusals_are_quotads_own(place)
        if kind is not TRAEFIK:
            # Of a permission Traefik tells the caller nothing.
            assert '"day";r=22' in first.headers["ratelimit"]
            (request_id,) = place.backend.seen[2].values(b"x-request-id")
            assert first.headers["x-request-id"] == request_id.decode()
        await place.quotad.stop()
        assert (await place.get()).status_code in (500, 502, 503)
        assert len(place.backend.seen) == 25


async def who_calls_is_the_callers_own(place: Beside) -> None:
    """A signature holds over Host and other fields; the backend gets the request as it was sent."""
    host = str(place.client.base_url).removeprefix("http://").rstrip("/")
    signed = [("Host", host), ("Date", formatdate(wall_s(), usegmt=True)), ("X-Own", "a, b")]
    headers = dict(signed[1:], Authorization=sign(SECRET, "hmac-sha256", signed))
    answer = await place.client.post("/orders/a%20b?c=%2F&d", content=b"x" * 3000, headers=headers)
    assert answer.status_code == 200, answer.text
    (seen,) = place.backend.seen
    assert (seen.line, seen.body) == (b"POST /orders/a%20b?c=%2F&d HTTP/1.1", b"x" * 3000)
    assert seen.values(b"authorization") == []
    answer = await place.get(**dict(headers, Date=formatdate(wall_s() - 5000, usegmt=True)))
    assert (answer.status_code, answer.json()["status"]) == (401, 401)
    assert "hmac" in answer.headers["www-authenticate"]


async def what_callers_say_of_themselves_is_not_believed(place: Beside) -> None:
    """Neither which request it is, nor who sends it; the backend hears it from quotad, and no key."""
    forged = dict(PAIR)
    for name in ("X-Original-URI", "X-Forwarded-Uri", "X-Original-Method", "X-Forwarded-Method"):
        forged[name] = "/orders/1" if name.lower().endswith("uri") else "GET"
    forged |= {"X-Quotad-Secret-Id": "AKIDother", "X-Quotad-Settle": "0" * 20, "X-Quotad-Status": "200"}
    answer = await place.client.get("/nowhere", headers=forged)
    assert (answer.status_code, answer.json()["detail"]) == (404, "Found no api.")
    assert (await place.client.get("/orders/1", headers=forged)).status_code == 200
    seen = place.backend.seen[-1]
    assert seen.values(b"x-quotad-secret-id") == [SECRET.secret_id.encode()]
    assert seen.values(b"x-quotad-plan-id") == [b"usagePlan-starter1"]
    assert seen.values(b"x-quotad-environment") == [b"release"]
    assert len(seen.values(b"x-request-id")) == 1
    assert SECRET.secret_key not in seen.head


async def refusals_are_quotads_own(place: Beside) -> None:
    """Status, content and header fields, whatever the proxy itself understands of them."""
    refusal = await place.get()
    assert refusal.status_code == 429
    assert refusal.headers["content-type"] == "application/problem+json"
    assert refusal.json()["detail"] == "API quota exceeded."
    assert refusal.json()["limit"] == "day"
    assert int(refusal.headers["retry-after"]) > 0
    assert refusal.headers["x-request-id"] == refusal.json()["requestId"]
    assert '"day";r=0' in refusal.headers["ratelimit"]


@pytest.mark.parametrize("kind", TELLING)
async def test_only_answers_that_count_are_counted(
    kind: Kind, tmp_path: Path, store_server: StoreServer
) -> None:
    """With settle, what the backend answered decides, and the quota stays exact: failures come back."""
    plan = "dayQuotaRequest: 20, quotaCondition: 2xx"
    more = "\n  conditional: settle"
    async with beside(kind, tmp_path, store_server.url, plan, more) as place:
        assert await all_at_once(place, 15, "/orders/503") == [503] * 15
        assert await place.used() == 0
        assert await all_at_once(place, 30) == [200] * 20 + [429] * 10
        assert await place.used() == 20


async def test_workers_share_the_port(tmp_path: Path, store_server: StoreServer) -> None:
    """Two workers behind one port grant what one would, and a reload leaves the port open."""
    config = configuration(tmp_path, "caddy", store_server.url, "dayQuotaRequest: 30")
    config.write_text(config.read_text() + "workers: 2\n")
    async with running_quotad(config) as (quotad,):
        url = f"http://127.0.0.1:{quotad.ports['authorize']}/authorize"
        named = {"X-Forwarded-Method": "GET", "X-Forwarded-Uri": "/orders/1", "X-Forwarded-Host": "a"}

        async def ask() -> tuple[int, str]:
            async with httpx.AsyncClient(timeout=30) as client:
                answer = await client.get(url, headers={**PAIR, **named})
                return answer.status_code, answer.headers["x-request-id"][:12]

        answers = await asyncio.gather(*(ask() for _ in range(40)))
        assert sorted(status for status, _ in answers) == [200] * 30 + [429] * 10
        assert len({worker for _, worker in answers}) == 2
        async with httpx.AsyncClient(timeout=30) as client:
            other = await client.get(f"http://127.0.0.1:{quotad.ports['listen']}/orders/1", headers=PAIR)
        assert json.loads(other.text)["detail"] == "Found no api."
