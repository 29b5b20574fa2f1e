"""A real `quotad serve` with several workers."""

import asyncio
import contextlib
import json
import os
import signal
from collections import defaultdict
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from quotad.core.quota import Usage
from tests.support.backends import OK, running_backend
from tests.support.patient import patient_store
from tests.support.processes import REQUEST, SUBJECT, Quotad, running_quotad, start_quotad, write_config
from tests.support.servers import StoreServer
from tests.support.storm import exchange, storm
from tests.support.waiting import until, until_true

WORKERS = 3


async def ask(quotad: Quotad) -> tuple[int, bytes]:
    """Status and head of one request on a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", quotad.ports["listen"])
    try:
        status, head, _ = await exchange(reader, writer, REQUEST)
    finally:
        writer.close()
    return status, head


def worker_of(head: bytes) -> bytes:
    """The part of the request id that names the process."""
    request_id = head.lower().partition(b"\r\nx-request-id: ")[2].partition(b"\r\n")[0]
    return request_id[:12]


async def get(quotad: Quotad, path: str) -> httpx.Response:
    """From the telemetry port."""
    async with httpx.AsyncClient() as client:
        return await client.get(f"http://127.0.0.1:{quotad.ports['telemetry']}{path}")


async def scraped(quotad: Quotad, **expected: float) -> dict[str, float]:
    """Every sample of a scrape, summed up over its labels; of the first one that says what is expected.

    A scrape does not wait for who is slow to report: on a busy machine it may tell of a moment ago.
    """
    samples: dict[str, float] = defaultdict(float)

    async def are_told() -> bool:
        samples.clear()
        for family in text_string_to_metric_families((await get(quotad, "/metrics")).text):
            for sample in family.samples:
                samples[sample.name] += sample.value
        return all(samples[name] == value for name, value in expected.items())

    await until_true(are_told)
    return samples


async def usage(url: str) -> Usage:
    """What the store says is in use."""
    store = patient_store(url)
    await store.start()
    try:
        return (await store.usage([SUBJECT]))[0]
    finally:
        await store.close()


async def says_ready(quotad: Quotad, words: str) -> bool:
    """Whether /readyz says exactly this."""
    return (await get(quotad, "/readyz")).text == words


def is_alive(pid: int) -> bool:
    """Whether a process runs; a dead one that nobody waited for does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


async def test_requests_are_spread_and_one_scrape_shows_the_sum(
    tmp_path: Path, store_server: StoreServer
) -> None:
    """Three processes answer on one port, their ids differ, and /metrics counts every request once."""
    async with running_backend() as backend:
        config = write_config(tmp_path / "q.yaml", {"url": store_server.url}, backend.port, {}, WORKERS)
        async with running_quotad(config) as (quotad,):
            assert len(quotad.workers()) == WORKERS
            answers: list[tuple[int, bytes]] = []

            async def all_have_answered() -> bool:
                answers.append(await ask(quotad))
                return len({worker_of(head) for _, head in answers}) == WORKERS

            await until_true(all_have_answered)
            assert {status for status, _ in answers} == {200}
            ids = {head.lower().partition(b"x-request-id: ")[2].partition(b"\r")[0] for _, head in answers}
            assert len(ids) == len(answers)
            # Day, month and total: each once, not once a worker.
            samples = await scraped(
                quotad, quotad_requests_total=len(answers), quotad_in_use_request_num=3 * len(answers)
            )
            assert samples["quotad_request_duration_seconds_count"] == len(answers)
            assert samples["quotad_upstream_duration_seconds_count"] == len(answers)
            assert samples["quotad_store_duration_seconds_count"] >= len(answers)
            assert (samples["quotad_workers"], samples["quotad_worker_restarts_total"]) == (WORKERS, 0)
            assert samples["quotad_worker_resident_memory_bytes"] > WORKERS * 1_000_000
            ready = await get(quotad, "/readyz")
            assert (ready.status_code, ready.text) == (200, "ready: 3 of 3 workers\n")


