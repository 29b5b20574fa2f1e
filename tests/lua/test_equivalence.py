"""Random lives of Subjects through the Lua on real servers and through the reference: equal at every step."""

import os
from typing import NamedTuple

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from quotad.core.quota import (
    LEAVE,
    Answer,
    AnswerStatus,
    Call,
    DayNumbers,
    Limits,
    Memory,
    Replay,
    Reset,
    Terms,
    TopUp,
    Window,
)
from quotad.core.windows import windows
from tests.support.properties import TIMES
from tests.support.servers import StoreServer
from tests.support.twins import DAY_US, Twins, subject

EXAMPLES = 100 * TIMES
PHASES = tuple(Phase) if os.environ.get("QUOTAD_SHRINK") else (Phase.explicit, Phase.reuse, Phase.generate)
"""Shrinking a life of forty steps takes minutes: QUOTAD_SHRINK=1 asks for it."""
HUGE = 2**53 - 1
SECOND_US = 1_000_000
HOUR_US = 3_600 * SECOND_US

TIMES_US = [
    *[0] * 30,
    *[1, 1, 1, 1, 999, 333_333, SECOND_US, SECOND_US, 15 * SECOND_US, 20 * SECOND_US, 60 * SECOND_US],
    *[6 * HOUR_US, 12 * HOUR_US, DAY_US, DAY_US, 3 * DAY_US, 32 * DAY_US, 70 * DAY_US, 500 * DAY_US],
    *[-1, -SECOND_US, -70 * SECOND_US, -HOUR_US, -DAY_US],
]
HOLDS_US = [60 * SECOND_US, 10 * SECOND_US, 30 * HOUR_US, 3 * DAY_US]
SKEWS_US = [
    *[0] * 40,
    *[-HOUR_US, HOUR_US, -13 * HOUR_US, DAY_US, -DAY_US, 2 * DAY_US, -40 * DAY_US, 40 * DAY_US],
]
ZONES = ["UTC", "UTC", "Asia/Shanghai", "America/Sao_Paulo", "America/St_Johns", "Pacific/Kiritimati"]


class Plan(NamedTuple):
    """A plan as some sidecar has it in its file."""

    limits: Limits
    zone: str
    anchor_day: int
    conditional: bool
    release: bool
    lease_us: int


class Part(NamedTuple):
    """One Subject's part of a step, in terms of what the sidecar last heard."""

    plan: int
    cost: int
    generation: int
    """0: as last heard; 1: unknown; 2: a wrong one."""
    number: int
    """Added to the last number: 0 and below are repeated and late calls."""
    label: int
    """Which two days the numbers name: those last heard, shifted by one, or strange ones."""
    closed: tuple[int, int]
    given_back: tuple[int, int]
    ahead: int
    spent: int
    returned: int
    honest: int
    """0: the numbers are sent as they stand; 1: added to what was said before, within what was heard; 2: all
    that is held and leased is settled, and who only settles leaves."""
    heard: int
    """Added to the number and version last heard: above 0 the store has forgotten something."""
    remembers: int
    """0: nothing is said; 1: what was heard; else so much more than that."""


class Change(NamedTuple):
    """What an admin or a journal brings."""

    kind: int
    """0: nothing; 1: a top-up; 2: a reset; 3: a replay."""
    version: int
    window: Window
    amount: int
    until: int


class Step(NamedTuple):
    """Time passes, something may be lost, one sidecar calls."""

    until: int
    """1: the time becomes the end of the day last heard of, 2: of the month, 3: of the Entry, 4: of its
    Lease; 0: stays."""
    elapsed_us: int
    """Passes after that."""
    skew_us: int
    """How far the sidecar's idea of the time, and so its windows, is off."""
    sidecar: int
    settle_only: bool
    lost: int
    """1: the first Subject's hash vanishes; 2: its total; 3: a replica is cut off; 4: it is promoted;
    anything else: nothing."""
    parts: dict[int, Part]
    change: Change


def mostly(usual: st.SearchStrategy[int], *odd: int) -> st.SearchStrategy[int]:
    return st.one_of(usual, usual, usual, st.sampled_from(odd))


SMALL = st.integers(0, 6)
QUOTA = st.sampled_from([*[-1] * 8, 0, 1, 3, 5, 10, 20, 50, 100, HUGE, -2, -3, -12, -52, -HUGE])
LIMITS = st.builds(
    Limits,
    version=st.sampled_from([0, 0, 0, 0, 1, 2, 3]),
    rate_rps=st.sampled_from([-1, -1, -1, -1, -1, 0, 1, 3, 7, 7, 1000, 2**31 - 1]),
    burst=st.sampled_from([-1, 0, 1, 4, 10, 20, 20, 50, 50, 2**31 - 1]),
    day=QUOTA,
    month=QUOTA,
    total=QUOTA,
)
PLANS = st.lists(
    st.builds(
        Plan,
        LIMITS,
        st.sampled_from(ZONES),
        st.sampled_from([1, 1, 15, 31]),
        st.booleans(),
        st.booleans(),
        st.sampled_from([0, SECOND_US, 20 * SECOND_US, HOUR_US, HOUR_US]),
    ),
    min_size=1,
    max_size=4,
)


