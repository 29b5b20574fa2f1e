import pytest

from quotad.core.outcome import Outcome
from quotad.core.plans import ENVIRONMENTS, Binding, Subject, UsagePlan
from quotad.core.table import PlanTable
from quotad.telemetry import metrics
from quotad.telemetry.metrics import CODE_CLASSES, Recorder, Row
from tests.support.samples import OWN, SECRETS, SERVICE, SHARED, TABLE, Place, outcome


@pytest.fixture
def recorder() -> Recorder:
    """A recorder that knows the sample configuration."""
    made = Recorder()
    made.configure((Place(),), TABLE)
    return made


def row(recorder: Recorder, plan_id: str) -> Row:
    """The one row of a plan."""
    (found,) = (row for row in recorder.rows() if row.plan_id == plan_id and row.service_id)
    return found


def places(recorder: Recorder) -> list[tuple[str, str, str]]:
    """Which rows there are."""
    return [(row.service_id, row.environment, row.plan_id) for row in recorder.rows()]


@pytest.mark.parametrize(
    ("status", "code_class"),
    [
        (200, "2xx"),
        (101, "2xx"),
        (304, "3xx"),
        (404, "4xx"),
        (503, "5xx"),
        (0, "others"),
        (100, "others"),
        (999, "others"),
        (1234, "others"),
        (-1, "others"),
    ],
)
def test_a_request_is_counted_once_in_the_class_of_its_status(
    recorder: Recorder, status: int, code_class: str
) -> None:
    """One Outcome adds one to the row of its plan, in its status' class."""
    recorder.record(outcome(status))
    expected = [int(name == code_class) for name in CODE_CLASSES]
    assert row(recorder, SHARED.usage_plan_id).classes == expected


def test_places_that_take_turns_are_counted_each_in_its_row(recorder: Recorder) -> None:
    """The last request's place is no other's, and equal words name one place, whichever objects they are."""
    for _ in range(3):
        recorder.record(outcome())
        other = outcome(404)
        other.plan_id, other.secret_id = "", ""
        recorder.record(other)
        same = outcome()
        same.plan_id = "".join(list(same.plan_id))
        recorder.record(same)
    assert row(recorder, SHARED.usage_plan_id).classes[:3] == [6, 0, 0]
    assert row(recorder, "").classes[:3] == [0, 0, 3]


def test_a_tunnel_is_told_apart(recorder: Recorder) -> None:
    """A request that became a tunnel was quick if its 101 was; its time and bytes are told by themselves."""
    tunnel = outcome(101)
    tunnel.tunnel_s, tunnel.ended_s = 3600.0, tunnel.ended_s + 3600.0
    tunnel.bytes_in, tunnel.bytes_out = 10, 2000
    recorder.record(tunnel)
    recorder.record(outcome())
    assert (recorder.tunnels_ended, recorder.tunnel_s) == (1, 3600.0)
    assert recorder.tunnel_bytes == {"in": 10, "out": 2000}
    assert recorder.request_duration.sum_s == pytest.approx(0.004)
    assert row(recorder, SHARED.usage_plan_id).classes == [2, 0, 0, 0, 0]


def test_durations_are_observed(recorder: Recorder) -> None:
    """The whole request, and the upstream's part only when there was one, enter the histograms."""
    recorder.record(outcome())
    refused = outcome(429)
    refused.upstream_s = 0.0
    recorder.record(refused)
    assert sum(recorder.request_duration.counts) == 2
    assert recorder.request_duration.sum_s == pytest.approx(0.004)
    assert sum(recorder.upstream_duration.counts) == 1


def refusal(status: int, reason: str, limit: str = "none") -> Outcome:
    """A request that was not admitted."""
    refused = outcome(status)
    refused.reason, refused.limit, refused.counted = reason, limit, None
    return refused


def test_denials_are_named_by_their_limit_or_else_their_reason(recorder: Recorder) -> None:
    """Rate and quotas are told apart by the limit; store failure, overload and throttles by their key."""
    recorder.record(refusal(429, "rate", "rate"))
    recorder.record(refusal(429, "quota", "day"))
    recorder.record(refusal(429, "quota", "day"))
    recorder.record(refusal(503, "store"))
    recorder.record(refusal(503, "overload"))
    recorder.record(refusal(429, "throttle", "rate"))
    recorder.record(refusal(429, "api_throttle", "rate"))
    denied = row(recorder, SHARED.usage_plan_id).denied
    others = {"store": 1, "overload": 1, "throttle": 1, "api_throttle": 1}
    assert denied == {"rate": 1, "day": 2, **others}


def test_failures_of_the_backend_are_no_denials(recorder: Recorder) -> None:
    """A busy or unreachable upstream is not the plan's refusal."""
    recorder.record(refusal(503, "upstream_busy"))
    recorder.record(refusal(502, "upstream_unreachable"))
    assert row(recorder, SHARED.usage_plan_id).denied == {}


