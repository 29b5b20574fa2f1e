"""What is aimed at, and what is said of it."""

from bench.findings import Aim, Finding, remarks, shown, summary, verdicts

CPU = Aim(1, "CPU", 0.45, "x", first=0.6)
SPEED = Aim(2, "requests/s", 2, "x", at_least=True)


def test_the_median_of_the_rounds_is_judged() -> None:
    """One bad round does not make the verdict, and one good one does not either."""
    assert Finding(CPU, "pure", [0.44, 0.45, 2.0]).verdict == "met"
    assert Finding(CPU, "pure", [0.1, 0.46, 0.47]).verdict == "NOT MET"
    assert Finding(SPEED, "pure", [1.9, 2.0, 2.1]).verdict == "met"
    assert Finding(SPEED, "pure", [1.99]).verdict == "NOT MET"


def test_a_figure_is_judged_as_it_is_shown() -> None:
    """Nobody reads 0.45 beside "at most 0.45" and finds it not met."""
    found = Finding(CPU, "pure", [0.4501])
    assert (found.words, found.verdict) == ("0.45x", "met")


def test_what_says_nothing_is_neither_met_nor_not() -> None:
    """A run that was not valid shows its figure and why it does not count."""
    found = Finding(CPU, "pure", [0.1], invalid="3 requests were not sent when due")
    assert found.verdict == "not valid"
    assert "3 requests were not sent when due" in found.remarks
    assert summary([found], "pure") == "pure: 0 of 1 aims met"


def test_a_first_bound_is_told_beside_the_aim() -> None:
    """Missing the aim is one thing, missing what was promised before another."""
    assert Finding(CPU, "pure", [0.5]).remarks == "first bound 0.6: met"
    assert Finding(CPU, "pure", [0.7]).remarks == "first bound 0.6: NOT MET"


def test_the_table_has_a_line_for_each_aim_in_the_order_of_rows() -> None:
    """Builds stand beside each other; one that was not measured is a dash."""
    found = [
        Finding(SPEED, "compiled", [3.0, 4.0]),
        Finding(CPU, "pure", [0.5]),
        Finding(CPU, "compiled", [0.4]),
    ]
    _, _, first, second = verdicts(found).splitlines()
    assert [cell.strip() for cell in first.split("|")[1:-1]] == [
        *("1", "CPU", "at most 0.45x", "0.40x", "met", "0.50x", "NOT MET")
    ]
    assert [cell.strip() for cell in second.split("|")[3:-1]] == [
        *("at least 2x", "3.50x (3.00 - 4.00)", "met", "-", "")
    ]
    assert remarks(found).startswith("- 1, CPU, pure: first bound")


def test_figures_have_as_many_digits_as_they_are_worth() -> None:
    """Small ones two after the point, large ones none."""
    assert [shown(value) for value in (0.123, 12.34, 123.4)] == ["0.12", "12.3", "123"]
