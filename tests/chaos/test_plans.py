"""The configuration of a run's processes."""

from pathlib import Path

import pytest

from quotad.config.file import load
from tests.chaos.plans import all_answers, configuration, good_answers, rate_only, write, zone_at

STORE: dict[str, object] = {"url": "redis://127.0.0.1:6379/0"}


def test_the_configuration_is_a_good_one(tmp_path: Path) -> None:
    """Quotad takes it, with each plan's limits and its own caller."""
    plans = (all_answers(5), good_answers(6), rate_only(7, 8))
    config = load(write(tmp_path / "quotad.yaml", configuration(plans, STORE, 80, "Etc/GMT+3")))
    callers = config.table.callers(plans[0].subject.service_id, "release")
    found = [callers[plan.caller.secret_id].plan for plan in plans]
    assert [plan.day_quota_request for plan in found] == [5, 6, -1]
    assert [plan.quota_condition for plan in found] == [frozenset(), frozenset({"2xx"}), frozenset()]
    assert (found[2].rate_rps, found[2].burst) == (7, 8)
    assert {plan.timezone for plan in found} == {"Etc/GMT+3"}
    assert [callers[plan.caller.secret_id].tag for plan in plans] == [plan.subject.tag for plan in plans]


@pytest.mark.parametrize(
    ("there", "utc", "zone"),
    [
        (12, 12, "Etc/UTC"),
        (12, 0, "Etc/GMT+12"),
        (12, 23, "Etc/GMT+11"),
        (23, 0, "Etc/GMT+1"),
        (0, 23, "Etc/GMT-1"),
    ],
)
def test_a_zone_is_found_for_each_hour(there: int, utc: int, zone: str) -> None:
    """Names count hours west of Greenwich; none beyond twelve is asked for."""
    assert zone_at(there, utc) == zone
