"""One real `quotad serve` process, as a platform team would meet it."""

import asyncio
import signal
from pathlib import Path

import httpx
import pytest
from apigateway import Auth

from quotad.store.embedded import EmbeddedServer
from tests.support.backends import CLOSE, OK, Backend, Seen, running_backend
from tests.support.processes import REQUEST, SUBJECT, Quotad, running_quotad, start_quotad, write_config
from tests.support.servers import StoreServer
from tests.support.spending import charged_and_open
from tests.support.storm import exchange
from tests.support.waiting import until_true

FAILED = b"HTTP/1.1 500 Broken\r\nContent-Length: 0\r\n\r\n"


async def ask(quotad: Quotad, request: bytes = REQUEST) -> tuple[int, bytes, bytes]:
    """One request on a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", quotad.ports["listen"])
    try:
        return await exchange(reader, writer, request)
    finally:
        writer.close()


async def used(url: str) -> tuple[int, int]:
    """(charged, open) of the day."""
    return await charged_and_open(url, SUBJECT)


async def test_the_real_client_signs_calls_that_pass_once(tmp_path: Path, store_server: StoreServer) -> None:
    """The cloud's own signer is understood; its second use signs its own old header: a clean 401."""
    async with running_backend() as backend:
        config = write_config(tmp_path / "q.yaml", {"url": store_server.url}, backend.port, {})
        async with running_quotad(config) as (quotad,), httpx.AsyncClient() as client:
            url = f"http://127.0.0.1:{quotad.ports['listen']}/orders/1"
            auth = Auth("AKIDcaller", "secretcaller", {"Source": "AndriodApp"})
            first = await client.get(url, headers=auth.generateHeaders())
            assert (first.status_code, first.text) == (200, "ok")
            second = await client.get(url, headers=auth.generateHeaders())
            assert second.status_code == 401
            assert second.json()["detail"].startswith("HMAC")
        assert len(backend.seen) == 1
        assert backend.seen[0].values(b"authorization") == []
    assert await used(store_server.url) == (1, 0)


async def test_sigterm_finishes_what_is_in_flight_and_settles_it(
    tmp_path: Path, store_server: StoreServer
) -> None:
    """The open request gets its answer, new ones are not taken, the Hold is settled, exit 0."""
    arrived, answer = asyncio.Event(), asyncio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        arrived.set()
        await answer.wait()
        writer.write(OK)

    async with running_backend(script=slow) as backend:
        plan = {"dayQuotaRequest": 5, "quotaCondition": "2xx"}
        config = write_config(tmp_path / "q.yaml", {"url": store_server.url}, backend.port, plan)
        quotad = await start_quotad(config)
        asked = asyncio.ensure_future(ask(quotad))
        await arrived.wait()
        assert await used(store_server.url) == (0, 1)
        quotad.process.send_signal(signal.SIGTERM)
        await quotad.until_said("draining")
        async with httpx.AsyncClient() as client:
            ready = await client.get(f"http://127.0.0.1:{quotad.ports['telemetry']}/readyz")
        assert ready.status_code == 503
        answer.set()
        status, head, body = await asked
        assert (status, body) == (200, b"ok")
        assert b"\r\nconnection: close\r\n" in head.lower()
        assert await quotad.stop() == 0
    assert await used(store_server.url) == (1, 0)


async def test_sighup_takes_a_whole_new_configuration_or_none(
    tmp_path: Path, store_server: StoreServer
) -> None:
    """A changed limit acts at once and keeps the use; a broken file changes nothing and is named."""
    store: dict[str, object] = {"url": store_server.url}
    path = tmp_path / "q.yaml"
    async with running_backend() as backend:
        config = write_config(path, store, backend.port, {"dayQuotaRequest": 2})
        async with running_quotad(config) as (quotad,):
            assert [(await ask(quotad))[0] for _ in range(3)] == [200, 200, 429]
            write_config(path, store, backend.port, {"dayQuotaRequest": 3})
            quotad.process.send_signal(signal.SIGHUP)
            await quotad.until_said("reloaded")
            assert [(await ask(quotad))[0] for _ in range(2)] == [200, 429]
            write_config(path, store, backend.port, {"dayQuotaRequest": -7})
            quotad.process.send_signal(signal.SIGHUP)
            assert "plans[0].dayQuotaRequest" in await quotad.until_said("reload refused")
            assert (await ask(quotad))[0] == 429
    assert await used(store_server.url) == (3, 0)


async def test_a_part_that_cannot_change_while_running_is_refused_by_name(
    tmp_path: Path, store_server: StoreServer
) -> None:
    """Another store needs a restart, and the reload says so and does nothing."""
    path = tmp_path / "q.yaml"
    async with running_backend() as backend:
        write_config(path, {"url": store_server.url}, backend.port, {"dayQuotaRequest": 1})
        async with running_quotad(path) as (quotad,):
            write_config(path, {"url": store_server.url, "deadlineMs": 9}, backend.port, {})
            quotad.process.send_signal(signal.SIGHUP)
            assert "store: changing this needs a restart" in await quotad.until_said("reload refused")
            assert [(await ask(quotad))[0] for _ in range(2)] == [200, 429]


