"""Those who are measured beside quotad, and call its script themselves."""

import pytest

from bench.cases import CASES
from bench.rows.ground import peer
from bench.stage import stage


@pytest.mark.debian
@pytest.mark.parametrize("case", ["crowd", "signed"])
@pytest.mark.parametrize("name", ["quotad", "nginx_lua", "aiohttp_redis"])
def test_they_do_their_job(name: str, case: str) -> None:
    """Right callers get through with the headers promised, wrong ones do not, and the store counts each once.

    What a script takes and answers may change; who calls it too must follow, or nothing is measured.
    """
    with stage() as ground, ground.serving(peer(name), CASES[case]) as act:
        assert act.asked > len(act.site.callers)