def test_an_unknown_caller_makes_no_series(recorder: Recorder) -> None:
    """Whatever unauthenticated callers send, the rows and the auth failure reasons stay the same."""
    before = places(recorder)
    reasons = set(recorder.auth_failures)
    stranger = outcome(401, plan=None)
    stranger.reason = "secret_invalid"
    recorder.record(stranger)
    for service_id in ("made-up", ""):
        lost = outcome(404, plan=None)
        lost.service_id, lost.reason, lost.environment = service_id, "no_route", "made-up"
        recorder.record(lost)
    liar = outcome(401, plan=SHARED, secret_id="")
    recorder.record(liar)
    assert places(recorder) == before
    assert set(recorder.auth_failures) == reasons
    assert recorder.auth_failures["secret_invalid"] == 1
    assert sum(sum(row.classes) for row in recorder.rows()) == 4


def test_rows_are_capped(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the cap requests are still counted, in a row without a plan."""
    monkeypatch.setattr(metrics, "MAX_ROWS", 2)
    recorder.record(outcome())
    assert (SERVICE.service_id, "release", SHARED.usage_plan_id) not in places(recorder)
    assert row(recorder, "").classes[0] == 1


def test_served_names_own_subjects_only(recorder: Recorder) -> None:
    """Only what this process has served, and under scope: secret only the Secrets that called."""
    assert list(recorder.served()) == []
    recorder.record(outcome())
    recorder.record(outcome(plan=OWN, secret_id="AKIDd"))
    recorder.record(outcome(plan=OWN, secret_id="AKIDc"))
    tags = [[subject.tag for subject in subjects] for _, subjects in recorder.served()]
    assert tags == [
        ["usagePlan-shared/service-aaaaaaaa/release"],
        ["usagePlan-own/service-aaaaaaaa/test/AKIDc", "usagePlan-own/service-aaaaaaaa/test/AKIDd"],
    ]


def test_a_reload_keeps_what_was_counted(recorder: Recorder) -> None:
    """After a changed configuration counters go on; a plan that is gone is no Subject any more."""
    recorder.record(outcome())
    recorder.record(outcome(plan=OWN, secret_id="AKIDc"))
    shared_again = UsagePlan(SHARED.usage_plan_id, "renamed")
    recorder.configure((Place(),), PlanTable([SERVICE], [shared_again]))
    recorder.record(outcome())
    assert row(recorder, SHARED.usage_plan_id).classes[0] == 2
    assert [found.plan_id for found, _ in recorder.served()] == [SHARED.usage_plan_id]


def test_a_changed_scope_is_followed(recorder: Recorder) -> None:
    """A plan that becomes scope: secret is served per Secret from then on."""
    recorder.record(outcome())
    per_secret = UsagePlan(SHARED.usage_plan_id, "shared", scope="secret")
    recorder.configure((), PlanTable([SERVICE], [per_secret], TABLE.secrets.values()))
    assert [subjects for _, subjects in recorder.served()] == [[]]
    recorder.record(outcome(secret_id="AKIDb"))
    assert [len(subjects) for _, subjects in recorder.served()] == [1]


def test_the_access_log_hears_of_every_request() -> None:
    """The Recorder hands each Outcome on, once."""
    heard: list[Outcome] = []
    recorder = Recorder(heard.append)
    ended = outcome(404, plan=None)
    recorder.record(ended)
    assert heard == [ended]


def test_shadow_verdicts_are_counted_by_what_was_said() -> None:
    """Each shadow plan, service and environment has a count per verdict; Subjects are those still bound."""
    shadow = Subject(OWN, SERVICE.service_id, "release", "AKIDa", shadow=True)
    table = PlanTable(
        [SERVICE],
        [SHARED, OWN],
        SECRETS,
        [Binding(OWN.usage_plan_id, ("AKIDa", "AKIDb"), ((SERVICE.service_id, "release"),), shadow=True)],
    )
    recorder = Recorder()
    recorder.configure((Place(),), table)
    assert list(recorder.shadowed()) == []
    for verdict in ("admitted", "admitted", "month"):
        recorder.shadow(shadow, verdict)
    (row,) = recorder.shadow_rows()
    assert (row.plan_id, row.service_id, row.environment) == (
        OWN.usage_plan_id,
        SERVICE.service_id,
        "release",
    )
    assert row.verdicts == {"admitted": 2, "rate": 0, "day": 0, "month": 1, "total": 0, "store": 0}
    assert list(recorder.shadowed()) == [[shadow]]
    recorder.configure((Place(),), TABLE)
    assert list(recorder.shadowed()) == []


def test_shadow_rows_are_capped(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is a bound to the series of shadow plans too."""
    monkeypatch.setattr(metrics, "MAX_ROWS", 1)
    recorder = Recorder()
    for environment in ENVIRONMENTS:
        recorder.shadow(Subject(SHARED, SERVICE.service_id, environment, shadow=True), "admitted")
    assert len(list(recorder.shadow_rows())) == 1
