"""What callers and operators see of a real quotad: own view, explain, shadow plans."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from quotad.core.plans import Subject, UsagePlan
from tests.support.backends import running_backend
from tests.support.patient import patient_store
from tests.support.processes import REQUEST, SUBJECT, Quotad, running_quotad, write_config
from tests.support.servers import StoreServer
from tests.support.storm import exchange
from tests.support.waiting import until_true

OWN_USE = REQUEST.replace(b"/orders/1", b"/.well-known/quotad/usage")
PLACE = "secretId=AKIDcaller&serviceId=service-orders01&environment=release"
BOUND = {
    "secretIds": ["AKIDcaller"],
    "environments": [{"service": "service-orders01", "environment": "release"}],
}
SHADOW = Subject(UsagePlan("usagePlan-shadow01", "shadow"), "service-orders01", "release", shadow=True)


def configured(tmp_path: Path, url: str, backend_port: int, workers: int) -> Path:
    """Three requests a day; a shadow plan would allow two; an admin port on loopback."""
    path = write_config(tmp_path / "q.yaml", {"url": url}, backend_port, {"dayQuotaRequest": 3}, workers)
    config = json.loads(path.read_text())
    config["admin"] = {"address": "127.0.0.1:0", "unauthenticatedLoopback": True}
    config["plans"].append(
        {"usagePlanId": "usagePlan-shadow01", "usagePlanName": "shadow", "dayQuotaRequest": 2}
    )
    config["bindings"].append({"usagePlanId": "usagePlan-shadow01", "shadow": True, **BOUND})
    path.write_text(json.dumps(config))
    return path


async def ask(quotad: Quotad, request: bytes = REQUEST) -> tuple[int, dict[str, Any], str]:
    """Status, JSON body (if it is one) and request id of one request on a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", quotad.ports["listen"])
    try:
        status, head, body = await exchange(reader, writer, request)
    finally:
        writer.close()
    request_id = head.lower().partition(b"\r\nx-request-id: ")[2].partition(b"\r\n")[0].decode()
    return status, json.loads(body) if body[:1] == b"{" else {}, request_id


async def admin(quotad: Quotad, target: str) -> httpx.Response:
    """From the admin port."""
    async with httpx.AsyncClient() as client:
        return await client.get(f"http://127.0.0.1:{quotad.ports['admin']}{target}")


async def used(url: str, subject: Subject) -> int:
    """What the day has charged."""
    store = patient_store(url)
    await store.start()
    try:
        return (await store.usage([subject]))[0].day_charged
    finally:
        await store.close()


def shown(page: str, name: str, **labels: str) -> float | None:
    """The shadow plan's value of a metric; None: there is no such series."""
    wanted = {"plan": "usagePlan-shadow01", "service": "service-orders01", "environment": "release", **labels}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            if sample.name == name and sample.labels == wanted:
                return sample.value
    return None


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_refusal_can_be_looked_into(workers: int, tmp_path: Path, store_server: StoreServer) -> None:
    """By its id at the admin port, by its place, and by the caller itself, whichever process refused it."""
    async with running_backend() as backend:
        config = configured(tmp_path, store_server.url, backend.port, workers)
        async with running_quotad(config) as (quotad,):
            answers = [await ask(quotad) for _ in range(5)]
            assert [status for status, _, _ in answers] == [200] * 3 + [429] * 2
            for _, problem, request_id in answers[3:]:
                assert problem["requestId"] == request_id
                story = (await admin(quotad, f"/v1/explain?requestId={request_id}")).json()
                assert (story["limit"], story["status"], story["windows"]["day"]["left"]) == ("day", 429, 0)
                assert story["comesBackAt"] == story["windows"]["day"]["endsAt"]
                assert request_id.startswith(story["sidecar"])
            admitted = await admin(quotad, f"/v1/explain?requestId={answers[0][2]}")
            assert (admitted.status_code, "did not refuse" in admitted.json()["detail"]) == (404, True)
            foreign = await admin(quotad, "/v1/explain?requestId=00000000000000000001")
            assert (foreign.status_code, "another sidecar" in foreign.json()["detail"]) == (404, True)
            told = (await admin(quotad, f"/v1/explain?{PLACE}")).json()
            assert (told["admitted"], told["limit"], told["shadow"]["limit"]) == (False, "day", "day")
            status, own, _ = await ask(quotad, OWN_USE)
            assert (status, own["usage"][0]["windows"]["day"]["left"]) == (200, 0)
    assert len(backend.seen) == 3


async def test_a_shadow_counts_apart(tmp_path: Path, store_server: StoreServer) -> None:
    """It counts what the enforcing plan admits up to its own limit, and shows in use, metrics and rows."""
    async with running_backend() as backend:
        config = configured(tmp_path, store_server.url, backend.port, 1)
        async with running_quotad(config) as (quotad,):
            assert [(await ask(quotad))[0] for _ in range(4)] == [200, 200, 200, 429]

            async def counted() -> bool:
                return await used(store_server.url, SHADOW) == 2

            await until_true(counted)
            rows = (await admin(quotad, "/v1/usage")).json()["usage"]
            assert [(row["usagePlanId"], row.get("shadow")) for row in rows] == [
                ("usagePlan-only0001", None),
                ("usagePlan-shadow01", True),
            ]
            page = ""

            async def is_told() -> bool:
                # A scrape waits only so long for the store.
                nonlocal page
                async with httpx.AsyncClient() as client:
                    page = (await client.get(f"http://127.0.0.1:{quotad.ports['telemetry']}/metrics")).text
                return shown(page, "quotad_shadow_in_use_request_num", window="day") == 2

            await until_true(is_told)
        assert shown(page, "quotad_shadow_requests_total", verdict="admitted") == 2
        assert shown(page, "quotad_shadow_requests_total", verdict="day") == 1
        assert shown(page, "quotad_in_use_request_num", window="day") is None
    assert await used(store_server.url, SUBJECT) == 3
