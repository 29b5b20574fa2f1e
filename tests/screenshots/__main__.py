"""Takes the pictures of the console in docs/images, of a made-up fleet: python -m tests.screenshots."""

import asyncio
import random
import tempfile
from pathlib import Path
from typing import Literal

from quotad.core.plans import Environment, Subject, UsagePlan
from quotad.core.quota import Terms
from quotad.engine.terms import TermsBook
from quotad.store.notices import MINUTE_US
from quotad.store.redis_store import RedisStore
from tests.support.batches import call, submit
from tests.support.busy import PLANS, SERVICES, fill
from tests.support.consoles import Console, browser, console
from tests.support.hooked import LOOPBACK
from tests.support.offices import TOKEN, OfficePort, office
from tests.support.patient import patient_store
from tests.support.receivers import receiver
from tests.support.servers import running_server

IMAGES = Path(__file__).parent.parent.parent / "docs" / "images"
HOSTS = ("orders-7d9f", "orders-x2k4", "weather-5c11")
SEED = 7


async def use(store: RedisStore, now_us: int) -> None:
    """What the plans have in use today."""
    book = TermsBook()
    release: Environment = "release"
    for place, (name, limits) in enumerate(PLANS.items()):
        day, month = (int(str(limits.get(f"{unit}QuotaRequest", -1))) for unit in ("day", "month"))
        plan = UsagePlan(f"usagePlan-{name}", name, day_quota_request=day, month_quota_request=month)
        terms: Terms = book.terms(plan, now_us)
        callers = ("AKIDhooli", "AKIDstark") if limits.get("scope") == "secret" else ("",)
        calls = [
            call(Subject(plan, f"service-{SERVICES[place]}", release, secret_id), terms, cost=cost)
            for secret_id, cost in zip(callers, (870, 8140, 412_000)[place:], strict=False)
        ]
        await submit(store, calls).answers()


async def tell(store: RedisStore, now_us: int) -> None:
    """What three Sidecars say of the last hour."""
    begin_us, numbers = now_us // MINUTE_US * MINUTE_US, random.Random(SEED)
    for at, host in enumerate(HOSTS):
        minutes = {begin_us - back * MINUTE_US: minute(numbers, back, at) for back in range(60)}
        record = {
            "host": host,
            "pid": 10 + at,
            "version": "0.1.0",
            "configVersion": "1795332398",
            "mode": "control",
            "startedAt": now_us - 60 * MINUTE_US * (at + 3),
            "connections": 12 + at,
            "held": at,
            "leased": 20 * at,
            "storeUs": 640 + 90 * at,
        }
        await store.notices.tell(f"{at}a2b3c4d5e6f", record, minutes, now_us)


def minute(numbers: random.Random, back: int, at: int) -> dict[str, list[list[str | int]]]:
    """What one of them brought."""
    rows: list[list[str | int]] = []
    who: list[list[str | int]] = []
    for place, name in enumerate(PLANS):
        where = [f"usagePlan-{name}", f"service-{SERVICES[place]}", "release"]
        rows.append([*where, "", 20 + 15 * ((back * (at + 2)) % 7) + numbers.randrange(20)])
        if name == "starter" and back % 9 > 5:
            rows.append([*where, "rate", numbers.randrange(4, 20)])
            who.append(["AKIDacme", *where, "rate", numbers.randrange(1, 9)])
    return {"row": rows, "who": who}


async def take(shown: Console, name: str, path: str, title: str) -> None:
    """One picture of what is seen."""
    page = await shown.visit(path, title)
    await shown.holds("!document.querySelector('[aria-busy=true]')")
    await shown.holds(
        "[...document.querySelectorAll('quotad-chart')].every(each => each.querySelector('canvas'))"
    )
    await page.mouse.move(0, 0)
    # Drawn in the frame after the one in which the canvas came.
    await page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    await page.screenshot(path=IMAGES / f"{name}.png")


async def pictures(port: OfficePort, store: RedisStore, now_us: int, webhook_id: str) -> None:
    """Light, dark, phone."""
    wide: tuple[tuple[Literal["light", "dark"], int, list[tuple[str, str, str]]], ...] = (
        ("light", 1280, [
            ("console-live", "live", "Live use"),
            ("console-use", "live/usagePlan-starter/service-orders/release", "Starter"),
            ("console-plan", "plans/usagePlan-starter", "Starter"),
            ("console-key", "keys/AKIDacme", "acme"),
            ("console-service", "services/service-maps", "maps"),
            ("console-credentials", "credentials", "Credentials"),
            ("console-webhook", f"webhooks/{webhook_id}", "operators"),
        ]),
        ("dark", 1280, [("console-dark", "refusals", "Refusals"), ("console-fleet", "fleet", "Fleet")]),
        ("light", 390, [("console-phone", "live", "Live use")]),
    )  # fmt: skip
    async with browser() as opened:
        for colours, width, pages in wide:
            async with console(opened, port, width=width, colours=colours) as shown:
                await shown.sign_in()
                for name, path, title in pages:
                    await tell(store, store.now_us() or now_us)
                    await take(shown, name, path, title)


async def main() -> None:
    """All of them."""
    IMAGES.mkdir(exist_ok=True)
    with running_server() as server, tempfile.TemporaryDirectory() as folder:
        admin = {"token": TOKEN, **LOOPBACK}
        async with receiver() as told, office(server.url, Path(folder), admin) as port:
            webhook_id = await fill(port)
            told.answer = lambda came: 503 if came.id == told.ids[0] else 204
            there = {"url": told.url, "allowHttp": True}
            await port.done("PATCH", f"/v1/webhooks/{webhook_id}", json=there)
            store = patient_store(server.url)
            await store.start()
            now_us = store.now_us() or 0
            await use(store, now_us)
            await pictures(port, store, now_us, webhook_id)
            await store.close()


asyncio.run(main())
