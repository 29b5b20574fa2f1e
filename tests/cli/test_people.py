import click
import pytest

from quotad.cli.people import assigned, given
from tests.support.desks import Shell


def test_fields_by_name() -> None:
    """A value is JSON, or text where it is none; what was not said is not there."""
    assert assigned(["rateRps=5", "timezone=Europe/Berlin", "lease=null", 'x=["2xx"]', "y=a=b"]) == {
        "rateRps": 5,
        "timezone": "Europe/Berlin",
        "lease": None,
        "x": ["2xx"],
        "y": "a=b",
    }
    with pytest.raises(click.UsageError):
        assigned(["rateRps"])
    assert given(a=None, b=0) == {"b": 0}


def test_a_page_of_a_list(shell: Shell) -> None:
    """JSON has the number of all; a table says on stderr that there are more."""
    for name in ("one", "two", "three"):
        shell("plan", "create", name)
    assert [row.split()[1] for row in shell("plan", "list", "--limit", "2").splitlines()[1:]] == [
        "one",
        "two",
    ]
    assert shell.err == "2 of 3: --limit and --offset choose others\n"
    found = shell.json("plan", "list", "--offset", "1")
    assert (found["totalCount"], [each["usagePlanName"] for each in found["plans"]]) == (3, ["two", "three"])
    assert shell.json("plan", "list", "--search", "THREE")["totalCount"] == 1
    assert shell.err == ""
