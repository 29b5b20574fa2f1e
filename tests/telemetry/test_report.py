import json

from quotad.core.plans import Binding, Subject
from quotad.core.table import PlanTable
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


def test_the_supervisor_knows_what_a_worker_served_and_counts_nothing_twice() -> None:
    """Places and callers are known after a report, its figures are the worker's."""
    worker, supervisor = recorder(), recorder()
    worker.record(outcome())
    worker.record(outcome(plan=OWN, secret_id="AKIDc"))
    shadow = next(iter(SHADOWED.shadows(SERVICE.service_id, "release").values()))
    worker.shadow(shadow, "admitted")
    report = json.loads(json.dumps(Reporter().report(Sources(worker))))
    figures = absorb(supervisor, report)
    assert tags(supervisor) == tags(worker)
    assert [[subject.tag for subject in group] for group in supervisor.shadowed()] == [[shadow.tag]]
    assert sum(figures.numbers["quotad_requests"].values()) == 2
    assert sum(Sources(supervisor).figures().numbers["quotad_requests"].values()) == 0


def test_only_new_callers_are_told() -> None:
    """A hundred thousand callers are not told once a second, and all of them again after ``forget``."""
    worker, reporter = recorder(), Reporter()
    place = [SERVICE.service_id, "test", OWN.usage_plan_id]
    worker.record(outcome(plan=OWN, secret_id="AKIDc"))
    assert reporter.report(Sources(worker))["served"] == [[*place, ["AKIDc"]]]
    worker.record(outcome(plan=OWN, secret_id="AKIDd"))
    assert reporter.report(Sources(worker))["served"] == [[*place, ["AKIDd"]]]
    assert reporter.report(Sources(worker))["served"] == []
    reporter.forget()
    ((*_, told),) = reporter.report(Sources(worker))["served"]
    assert sorted(told) == ["AKIDc", "AKIDd"]


def test_what_the_supervisor_does_not_know_makes_no_series() -> None:
    """A report of a plan that is configured no more is passed over."""
    worker, supervisor = recorder(), Recorder()
    worker.record(outcome())
    worker.shadow(Subject(OWN, SERVICE.service_id, "release", "AKIDa", shadow=True), "rate")
    absorb(supervisor, Reporter().report(Sources(worker)))
    assert tags(supervisor) == []
    assert list(supervisor.shadowed()) == []
