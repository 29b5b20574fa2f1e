"""Eight admin processes change the records at random while callers come; a minute of it: ``make storm``."""

from pathlib import Path

from tests.storms.callers import Traffic
from tests.storms.storm import storm
from tests.support.servers import running_server

CHANGES = 15
"""Of each writer."""


async def going(traffic: Traffic, tried: int) -> bool:
    """So many, and between two of them every caller asks again."""
    await traffic.more(1)
    return tried < CHANGES


async def test_no_caller_sees_half_a_change(tmp_path: Path) -> None:
    """The rules hold in the store all the time, and in the end every sidecar is as the store.

    A pair is never met under two commits in the wrong order, who changes plans is never without one, and
    every call is charged once, to the plan that let it through.
    """
    with running_server() as server:
        found = await storm(tmp_path, server, sidecars=2, going=going)
    assert not found.wrong
    assert found.moves_met > 2
    assert found.swaps_met == 4
    assert found.looks > 0
    assert found.made.total() > 2 * CHANGES
    assert set(found.statuses) <= {200, 401, 403, 404, 429}
    assert found.made["throttle api"] + found.made["bind apis"] > 0