async def test_a_storm_on_three_workers_gets_exactly_the_quota(
    tmp_path: Path, store_server: StoreServer
) -> None:
    """500 a day are 500, through however many processes."""
    async with running_backend() as backend:
        config = write_config(
            tmp_path / "q.yaml", {"url": store_server.url}, backend.port, {"dayQuotaRequest": 500}, WORKERS
        )
        async with running_quotad(config) as (quotad,):
            statuses = await storm(
                [quotad.ports["listen"]], REQUEST, 24, lambda got: got[200] >= 500 and got[429] >= 500
            )
            assert (statuses[200], set(statuses)) == (500, {200, 429})
            await scraped(quotad, quotad_requests_total=statuses.total(), quotad_denied_total=statuses[429])
        assert len(backend.seen) == 500
    assert (await usage(store_server.url)).day_charged == 500


@pytest.mark.parametrize("on_crash", ["charge", "release"])
async def test_a_killed_worker_is_replaced_and_what_it_held_settled(
    tmp_path: Path, store_server: StoreServer, on_crash: str
) -> None:
    """The port goes on answering; what the dead one held is charged or given back after the hold time."""
    quota, held = 200, 24
    answer, arrived = asyncio.Event(), asyncio.Semaphore(0)

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            arrived.release()
            await answer.wait()
            writer.write(OK)

    plan: dict[str, object] = {"dayQuotaRequest": quota, "quotaCondition": "2xx", "onCrash": on_crash}
    store: dict[str, object] = {"url": store_server.url, "holdMs": 4000}
    async with running_backend(script=slow) as backend:
        config = write_config(tmp_path / "q.yaml", store, backend.port, plan, WORKERS)
        async with running_quotad(config) as (quotad,):
            asked = [asyncio.ensure_future(ask(quotad)) for _ in range(held)]
            for _ in asked:
                await arrived.acquire()
            assert (await usage(store_server.url)).day_open == held
            before = quotad.workers()
            os.kill(before[0], signal.SIGKILL)
            await quotad.until_said("was ended by signal 9; it is replaced")
            backend.script = None
            answer.set()
            ends = await asyncio.gather(*asked, return_exceptions=True)
            lost = sum(isinstance(end, BaseException) for end in ends)
            assert 0 < lost < held
            answers = [end[0] for end in ends if not isinstance(end, BaseException)]

            async def is_settled() -> bool:
                # The store looks at the dead one's Entry when the Subject is asked for.
                answers.append((await ask(quotad))[0])
                return (await usage(store_server.url)).day_open == 0

            await until_true(is_settled)
            await until_true(lambda: says_ready(quotad, "ready: 3 of 3 workers\n"))
            assert set(before[1:]) < set(quotad.workers())
            statuses = await storm([quotad.ports["listen"]], REQUEST, 12, lambda got: got[429] >= 50)
            statuses.update(answers)
            assert statuses[200] == quota - (lost if on_crash == "charge" else 0)
            assert set(statuses) == {200, 429}
            samples = await scraped(quotad, quotad_requests_total=statuses.total())
            assert samples["quotad_worker_restarts_total"] == 1
    rest = await usage(store_server.url)
    assert (rest.day_charged, rest.day_open) == (quota, 0)


async def test_sigterm_finishes_what_is_in_flight_at_every_worker(
    tmp_path: Path, store_server: StoreServer
) -> None:
    """Not ready at once; open requests get their answers and are settled; exit 0; nobody is left."""
    answer, arrived = asyncio.Event(), asyncio.Semaphore(0)

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        arrived.release()
        await answer.wait()
        writer.write(OK)

    plan: dict[str, object] = {"dayQuotaRequest": 50, "quotaCondition": "2xx"}
    async with running_backend(script=slow) as backend:
        config = write_config(tmp_path / "q.yaml", {"url": store_server.url}, backend.port, plan, WORKERS)
        quotad = await start_quotad(config)
        workers = quotad.workers()
        asked = [asyncio.ensure_future(ask(quotad)) for _ in range(9)]
        for _ in asked:
            await arrived.acquire()
        quotad.process.send_signal(signal.SIGTERM)
        await quotad.until_said("draining")
        ready = await get(quotad, "/readyz")
        assert (ready.status_code, ready.text) == (503, "draining\n")
        quotad.process.send_signal(signal.SIGTERM)
        answer.set()
        assert [status for status, _ in await asyncio.gather(*asked)] == [200] * 9
        assert await quotad.stop(signal.SIGTERM) == 0
        assert not any(map(is_alive, workers))
    rest = await usage(store_server.url)
    assert (rest.day_charged, rest.day_open) == (9, 0)


