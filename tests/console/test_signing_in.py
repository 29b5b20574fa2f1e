"""Signing in and out, sessions that end, two tabs, roles."""

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import Browser, Route

from quotad import clock
from quotad.controlplane import access
from tests.support.consoles import Console, console
from tests.support.offices import TOKEN, OfficePort, office
from tests.support.servers import StoreServer

pytestmark = [pytest.mark.debian, pytest.mark.asyncio(loop_scope="session")]


async def test_in_and_out(shown: Console) -> None:
    """A wrong token is refused in words, the right one opens the console, signing out ends the session."""
    page = shown.page
    await page.get_by_label("Admin token").fill("not-the-token-of-anybody")
    await shown.press("Sign in")
    await shown.says("This token is not known")
    await shown.sign_in()
    (cookie,) = await shown.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["secure"]) == (True, "Strict", False)
    assert TOKEN not in cookie["value"]
    await shown.says("Nothing is bound yet")
    await page.reload()
    await shown.says("Nothing is bound yet")
    await shown.press("Sign out")
    await shown.says("You are signed out.")
    assert await shown.context.cookies() == []
    kept = {"name": cookie["name"], "value": cookie["value"], "url": shown.port.url}
    await shown.context.add_cookies([kept])  # type: ignore[list-item]
    await page.reload()
    await shown.says("Your session has ended. Sign in again.")


async def test_guesses_are_slowed(
    opened: Browser, store_server: StoreServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who fails too often is told to wait, and how long."""
    monkeypatch.setattr(access, "FAILURES_PER_MINUTE", 1)
    async with office(store_server.url, tmp_path) as port, console(opened, port) as shown:
        await shown.page.get_by_label("Admin token").fill("not-the-token-of-anybody")
        await shown.press("Sign in")
        await shown.says("This token is not known")
        await shown.press("Sign in")
        await shown.says("Too many failed logins. Try again in")


async def test_a_session_that_ends_keeps_what_was_typed(
    opened: Browser, store_server: StoreServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When it ends in the middle of a form the console says so; after signing in the form goes on."""
    now_s, later_s = clock.wall_s, [0.0]
    monkeypatch.setattr(clock, "wall_s", lambda: now_s() + later_s[0])
    async with office(store_server.url, tmp_path) as port, console(opened, port) as shown:
        await shown.sign_in()
        page = await shown.visit("plans/new", "Create usage plan")
        await page.get_by_label("Plan name").fill("written before the end")
        later_s[0] = 9 * 3600.0
        await shown.press("Submit")
        await shown.says("Your session has ended.", shown.dialog)
        assert await page.get_by_label("Plan name").input_value() == "written before the end"
        await shown.sign_in()
        await page.get_by_role("heading", name="written before the end", level=1).wait_for()


async def test_an_answer_that_comes_after_signing_out_changes_nothing(signed_in: Console) -> None:
    """What the page had asked is refused when the session is over; the console says what was done."""
    page, asked, out = signed_in.page, asyncio.Event(), asyncio.Event()

    async def late(route: Route) -> None:
        asked.set()
        await out.wait()
        await route.continue_()

    await page.route("**/v1/refusals*", late)
    await page.evaluate("location.hash = '#/refusals'")
    await asked.wait()
    await signed_in.press("Sign out")
    await signed_in.says("You are signed out.")
    async with page.expect_response("**/v1/refusals*") as heard:
        out.set()
    assert (await heard.value).status == 401
    # Twice: what an answer changes is painted in the next frame.
    for _ in range(2):
        await page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
    await signed_in.says("You are signed out.")
    await signed_in.sign_in()


async def test_two_tabs(signed_in: Console) -> None:
    """Signed out in one tab, the other asks again at its next question; signed in there, both go on."""
    other = await signed_in.tab()
    await signed_in.open("keys", other)
    await other.get_by_text("No keys yet").wait_for()
    await signed_in.press("Sign out")
    await signed_in.says("You are signed out.")
    await other.get_by_role("searchbox").fill("x")
    await other.get_by_text("Sign in again").first.wait_for()
    await signed_in.sign_in(page=other)
    await other.get_by_text("No key is like that").wait_for()
    await signed_in.says("Live use")


@pytest.mark.parametrize("role", ["read", "operate"])
async def test_a_role_is_offered_what_it_may(opened: Browser, port: OfficePort, role: str) -> None:
    """What one may not do is not offered, its page says so, and the API refuses it to the session too."""
    await port.done("POST", "/v1/plans", json={"usagePlanId": "gold", "usagePlanName": "gold"})
    made = await port.done("POST", "/v1/credentials", json={"name": role, "role": role})
    async with console(opened, port) as shown:
        page = shown.page
        await shown.sign_in(made["token"])
        assert await page.get_by_role("link", name="Audit log").count() == (role == "operate")
        await shown.visit("keys", "Keys")
        await shown.says("No keys yet")
        assert await page.get_by_role("button", name="Create key").count() == 0
        await shown.visit("plans/gold", "gold")
        assert await page.get_by_role("button", name="Bind key").count() == 2 * (role == "operate")
        refused = await page.evaluate(
            """async () => (await fetch("/v1/secrets", {method: "POST", body: '{"secretName": "x"}',
                headers: {"X-Quotad-Console": "1", "Content-Type": "application/json"}})).status"""
        )
        assert refused == 403
        if role == "read":
            await page.evaluate("location.hash = '#/audit'")
            await shown.says("Your role does not allow this page.")
