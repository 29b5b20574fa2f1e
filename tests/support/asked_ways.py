"""The ways in which another proxy's questions go through a data plane, beside those of ``ways``."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import replace

from quotad.core.plans import EnvironmentRule
from quotad.dataplane.caller import DISCARD, PROOF
from tests.support.asking import CADDY, ENVOY, asked_about, question, settle
from tests.support.rawhttp import PAIR
from tests.support.signed import signed_request
from tests.support.ways import HALF, HALVES, ONLY_2XX, ONLY_4XX, Run, Way, one, proving

SETTLING = replace(CADDY, settles=True, settle_s=3600.0)
QUESTION = question("/ok")
POSTED = b"POST /authorize/ok HTTP/1.1\r\nHost: a.test\r\n%bContent-Length: %d\r\n\r\n%b" % (
    PAIR,
    len(HALVES),
    HALVES,
)
"""Envoy sends the content along."""


def telling(*statuses: int) -> Callable[[Run], Awaitable[object]]:
    """One proxy asks, then tells these statuses, each with a content that comes late."""

    async def say(run: Run) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, RuntimeError):
            async with run.watch.caller(run.port) as proxy:
                await proxy.send(QUESTION)
                answer = await proxy.answer()
                run.got.append(answer.status)
                (request_id,) = answer.values(b"x-quotad-settle")
                for number, status in enumerate(statuses, 1):
                    message = settle(request_id, status, HALVES)
                    await proxy.send(message[:-HALF])
                    await run.reached(DISCARD, times=number)
                    await proxy.send(message[-HALF:])
                    run.got.append((await proxy.answer()).status)

    return say


async def signed_with_its_content(run: Run) -> None:
    """The content of a signed request is sent along, and comes late."""
    message = asked_about(signed_request("POST", "/ok", HALVES), b"Content-Length: %d\r\n" % len(HALVES))
    await run.ask(message, HALVES[:HALF], PROOF, HALVES[HALF:])


ASKED_WAYS = {
    "asked": Way(one(QUESTION, QUESTION, answers=2), statuses=(200, 200), asks=CADDY),
    "asked-if-2xx": Way(one(QUESTION), ONLY_2XX, asks=CADDY),
    "asked-with-content": Way(one(POSTED[:-HALF], DISCARD, POSTED[-HALF:]), ONLY_2XX, asks=ENVOY),
    "asked-and-refused": Way(
        one(POSTED[:-HALF], DISCARD, POSTED[-HALF:], POSTED, answers=2),
        {"day_quota_request": 0, **ONLY_2XX},
        statuses=(429, 429),
        asks=ENVOY,
    ),
    "asked-under-a-throttle": Way(
        one(QUESTION, QUESTION, answers=2),
        ONLY_2XX,
        rule=EnvironmentRule("release", 1, 1),
        statuses=(200, 429),
        asks=SETTLING,
    ),
    "asked-with-a-shadow": Way(one(QUESTION), ONLY_2XX, shadow=ONLY_4XX, asks=CADDY),
    "asked-in-fleet": Way(
        lambda run: run.ask(asked_about(signed_request("GET", "/ok"))),
        ONLY_2XX,
        routing=proving(replay="fleet"),
        asks=CADDY,
    ),
    "asked-with-signed-content": Way(signed_with_its_content, ONLY_2XX, asks=SETTLING),
    "asked-and-never-told": Way(one(QUESTION), ONLY_2XX, shadow=ONLY_2XX, asks=SETTLING),
    "asked-and-told": Way(telling(200), ONLY_2XX, shadow={}, statuses=(200, 204), asks=SETTLING),
    "asked-and-told-twice": Way(telling(503, 200), ONLY_2XX, statuses=(200, 204, 404), asks=SETTLING),
    "asked-while-the-store-lost-it": Way(
        one(QUESTION), ONLY_2XX, statuses=(503,), fault="lose_call", asks=SETTLING
    ),
    "asked-while-the-store-is-late": Way(
        one(QUESTION), ONLY_2XX, statuses=(503,), fault="hold_reply", asks=SETTLING
    ),
}
