"""The way of the seed document: key, plan, both bindings; and every refusal beside its field."""

import pytest

from tests.support.consoles import Console

pytestmark = [pytest.mark.debian, pytest.mark.asyncio(loop_scope="session")]


async def test_from_nothing_to_an_admitted_call(signed_in: Console) -> None:
    """By mouse alone: a service, a custom key, a plan with limits, both bindings; then its call passes."""
    page, press = signed_in.page, signed_in.press
    await signed_in.visit("services", "Services")
    await page.get_by_role("button", name="Create service").first.click()
    await page.get_by_label("Service name").fill("orders")
    await page.get_by_label("Id (optional)").fill("service-orders")
    await press("Submit")
    await page.get_by_role("heading", name="orders", level=1).wait_for()
    await press("Publish release")

    await page.get_by_role("link", name="Keys", exact=True).click()
    await page.get_by_role("button", name="Create key").first.click()
    await page.get_by_text("Custom secret").click()
    await page.get_by_label("Secret name").fill("acme")
    await page.get_by_label("SecretId", exact=True).fill("AKIDacme")
    await page.get_by_label("SecretKey", exact=True).fill("a-key-of-the-console")
    await press("Submit")
    await signed_in.says("a-key-of-the-console", signed_in.dialog)
    await press("Copy SecretKey")
    await signed_in.says("SecretKey copied.")
    await press("I have kept it")
    await page.get_by_role("link", name="acme").wait_for()
    assert "a-key-of-the-console" not in await page.content()

    await page.get_by_role("link", name="Usage plans", exact=True).click()
    await page.get_by_role("link", name="Create plan").first.click()
    await page.get_by_label("Plan name").fill("Gold")
    for label, typed in (("Requests a second", "50"), ("At once", "100"), ("Requests a day", "10,000")):
        await page.get_by_label(label).fill(typed)
    await page.get_by_label("Requests a month").fill("200000")
    await page.get_by_label("Requests in all").fill("1000000")
    await press("Submit")
    await page.get_by_role("heading", name="Gold", level=1).wait_for()
    for words in ("50 a second", "100 at once", "10,000", "200,000", "1,000,000"):
        await signed_in.says(words)

    await page.get_by_role("button", name="Bind key").first.click()
    await page.get_by_role("checkbox", name="acme").check()
    await press("Submit")
    await signed_in.says("1 key bound.")
    await page.get_by_role("button", name="Bind environment").first.click()
    await page.get_by_role("radio", name="orders").check()
    await press("Submit")
    await signed_in.says("enforced")

    await page.get_by_role("link", name="acme").click()
    await signed_in.says("admitted")


async def test_an_automatic_key(signed_in: Console) -> None:
    """SecretId and SecretKey are made; the key works for whoever copies it, and is shown this once."""
    page = await signed_in.visit("keys", "Keys")
    await page.get_by_role("button", name="Create key").first.click()
    await page.get_by_label("Secret name").fill("auto_made")
    await signed_in.press("Submit")
    await signed_in.says("Keep the SecretKey now", signed_in.dialog)
    secret_id, key = await signed_in.dialog.locator(".secret code").all_inner_texts()
    assert (len(secret_id), secret_id[:4], len(key) >= 32) == (40, "AKID", True)
    shown = await signed_in.port.done("POST", f"/v1/secrets/{secret_id}/reveal")
    assert shown["secretKey"] == key
    await page.keyboard.press("Escape")
    await page.get_by_role("link", name="auto_made").click()
    await page.get_by_role("heading", name="auto_made", level=1).wait_for()
    assert key not in await page.content()