def odd(usual: int, *rare: int) -> st.SearchStrategy[int]:
    return st.sampled_from([*[usual] * 6 * len(rare), *rare])


PARTS = {
    calm: st.builds(
        Part,
        plan=st.integers(0, 3),
        cost=st.integers(0, 2) if calm else mostly(SMALL, 0, 30, 2**40, LEAVE),
        generation=st.just(0) if calm else odd(0, 1, 2),
        number=st.just(1) if calm else odd(1, 0, -1, 5),
        label=st.just(0) if calm else odd(0, 1, 2),
        closed=st.tuples(SMALL, SMALL),
        given_back=st.tuples(SMALL, SMALL),
        ahead=st.sampled_from([0, 1, 5, 5, 5, 20, 2**40]),
        spent=SMALL,
        returned=SMALL,
        honest=st.sampled_from([1, 1, 1, 2] if calm else [0, 1]),
        heard=odd(0, 0, 1),
        remembers=st.sampled_from([0, 1, 1, 1, 4]),
    )
    for calm in (True, False)
}
CHANGES = {
    calm: st.builds(
        Change,
        kind=st.sampled_from([*[0] * 8, 1, 2, 2]) if calm else st.sampled_from([0, 0, 0, 1, 2, 3]),
        version=st.integers(1, 20),
        window=st.sampled_from(list(Window)),
        amount=st.integers(1, 9),
        until=st.sampled_from([0, -1, -1, SECOND_US, DAY_US]),
    )
    for calm in (True, False)
}
STEPS = {
    calm: st.builds(
        Step,
        until=st.sampled_from([*[0] * 15, 3, 4, 4, 4]) if calm else odd(0, 1, 1, 1, 2, 3, 4),
        elapsed_us=odd(0, 1, 333_333, SECOND_US, 15 * SECOND_US) if calm else st.sampled_from(TIMES_US),
        skew_us=st.just(0) if calm else st.sampled_from(SKEWS_US),
        sidecar=st.sampled_from([1, 1, 1, 2, 2, 3, 4]),
        settle_only=st.sampled_from([False, False, False, True]),
        lost=st.sampled_from([*[0] * 9, 3, 3, 4]) if calm else st.integers(0, 25),
        parts=st.builds(lambda part: {0: part}, PARTS[calm])
        if calm
        else st.dictionaries(st.sampled_from([0, 0, 0, 1, 2]), PARTS[calm], min_size=1, max_size=3),
        change=CHANGES[calm],
    )
    for calm in (True, False)
}
"""In calm lives only failovers disturb sidecars that tell the truth; in the others anything may happen."""
LIVES = st.booleans().flatmap(lambda calm: st.lists(STEPS[calm], min_size=12, max_size=40))


class Own(NamedTuple):
    """What a sidecar says it did with units of one day, under one generation."""

    closed: int = 0
    given_back: int = 0
    spent: int = 0
    returned: int = 0


