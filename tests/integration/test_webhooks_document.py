"""docs/webhooks.md: the receiver that it shows works."""

import asyncio
import contextlib
import os
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx

from quotad.clock import monotonic_s, wall_s
from quotad.config.certificates import client_context
from quotad.config.model import UpstreamTls
from quotad.config.webhook_schema import encoded_key
from quotad.controlplane.hooks.sender import Fence, Sender
from quotad.core.deliveries import Delivery
from quotad.core.plans import Webhook
from quotad.core.webhook_events import signed_headers
from tests.support.waiting import AT_MOST_S

PAGE = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text(encoding="utf-8")
KEY, OLD = b"k" * 32, b"o" * 32
BODY = '{"type":"quota.threshold","data":{"threshold":80}}'


@contextlib.asynccontextmanager
async def shown_receiver(folder: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """The page's program, and where it listens."""
    (program,) = re.findall(r"^```python receiver\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    path = folder / "receiver.py"
    path.write_text(program)
    environment = {**os.environ, "SIGNING_KEYS": f"{encoded_key(KEY)} {encoded_key(OLD)}", "PORT": "0"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, path, stdout=asyncio.subprocess.PIPE, env=environment
    )
    try:
        yield process, f"http://127.0.0.1:{(await line(process)).split()[-1]}/"
    finally:
        process.terminate()
        await process.wait()


async def line(process: asyncio.subprocess.Process) -> str:
    """What it prints next."""
    assert process.stdout is not None
    async with asyncio.timeout(AT_MOST_S):
        return (await process.stdout.readline()).decode().strip()


async def test_the_receiver_takes_what_is_genuine_and_once(tmp_path: Path) -> None:
    """Signed with either of its keys; sent again it is taken and not told again; all else is 401."""
    async with shown_receiver(tmp_path) as (process, url):
        fence, tls = Fence(["127.0.0.0/8"]), client_context(UpstreamTls())
        async with Sender(fence, tls, lambda: round(wall_s() * 1e6), monotonic_s) as sender:
            for key, event_id, status in (
                (KEY, "event-1", 204),
                (KEY, "event-1", 204),
                (OLD, "event-2", 204),
                (b"x" * 32, "event-3", 401),
            ):
                event = Delivery(event_id, "quota.threshold", BODY, 1, 1)
                answered = await sender.post(Webhook("w", "w", url, key), event)
                assert answered.attempt.status == status
        stale = signed_headers([KEY], "event-3", int(wall_s()) - 600, BODY.encode())
        async with httpx.AsyncClient(trust_env=False) as client:
            for headers in (stale, {}, {**stale, "webhook-timestamp": "x"}):
                assert (await client.post(url, content=BODY, headers=headers)).status_code == 401
        assert [await line(process), await line(process)] == ["quota.threshold 80", "quota.threshold 80"]
