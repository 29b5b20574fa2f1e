"""What the table shows."""

from tests.chaos.case import Case, Ended
from tests.chaos.checker import Findings
from tests.chaos.history import Bounds, Fault
from tests.chaos.plans import all_answers
from tests.chaos.report import COLUMNS, complaints, figures, markdown, progress
from tests.chaos.world import World


async def nothing(_world: World) -> None:
    """No fault."""


CASE = Case("kill", "a process dies", (all_answers(1000),), nothing)
FAULT = Fault(1.0, 2.0, {"processes killed": 1}, "a note")


def ended(*problems: str) -> Ended:
    """A run with one plan that has these problems."""
    found = Findings(
        *("usagePlan-all", 1200, 999, 999, 1000),
        over=0,
        lost=0,
        stranded=1,
        failed=5,
        recover_s=0.25,
        bounds=Bounds(stranded=4, why="in its hands"),
        problems=problems,
    )
    return Ended(CASE, [found], FAULT, (), 3.0)


def cells(table: str) -> dict[str, str]:
    """The first row by its columns."""
    row = table.splitlines()[2]
    return dict(zip(COLUMNS, (cell.strip() for cell in row.strip("|").split("|")), strict=True))


def test_a_row_has_every_number_and_its_bound() -> None:
    """What was found stands beside what is promised."""
    assert cells(figures([ended()])) == {
        "case": "a process dies",
        "plan": "all",
        "requests": "1,200",
        "failed": "5",
        "admitted": "999",
        "counted": "999",
        "limit": "1,000",
        "over-admitted": "0",
        "lost": "0",
        "stranded": "1 / 4",
        "recovered after": "0.25 s",
        "hit": "1 processes killed",
        "verdict": "held",
    }


def test_a_failure_is_shown_and_said() -> None:
    """The row, the progress line and the page name it."""
    bad = ended("lost 3, at most 0 promised")
    assert bad.failed
    assert cells(figures([bad]))["verdict"] == "FAILED"
    assert list(complaints(bad)) == ["kill: all: lost 3, at most 0 promised"]
    assert progress(bad).startswith("FAILED kill")
    page = markdown([ended(), bad], "make chaos", "Valkey 9")
    assert "1 of 2 cases held." in page
    assert "- kill: all: lost 3, at most 0 promised" in page
    assert "- a process dies: in its hands" in page
    assert "- a process dies: a note" in page


def test_a_run_that_broke_has_a_row() -> None:
    """A case without findings is a failed one, not a missing one."""
    broken = Ended(CASE, [], FAULT, ("the run broke: OSError: no",), 1.0)
    assert broken.failed
    assert cells(figures([broken]))["verdict"] == "FAILED"
