"""Decides from a run's history alone whether quotad kept its promises. Pure: no clock, no sockets.

What the backend got is what was admitted; nothing that quotad says about itself is believed unless it agrees.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tests.chaos.history import NO_ANSWER, Asked, Bounds, Fault, PlanHistory, Served

REFUSED = frozenset((401, 403, 404, 429, 503))
"""Answers that are quotad's own in a run, since the backend never gives them; none may have reached it."""
TOO_MANY = 429


@dataclass(frozen=True, slots=True)
class Findings:
    """The numbers of one plan in one run, and everything that is wrong with them."""

    plan_id: str
    requests: int
    admitted: int
    """Distinct requests that reached the backend."""
    counted: int
    """Those of them whose answer uses quota."""
    quota: int
    over: int
    """Counted beyond the quota (or, for a rate, admitted beyond burst and refill)."""
    lost: int
    """Counted, but missing in the store's use at rest."""
    stranded: int
    """In the store's use at rest, but never counted."""
    failed: int
    """Answers 5xx of quotad's own, and requests without an answer."""
    recover_s: float | None
    """From the fault's end to the first answer that was decided; None: there was none."""
    bounds: Bounds
    problems: tuple[str, ...] = field(default=())


def check(history: PlanHistory, bounds: Bounds, fault: Fault, exhausts: bool = True) -> Findings:
    """Judge one plan. ``exhausts``: the load went on until the quota was used up, so all of it must be."""
    admitted = _distinct(history.served)
    counted = sum(history.limits.counts(served.status) for served in admitted.values())
    quota = history.limits.quota
    used = history.at_rest.used
    over = max(0, counted - quota) if quota >= 0 else 0
    if history.limits.rate_rps >= 0:
        over = max(over, over_rate(history.asked, admitted, history.limits.rate_rps, history.limits.burst))
    lost, stranded = max(0, counted - used), max(0, used - counted)
    recover_s = recovery_s(history.asked, fault.ended_s)
    late_s = (recover_s or 0.0) - fault.stood_still_s
    problems = [
        *_beyond("over-admitted", over, bounds.over),
        *_beyond("lost", lost, bounds.lost),
        *_beyond("stranded", stranded, bounds.stranded),
        *_contradictions(history.asked, admitted),
        *_misreported(history),
        *_unequal(history),
    ]
    if history.at_rest.held:
        problems.append(f"{history.at_rest.held} Holds at rest")
    if history.at_rest.leased > bounds.leased:
        problems.append(f"{history.at_rest.leased} units leased at rest, at most {bounds.leased} promised")
    if exhausts and 0 <= used < quota:
        problems.append(f"refused although {quota - used} of the quota are left")
    if quota >= 0 and used > quota + bounds.over:
        problems.append(f"use at rest is {used - quota} above the quota")
    if recover_s is None:
        problems.append("nothing was decided after the fault")
    elif bounds.recover_s is not None and late_s > bounds.recover_s:
        problems.append(f"the first decision came {recover_s:.2f} s late, {bounds.recover_s:.2f} s promised")
    if not history.asked:
        problems.append("nothing was asked")
    return Findings(
        plan_id=history.plan_id,
        requests=len(history.asked),
        admitted=len(admitted),
        counted=counted,
        quota=quota,
        over=over,
        lost=lost,
        stranded=stranded,
        failed=sum(asked.status == NO_ANSWER or asked.status >= 502 for asked in history.asked),
        recover_s=recover_s,
        bounds=bounds,
        problems=tuple(problems),
    )


def missed(fault: Fault) -> Iterator[str]:
    """Why the run shows nothing: every sign of the fault that did not come."""
    if not fault.hits:
        yield "nothing shows that the fault hit"
    for sign, count in fault.hits.items():
        if count <= 0:
            yield f"the fault did not hit: {sign}: {count}"


def recovery_s(asked: Sequence[Asked], ended_s: float) -> float | None:
    """From the fault's end to the first decided answer to a request sent after it."""
    answers = [one.ended_s for one in asked if one.decided and one.sent_s >= ended_s]
    return min(answers) - ended_s if answers else None


def over_rate(asked: Sequence[Asked], admitted: dict[int, Served], rate_rps: int, burst: int) -> int:
    """Admitted beyond ``burst + rate_rps * t``, over all intervals of t seconds.

    A request was decided at some moment between its sending and its arrival at the backend, so an interval
    that contains both contains the decision: what is found is a breach, whatever the delays were.
    """
    spans = [(one.sent_s, admitted[one.number].arrived_s) for one in asked if one.number in admitted]
    worst = 0.0
    arrivals: list[float] = []
    for sent_s, arrived_s in sorted(spans, reverse=True):
        insort(arrivals, arrived_s)
        # Intervals from sent_s to each arrival that the newcomer is part of.
        for place in range(bisect_left(arrivals, arrived_s), len(arrivals)):
            worst = max(worst, place + 1 - burst - rate_rps * (arrivals[place] - sent_s))
    # Less than a whole request is a matter of when the clocks were read.
    return int(worst)


def _distinct(served: Sequence[Served]) -> dict[int, Served]:
    # An upstream retry is one request.
    return {one.number: one for one in reversed(served)}


def _beyond(what: str, found: int, bound: int) -> Iterator[str]:
    if found > bound:
        yield f"{what} {found}, at most {bound} promised"


def _unequal(history: PlanHistory) -> Iterator[str]:
    rest = history.at_rest
    windows = [one for one in (rest.month, rest.total) if one is not None]
    if any(one != rest.used for one in windows):
        yield f"use differs by window: day {rest.used}, month {rest.month}, total {rest.total}"


def _misreported(history: PlanHistory) -> Iterator[str]:
    answered = sum(one.status != NO_ANSWER for one in history.asked)
    reported = history.reported
    if reported is not None and not answered <= reported <= len(history.asked):
        yield f"{answered} of {len(history.asked)} requests were answered, the metrics say {reported}"


def _contradictions(asked: Sequence[Asked], admitted: dict[int, Served]) -> Iterator[str]:
    refused = [one.number for one in asked if one.status in REFUSED and one.number in admitted]
    if refused:
        yield f"{len(refused)} requests were refused, yet reached the backend (first: {refused[0]})"
    invented = [one.number for one in asked if 0 < one.status < 400 and one.number not in admitted]
    if invented:
        yield f"{len(invented)} answers came from no backend (first: {invented[0]})"
    strange = admitted.keys() - {one.number for one in asked}
    if strange:
        yield f"the backend got {len(strange)} requests that nobody sent (one: {min(strange)})"
    changed = [
        one.number
        for one in asked
        if one.number in admitted and one.status not in (NO_ANSWER, admitted[one.number].status)
        if one.status < 502 and one.status not in REFUSED
    ]
    if changed:
        yield f"{len(changed)} answers have another status than the backend gave (first: {changed[0]})"
    plans = {one.number: one.plan_id for one in asked}
    mixed = [number for number, one in admitted.items() if plans.get(number, one.plan_id) != one.plan_id]
    if mixed:
        yield f"{len(mixed)} requests went to the backend under another plan (first: {mixed[0]})"