async def test_sighup_reaches_every_worker_or_none(tmp_path: Path, store_server: StoreServer) -> None:
    """A new limit acts everywhere; a broken file nowhere, and the refusal says why."""
    store: dict[str, object] = {"url": store_server.url}
    path = tmp_path / "q.yaml"
    async with running_backend() as backend:
        write_config(path, store, backend.port, {"dayQuotaRequest": 0}, WORKERS)
        async with running_quotad(path) as (quotad,):
            assert {(await ask(quotad))[0] for _ in range(12)} == {429}
            write_config(path, store, backend.port, {"dayQuotaRequest": 1000}, WORKERS)
            quotad.process.send_signal(signal.SIGHUP)
            await quotad.until_said("reloaded: version ")
            assert {(await ask(quotad))[0] for _ in range(24)} == {200}
            write_config(path, store, backend.port, {"dayQuotaRequest": -7}, WORKERS)
            quotad.process.send_signal(signal.SIGHUP)
            assert "plans[0].dayQuotaRequest" in await quotad.until_said("reload refused")
            write_config(path, store, backend.port, {"dayQuotaRequest": 0}, WORKERS + 1)
            quotad.process.send_signal(signal.SIGHUP)
            await quotad.until_said("workers: changing this needs a restart")
            assert {(await ask(quotad))[0] for _ in range(24)} == {200}
            assert len(quotad.workers()) == WORKERS


async def test_a_worker_that_comes_after_a_reload_has_the_new_configuration(
    tmp_path: Path, store_server: StoreServer
) -> None:
    """Its replacement serves what is in force, not what the file said at the start."""
    store: dict[str, object] = {"url": store_server.url}
    path = tmp_path / "q.yaml"
    async with running_backend() as backend:
        write_config(path, store, backend.port, {"dayQuotaRequest": 0}, 2)
        async with running_quotad(path) as (quotad,):
            write_config(path, store, backend.port, {"dayQuotaRequest": 1000}, 2)
            quotad.process.send_signal(signal.SIGHUP)
            await quotad.until_said("reloaded: version ")
            before = quotad.workers()
            path.write_text("nothing of use")
            for pid in before:
                os.kill(pid, signal.SIGKILL)
            await until(lambda: set(quotad.workers()).isdisjoint(before))
            await until_true(lambda: says_ready(quotad, "ready: 2 of 2 workers\n"))
            assert {(await ask(quotad))[0] for _ in range(12)} == {200}


async def test_workers_do_not_outlive_their_supervisor(tmp_path: Path, store_server: StoreServer) -> None:
    """A kill of the supervisor ends all of them, and its port can be had again."""
    async with running_backend() as backend:
        config = write_config(tmp_path / "q.yaml", {"url": store_server.url}, backend.port, {}, WORKERS)
        quotad = await start_quotad(config)
        workers = quotad.workers()
        assert (await ask(quotad))[0] == 200
        assert await quotad.stop(signal.SIGKILL) == -signal.SIGKILL
        await until(lambda: not any(map(is_alive, workers)))
        listener = await asyncio.start_server(lambda *_: None, "127.0.0.1", quotad.ports["listen"])
        listener.close()


async def test_a_worker_that_cannot_start_fails_the_start_with_its_words(
    tmp_path: Path, store_server: StoreServer
) -> None:
    """Nothing is served half: the message is the one that a single process would have said."""
    config = write_config(tmp_path / "q.yaml", {"url": store_server.url}, 9, {}, 2)
    config.write_text(config.read_text().replace('"accessLog": ""', '"accessLog": "no/such/folder/log"'))
    with pytest.raises(AssertionError, match=r"quotad: access log .*no/such/folder/log: No such file"):
        await start_quotad(config)


