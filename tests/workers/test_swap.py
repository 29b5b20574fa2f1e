"""SIGUSR2: new workers in the old ones' places, and nobody who calls meanwhile notices."""

import asyncio
import os
import signal
from collections import Counter
from pathlib import Path

import pytest

from tests.support.backends import OK, running_backend
from tests.support.processes import REQUEST, Quotad, running_quotad, write_config
from tests.support.servers import StoreServer
from tests.support.storm import exchange
from tests.support.waiting import until, until_true
from tests.workers.test_supervisor import ask, is_alive, says_ready, scraped


class Storm:
    """Callers of both kinds, a connection for each request and one for many, until told to stop."""

    def __init__(self, quotad: Quotad) -> None:
        self._port = quotad.ports["listen"]
        self.ends: Counter[str] = Counter()
        """Statuses, and the names of errors."""
        self.over = False

    async def _one(self, keep: bool) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            while True:
                status, head, _ = await exchange(reader, writer, REQUEST)
                self.ends[str(status)] += 1
                if not keep or self.over or b"\r\nconnection: close\r\n" in head.lower():
                    return
        finally:
            writer.close()

    async def go_on(self, answers: int) -> None:
        """Until so many more were answered."""
        wanted = self.ends["200"] + answers
        await until(lambda: self.ends["200"] >= wanted)

    async def caller(self, keep: bool) -> None:
        """One caller; what goes wrong is counted."""
        while not self.over:
            try:
                await self._one(keep)
            except (OSError, asyncio.IncompleteReadError) as error:
                self.ends[type(error).__name__] += 1


async def swap(quotad: Quotad) -> None:
    """Until the new workers serve and the old ones have ended."""
    old, before = quotad.workers(), sum("swapped: " in line for line in quotad.errors)
    quotad.process.send_signal(signal.SIGUSR2)
    await until(lambda: sum("swapped: " in line for line in quotad.errors) > before)
    await until(lambda: not any(map(is_alive, old)))


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_swap_in_a_storm_refuses_and_resets_nobody(
    tmp_path: Path, store_server: StoreServer, workers: int
) -> None:
    """Through two swaps every request of every caller is answered; the old processes end by themselves."""
    async with running_backend() as backend:
        config = write_config(tmp_path / "q.yaml", {"url": store_server.url}, backend.port, {}, workers)
        config.write_text(config.read_text().replace('"workers"', '"supervised": true, "workers"', 1))
        async with running_quotad(config) as (quotad,):
            storm = Storm(quotad)
            async with asyncio.TaskGroup() as group:
                for number in range(8):
                    group.create_task(storm.caller(keep=number % 2 == 0))
                for _ in range(2):
                    await storm.go_on(200)
                    await swap(quotad)
                    assert len(quotad.workers()) == workers
                storm.over = True
            assert set(storm.ends) == {"200"}
            assert storm.ends["200"] == len(backend.seen)
            samples = await scraped(quotad, quotad_requests_total=storm.ends["200"])
            assert samples["quotad_worker_restarts_total"] == 0


async def test_a_swap_takes_what_a_reload_cannot(tmp_path: Path, store_server: StoreServer) -> None:
    """The bounds of the callers' port are new; its address stays, and a request in flight is finished."""
    answer, arrived = asyncio.Event(), asyncio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        arrived.set()
        await answer.wait()
        writer.write(OK)

    path = tmp_path / "q.yaml"
    async with running_backend(script=slow) as backend:
        write_config(path, {"url": store_server.url}, backend.port, {}, 2)
        async with running_quotad(path) as (quotad,):
            asked = asyncio.ensure_future(ask(quotad))
            await arrived.wait()
            text = path.read_text()
            path.write_text(text.replace('"127.0.0.1:0"}', '"127.0.0.1:0", "maxTargetBytes": 256}', 1))
            quotad.process.send_signal(signal.SIGHUP)
            await quotad.until_said("listen: changing this needs a restart")
            quotad.process.send_signal(signal.SIGUSR2)
            await quotad.until_said("swapped: version ")
            backend.script = None
            reader, writer = await asyncio.open_connection("127.0.0.1", quotad.ports["listen"])
            long = REQUEST.replace(b"/orders/1", b"/orders/" + b"1" * 300)
            assert (await exchange(reader, writer, long))[0] == 414
            writer.close()
            answer.set()
            assert (await asked)[0] == 200


async def test_a_swap_that_fails_changes_nothing(tmp_path: Path, store_server: StoreServer) -> None:
    """New workers that cannot start, and a file that is wrong: the old ones serve on, and it is said why."""
    path, log = tmp_path / "q.yaml", tmp_path / "logs" / "access.log"
    log.parent.mkdir()
    async with running_backend() as backend:
        write_config(path, {"url": store_server.url}, backend.port, {}, 2)
        path.write_text(path.read_text().replace('"accessLog": ""', f'"accessLog": "{log}"'))
        async with running_quotad(path) as (quotad,):
            old = quotad.workers()
            log.unlink()
            log.parent.rmdir()
            quotad.process.send_signal(signal.SIGUSR2)
            assert "No such file" in await quotad.until_said("swap refused: ")
            path.write_text("nothing of use")
            quotad.process.send_signal(signal.SIGUSR2)
            await until(lambda: sum("swap refused" in line for line in quotad.errors) == 2)
            assert quotad.workers() == old
            assert {(await ask(quotad))[0] for _ in range(12)} == {200}


async def test_callers_of_a_dead_worker_are_taken_by_another(
    tmp_path: Path, store_server: StoreServer
) -> None:
    """While a place is empty, also for long, who connects there is served by who is left."""
    log = tmp_path / "logs" / "access.log"
    log.parent.mkdir()
    async with running_backend() as backend:
        config = write_config(tmp_path / "q.yaml", {"url": store_server.url}, backend.port, {}, 3)
        config.write_text(config.read_text().replace('"accessLog": ""', f'"accessLog": "{log}"'))
        async with running_quotad(config) as (quotad,):
            log.unlink()
            log.parent.rmdir()
            for pid in quotad.workers()[:2]:
                os.kill(pid, signal.SIGKILL)
            await until(lambda: sum("; again in" in line for line in quotad.errors) >= 4)
            assert {(await ask(quotad))[0] for _ in range(24)} == {200}
            log.parent.mkdir()
            await until_true(lambda: says_ready(quotad, "ready: 3 of 3 workers\n"))
            assert {(await ask(quotad))[0] for _ in range(24)} == {200}


async def test_sigterm_in_a_swap_ends_all(tmp_path: Path, store_server: StoreServer) -> None:
    """Whichever of old and new are there, none is left, and the end is an orderly one."""
    async with running_backend() as backend:
        config = write_config(tmp_path / "q.yaml", {"url": store_server.url}, backend.port, {}, 2)
        async with running_quotad(config) as (quotad,):
            quotad.process.send_signal(signal.SIGUSR2)
            # Or it is over already: nobody says who looks first.
            await until(
                lambda: len(quotad.workers()) > 2 or any("swapped: " in line for line in quotad.errors)
            )
            workers = quotad.workers()
            assert await quotad.stop() == 0
            assert not any(map(is_alive, workers))
