import json
from typing import Any

import pytest

from quotad.core.plans import Binding, Subject
from quotad.core.table import PlanTable
from quotad.telemetry import report
from quotad.telemetry.figures import Figures
from quotad.telemetry.metrics import Recorder
from quotad.telemetry.report import Reporter, absorb
from quotad.telemetry.sources import Sources
from tests.support.samples import OWN, SECRETS, SERVICE, SHARED, TABLE, Place, outcome

SHADOWED = PlanTable(
    [SERVICE],
    [SHARED, OWN],
    SECRETS,
    [
        *TABLE.bindings,
        Binding(OWN.usage_plan_id, ("AKIDa", "AKIDb"), ((SERVICE.service_id, "release"),), shadow=True),
    ],
)


def recorder(table: PlanTable = SHADOWED) -> Recorder:
    """A recorder of this configuration."""
    made = Recorder()
    made.configure((Place(),), table)
    return made


def tags(of: Recorder) -> list[str]:
    """The Subjects whose stock it would show."""
    return [subject.tag for _, group in of.served() for subject in group]


def sent(reporter: Reporter, worker: Recorder) -> list[dict[str, Any]]:
    """The messages of a report, as they come over."""
    return [json.loads(json.dumps(message)) for message in reporter.report(Sources(worker))]


def places(reporter: Reporter, worker: Recorder) -> list[list[Any]]:
    """What a report says of places."""
    return [place for message in sent(reporter, worker) for place in message.get("places", [])]


def test_the_supervisor_knows_what_a_worker_served_and_counts_nothing_twice() -> None:
    """Places and callers are known after a report, its figures are the worker's."""
    worker, supervisor = recorder(), recorder()
    worker.record(outcome())
    refused = outcome(429, plan=OWN, secret_id="AKIDc")
    refused.reason, refused.limit = "quota", "day"
    worker.record(refused)
    shadow = next(iter(SHADOWED.shadows(SERVICE.service_id, "release").values()))
    worker.shadow(shadow, "admitted")
    figures = Figures()
    for message in sent(Reporter(), worker):
        figures.renew(absorb(supervisor, message))
    assert tags(supervisor) == tags(worker)
    assert [[subject.tag for subject in group] for group in supervisor.shadowed()] == [[shadow.tag]]
    own = Sources(worker).figures()
    for name in ("quotad_requests", "quotad_denied", "quotad_shadow_requests", "quotad_auth_failures"):
        assert figures.numbers[name] == own.numbers[name], name
    assert figures.numbers["quotad_worker_cpu_seconds"][()] > 0
    assert figures.numbers["quotad_worker_resident_memory_bytes"][()] > 1_000_000
    assert sum(Sources(supervisor).figures().numbers["quotad_requests"].values()) == 0


def test_only_what_changed_is_told() -> None:
    """Neither places that nobody called nor callers that were told; all of them again after ``forget``."""
    worker, reporter = recorder(), Reporter()
    place = [SERVICE.service_id, "test", OWN.usage_plan_id, ""]
    assert len(places(reporter, worker)) == 2
    worker.record(outcome(plan=OWN, secret_id="AKIDc"))
    assert places(reporter, worker) == [[*place, ["AKIDc"], [1, 0, 0, 0, 0], {}]]
    worker.record(outcome(plan=OWN, secret_id="AKIDd"))
    assert places(reporter, worker) == [[*place, ["AKIDd"], [2, 0, 0, 0, 0], {}]]
    worker.record(outcome(plan=OWN, secret_id="AKIDd"))
    assert places(reporter, worker) == [[*place, [], [3, 0, 0, 0, 0], {}]]
    assert places(reporter, worker) == []
    reporter.forget()
    told = places(reporter, worker)
    assert len(told) == 3
    assert sorted(told[2][4]) == ["AKIDc", "AKIDd"]


def test_many_places_come_in_several_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that no one message keeps the event loop from callers for long."""
    monkeypatch.setattr(report, "PLACES", 1)
    worker, supervisor = recorder(), recorder()
    worker.record(outcome())
    worker.record(outcome(plan=OWN, secret_id="AKIDc"))
    messages = sent(Reporter(), worker)
    assert [len(message.get("places", [])) for message in messages] == [1] * (len(messages) - 1) + [0]
    for message in messages:
        absorb(supervisor, message)
    assert tags(supervisor) == tags(worker)


def test_what_the_supervisor_does_not_know_makes_no_series() -> None:
    """A report of a plan that is configured no more is passed over."""
    worker, supervisor = recorder(), Recorder()
    worker.record(outcome())
    worker.shadow(Subject(OWN, SERVICE.service_id, "release", "AKIDa", shadow=True), "rate")
    for message in sent(Reporter(), worker):
        absorb(supervisor, message)
    assert tags(supervisor) == []
    assert list(supervisor.shadowed()) == []
