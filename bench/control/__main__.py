"""``python -m bench.control [--write]``: 100,000 Secrets and 1,000 plans, and a sidecar that serves them.

Tells how long ``quotad serve`` takes from its start until it is ready with every Secret read, its memory
then, and how long a change takes until a request feels it. Needs a server program on PATH or from PyPI.
"""

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx

from bench import machine
from bench.report import table
from quotad.store.control import Change, ControlStore
from tests.integration.test_control_mode import written
from tests.support.backends import running_backend
from tests.support.catalog import HERE, key_of, plan, secret, service
from tests.support.control import control_store
from tests.support.processes import Quotad, running_quotad
from tests.support.servers import running_server

_AT_ONCE = 500
_PLANS_WITH_SECRETS = 100
_CHANGES = 21
PAGE = Path(__file__).parents[1] / "results" / "control.md"

HOW = """\
A sidecar in control mode whose one route names the service that all plans are bound to, so every Secret is
read and its key opened; it has no admin port. From the start of the process, Python and its imports included,
to the answer to a request of a Secret. CPU time is the process's own by then, and the only figure that says
much where others use the machine. A change is the commit of one Secret, enabled or disabled, felt when a
caller who asks all the time is first answered otherwise; the asking is in it."""


def _plan_id(number: int) -> str:
    return f"usagePlan-{number:08d}"


def _secret_id(number: int) -> str:
    return f"AKID{number:036d}"


async def fill(control: ControlStore, secrets: int, plans: int) -> None:
    """One service, so many plans of it, and so many Secrets, each with one of a hundred of the plans."""
    await _commit(control, [service()], [])
    await _commit(control, [plan(_plan_id(0), (HERE,), dayQuotaRequest=10**9)], [])
    for start in range(1, plans, 200):
        some = range(start, min(plans, start + 200))
        await _commit(control, [plan(_plan_id(each), (HERE,), dayQuotaRequest=10**6) for each in some], [])
    for start in range(0, secrets, _AT_ONCE):
        some = range(start, min(secrets, start + _AT_ONCE))
        bound = [(_plan_id(each % min(plans, _PLANS_WITH_SECRETS)), _secret_id(each)) for each in some]
        writes = [secret(secret_id, (plan_id,)) for plan_id, secret_id in bound]
        await _commit(control, writes, [(plan_id, secret_id, True) for plan_id, secret_id in bound])


async def _commit(control: ControlStore, writes: list[Any], members: list[tuple[str, str, bool]]) -> None:
    if await control.commit(Change(await control.head(), writes, members)) is None:
        raise RuntimeError("somebody else writes")


class Sidecar:
    """A sidecar that is asked for its status."""

    def __init__(self, client: httpx.AsyncClient, quotad: Quotad) -> None:
        self._client = client
        self._url = f"http://127.0.0.1:{quotad.ports['listen']}/orders/1"
        self.quotad = quotad

    async def until(self, status: int, secret_id: str) -> float:
        """When a request of this Secret first gets this status, on the monotonic clock."""
        headers = {"X-Secret-Id": secret_id, "X-Secret-Key": key_of(secret_id)}
        async with asyncio.timeout(120):
            while True:
                answer = await self._client.get(self._url, headers=headers)
                if answer.status_code == status:
                    return time.monotonic()
                await asyncio.sleep(0.001)

    def cpu_s(self) -> float:
        """CPU time of its process so far."""
        fields = Path(f"/proc/{self.quotad.process.pid}/stat").read_text().rpartition(")")[2].split()
        # utime and stime, fields 14 and 15 of proc(5); these begin with the third.
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_mb(self) -> float:
        """Resident now."""
        status = Path(f"/proc/{self.quotad.process.pid}/status").read_text()
        (line,) = (each for each in status.splitlines() if each.startswith("VmRSS"))
        return int(line.split()[1]) / 1024


@contextlib.asynccontextmanager
async def started(path: Path, client: httpx.AsyncClient) -> AsyncIterator[Sidecar]:
    """A sidecar of its own process."""
    async with running_quotad(path) as (quotad,):
        yield Sidecar(client, quotad)


async def measure(secrets: int, plans: int) -> list[tuple[str, str]]:
    """The figures by what they are."""
    with tempfile.TemporaryDirectory() as folder, running_server() as server:
        async with (
            running_backend() as backend,
            httpx.AsyncClient() as client,
            control_store(server.url) as control,
        ):
            await fill(control, secrets, plans)
            path = _without_admin(written(Path(folder), server.url, backend.port))
            begun_s, busy_s = time.monotonic(), machine.cpu_in_use_s()
            async with started(path, client) as sidecar:
                ready_s = await sidecar.until(200, _secret_id(secrets - 1)) - begun_s
                busy = (machine.cpu_in_use_s() - busy_s) / ready_s
                cpu_s, memory_mb = sidecar.cpu_s(), sidecar.memory_mb()
                took_ms = await _changes(control, sidecar, secrets)
                return [
                    ("Secrets, plans", f"{secrets:,}, {plans:,}"),
                    ("served after the start", f"{ready_s:.2f} s"),
                    ("CPU time by then", f"{cpu_s:.2f} s"),
                    ("cores in use meanwhile, by everybody", f"{busy:.1f}"),
                    ("resident memory", f"{memory_mb:.0f} MB"),
                    (f"after {_CHANGES} changes", f"{sidecar.memory_mb():.0f} MB"),
                    ("a change felt after, median", f"{statistics.median(took_ms):.1f} ms"),
                    ("at most", f"{max(took_ms):.1f} ms"),
                ]


def _without_admin(path: Path) -> Path:
    """Its port would bring a second copy of all records, in the form in which they are searched."""
    config = json.loads(path.read_text())
    del config["admin"]
    path.write_text(json.dumps(config))
    return path


async def _changes(control: ControlStore, sidecar: Sidecar, secrets: int) -> list[float]:
    took_ms = []
    victim = _secret_id(secrets // 2)
    plan_id = _plan_id(secrets // 2 % _PLANS_WITH_SECRETS)
    for number in range(_CHANGES):
        enabled = number % 2 == 1
        begun_s = time.monotonic()
        await _commit(control, [secret(victim, (plan_id,), enabled=enabled)], [])
        took_ms.append((await sidecar.until(200 if enabled else 401, victim) - begun_s) * 1000)
    return took_ms


def main() -> None:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(prog="python -m bench.control")
    parser.add_argument("--secrets", type=int, default=100_000)
    parser.add_argument("--plans", type=int, default=1_000)
    parser.add_argument("--write", action="store_true", help="write bench/results/control.md")
    options = parser.parse_args()
    rows = asyncio.run(measure(options.secrets, options.plans))
    about = f"{machine.today()}, `python -m bench.control`. {machine.description()}."
    page = "\n\n".join(["# A sidecar with many Secrets", table(rows, ("what", "figure")), about, HOW])
    print(page)
    if options.write:
        PAGE.write_text(page + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