async def test_kill_9_with_the_embedded_store_loses_no_count(tmp_path: Path) -> None:
    """What was admitted before the kill is used after the next start, and nothing of it is left running."""
    store: dict[str, object] = {"embedded": {"dir": str(tmp_path / "data")}}
    async with running_backend() as backend:
        config = write_config(tmp_path / "q.yaml", store, backend.port, {"dayQuotaRequest": 5})
        first = await start_quotad(config)
        assert any("this machine only" in line for line in first.errors)
        assert [(await ask(first))[0] for _ in range(3)] == [200] * 3
        assert await first.stop(signal.SIGKILL) == -signal.SIGKILL
        second = await start_quotad(config)
        assert [(await ask(second))[0] for _ in range(3)] == [200, 200, 429]
        assert await second.stop() == 0
    server = EmbeddedServer(tmp_path / "data")
    url = await server.start()
    try:
        assert await used(url) == (5, 0)
    finally:
        await server.stop()


@pytest.mark.parametrize(("policy", "admitted"), [("closed", 0), ({"open": {"budget": 2}}, 2)])
async def test_a_stopped_store_is_answered_by_the_failure_policy(
    tmp_path: Path, store_server: StoreServer, policy: object, admitted: int
) -> None:
    """Closed admits nothing, open its budget; afterwards everything goes on without a restart."""
    journal = str(tmp_path / "journal")
    store: dict[str, object] = {"url": store_server.url, "deadlineMs": 50, "journal": journal}
    plan: dict[str, object] = {"dayQuotaRequest": 100, "onStoreFailure": policy}
    async with running_backend() as backend:
        config = write_config(tmp_path / "q.yaml", store, backend.port, plan)
        async with running_quotad(config) as (quotad,):
            assert (await ask(quotad))[0] == 200
            store_server.pause()
            try:
                answers = [await ask(quotad) for _ in range(6)]
            finally:
                store_server.resume()
            assert [status for status, _, _ in answers] == [200] * admitted + [503] * (6 - admitted)
            assert all(b"retry-after: 1\r\n" in head.lower() for status, head, _ in answers if status == 503)

            async def is_back() -> bool:
                return (await ask(quotad))[0] == 200

            await until_true(is_back)
            async with httpx.AsyncClient() as client:
                metrics = await client.get(f"http://127.0.0.1:{quotad.ports['telemetry']}/metrics")
            if admitted:
                assert 'quotad_unaccounted_total{plan="usagePlan-only0001"} 2.0' in metrics.text
        passed = len(backend.seen)
    charged, held = await used(store_server.url)
    assert held == 0
    assert passed - admitted <= charged <= passed


async def test_a_forgotten_script_is_loaded_again_unnoticed(
    tmp_path: Path, store_server: StoreServer
) -> None:
    """SCRIPT FLUSH on the server costs no request."""
    async with running_backend() as backend:
        config = write_config(tmp_path / "q.yaml", {"url": store_server.url}, backend.port, {})
        async with running_quotad(config) as (quotad,):
            assert (await ask(quotad))[0] == 200
            with store_server.client() as client:
                client.script_flush()
            assert (await ask(quotad))[0] == 200


async def test_only_counted_answers_use_quota_and_hanging_up_is_no_way_out(
    tmp_path: Path, store_server: StoreServer
) -> None:
    """Failures are free, successes are not, also when the caller left before it saw them."""
    arrived, go_on = asyncio.Event(), asyncio.Event()

    def reply(seen: Seen) -> bytes:
        return FAILED if b"/fail" in seen.line else OK

    plan: dict[str, object] = {"dayQuotaRequest": 3, "quotaCondition": "2xx"}
    async with running_backend(reply) as backend:
        config = write_config(tmp_path / "q.yaml", {"url": store_server.url}, backend.port, plan)
        async with running_quotad(config) as (quotad,):
            failing = REQUEST.replace(b"/orders/1", b"/orders/fail")
            assert [(await ask(quotad, failing))[0] for _ in range(5)] == [500] * 5

            async def held(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                await reader.readuntil(b"\r\n\r\n")
                arrived.set()
                await go_on.wait()
                writer.write(OK)

            backend.script = held
            await until_new_connection(backend, quotad)
            _, writer = await asyncio.open_connection("127.0.0.1", quotad.ports["listen"])
            writer.write(REQUEST)
            await arrived.wait()
            writer.transport.abort()
            go_on.set()
            backend.script = None

            async def is_settled() -> bool:
                return await used(store_server.url) == (1, 0)

            await until_true(is_settled)


async def until_new_connection(backend: Backend, quotad: Quotad) -> None:
    """Make quotad let go of its kept connection, so that the backend's next script is spoken."""
    backend.script, script = None, backend.script
    backend.reply, reply = (lambda seen: FAILED + CLOSE), backend.reply
    assert (await ask(quotad))[0] == 500
    backend.reply, backend.script = reply, script
