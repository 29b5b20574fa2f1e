"""The judge is judged: a sound history passes, and each way of doctoring one is found out."""

from dataclasses import replace

import pytest

from tests.chaos.checker import check, missed, over_rate
from tests.chaos.history import Asked, AtRest, Bounds, Fault, Limits, PlanHistory, Served

PLAN = "usagePlan-all"
EXACT = Bounds()
FAULT = Fault(began_s=10.0, ended_s=11.0, hits={"processes killed": 1})


def asked(number: int, status: int, sent_s: float = 0.0) -> Asked:
    """A decided request that took 10 ms."""
    return Asked(number, PLAN, 0, sent_s, sent_s + 0.01, status, decided=status in (200, 429, 500))


def served(number: int, status: int = 200, arrived_s: float = 0.0) -> Served:
    """What the backend got."""
    return Served(number, PLAN, arrived_s, status)


def history() -> PlanHistory:
    """Three of three admitted, the fourth refused after the fault."""
    return PlanHistory(
        PLAN,
        Limits(3),
        [asked(1, 200, 1.0), asked(2, 200, 2.0), asked(3, 200, 11.5), asked(4, 429, 12.0)],
        [served(1), served(2), served(3)],
        AtRest(3, 0),
    )


def problems(given: PlanHistory, bounds: Bounds = EXACT) -> str:
    """What is wrong with it, in one text."""
    return "; ".join(check(given, bounds, FAULT).problems)


def test_a_sound_history_holds() -> None:
    """Everything admitted was counted and no more than the quota: no problem, and the numbers are told."""
    found = check(history(), EXACT, FAULT)
    assert found.problems == ()
    assert (found.requests, found.admitted, found.counted, found.over, found.lost, found.stranded) == (
        *(4, 3, 3),
        *(0, 0, 0),
    )
    assert found.recover_s == pytest.approx(0.51)


def test_one_more_than_the_quota_is_found() -> None:
    """A fourth request at the backend is over-admitted, whatever the store says."""
    given = history()
    given.asked[3] = asked(4, 200, 12.0)
    given.served.append(served(4))
    assert "over-admitted 1, at most 0 promised" in problems(given)
    assert "lost 1" in problems(given)


def test_a_stated_bound_is_kept_to() -> None:
    """What a case may be off by passes, one more does not."""
    given = history()
    given.asked += [asked(5, 200, 12.0), asked(6, 200, 12.0)]
    given.served += [served(5), served(6)]
    given.at_rest = AtRest(5, 0)
    assert problems(given, Bounds(over=2)) == ""
    assert "over-admitted 2, at most 1 promised" in problems(given, Bounds(over=1))


def test_a_request_that_only_the_backend_admits_to_counts() -> None:
    """A caller without an answer may have been admitted: the backend's record decides."""
    given = history()
    given.asked[0] = asked(1, 0, 1.0)
    assert problems(given) == ""
    assert check(given, EXACT, FAULT).failed == 1


def test_a_lost_count_is_found() -> None:
    """Admitted and counted, but not in use at rest."""
    given = history()
    given.at_rest = AtRest(2, 0)
    assert "lost 1, at most 0 promised" in problems(given)


def test_a_stranded_unit_is_found() -> None:
    """In use at rest, but never admitted."""
    given = history()
    given.served.pop()
    given.asked[2] = asked(3, 503, 11.5)
    assert "stranded 1, at most 0 promised" in problems(given)
    assert problems(given, Bounds(stranded=1)) == ""


def test_a_quota_refused_early_is_found() -> None:
    """Refusals while some of the quota is left are no way to keep it."""
    given = history()
    given.served.pop()
    given.asked[2] = asked(3, 429, 11.5)
    given.at_rest = AtRest(2, 0)
    assert problems(given) == "refused although 1 of the quota are left"


def test_a_hold_that_nobody_settles_is_found() -> None:
    """At rest nothing is held."""
    given = history()
    given.at_rest = AtRest(3, 2)
    assert problems(given) == "2 Holds at rest"


def test_a_lease_that_nobody_returns_is_found() -> None:
    """At rest nothing is leased but what is said."""
    given = history()
    given.at_rest = AtRest(3, 0, 2)
    assert problems(given) == "2 units leased at rest, at most 0 promised"
    assert problems(given, Bounds(leased=2)) == ""


def test_windows_that_disagree_are_found() -> None:
    """Whatever is charged is charged in every window alike."""
    given = history()
    given.at_rest = AtRest(3, 0, 0, 3, 3)
    assert problems(given) == ""
    given.at_rest = AtRest(3, 0, 0, 3, 2)
    assert problems(given) == "use differs by window: day 3, month 3, total 2"


@pytest.mark.parametrize("status", [401, 429, 503])
def test_a_refused_request_at_the_backend_is_found(status: int) -> None:
    """Who is told no must not have been let through."""
    given = history()
    given.asked[1] = asked(2, status, 2.0)
    assert "1 requests were refused, yet reached the backend (first: 2)" in problems(given)


