"""The web console in a real browser: Debian's Chromium, driven by Playwright."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any, Literal
from urllib.parse import urlsplit

from playwright.async_api import Browser, BrowserContext, Locator, Page, Request, async_playwright

from tests.support.offices import TOKEN, OfficePort
from tests.support.waiting import until_true

WAIT_MS = 60_000
"""How long anything may take to be there; what is there sooner is taken at once."""

_EXPECTED = (
    # Nobody is signed in yet, or what was asked for is refused: the page says so in words of its own.
    "Failed to load resource: the server responded with a status of",
    # Of Playwright, which looks for elements with a style sheet of its own.
    "Applying inline style violates",
)


class Console:
    """A browser before one admin port; remembers what went wrong in any of its tabs."""

    def __init__(self, context: BrowserContext, port: OfficePort) -> None:
        self.context = context
        self.port = port
        self.wrong: list[str] = []
        self.page: Page
        context.set_default_timeout(WAIT_MS)

    async def tab(self) -> Page:
        """One more tab, nowhere yet."""
        page = await self.context.new_page()
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("console", lambda said: self._said(said.type, said.text))
        page.on("request", self._asked)
        return page

    def _said(self, kind: str, text: str) -> None:
        if kind == "error" and not text.startswith(_EXPECTED):
            self.wrong.append(text)

    def _asked(self, request: Request) -> None:
        if urlsplit(request.url).netloc != urlsplit(self.port.url).netloc:
            self.wrong.append(f"asked of another host: {request.url}")

    async def open(self, path: str = "", page: Page | None = None) -> Page:
        """Go to a place of the console."""
        page = page or self.page
        await page.goto(f"{self.port.url}/console/#/{path}")
        return page

    async def sign_in(self, token: str = TOKEN, page: Page | None = None) -> None:
        """With the page where nobody is."""
        page = page or self.page
        await page.get_by_label("Admin token").fill(token)
        await page.get_by_role("button", name="Sign in").click()
        await page.locator("#menu").wait_for(state="attached")

    async def visit(self, path: str, title: str) -> Page:
        """By its address; there once its heading is."""
        await self.page.evaluate("path => { location.hash = `#/${path}` }", path)
        await self.page.get_by_role("heading", name=title, level=1, exact=True).wait_for()
        return self.page

    @property
    def dialog(self) -> Locator:
        """The one that is open."""
        return self.page.locator("dialog[open]").last

    async def press(self, name: str, within: Any = None) -> None:
        """A button of this very name."""
        await (within or self.page).get_by_role("button", name=name, exact=True).click()

    async def holds(self, expression: str, page: Page | None = None) -> None:
        """Wait until it is true in the page; Playwright's own way needs eval, which the policy forbids."""
        await until_true(lambda: (page or self.page).evaluate(expression))

    async def says(self, words: str, within: Any = None) -> None:
        """Wait until it stands there."""
        await (within or self.page).get_by_text(words).first.wait_for()


@contextlib.asynccontextmanager
async def browser() -> AsyncIterator[Browser]:
    """Without a window."""
    async with async_playwright() as playwright:
        # Playwright's own switch means a mode that this Chromium no longer has. CI runs as root.
        opened = await playwright.chromium.launch(
            executable_path="/usr/bin/chromium",
            ignore_default_args=["--headless"],
            args=["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--no-proxy-server"],
        )
        try:
            yield opened
        finally:
            await opened.close()


@contextlib.asynccontextmanager
async def console(
    opened: Browser,
    port: OfficePort,
    *,
    width: int = 1280,
    height: int = 820,
    colours: Literal["light", "dark"] = "light",
) -> AsyncIterator[Console]:
    """A browser of its own before this port; at the end nothing may have gone wrong in it."""
    viewport: Any = {"width": width, "height": height}
    context = await opened.new_context(viewport=viewport, color_scheme=colours, reduced_motion="reduce")
    try:
        shown = Console(context, port)
        shown.page = await shown.tab()
        await shown.open()
        yield shown
        assert shown.wrong == []
    finally:
        await context.close()
