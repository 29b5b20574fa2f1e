"""``quotad plan``: what callers bought."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from quotad.cli.people import asked, assigned, given, on_records, paged, tell, tell_page
from quotad.cli.reach import Group, Reach
from quotad.client.paths import PLANS, one

_F = TypeVar("_F", bound=Callable[..., Any])

_LIMITS = ("rateRps", "dayQuotaRequest", "monthQuotaRequest", "maxRequestNum")
_COLUMNS = ("usagePlanId", "usagePlanName", *_LIMITS, "secretCount")


def _limits(command: _F) -> _F:
    options = (
        click.option("--rate", type=int, metavar="N", help="Requests a second; -1: no limit."),
        click.option("--burst", type=int, metavar="N", help="Requests at one instant (default: --rate)."),
        click.option("--day", type=int, metavar="N", help="Requests a calendar day."),
        click.option("--month", type=int, metavar="N", help="Requests a calendar month."),
        click.option("--total", type=int, metavar="N", help="Requests in all, ever."),
        click.option("--desc", metavar="TEXT", help="For people."),
        click.option(
            "--set",
            "fields",
            multiple=True,
            metavar="FIELD=VALUE",
            help="Another field; null: its default.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def _values(said: dict[str, Any]) -> dict[str, Any]:
    named = given(
        rateRps=said["rate"],
        burst=said["burst"],
        dayQuotaRequest=said["day"],
        monthQuotaRequest=said["month"],
        maxRequestNum=said["total"],
        usagePlanDesc=said["desc"],
    )
    return {**named, **assigned(said["fields"])}


@click.group(cls=Group)
def plan() -> None:
    """Usage plans: how much, for whoever is bound to one (`quotad bind`)."""


@plan.command()
@on_records
@click.argument("name")
@click.option("--id", "plan_id", metavar="ID", help="Default: one that quotad makes.")
@_limits
def create(reach: Reach, output: str, name: str, plan_id: str | None, **said: Any) -> None:
    """Make a plan. A limit that is not given is none.

    \b
    Examples:
      quotad plan create starter --rate 10 --day 1000
      quotad plan create gold --month 100000 --set timezone=Europe/Berlin --set 'quotaCondition=["2xx"]'
    """
    values = {"usagePlanName": name, **given(usagePlanId=plan_id), **_values(said)}
    tell(asked(reach, lambda port: port.post(PLANS, values)), output)


@plan.command()
@on_records
@click.argument("plan_id", metavar="ID")
@click.option("--name", metavar="TEXT", help="Another name.")
@_limits
def modify(reach: Reach, output: str, plan_id: str, name: str | None, **said: Any) -> None:
    """Change a plan; what is not given stays, and what was used stays used.

    \b
    Example:
      quotad plan modify usagePlan-ab12cd34 --day 2000
    """
    values = {**given(usagePlanName=name), **_values(said)}
    tell(asked(reach, lambda port: port.patch(one(PLANS, plan_id), values)), output)


@plan.command("list")
@on_records
@paged
def list_(reach: Reach, output: str, search: str | None, limit: int | None, offset: int) -> None:
    """List plans, the oldest first.

    \b
    Example:
      quotad plan list --search gold -o json
    """
    query = {"search": search, "offset": offset}
    total, rows = asked(reach, lambda port: port.rows(PLANS, "plans", query, limit))
    if output == "table":
        rows = [{**row, **{name: None for name in _LIMITS if row[name] < 0}} for row in rows]
    tell_page(total, rows, output, "plans", _COLUMNS)


@plan.command()
@on_records
@click.argument("plan_id", metavar="ID")
def show(reach: Reach, output: str, plan_id: str) -> None:
    """Print all of a plan, and where it is bound.

    \b
    Example:
      quotad plan show usagePlan-ab12cd34
    """
    tell(asked(reach, lambda port: port.get(one(PLANS, plan_id))), output)


@plan.command()
@click.argument("plan_id", metavar="ID")
@on_records
def delete(reach: Reach, output: str, plan_id: str) -> None:
    """Delete a plan that is bound to nothing; its counters go too.

    \b
    Example:
      quotad plan delete usagePlan-ab12cd34
    """
    asked(reach, lambda port: port.delete(one(PLANS, plan_id)))
    tell({"deleted": plan_id}, output)
