"""The protocol as a whole: what is promised holds in every run of a seeded model."""

import asyncio

import pytest

from tests.model.cases import CASES, Case
from tests.model.run import run
from tests.model.simulated_loop import SimulatedLoop

RUNS_PER_CASE = 9


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_promise_holds_in_every_run(case: Case) -> None:
    """Nothing is admitted beyond a limit, forgotten or stranded but what the case's promise allows."""
    broken = {seed: run(case, seed).broken for seed in range(RUNS_PER_CASE)}
    assert not {seed: promises for seed, promises in broken.items() if promises}


def test_a_run_is_the_same_for_the_same_seed() -> None:
    """A failure can be looked into."""
    assert run(CASES[0], 1) == run(CASES[0], 1)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_a_case_is_about_happens(case: Case) -> None:
    """No case passes because its faults never hit."""
    figures = sum((run(case, seed).figures for seed in range(20, 26)), start=run(case, 19).figures)
    expected = {
        "lost": case.spoiled,
        "late": case.spoiled,
        "repeated": case.spoiled,
        "crashes": case.crashes,
        "failovers": case.failovers,
        "emptied": case.empties,
        "changes": case.changes or case.resets,
        "leased": case.leases or case.policy.mode == "local",
        "unaccounted": case.policy.mode == "open",
    }
    assert not [name for name, wanted in expected.items() if wanted and not figures[name]]


def test_a_simulated_loop_skips_what_is_waited_for() -> None:
    """An hour passes at once, in the order of the timers."""
    heard: list[int] = []

    async def wait() -> float:
        loop = asyncio.get_running_loop()
        for minutes in (30, 10, 20):
            loop.call_later(60 * minutes, heard.append, minutes)
        await asyncio.sleep(3600)
        return loop.time()

    with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        assert runner.run(wait()) == 3600
    assert heard == [10, 20, 30]
