"""Keyboard only, screen readers, phones, dark, and files that are only read."""

from importlib.resources import files
from pathlib import Path
from typing import Literal

import pytest
from playwright.async_api import Browser

from tests.support.busy import fill
from tests.support.consoles import Console, console
from tests.support.offices import OfficePort, file_office
from tests.support.servers import StoreServer
from tests.support.shell import wanted

pytestmark = [pytest.mark.debian, pytest.mark.asyncio(loop_scope="session")]

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
PAGES = {
    "live": "Live use",
    "live/usagePlan-starter/service-orders/release": "Starter",
    "live/usagePlan-export/service-maps/release?api=api-export": "Export",
    "refusals": "Refusals",
    "keys": "Keys",
    "keys/AKIDacme": "acme",
    "plans": "Usage plans",
    "plans/usagePlan-gold": "Gold",
    "plans/new": "Create usage plan",
    "services": "Services",
    "services/service-orders": "orders",
    "services/service-maps": "maps",
    "fleet": "Fleet",
    "webhooks": "Webhooks",
    "webhooks/{webhook}": "operators",
    "audit": "Audit log",
    "credentials": "Credentials",
}


async def judge(shown: Console, place: str) -> list[str]:
    """What axe-core finds of serious and critical faults in what is seen now."""
    found: list[str] = await shown.page.evaluate(
        """async () => (await axe.run(document, {resultTypes: ["violations"]})).violations
            .filter(each => ["serious", "critical"].includes(each.impact))
            .map(each => `${each.id}: ${each.nodes.map(node => node.html).join(" ")}`)"""
    )
    return [f"{place}: {each}" for each in found]


@pytest.mark.parametrize(("colours", "width"), [("light", 1280), ("dark", 1280), ("light", 390)])
async def test_no_serious_finding_of_axe(
    opened: Browser, port: OfficePort, colours: Literal["light", "dark"], width: int
) -> None:
    """On every page and in a dialog, light, dark and on a phone; and nothing is wider than the phone."""
    webhook = await fill(port)
    async with console(opened, port, colours=colours, width=width) as shown:
        await shown.page.get_by_label("Admin token").wait_for()
        await shown.page.evaluate(AXE)
        faults = await judge(shown, "door")
        await shown.sign_in()
        for path, title in PAGES.items():
            page = await shown.visit(path.format(webhook=webhook), title)
            await shown.holds("!document.querySelector('[aria-busy=true]')")
            faults += await judge(shown, path)
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        await shown.visit("keys", "Keys")
        await shown.page.get_by_role("button", name="Create key").first.click()
        await shown.dialog.wait_for()
        faults += await judge(shown, "dialog")
        assert faults == []


async def reach(shown: Console, name: str) -> None:
    """Tab until something of this name has the focus."""
    for _ in range(60):
        await shown.page.keyboard.press("Tab")
        told = await shown.page.evaluate(
            "() => { const at = document.activeElement;"
            " return (at.labels?.[0]?.textContent ?? at.ariaLabel ?? at.textContent ?? '').trim(); }"
        )
        if told.startswith(name):
            return
    raise AssertionError(f"{name} is not reached")


async def test_by_keyboard_alone(shown: Console) -> None:
    """Sign in, go to the keys, make one, keep it, open it: without a mouse, and the focus is never lost."""
    page, keyboard = shown.page, shown.page.keyboard
    # The field has the focus from the start.
    await shown.holds("document.activeElement.id === 'token'")
    await keyboard.type("a-token-of-twenty-characters")
    await keyboard.press("Enter")
    await shown.says("Nothing is bound yet")
    await reach(shown, "Keys")
    await keyboard.press("Enter")
    await shown.says("No keys yet")
    # A new page has the focus at its heading.
    assert await page.evaluate("document.activeElement.tagName") == "H1"
    await reach(shown, "Create key")
    await keyboard.press("Enter")
    await shown.dialog.wait_for()
    await reach(shown, "Secret name")
    await keyboard.type("by_keyboard")
    await keyboard.press("Enter")
    await shown.says("Keep the SecretKey now")
    await keyboard.press("Escape")
    await shown.holds("!document.querySelector('dialog[open]')")
    await reach(shown, "by_keyboard")
    await keyboard.press("Enter")
    await page.get_by_role("heading", name="by_keyboard", level=1).wait_for()


