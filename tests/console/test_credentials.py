"""What admins sign in with: made, shown once, changed, revoked; by mouse."""

import pytest
from playwright.async_api import Browser

from tests.support.consoles import Console, console

pytestmark = [pytest.mark.debian, pytest.mark.asyncio(loop_scope="session")]


async def test_a_token_from_its_making_to_its_end(signed_in: Console, opened: Browser) -> None:
    """Shown once, good for its role; another role, and its end, hold at once for whoever is signed in."""
    page, press, dialog = signed_in.page, signed_in.press, signed_in.dialog
    await signed_in.visit("credentials", "Credentials")
    await signed_in.says("No credentials yet")
    await page.get_by_role("button", name="Create credential").first.click()
    await press("Submit")
    await (
        page.locator(".field.wrong", has=page.get_by_label("Name", exact=True))
        .get_by_text("Must be")
        .wait_for()
    )
    await page.get_by_label("Name", exact=True).fill("maria")
    await page.get_by_role("radio", name="operate").check()
    await press("Submit")
    await signed_in.says("Keep the token now", dialog)
    token = await dialog.locator(".secret code").inner_text()
    await press("Copy Token")
    await signed_in.says("Token copied.")
    await press("I have kept it")
    await page.get_by_role("cell", name="maria", exact=True).wait_for()
    assert token not in await page.content()

    async with console(opened, signed_in.port) as other:
        await other.sign_in(token)
        assert await other.page.get_by_role("link", name="Audit log").count() == 1
        assert await other.page.get_by_role("link", name="Credentials").count() == 0
        await press("Edit maria")
        await page.get_by_label("Name", exact=True).fill("maria_of_sales")
        await page.get_by_role("radio", name="read").check()
        await press("Save")
        await page.get_by_role("cell", name="maria_of_sales", exact=True).wait_for()
        await other.page.reload()
        await other.says("Live use")
        assert await other.page.get_by_role("link", name="Audit log").count() == 0
        await press("Revoke maria_of_sales")
        await press("Revoke", dialog)
        await signed_in.says("Credential revoked.")
        await signed_in.says("No credentials yet")
        await other.page.reload()
        await other.page.get_by_label("Admin token").wait_for()


async def test_a_key_pair_is_found_and_switched_off(signed_in: Console) -> None:
    """A pair for the cloud dialects is shown once, found among others, and switched off, with an end."""
    page, press, dialog = signed_in.page, signed_in.press, signed_in.dialog
    for name in ("first", "second"):
        await signed_in.port.done("POST", "/v1/credentials", json={"name": name, "role": "read"})
    await signed_in.visit("credentials", "Credentials")
    await page.get_by_role("button", name="Create credential").first.click()
    await page.get_by_label("Name", exact=True).fill("sdk")
    await page.get_by_role("radio", name="Key pair").check()
    await press("Submit")
    await signed_in.says("Keep the SecretKey now", dialog)
    secret_id, key = await dialog.locator(".secret code").all_inner_texts()
    await press("I have kept it")
    await page.get_by_role("searchbox").fill(secret_id)
    await page.get_by_role("cell", name="first", exact=True).wait_for(state="detached")
    assert await page.locator("tbody tr").count() == 1
    assert key not in await page.content()
    await press("Edit sdk")
    await page.get_by_role("checkbox", name="Enabled").uncheck()
    await page.get_by_label("Expires").fill("2091-01-31T12:00")
    await press("Save")
    await signed_in.says("disabled")
    kept = await signed_in.port.done("GET", f"/v1/credentials/{secret_id}")
    assert (kept["enabled"], kept["role"], kept["expiresAt"][:7]) == (False, "read", "2091-01")


async def test_two_people_change_one_credential(signed_in: Console) -> None:
    """Who comes second is told, and nothing is overwritten."""
    made = await signed_in.port.done("POST", "/v1/credentials", json={"name": "ci", "role": "operate"})
    path = f"/v1/credentials/{made['credentialId']}"
    page = await signed_in.visit("credentials", "Credentials")
    await signed_in.press("Edit ci")
    await page.get_by_label("Name", exact=True).wait_for()
    await signed_in.port.done("PATCH", path, json={"role": "read"})
    await page.get_by_label("Name", exact=True).fill("mine")
    await signed_in.press("Save")
    await signed_in.dialog.get_by_role("alert").wait_for()
    kept = await signed_in.port.done("GET", path)
    assert (kept["name"], kept["role"]) == ("ci", "read")
