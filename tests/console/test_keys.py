"""One key's page: two keys side by side, shown, dropped, and the key switched off and deleted."""

import pytest

from tests.support.consoles import Console

pytestmark = [pytest.mark.debian, pytest.mark.asyncio(loop_scope="session")]


async def test_a_second_key_beside_the_first(signed_in: Console) -> None:
    """Made by a rotation, shown with the first, dropped; then the key is disabled and deleted."""
    page, press, dialog = signed_in.page, signed_in.press, signed_in.dialog
    pair = {"secretName": "acme", "secretId": "AKIDa", "secretKey": "the-first-of-two-keys"}
    await signed_in.port.done("POST", "/v1/secrets", json=pair)
    await signed_in.visit("keys/AKIDa", "acme")
    await press("Rotate")
    await page.get_by_label("Which key").select_option("secondary")
    await press("Rotate", dialog)
    await signed_in.says("Second key", dialog)
    second = (await dialog.locator(".secret code").all_inner_texts())[1]
    await press("I have kept it")
    await signed_in.says("has a second key")
    await press("Show SecretKey")
    await press("Show", dialog)
    await signed_in.says(second, dialog)
    await signed_in.says("the-first-of-two-keys", dialog)
    await press("I have kept it")
    await press("Drop second key")
    await press("Drop", dialog)
    await signed_in.says("Second key dropped.")
    await press("Disable")
    await press("Disable", dialog)
    await signed_in.says("disabled")
    await press("Delete")
    await press("Delete", dialog)
    await signed_in.says("No keys yet")