async def test_credentials_and_webhooks_by_keyboard(signed_in: Console) -> None:
    """A token of a chosen role and a webhook are made, shown once and opened without a mouse."""
    keyboard = signed_in.page.keyboard
    await signed_in.says("Nothing is bound yet")
    await reach(signed_in, "Credentials")
    await keyboard.press("Enter")
    await signed_in.says("No credentials yet")
    await reach(signed_in, "Create credential")
    await keyboard.press("Enter")
    # A dialog has the focus in its first field.
    await signed_in.holds("document.activeElement.name === 'name'")
    await keyboard.type("by_keyboard")
    await reach(signed_in, "read")
    await keyboard.press("ArrowDown")
    await keyboard.press("Enter")
    await signed_in.says("Keep the token now")
    await keyboard.press("Escape")
    await signed_in.holds("!document.querySelector('dialog[open]')")
    await signed_in.page.get_by_role("cell", name="operate", exact=True).wait_for()
    await reach(signed_in, "Webhooks")
    await keyboard.press("Enter")
    await signed_in.says("Nobody is told yet")
    await reach(signed_in, "Create webhook")
    await keyboard.press("Enter")
    await signed_in.holds("document.activeElement.name === 'name'")
    await keyboard.type("by_keyboard")
    await keyboard.press("Tab")
    await keyboard.type("https://receiver.invalid/quotas")
    await keyboard.press("Enter")
    await signed_in.says("Keep the signing key now")
    await reach(signed_in, "Open this webhook")
    await keyboard.press("Enter")
    await signed_in.page.get_by_role("heading", name="by_keyboard", level=1).wait_for()
    await reach(signed_in, "Send test")


async def test_on_a_phone(opened: Browser, port: OfficePort) -> None:
    """The menu is behind a button that says whether it is open, and closes when a page was chosen."""
    async with console(opened, port, width=390, height=800) as shown:
        await shown.sign_in()
        page = shown.page
        button = page.get_by_role("button", name="Menu")
        assert await button.get_attribute("aria-expanded") == "false"
        await button.click()
        await page.get_by_role("link", name="Usage plans").click()
        await shown.says("No usage plans yet")
        assert await button.get_attribute("aria-expanded") == "false"
        assert await page.get_by_role("link", name="Keys", exact=True).count() == 0


async def test_colours_are_chosen_and_kept(signed_in: Console) -> None:
    """As the system has them, or as chosen, also after the page was loaded again."""
    page = signed_in.page
    await page.get_by_role("button", name="Colours").click()
    await page.get_by_role("button", name="Colours").click()
    assert await page.evaluate("document.documentElement.dataset.theme") == "dark"
    await page.reload()
    await signed_in.says("Nothing is bound yet")
    dark = await page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert dark == "rgb(14, 18, 22)"


async def test_file_mode_is_read_only(opened: Browser, store_server: StoreServer, tmp_path: Path) -> None:
    """It says so; what is in the file is shown, and nothing is offered that would change it."""
    async with file_office(store_server.url, tmp_path, wanted()) as port, console(opened, port) as shown:
        await shown.sign_in()
        await shown.says("Read-only:")
        page = shown.page
        await page.get_by_role("link", name="gold").first.click()
        await page.get_by_role("button", name="Top up").wait_for()
        for path, title in {"keys": "Keys", "plans": "Usage plans", "services": "Services"}.items():
            await shown.visit(path, title)
            await shown.holds("!document.querySelector('[aria-busy=true]')")
            assert await page.get_by_role("button", name="Create").count() == 0
            assert await page.get_by_role("link", name="Create").count() == 0
