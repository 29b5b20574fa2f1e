"""Webhooks by mouse: made, tried, told of a crossing, delivered again, changed, taken away."""

from pathlib import Path

import pytest
from playwright.async_api import Browser

from tests.support.consoles import Console, console
from tests.support.hooked import LOOPBACK, world
from tests.support.offices import TOKEN, office
from tests.support.receivers import receiver
from tests.support.servers import StoreServer

pytestmark = [pytest.mark.debian, pytest.mark.asyncio(loop_scope="session")]


async def create(shown: Console, url: str) -> str:
    """With the dialog, after it refused what is wrong; answers the signing key."""
    page, press, dialog = shown.page, shown.press, shown.dialog
    await shown.visit("webhooks", "Webhooks")
    await shown.says("Nobody is told yet")
    await page.get_by_role("button", name="Create webhook").first.click()
    name = page.get_by_label("Name", exact=True)
    for label, typed in (("Name", "ops"), ("Receiver", "ftp://somewhere"), ("Told at", "50, 101")):
        await (name if label == "Name" else page.get_by_label(label)).fill(typed)
    await press("Submit")
    await page.locator(".field.wrong", has=page.get_by_label("Receiver")).locator(".error").wait_for()
    await page.get_by_label("Receiver").fill(url)
    await page.get_by_role("checkbox", name="Plain http too").check()
    await press("Submit")
    await page.locator(".field.wrong", has=page.get_by_label("Told at")).locator(".error").wait_for()
    await page.get_by_label("Told at").fill("50 %, 80 %")
    await press("Submit")
    await shown.says("Keep the signing key now", dialog)
    key: str = await dialog.locator(".secret code").inner_text()
    await press("Copy Signing key")
    await shown.says("Signing key copied.")
    await page.get_by_role("link", name="Open this webhook").click()
    await page.get_by_role("heading", name="ops", level=1).wait_for()
    assert key.startswith("whsec_")
    assert key not in await page.content()
    return key


async def test_from_its_making_to_its_end(opened: Browser, store_server: StoreServer, tmp_path: Path) -> None:
    """A test and a crossing are delivered and shown with their attempts, one is sent again; then it goes."""
    admin = {"token": TOKEN, **LOOPBACK}
    async with (
        receiver() as told,
        office(store_server.url, tmp_path, admin) as port,
        console(opened, port) as shown,
    ):
        made = await world(store_server.url, port)
        await shown.sign_in()
        await create(shown, told.url)
        page, press, dialog = shown.page, shown.press, shown.dialog
        await shown.says("Nothing was sent yet")
        await press("Send test")
        await page.get_by_role("row", name="Test").get_by_text("delivered").wait_for()
        await made.spend(60)
        row = page.get_by_role("row", name="50 % of the day's quota")
        await row.get_by_text("delivered").wait_for()
        await row.get_by_text("gold in").wait_for()
        told.answer = lambda came: 500
        await row.get_by_role("button", name="Redeliver").click()
        await row.get_by_text("pending").wait_for()
        await row.get_by_text("answered 500").first.wait_for()
        assert len({came.id for came in told.came}) == 2

        await page.get_by_label("State").select_option("delivered")
        await row.wait_for(state="detached")
        await page.get_by_role("row", name="Test").wait_for()
        await press("Edit")
        await page.get_by_label("Told at").fill("90")
        await page.get_by_role("radio", name="Some plans").check()
        await page.get_by_role("checkbox", name="gold").check()
        await page.get_by_role("checkbox", name="Enabled").uncheck()
        await press("Save")
        await shown.says("disabled")
        await page.get_by_role("link", name="gold").wait_for()
        assert await page.get_by_role("button", name="Send test").count() == 0
        await press("Rotate key")
        await press("Rotate", dialog)
        await shown.says("Keep the signing key now", dialog)
        await press("I have kept it")
        await shown.says("Rotated: requests carry")
        await press("Delete")
        await press("Delete", dialog)
        await shown.says("Nobody is told yet")


async def test_who_operates_may_try_and_not_change(signed_in: Console, opened: Browser) -> None:
    """A webhook is shown to who operates, with a test and without what changes it; who reads has no page."""
    given = {"name": "ops", "url": "https://receiver.example/x"}
    made = await signed_in.port.done("POST", "/v1/webhooks", json=given)
    tokens = [
        (await signed_in.port.done("POST", "/v1/credentials", json={"name": role, "role": role}))["token"]
        for role in ("operate", "read")
    ]
    async with console(opened, signed_in.port) as shown:
        await shown.sign_in(tokens[0])
        page = await shown.visit(f"webhooks/{made['webhookId']}", "ops")
        await page.get_by_role("button", name="Send test").wait_for()
        for name in ("Edit", "Rotate key", "Delete"):
            assert await page.get_by_role("button", name=name, exact=True).count() == 0
        await shown.press("Sign out")
        await shown.sign_in(tokens[1])
        assert await page.get_by_role("link", name="Webhooks").count() == 0
