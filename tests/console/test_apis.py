"""Single Apis of a service, and plans that are bound to them, by mouse."""

import pytest

from tests.support.consoles import Console

pytestmark = [pytest.mark.debian, pytest.mark.asyncio(loop_scope="session")]


async def begin(signed_in: Console) -> None:
    """A published service, two plans, a key of the first."""
    done = signed_in.port.done
    await done("POST", "/v1/services", json={"serviceId": "maps", "serviceName": "maps"})
    await done("POST", "/v1/services/maps/environments/release/publish")
    await done("POST", "/v1/secrets", json={"secretName": "acme", "secretId": "AKIDa", "secretKey": "a" * 20})
    for plan in ("gold", "silver"):
        given = {"usagePlanId": plan, "usagePlanName": plan, "dayQuotaRequest": 70}
        await done("POST", "/v1/plans", json=given)
    await done("POST", "/v1/bindings/secrets", json={"usagePlanId": "gold", "secretIds": ["AKIDa"]})


async def add(shown: Console, name: str, method: str, path: str) -> None:
    """With the dialog of the service's page."""
    page = shown.page
    await page.get_by_role("button", name="Add Api").first.click()
    await page.get_by_label("Api name").fill(name)
    await page.get_by_label("Method").select_option(method)
    await page.get_by_label("Path", exact=True).fill(path)
    await page.get_by_label("Id (optional)").fill(f"api-{name}")
    await shown.press("Submit")


async def test_a_plan_for_one_operation(signed_in: Console) -> None:
    """Two Apis are added, a plan is bound to one; use, the key's page and the plan's page name it."""
    await begin(signed_in)
    page, press = signed_in.page, signed_in.press
    await signed_in.visit("services/maps", "maps")
    await signed_in.says("No single Apis")
    await add(signed_in, "tiles", "GET", "tiles")
    wrong = page.locator(".field.wrong", has=page.get_by_label("Path", exact=True))
    await wrong.get_by_text("Must be 1 to").wait_for()
    await page.get_by_label("Path", exact=True).fill("/tiles/{zoom}/*")
    await press("Submit")
    await page.get_by_role("cell", name="/tiles/{zoom}/*", exact=True).wait_for()
    await add(signed_in, "alike", "GET", "/tiles/{z}/*")
    await wrong.get_by_text("has the same method and path").wait_for()
    await page.get_by_label("Path", exact=True).fill("/export")
    await press("Submit")
    await page.get_by_role("cell", name="/export", exact=True).wait_for()

    await press("Bind a plan in release")
    await page.get_by_role("radio", name="gold").check()
    await page.get_by_role("radio", name="Single Apis").check()
    await press("Submit")
    await signed_in.dialog.get_by_role("alert").get_by_text("Check at least one Api.").wait_for()
    await page.get_by_role("checkbox", name="GET /tiles").check()
    await press("Submit")
    await page.get_by_role("button", name="Unbind gold from tiles in release").wait_for()
    await press("Delete tiles")
    await press("Delete", signed_in.dialog)
    await signed_in.dialog.get_by_role("alert").get_by_text("unbind it first").wait_for()
    await press("Cancel")

    await signed_in.visit("plans/gold", "gold")
    await page.get_by_role("cell", name="tiles in release", exact=True).wait_for()
    await signed_in.visit("keys/AKIDa", "acme")
    await page.get_by_role("region", name="maps release api-tiles").get_by_text("admitted").wait_for()
    await press("Top up maps/release/api-tiles")
    await page.get_by_label("By how many requests").fill("7")
    await page.get_by_label("Reason").fill("bought")
    await press("Top up", signed_in.dialog)
    await signed_in.says("of 77")
    await signed_in.visit("live", "Live use")
    await signed_in.says("release · tiles")
    await page.get_by_role("link", name="gold").click()
    await page.get_by_role("heading", name="gold", level=1).wait_for()
    await signed_in.says("77 left")
    await page.locator("main").get_by_text("tiles", exact=True).wait_for()


async def test_from_the_plan_then_away_again(signed_in: Console) -> None:
    """On the plan's page a service with Apis offers them; one is unbound, bounded, renamed and deleted."""
    await begin(signed_in)
    page, press = signed_in.page, signed_in.press
    for name in ("one", "two"):
        given = {"apiId": f"api-{name}", "apiName": name, "path": f"/{name}"}
        await signed_in.port.done("POST", "/v1/services/maps/apis", json=given)
    await signed_in.visit("plans/silver", "silver")
    await page.get_by_role("button", name="Bind environment").first.click()
    await page.get_by_role("radio", name="maps").check()
    await page.get_by_role("radio", name="Single Apis").check()
    await signed_in.dialog.get_by_role("searchbox", name="Search Apis").fill("TWO")
    await page.get_by_role("checkbox", name="ANY /one").wait_for(state="detached")
    await page.get_by_role("checkbox", name="ANY /two").check()
    await press("Submit")
    await press("Unbind two in release of maps")
    await press("Unbind", signed_in.dialog)
    await signed_in.says("Bound nowhere")
    await signed_in.visit("services/maps", "maps")
    await press("Bound on all callers of two")
    await page.get_by_label("Requests a second").fill("many")
    await press("Save")
    wrong = page.locator(".field.wrong", has=page.get_by_label("Requests a second"))
    await wrong.get_by_text("Must be").wait_for()
    await page.get_by_label("Requests a second").fill("9")
    await press("Save")
    await signed_in.says("release: 9 a second, 9 at once")
    await press("Edit two")
    await page.get_by_label("Api name").fill("second")
    await press("Save")
    await page.get_by_role("cell", name="second", exact=True).wait_for()
    await press("Delete second")
    await press("Delete", signed_in.dialog)
    await page.get_by_role("cell", name="second", exact=True).wait_for(state="detached")


async def test_plans_of_an_environment_go_to_its_apis(signed_in: Console) -> None:
    """Demotion says what it does, does it in the chosen environment, and is no longer offered."""
    await begin(signed_in)
    page, press, done = signed_in.page, signed_in.press, signed_in.port.done
    place = {"serviceId": "maps", "environment": "release"}
    await done("POST", "/v1/bindings/environments", json={"usagePlanIds": ["gold"], **place})
    await signed_in.visit("services/maps", "maps")
    assert await page.get_by_role("button", name="Demote plans").count() == 0
    await add(signed_in, "one", "ANY", "/one")
    await press("Demote plans")
    await page.get_by_label("Where").select_option("release")
    await press("Demote")
    await page.get_by_role("button", name="Unbind gold from one in release").wait_for()
    assert await page.get_by_role("button", name="Demote plans").count() == 0
    (bound,) = (await done("GET", "/v1/bindings/environments?serviceId=maps"))["bindings"]
    assert bound["apiId"] == "api-one"