def test_an_answer_from_nowhere_is_found() -> None:
    """A good answer to a request that the backend never got."""
    given = history()
    given.asked.append(asked(9, 200, 12.0))
    assert "1 answers came from no backend (first: 9)" in problems(given)


def test_a_changed_answer_is_found() -> None:
    """What the caller saw is what the backend said."""
    given = history()
    given.asked[0] = asked(1, 500, 1.0)
    assert "1 answers have another status than the backend gave (first: 1)" in problems(given)


def test_a_request_that_nobody_sent_is_found() -> None:
    """The backend's record must not hold what no caller asked."""
    given = history()
    given.served.append(served(77))
    assert "the backend got 1 requests that nobody sent (one: 77)" in problems(given)


def test_a_request_under_another_plan_is_found() -> None:
    """A caller's plan is the one under which it reaches the backend."""
    given = history()
    given.served[0] = replace_plan(given.served[0])
    assert "1 requests went to the backend under another plan (first: 1)" in problems(given)


def replace_plan(one: Served) -> Served:
    """The same under a plan of somebody else."""
    return one._replace(plan_id="usagePlan-other")


def test_a_retry_is_one_request() -> None:
    """The backend got it twice, it counts once."""
    given = history()
    given.served.append(served(2))
    assert problems(given) == ""


def test_only_the_classes_that_count_are_counted() -> None:
    """Under ``2xx`` a 500 is admitted and uses nothing."""
    given = history()
    given.limits = Limits(3, classes=frozenset((2,)))
    given.asked.append(asked(5, 500, 11.6))
    given.served.append(served(5, 500))
    found = check(given, EXACT, FAULT)
    assert (found.problems, found.admitted, found.counted) == ((), 4, 3)


def test_a_run_that_never_recovers_is_found() -> None:
    """No decision after the fault's end."""
    given = history()
    given.asked = [one._replace(decided=one.sent_s < 11.0) for one in given.asked]
    assert "nothing was decided after the fault" in problems(given)


@pytest.mark.parametrize(("reported", "fits"), [(2, False), (3, True), (4, True), (5, False)])
def test_metrics_that_disagree_are_found(reported: int, fits: bool) -> None:
    """Every answer is in the metrics; of a request without an answer they may know or not."""
    given = history()
    given.asked[0] = asked(1, 0, 1.0)
    given.reported = reported
    said = f"3 of 4 requests were answered, the metrics say {reported}"
    assert problems(given) == ("" if fits else said)


def test_a_late_recovery_is_found() -> None:
    """Where a time is promised, more than that is a breach, unless the runner itself stood still."""
    said = "the first decision came 0.51 s late, 0.50 s promised"
    assert problems(history(), Bounds(recover_s=0.6)) == ""
    assert problems(history(), Bounds(recover_s=0.5)) == said
    assert check(history(), Bounds(recover_s=0.5), replace(FAULT, stood_still_s=0.1)).problems == ()


def test_use_above_the_quota_is_found() -> None:
    """Counted too much: others are refused for what nobody used."""
    given = history()
    given.at_rest = AtRest(5, 0)
    assert "use at rest is 2 above the quota" in problems(given)


def test_a_fault_that_did_not_hit_is_found() -> None:
    """Without a sign of the fault a run shows nothing."""
    assert list(missed(FAULT)) == []
    assert list(missed(Fault())) == ["nothing shows that the fault hit"]
    assert list(missed(replace(FAULT, hits={"replies lost": 0}))) == [
        "the fault did not hit: replies lost: 0"
    ]


def bucket(gap_s: float, count: int) -> tuple[list[Asked], dict[int, Served]]:
    """Requests at equal distances, each decided within a millisecond."""
    requests = [asked(number, 200, number * gap_s) for number in range(count)]
    return requests, {one.number: served(one.number, 200, one.sent_s + 0.001) for one in requests}


def test_a_rate_that_is_kept_is_no_breach() -> None:
    """100 a second with a bucket of 5: 5 at once and then every 10 ms."""
    requests, admitted = bucket(0.01, 200)
    assert over_rate(requests, admitted, 100, 5) == 0


def test_a_rate_that_is_passed_is_a_breach() -> None:
    """Twice the rate for a second is 100 too many, less the bucket."""
    requests, admitted = bucket(0.005, 200)
    assert over_rate(requests, admitted, 100, 5) == pytest.approx(95, abs=2)


def test_a_full_bucket_twice_is_a_breach() -> None:
    """A bucket that starts full again while it should be nearly empty is seen in the interval around that."""
    requests = [asked(number, 200, 0.0 if number < 50 else 60.0) for number in range(110)]
    admitted = {one.number: served(one.number, 200, one.sent_s + 0.001) for one in requests}
    assert over_rate(requests, admitted, 10, 50) == 9


def test_a_slow_way_to_the_backend_is_no_breach() -> None:
    """Requests decided over ten seconds may arrive together."""
    requests = [asked(number, 200, number * 0.1) for number in range(100)]
    admitted = {one.number: served(one.number, 200, 10.0) for one in requests}
    assert over_rate(requests, admitted, 10, 5) == 0
