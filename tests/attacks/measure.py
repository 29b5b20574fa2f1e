"""One attack on a real quotad, and what a well-behaved caller saw meanwhile."""

import asyncio
import contextlib
import json
import os
import socket
import statistics
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

from tests.attacks.cases import BIG_BYTES, LARGE_BYTES, Assault, Attack
from tests.support.backends import Seen, running_backend
from tests.support.processes import REQUEST, Quotad, running_quotad, write_config
from tests.support.rawhttp import Answer, Raw
from tests.support.tls import Papers
from tests.support.waiting import until

BEHAVED = "127.0.0.3"
"""Where the well-behaved caller is."""


@dataclass
class Findings:
    """What one attack did."""

    attack: Attack
    held: int = 0
    """Attacker's connections at the end."""
    bytes_each: float = 0.0
    """Resident memory more than before, by connection that is held."""
    grown_bytes: int = 0
    cpu_share: float = 0.0
    """Of one core, while the well-behaved caller was watched."""
    took_s: list[float] = field(default_factory=list)
    """The well-behaved caller's answers."""
    statuses: set[int] = field(default_factory=set)
    """And their statuses."""
    attacker_got: dict[int, int] = field(default_factory=dict)
    lasted_s: float = 0.0
    """From the attacker's first connection until that was noted."""

    @property
    def median_ms(self) -> float:
        return statistics.median(self.took_s) * 1000

    @property
    def worst_ms(self) -> float:
        return max(self.took_s) * 1000


async def run(attack: Attack, folder: Path, store_url: str, papers: Papers, requests: int) -> Findings:
    """Hold the attack while ``requests`` are asked, one after the other, every tenth on a new connection."""
    seen = Findings(attack)
    async with _quotad(attack, folder, store_url, papers) as quotad:
        port, pid = quotad.ports["listen"], quotad.process.pid
        await _behave(port, 20, Findings(attack), None, papers)
        before = _resident_bytes(pid)
        assault = Assault(attack, port, papers.caller())
        opened_s = perf_counter()
        try:
            await assault.open()
            assault.push()
            began_s, cpu_s = perf_counter(), _cpu_s(pid)
            await _behave(port, requests, seen, assault, papers)
            seen.cpu_share = (_cpu_s(pid) - cpu_s) / (perf_counter() - began_s)
            if not attack.held:
                await until(lambda: not assault.held)
            seen.held = assault.held
            seen.grown_bytes = _resident_bytes(pid) - before
            seen.bytes_each = seen.grown_bytes / max(1, seen.held)
            seen.attacker_got = dict(assault.statuses)
            seen.lasted_s = perf_counter() - opened_s
        finally:
            assault.close()
        # Afterwards it is as if nothing had been.
        await _behave(port, 20, seen, None, papers)
    return seen


@contextlib.asynccontextmanager
async def _quotad(attack: Attack, folder: Path, store_url: str, papers: Papers) -> AsyncIterator[Quotad]:
    def reply(seen: Seen) -> bytes:
        sizes = {b"/orders/big": BIG_BYTES, b"/orders/large": LARGE_BYTES}
        body = b"x" * sizes.get(seen.line.split(b" ")[1], 2)
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)

    async with running_backend(reply=reply) as backend:
        path = write_config(folder / "q.yaml", {"url": store_url}, backend.port, {})
        config = json.loads(path.read_text())
        config["listen"] |= dict(attack.listen)
        config["routes"][0]["poolConnections"] = 4000
        if attack.tls:
            certificate = papers.door().tls
            assert certificate is not None
            config["listen"]["tls"] = {
                "certificate": str(certificate.certificate),
                "key": str(certificate.key),
            }
        path.write_text(json.dumps(config))
        async with running_quotad(path) as (quotad,):
            yield quotad


async def _behave(port: int, requests: int, seen: Findings, assault: Assault | None, papers: Papers) -> None:
    """Ask, and note what came; the attacker goes on all the while."""
    caller: Raw | None = None
    for number in range(requests):
        if assault is not None:
            assault.push()
        began_s = perf_counter()
        if caller is None or number % 10 == 0:
            if caller is not None:
                caller.writer.close()
            caller = await _connected(port, papers if seen.attack.tls else None)
        await caller.send(REQUEST)
        answer: Answer = await caller.answer()
        seen.took_s.append(perf_counter() - began_s)
        seen.statuses.add(answer.status)
    if caller is not None:
        caller.writer.close()


async def _connected(port: int, papers: Papers | None) -> Raw:
    endpoint = socket.socket()
    endpoint.bind((BEHAVED, 0))
    endpoint.setblocking(False)
    await asyncio.get_running_loop().sock_connect(endpoint, ("127.0.0.1", port))
    tls = {} if papers is None else {"ssl": papers.caller(), "server_hostname": "127.0.0.1"}
    return Raw(*await asyncio.open_connection(sock=endpoint, **tls))  # type: ignore[arg-type]


def _resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _cpu_s(pid: int) -> float:
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