@pytest.mark.parametrize(
    ("label", "typed", "words"),
    [
        ("Secret name", "a name", "Must be 1 to 50 characters"),
        ("SecretId", "AKI", "Must be 5 to 50 characters"),
        ("SecretId", "AKIDtaken", "is taken"),
        ("SecretKey", "short", "Must be 10 to 50 characters"),
    ],
)
async def test_a_key_that_breaks_a_rule(signed_in: Console, label: str, typed: str, words: str) -> None:
    """The server's rule stands beside its field, which has the focus; what was typed stays."""
    taken = {"secretName": "taken", "secretId": "AKIDtaken", "secretKey": "a-key-that-is-taken"}
    await signed_in.port.done("POST", "/v1/secrets", json=taken)
    page = await signed_in.visit("keys", "Keys")
    await page.get_by_role("button", name="Create key").first.click()
    await page.get_by_text("Custom secret").click()
    right = {"Secret name": "right", "SecretId": "AKIDright", "SecretKey": "a-key-of-the-console"}
    for name, value in {**right, label: typed}.items():
        await page.get_by_label(name, exact=True).fill(value)
    await signed_in.press("Submit")
    field = page.get_by_label(label, exact=True)
    await page.locator(".field.wrong", has=field).get_by_text(words).wait_for()
    await signed_in.holds("document.activeElement.getAttribute('aria-invalid') === 'true'")
    assert await field.input_value() == typed
    described = await field.get_attribute("aria-describedby")
    assert "error" in (described or "")


@pytest.mark.parametrize(
    ("label", "typed", "words"),
    [
        ("Plan name", "", "Must be 1 to 50 characters"),
        ("Requests a second", "-2", "Must be"),
        ("Requests a day", "many", "Must be a whole number"),
        ("Requests a month", "9007199254740992", "Must be"),
    ],
)
async def test_a_plan_that_breaks_a_rule(signed_in: Console, label: str, typed: str, words: str) -> None:
    """A limit that is none is refused beside its field, by the rule of the API."""
    page = await signed_in.visit("plans/new", "Create usage plan")
    await page.get_by_label("Plan name").fill("gold")
    await page.get_by_label(label).fill(typed)
    await signed_in.press("Submit")
    wrong = page.locator(".field.wrong", has=page.get_by_label(label))
    await wrong.get_by_text(words).first.wait_for()


async def test_what_contradicts_is_refused(signed_in: Console) -> None:
    """Two plans of one key in one environment, and the deletion of what is in use, are refused in words."""
    done, page = signed_in.port.done, signed_in.page
    await done("POST", "/v1/services", json={"serviceId": "orders", "serviceName": "orders"})
    await done("POST", "/v1/services/orders/environments/release/publish")
    await done("POST", "/v1/secrets", json={"secretName": "acme", "secretId": "AKIDa", "secretKey": "a" * 20})
    for plan in ("gold", "silver"):
        await done("POST", "/v1/plans", json={"usagePlanId": plan, "usagePlanName": plan})
        await done("POST", "/v1/bindings/secrets", json={"usagePlanId": plan, "secretIds": ["AKIDa"]})
    place = {"serviceId": "orders", "environment": "release"}
    await done("POST", "/v1/bindings/environments", json={"usagePlanIds": ["gold"], **place})

    await signed_in.visit("services/orders", "orders")
    await signed_in.press("Bind a plan in release")
    await page.get_by_role("radio", name="silver").check()
    await signed_in.press("Submit")
    await signed_in.dialog.get_by_role("alert").get_by_text("gold").wait_for()
    await signed_in.press("Cancel")

    await signed_in.visit("plans/gold", "gold")
    await signed_in.press("Delete")
    await signed_in.press("Delete", signed_in.dialog)
    await signed_in.dialog.get_by_role("alert").wait_for()
    await signed_in.press("Cancel")

    await signed_in.visit("keys/AKIDa", "acme")
    await signed_in.press("Delete")
    await signed_in.press("Delete", signed_in.dialog)
    await signed_in.dialog.get_by_role("alert").wait_for()


async def test_two_people_edit_one_plan(signed_in: Console) -> None:
    """The second is told, sees what the first wrote, and may put their own change on top of it."""
    await signed_in.port.done(
        "POST", "/v1/plans", json={"usagePlanId": "gold", "usagePlanName": "gold", "rateRps": 1}
    )
    page = await signed_in.visit("plans/gold/edit", "Edit gold")
    await signed_in.port.done("PATCH", "/v1/plans/gold", json={"dayQuotaRequest": 77})
    await page.get_by_label("Requests a second").fill("5")
    await signed_in.press("Save")
    await signed_in.says("Somebody changed this plan")
    await signed_in.press("Save mine on top")
    await page.get_by_role("heading", name="gold", level=1, exact=True).wait_for()
    await signed_in.says("5 a second")
    plan = await signed_in.port.done("GET", "/v1/plans/gold")
    assert (plan["rateRps"], plan["dayQuotaRequest"]) == (5, 77)
