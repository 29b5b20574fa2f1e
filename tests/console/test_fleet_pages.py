"""The pages about the fleet, as its sidecars told of themselves."""

import pytest

from tests.support.consoles import Console
from tests.support.patient import patient_store
from tests.support.servers import StoreServer

pytestmark = [pytest.mark.debian, pytest.mark.asyncio(loop_scope="session")]


async def test_sidecars_and_refusals(signed_in: Console, store_server: StoreServer) -> None:
    """Before anybody told anything the pages say what to do; then who lives, and who is refused by what."""
    await signed_in.visit("fleet", "Fleet")
    await signed_in.says("No sidecar was heard")
    await signed_in.visit("refusals", "Refusals")
    await signed_in.says("Nobody was refused")
    store = patient_store(store_server.url)
    await store.start()
    now_us = store.now_us()
    assert now_us is not None
    begin_us = now_us // 60_000_000 * 60_000_000
    place = ["usagePlan-gold", "service-orders", "release"]
    counts = {"row": [[*place, "", 40], [*place, "day", 7]], "who": [["AKIDacme", *place, "day", 7]]}
    record = {"host": "pod-1", "version": "9.9.9", "configVersion": "17", "mode": "control", "unaccounted": 3}
    await store.notices.tell("0123456789ab", record, {begin_us: counts}, now_us)
    await store.close()
    await signed_in.says("AKIDacme")
    await signed_in.page.locator("quotad-chart[aria-label*='admitted 40, refused: day 7']").wait_for()
    await signed_in.visit("fleet", "Fleet")
    for words in ("pod-1", "9.9.9", "alive", "one version"):
        await signed_in.says(words)
    await signed_in.visit("refusals", "Refusals")
    await signed_in.page.get_by_label("Request id").fill("0123456789ab00000001")
    await signed_in.press("Explain")
    await signed_in.page.get_by_role("alert").wait_for()