class Life:
    """What the sidecars heard so far, and the calls they make of it."""

    def __init__(self, twins: Twins, plans: list[Plan], holds_us: list[int]) -> None:
        self.twins = twins
        self.plans = plans
        self.holds_us = holds_us
        self.heard: dict[tuple[int, int], Answer] = {}
        self.numbers: dict[tuple[int, int], int] = {}
        self.answered: dict[tuple[int, int], int] = {}
        self.told: dict[tuple[int, int, int, int], Own] = {}

    def take(self, step: Step) -> None:
        """One step on both sides."""
        self.pass_time(step)
        if step.lost in (1, 2):
            self.twins.lose(subject(0), total=step.lost == 2)
        elif step.lost == 3:
            self.twins.snapshot(subject(0))
        elif step.lost == 4:
            self.twins.fail_over(subject(0))
        self.change(step)
        for index in step.parts:
            self.twins.usage(subject(index))
        calls = [self.call(step, index, part) for index, part in step.parts.items()]
        answers = self.twins.submit(
            calls, step.sidecar, settle_only=step.settle_only, hold_us=self.holds_us[step.sidecar - 1]
        )
        for index, answer in zip(step.parts, answers, strict=True):
            if answer.status != AnswerStatus.STATE_LOST:
                self.heard[step.sidecar, index] = answer
                self.answered[step.sidecar, index] = self.numbers[step.sidecar, index]

    def change(self, step: Step) -> None:
        """What an admin or a journal brings, before anybody calls."""
        change, part = step.change, next(iter(step.parts.values()))
        until_us = change.until if change.until <= 0 else self.twins.now_us + change.until
        asked = self.terms(part.plan, step.skew_us)
        if change.kind == 1:
            self.twins.adjust(TopUp(change.version, change.window, change.amount, until_us), asked)
        elif change.kind == 2:
            windows = frozenset(window for window in Window if window >= change.window)
            self.twins.adjust(Reset(change.version, windows), asked)
        elif change.kind == 3:
            heard = self.heard.get((step.sidecar, 0))
            ends_us = (heard.day_end_us, heard.previous_day_end_us) if heard else (asked.windows.day_end_us,)
            end_us = ends_us[change.version % len(ends_us)]
            self.twins.replay(Replay(end_us + change.version // 6, change.amount), asked)

    def pass_time(self, step: Step) -> None:
        """To an edge, where off-by-one errors live, or by a plain while."""
        heard = self.heard.get((step.sidecar, 0))
        if heard is not None and heard.day_end_us and step.until:
            expires_us = heard.now_us + self.holds_us[step.sidecar - 1]
            lease_end_us = heard.now_us + self.plan(step.parts).lease_us
            ends_us = (heard.day_end_us, heard.month_end_us, expires_us, lease_end_us)
            self.twins.at(ends_us[step.until - 1])
        self.twins.pass_time(step.elapsed_us)

    def call(self, step: Step, index: int, part: Part) -> Call:
        """The Call of one part."""
        who = (step.sidecar, index)
        heard = self.heard.get(who)
        number = self.numbers.get(who, 0) + part.number
        self.numbers[who] = max(number, self.numbers.get(who, 0))
        known = heard.generation if heard else 0
        days = (heard.day_end_us, heard.previous_day_end_us) if heard else (0, 0)
        shifted = (days, (days[1], days[0]), (0, days[0] + 1))[part.label]
        own = self.own(who, part, heard)
        cost = LEAVE if step.settle_only and part.honest == 2 else part.cost
        return Call(
            subject(index),
            self.terms(part.plan, step.skew_us),
            cost if step.settle_only else max(0, cost),
            (known, 0, known + 1)[part.generation],
            number,
            DayNumbers(shifted[0], own.closed, own.given_back),
            DayNumbers(shifted[1], part.closed[1], part.given_back[1]),
            self.answered.get(who, 0) + part.heard,
            heard.version + part.heard if heard else 0,
            part.ahead,
            own.spent,
            own.returned,
            memory_of(heard, part.remembers),
        )

    def own(self, who: tuple[int, int], part: Part, heard: Answer | None) -> Own:
        """What the sidecar says of its units of the day last heard of."""
        raw = Own(part.closed[0], part.given_back[0], part.spent, part.returned)
        if heard is None or not part.honest:
            return raw
        key = (*who, heard.generation, heard.day_end_us)
        before = self.told.get(key, Own())
        holds = heard.entry_granted - heard.entry_at_once
        closed = holds if part.honest == 2 else min(holds, before.closed + raw.closed)
        spent = min(before.spent + raw.spent, heard.entry_ahead - before.returned)
        left = max(0, heard.entry_ahead - spent)
        returned = left if part.honest == 2 else min(before.returned + raw.returned, left)
        more = min(closed - before.closed, raw.given_back) + returned - before.returned
        self.told[key] = Own(closed, before.given_back + more, spent, returned)
        return self.told[key]

    def plan(self, parts: dict[int, Part]) -> Plan:
        """The plan of the first part."""
        return self.plans[next(iter(parts.values())).plan % len(self.plans)]

    def terms(self, index: int, skew_us: int) -> Terms:
        """What the sidecar's file and its idea of the time imply."""
        plan = self.plans[index % len(self.plans)]
        made = windows(self.twins.now_us + skew_us, plan.zone, plan.anchor_day)
        return Terms(plan.limits, made, plan.conditional, plan.release, plan.lease_us)


def memory_of(heard: Answer | None, remembers: int) -> Memory | None:
    """What a sidecar remembers of what it last heard, and a little more."""
    if heard is None or not remembers:
        return None
    more = remembers - 1
    return Memory(
        heard.now_us,
        heard.entry_granted + more,
        heard.entry_at_once + more // 2,
        heard.entry_ahead,
        heard.entry_previous_granted,
        heard.entry_previous_at_once,
        heard.day_charged + heard.day_open + more,
        heard.month_end_us,
        heard.month_charged + heard.month_open + more,
        heard.total_charged + heard.total_open + more,
    )


@pytest.mark.timeout(60 + 10 * EXAMPLES)
@given(
    plans=PLANS,
    holds_us=st.lists(st.sampled_from(HOLDS_US), min_size=4, max_size=4),
    steps=LIVES,
)
@settings(max_examples=EXAMPLES, phases=PHASES, report_multiple_bugs=False)
def test_lua_and_reference_never_differ(
    lua_server: StoreServer, plans: list[Plan], holds_us: list[int], steps: list[Step]
) -> None:
    """Whatever happens in whatever order, both answer and keep the same, within all limits."""
    with lua_server.client() as client:
        life = Life(Twins(client), plans, holds_us)
        for step in steps:
            life.take(step)