async def test_another_quotad_does_not_join_the_port(tmp_path: Path, store_server: StoreServer) -> None:
    """Two quotads of one user on one port would be a mistake that nobody sees: the second is refused."""
    config = write_config(tmp_path / "q.yaml", {"url": store_server.url}, 9, {}, 2)
    async with running_quotad(config) as (quotad,):
        taken = f"127.0.0.1:{quotad.ports['listen']}"
        second = tmp_path / "second.yaml"
        second.write_text(
            config.read_text().replace('{"address": "127.0.0.1:0"}', f'{{"address": "{taken}"}}', 1)
        )
        with pytest.raises(AssertionError, match=f"quotad: listen {taken}: Address already in use"):
            await start_quotad(second)


async def test_workers_write_one_access_log_and_follow_its_rotation(
    tmp_path: Path, store_server: StoreServer
) -> None:
    """A whole line a request, whoever served it; after SIGHUP all of them write to the new file."""
    log, rotated = tmp_path / "access.log", tmp_path / "access.log.1"
    async with running_backend() as backend:
        config = write_config(tmp_path / "q.yaml", {"url": store_server.url}, backend.port, {}, WORKERS)
        config.write_text(config.read_text().replace('"accessLog": ""', f'"accessLog": "{log}"'))
        async with running_quotad(config) as (quotad,):
            before = [worker_of((await ask(quotad))[1]) for _ in range(12)]
            await until(lambda: log.read_text().count("\n") == 12)
            log.rename(rotated)
            quotad.process.send_signal(signal.SIGHUP)
            await quotad.until_said("reloaded: version ")
            after = [worker_of((await ask(quotad))[1]) for _ in range(12)]
    for path, workers in ((rotated, before), (log, after)):
        written = [json.loads(line)["requestId"][:12].encode() for line in path.read_text().splitlines()]
        assert sorted(written) == sorted(workers)


async def test_the_supervisor_writes_the_admin_ports_log(tmp_path: Path, store_server: StoreServer) -> None:
    """It has the port, so it has the log: whole lines, in the workers' file if so asked, also rotated."""
    log, rotated = tmp_path / "access.log", tmp_path / "access.log.1"
    async with running_backend() as backend:
        config = write_config(tmp_path / "q.yaml", {"url": store_server.url}, backend.port, {}, WORKERS)
        members = json.loads(config.read_text())
        admin = {"address": "127.0.0.1:0", "unauthenticatedLoopback": True, "accessLog": str(log)}
        members |= {"admin": admin, "telemetry": {**members["telemetry"], "accessLog": str(log)}}
        config.write_text(json.dumps(members))
        async with running_quotad(config) as (quotad,), httpx.AsyncClient(trust_env=False) as client:
            for turn in range(2):
                await asyncio.gather(*(ask(quotad) for _ in range(6)))
                answer = await client.get(f"http://127.0.0.1:{quotad.ports['admin']}/v1/plans")
                assert answer.status_code == 200
                await until(lambda: log.exists() and log.read_text().count("\n") == 7)
                lines = [json.loads(line) for line in log.read_text().splitlines()]
                told = [line["requestId"] for line in lines if "who" in line]
                assert told == [answer.headers["X-Request-Id"]]
                if turn == 0:
                    log.rename(rotated)
                    quotad.process.send_signal(signal.SIGHUP)
                    await quotad.until_said("reloaded: version ")


async def test_workers_share_the_embedded_store_of_their_supervisor(tmp_path: Path) -> None:
    """One server for all of them, which ends with the supervisor."""
    store: dict[str, object] = {"embedded": {"dir": str(tmp_path / "data")}}
    async with running_backend() as backend:
        config = write_config(tmp_path / "q.yaml", store, backend.port, {"dayQuotaRequest": 5}, 2)
        async with running_quotad(config) as (quotad,):
            assert [(await ask(quotad))[0] for _ in range(7)] == [200] * 5 + [429] * 2
    assert not (tmp_path / "data" / "store.sock").exists()
