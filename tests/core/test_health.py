"""Tables of what happens to a backend: at each second what it did, and whether it is in."""

from dataclasses import replace

import pytest

from quotad.config.health_model import CheckRules, HealthRules
from quotad.core.health import LEAST_SHARE, Health

RULES = HealthRules(failures=3, ejection_s=10.0, max_ejection_s=35.0, return_s=10.0)
CHECKED = HealthRules(failures=0, return_s=10.0, check=CheckRules("/", rise=2, fall=3))

Step = tuple[float, str, str]
"""When, what happened (``lost``: no answer; ``said``: one that is a failure; ``ok``; ``-``: nothing), and
whether it is in afterwards, with its share when that is not whole."""

STORIES: list[tuple[str, HealthRules, list[Step]]] = [
    ("failures in a row eject", RULES, [(0, "lost", "in"), (1, "said", "in"), (2, "lost", "out")]),
    (
        "an answer between them starts the count anew",
        RULES,
        [(0, "lost", "in"), (1, "lost", "in"), (2, "ok", "in"), (3, "lost", "in"), (4, "lost", "in")],
    ),
    ("0 failures eject nobody", replace(RULES, failures=0), [(each, "lost", "in") for each in range(9)]),
    (
        "it comes back by its time, with a share that grows",
        RULES,
        [
            *[(0, "lost", "in"), (0, "lost", "in"), (0, "lost", "out")],
            *[(9.9, "-", "out"), (10, "-", "0.1"), (12.5, "-", "0.25"), (15, "-", "0.5"), (20, "-", "in")],
        ],
    ),
    (
        "failures while it is out change nothing",
        RULES,
        [(0, "lost", "in"), (0, "lost", "in"), (0, "lost", "out"), (5, "lost", "out"), (20, "lost", "in")],
    ),
    (
        "while it comes back two failures without an answer are enough, and it is out for twice as long",
        RULES,
        [
            *[(0, "lost", "in"), (0, "lost", "in"), (0, "lost", "out"), (10, "lost", "0.1")],
            *[(11, "lost", "out"), (30.9, "-", "out"), (31, "lost", "0.1"), (31, "lost", "out")],
            # 40 s would be next, but 35 s is the most.
            *[(65.9, "-", "out"), (66, "-", "0.1")],
        ],
    ),
    (
        "while it comes back answers that are failures count as ever",
        RULES,
        [
            *[(0, "lost", "in"), (0, "lost", "in"), (0, "lost", "out")],
            *[(10, "said", "0.1"), (10, "said", "0.1"), (10, "ok", "0.1"), (11, "said", "0.1")],
        ],
    ),
    (
        "one that stayed longer than it was out begins with the first time again",
        RULES,
        [
            *[(0, "lost", "in"), (0, "lost", "in"), (0, "lost", "out")],
            *[(20.5, "lost", "in"), (20.5, "lost", "in"), (20.5, "lost", "out"), (30.4, "-", "out")],
            (30.5, "-", "0.1"),
        ],
    ),
    (
        "0 seconds of return are a whole share at once",
        replace(RULES, return_s=0.0),
        [(0, "lost", "in"), (0, "lost", "in"), (0, "lost", "out"), (10, "-", "in")],
    ),
    ("the first check decides alone", CHECKED, [(0, "bad", "out"), (1, "good", "out"), (2, "good", "0.1")]),
    (
        "later ones decide in a row",
        CHECKED,
        [
            *[(0, "good", "in"), (1, "bad", "in"), (2, "bad", "in"), (3, "good", "in"), (4, "bad", "in")],
            *[(5, "bad", "in"), (6, "bad", "out"), (7, "good", "out"), (8, "bad", "out"), (9, "good", "out")],
            *[(10, "good", "0.1"), (15, "good", "0.5"), (20, "good", "in")],
        ],
    ),
    (
        "checks do not end an ejection, nor its end a check's word",
        replace(CHECKED, failures=1),
        [
            *[(0, "good", "in"), (1, "lost", "out"), (2, "good", "out"), (3, "good", "out")],
            *[(4, "bad", "out"), (5, "bad", "out"), (6, "bad", "out"), (12, "-", "out")],
            *[(13, "good", "out"), (14, "good", "0.1")],
        ],
    ),
]


@pytest.mark.parametrize(("rules", "steps"), [row[1:] for row in STORIES], ids=[row[0] for row in STORIES])
def test_stories(rules: HealthRules, steps: list[Step]) -> None:
    """What a backend did decides whether it gets requests, and how many."""
    health = Health(rules)
    for now_s, event, expected in steps:
        before = health.is_out(now_s)
        if event in ("lost", "said"):
            ejected = health.failed(now_s, answered=event == "said")
            assert ejected == (health.is_out(now_s) and not before), now_s
        elif event in ("good", "bad"):
            changed = health.checked(event == "good", now_s)
            assert changed == (health.down != before) or health.ejections, now_s
        elif event == "ok":
            health.failures = 0
        share = health.share(now_s)
        assert ("out" if not share else "in" if share == 1.0 else str(share)) == expected, now_s
        assert health.troubled == (share < 1.0)


def test_a_share_is_a_part_of_the_turns() -> None:
    """With a share of a half it takes every second turn, with the least one in ten, out none."""
    health = Health(RULES)
    for _ in range(3):
        health.failed(0.0, answered=False)
    for now_s, taken in ((5.0, 0), (15.0, 500), (10.0, 1000 * LEAST_SHARE), (20.0, 1000)):
        assert abs(sum(health.admits(now_s) for _ in range(1000)) - taken) <= 1


def test_without_check_rules_nothing_is_asked() -> None:
    """A word of a check that nobody asked for changes nothing."""
    health = Health(RULES)
    assert not health.checked(good=False, now_s=0.0)
    assert not health.is_out(0.0)
