"""The whole protocol in seeded runs: Sidecars, servers, a bad network and admins, without sockets."""

import pytest

from tests.model.cases import CASES, Case
from tests.model.run import run

SEEDS = range(4)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_promise_holds_whatever_happens(case: Case) -> None:
    """Nothing over a limit, nothing forgotten, nothing stranded beyond what the case allows."""
    assert [(seed, broken) for seed in SEEDS for broken in run(case, seed).broken] == []
