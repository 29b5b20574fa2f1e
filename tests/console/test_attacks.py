"""What pages of others, and what other people wrote, can do to whoever is signed in."""

import pytest
from aiohttp import web

from tests.support.consoles import Console
from tests.support.offices import OfficePort

pytestmark = [pytest.mark.debian, pytest.mark.asyncio(loop_scope="session")]

EVIL = """<!doctype html><title>working</title><script>
const there = "http://127.0.0.1:PORT";
const plan = '{"usagePlanName": "evil"}';
(async () => {
  const tries = [
    fetch(there + "/v1/plans", {method: "POST", credentials: "include", mode: "no-cors", body: plan}),
    fetch(there + "/v1/plans", {method: "POST", credentials: "include", body: plan,
      headers: {"Content-Type": "application/json", "X-Quotad-Console": "1"}}),
    fetch(there + "/v1/plans", {credentials: "include", headers: {"X-Quotad-Console": "1"}}),
    fetch(there + "/v1/session", {method: "DELETE", credentials: "include", mode: "cors"}),
  ];
  const ended = await Promise.allSettled(tries);
  const ends = ended.map(each => each.status === "fulfilled" ? each.value.status : "blocked");
  const form = document.createElement("form");
  Object.assign(form, {method: "post", action: there + "/v1/plans", enctype: "text/plain", target: "result"});
  form.innerHTML = `<input name='{"usagePlanName": "evil", "x": "' value='"}'>`;
  const frame = document.createElement("iframe");
  frame.name = "result";
  document.body.append(frame, form);
  form.submit();
  frame.addEventListener("load", () => { document.title = "done " + ends.join(" "); });
})();
</script>"""


async def serve_evil(port: OfficePort) -> tuple[web.AppRunner, int]:
    """A page on another port of the same host: the same site, so the browser would send the cookie."""
    text = EVIL.replace("PORT", str(port.number))

    async def page(_: web.Request) -> web.Response:
        return web.Response(text=text, content_type="text/html")

    app = web.Application()
    app.router.add_get("/", page)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, runner.addresses[0][1]


async def test_a_page_of_another_port(signed_in: Console) -> None:
    """Requests, also with credentials, and forms of another origin change nothing and read nothing."""
    runner, number = await serve_evil(signed_in.port)
    try:
        page = await signed_in.context.new_page()
        await page.goto(f"http://127.0.0.1:{number}/")
        await signed_in.holds("document.title.startsWith('done')", page)
        # An opaque answer has the status 0: it may have been sent, and was refused.
        assert await page.title() == "done 0 blocked blocked blocked"
    finally:
        await runner.cleanup()
    assert (await signed_in.port.done("GET", "/v1/plans"))["totalCount"] == 0
    await signed_in.page.reload()
    await signed_in.says("Nothing is bound yet")


async def test_markup_in_names_is_text(signed_in: Console) -> None:
    """What looks like markup in a name or a description is shown as it was written, and runs nowhere."""
    evil = "<img src=x onerror=alert(1)><b>bold"
    done = signed_in.port.done
    await done("POST", "/v1/plans", json={"usagePlanId": "p", "usagePlanName": evil, "usagePlanDesc": evil})
    await done("POST", "/v1/services", json={"serviceId": "s", "serviceName": evil, "serviceDesc": evil})
    await done("POST", "/v1/services/s/environments/release/publish")
    place = {"usagePlanIds": ["p"], "serviceId": "s", "environment": "release"}
    await done("POST", "/v1/bindings/environments", json=place)
    for path in ("plans", "plans/p", "services", "services/s", "live", "audit"):
        await signed_in.open(path)
        await signed_in.page.get_by_text(evil).first.wait_for(state="attached")
        assert await signed_in.page.locator("main img, main b b").count() == 0
