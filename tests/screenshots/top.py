"""``python -m tests.screenshots.top``: docs/images/top.svg, of a real quotad under load."""

import asyncio
import json
import re
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx

from quotad.top.feed import Feed
from quotad.top.view import Top
from tests.support.backends import running_backend
from tests.support.processes import Quotad, running_quotad, write_config
from tests.support.servers import running_server

PICTURE = Path(__file__).parents[2] / "docs" / "images" / "top.svg"
PLANS = {
    "starter": ({"dayQuotaRequest": 1_000}, 8, 940),
    "gold": ({"dayQuotaRequest": 1_000_000, "rateRps": 200}, 30, 20),
    "trial": ({"dayQuotaRequest": 100}, 4, 130),
    "partner": ({"monthQuotaRequest": 50_000}, 15, 10),
    "burst": ({"rateRps": 5, "dayQuotaRequest": 5_000}, 12, 60),
}
"""Limits, requests a second, requests beforehand."""
_WORDS = (
    "<title>quotad top</title><desc>A terminal: a table of plans, busiest first, with requests and denials a "
    "second, and bars of what is used of each limit.</desc>"
)
_FONT = re.compile(r"@font-face \{.*?\}", re.DOTALL)


def configured(folder: Path, url: str, backend: int) -> Path:
    """One caller for each plan."""
    path = write_config(folder / "q.yaml", {"url": url}, backend, {})
    said = json.loads(path.read_text())
    place = [{"service": "service-orders01", "environment": "release"}]
    said["plans"] = [{"usagePlanId": f"usagePlan-{name}", **limits} for name, (limits, _, _) in PLANS.items()]
    said["secrets"] = [{"secretId": f"AKID{name}", "secretKey": f"secretkey-{name}"} for name in PLANS]
    said["bindings"] = [
        {"usagePlanId": f"usagePlan-{name}", "secretIds": [f"AKID{name}"], "environments": place}
        for name in PLANS
    ]
    path.write_text(json.dumps(said))
    return path


@asynccontextmanager
async def callers(quotad: Quotad) -> AsyncIterator[None]:
    """Each plan's caller, as often as said."""
    url = f"http://127.0.0.1:{quotad.ports['listen']}/orders/1"
    async with httpx.AsyncClient(timeout=30) as client:

        async def ask(name: str) -> None:
            await client.get(url, headers={"X-Secret-Id": f"AKID{name}", "X-Secret-Key": f"secretkey-{name}"})

        async def go_on(name: str, per_s: int) -> None:
            while True:
                await asyncio.gather(ask(name), asyncio.sleep(1 / per_s))

        for name, (_, _, before) in PLANS.items():
            for _ in range(before):
                await ask(name)
        loop = asyncio.get_running_loop()
        tasks = [loop.create_task(go_on(name, per_s)) for name, (_, per_s, _) in PLANS.items()]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def main() -> None:
    """Seconds of it."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(running_server())
        backend = await stack.enter_async_context(running_backend())
        config = configured(folder, server.url, backend.port)
        (quotad,) = await stack.enter_async_context(running_quotad(config))
        await stack.enter_async_context(callers(quotad))
        feed = await stack.enter_async_context(Feed([f"http://127.0.0.1:{quotad.ports['telemetry']}"]))
        app = Top(feed, 1.0)
        async with app.run_test(size=(80, 14)) as pilot:
            await pilot.pause(6)
            picture = app.export_screenshot(title="quotad top")
    PICTURE.parent.mkdir(exist_ok=True)
    head, mark, rest = _FONT.sub("", picture).partition(">")
    PICTURE.write_text(f"{head}{mark}{_WORDS}{rest}", encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(main())
