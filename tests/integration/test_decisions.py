"""Decisions for other proxies by several processes on one store: exact, whatever proxies tell, and when."""

import asyncio
import json
import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.processes import SUBJECT, Quotad, running_quotad, write_config
from tests.support.rawhttp import Raw, raw
from tests.support.servers import StoreServer
from tests.support.spending import charged_and_open
from tests.support.waiting import until_true

LIMIT = 60
PROXIES = 6
ASKED_BY_EACH = 60
QUESTION = (
    b"GET /authorize HTTP/1.1\r\nHost: proxy\r\nX-Forwarded-Method: GET\r\nX-Forwarded-Uri: /orders/1\r\n"
    b"X-Forwarded-Host: api.test\r\nX-Secret-Id: AKIDcaller\r\nX-Secret-Key: secretcaller\r\n\r\n"
)


@dataclass
class Tally:
    """What the proxies know."""

    admitted: int = 0
    freed: int = 0
    """Told to be free, from before that is said: more than the store can have taken back."""
    ended: Counter[str] = field(default_factory=Counter)

    def check(self) -> None:
        """What was admitted and not given back is never more than there is."""
        assert self.admitted - self.freed <= LIMIT


def settle(request_id: bytes, status: int) -> bytes:
    """A status, told."""
    return b"POST /settle?id=%b&status=%d HTTP/1.1\r\nHost: proxy\r\nContent-Length: 0\r\n\r\n" % (
        request_id,
        status,
    )


async def tell(proxy: Raw, request_id: bytes, status: int) -> int:
    """The answer to a status that is told."""
    await proxy.send(settle(request_id, status))
    return (await proxy.answer()).status


async def forward(own: Raw, other: Raw, tally: Tally, chance: random.Random) -> None:
    """One request: asked about, and perhaps told of, to whom it concerns or not, once or more."""
    await own.send(QUESTION)
    answer = await own.answer()
    if answer.status != 200:
        assert answer.status == 429
        return
    tally.admitted += 1
    tally.check()
    (request_id,) = answer.values(b"x-quotad-settle")
    # What another process holds is not this one's to settle, nor is what nobody holds.
    assert await tell(other, request_id, 503) == 404
    assert await tell(own, b"%x" % (15 - int(request_id[:1], 16)) + request_id[1:], 503) == 404
    ending = chance.choice(("used", "freed", "freed", "freed", "silent"))
    if ending == "used":
        ended = await tell(own, request_id, 200)
    elif ending == "freed":
        tally.freed += 1
        ended = await tell(own, request_id, 503)
    else:
        tally.ended["silent"] += 1
        return
    tally.ended[ending] += ended == 204
    assert await tell(own, request_id, 503 if ending == "used" else 200) == 404


async def carry(ports: tuple[int, int], tally: Tally, seed: int) -> None:
    """One proxy with a connection to each process; it asks the first."""
    chance = random.Random(seed)
    async with raw(ports[0]) as own, raw(ports[1]) as other:
        for _ in range(ASKED_BY_EACH):
            await forward(own, other, tally, chance)


def ports_of(quotads: list[Quotad], number: int) -> tuple[int, int]:
    """Of the process that this proxy asks, and of the other."""
    first, second = (quotad.ports["authorize"] for quotad in quotads)
    return (second, first) if number % 2 else (first, second)


async def charged(store_url: str) -> tuple[int, int]:
    """(charged, open) of the day."""
    return await charged_and_open(store_url, SUBJECT)


async def test_what_is_told_late_twice_wrongly_or_never_is_exact(
    tmp_path: Path, store_server: StoreServer
) -> None:
    """Never more pass than there are, what is free comes back once, and silence is charged at the end."""
    plan = {"dayQuotaRequest": LIMIT, "quotaCondition": "2xx"}
    config = write_config(tmp_path / "q.yaml", {"url": store_server.url}, 1, plan)
    said = json.loads(config.read_text())
    said["authorize"] = {
        "address": "127.0.0.1:0",
        "shape": "caddy",
        "conditional": "settle",
        "settleMs": 3_600_000,
    }
    config.write_text(json.dumps(said))
    tally = Tally()
    async with running_quotad(config, 2) as quotads:
        async with asyncio.TaskGroup() as group:
            for number in range(PROXIES):
                group.create_task(carry(ports_of(quotads, number), tally, number))
        ended = tally.ended

        async def is_told() -> bool:
            return await charged(store_server.url) == (ended["used"], ended["silent"])

        await until_true(is_told)
    assert tally.admitted == sum(ended.values())
    assert ended["freed"] > 0
    assert await charged(store_server.url) == (ended["used"] + ended["silent"], 0)
    assert ended["used"] + ended["silent"] <= LIMIT
