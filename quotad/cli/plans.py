"""``quotad plan``: what callers bought."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from quotad.cli.people import assigned, done_by, given, on_records, paged, tell, tell_page

_F = TypeVar("_F", bound=Callable[..., Any])

_COLUMNS = (
    "usagePlanId",
    "usagePlanName",
    "rateRps",
    "dayQuotaRequest",
    "monthQuotaRequest",
    "maxRequestNum",
)


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


@click.group()
def plan() -> None:
    """Usage plans: how much, for whoever is bound to one (`quotad bind`)."""


@plan.command()
@on_records
@click.argument("name")
@click.option("--id", "plan_id", metavar="ID", help="Default: one that quotad makes.")
@_limits
def create(config: Path, output: str, name: str, plan_id: str | None, **said: Any) -> None:
    """Make a plan. A limit that is not given is none.

    \b
    Examples:
      quotad plan create starter --rate 10 --day 1000
      quotad plan create gold --month 100000 --set timezone=Europe/Berlin --set 'quotaCondition=["2xx"]'
    """
    values = {"usagePlanName": name, **given(usagePlanId=plan_id), **_values(said)}
    tell(done_by(config, lambda desk, asker: desk.create_plan(asker, values)), output)


@plan.command()
@on_records
@click.argument("plan_id", metavar="ID")
@click.option("--name", metavar="TEXT", help="Another name.")
@_limits
def modify(config: Path, output: str, plan_id: str, name: str | None, **said: Any) -> None:
    """Change a plan; what is not given stays, and what was used stays used.

    \b
    Example:
      quotad plan modify usagePlan-ab12cd34 --day 2000
    """
    values = {**given(usagePlanName=name), **_values(said)}
    tell(done_by(config, lambda desk, asker: desk.modify_plan(asker, plan_id, values)), output)


@plan.command("list")
@on_records
@paged
def list_(config: Path, output: str, search: str, limit: int, offset: int) -> None:
    """List plans, the oldest first.

    \b
    Example:
      quotad plan list --search gold -o json
    """
    from quotad.controlplane.replica import Page, Where

    where = Where().has(("name", "id"), search)
    total, rows = done_by(config, lambda desk, _: desk.plans(where, Page(limit, offset)))
    tell_page(total, rows, output, "plans", _COLUMNS)


@plan.command()
@on_records
@click.argument("plan_id", metavar="ID")
def show(config: Path, output: str, plan_id: str) -> None:
    """Print all of a plan, and where it is bound."""
    tell(done_by(config, lambda desk, _: desk.plan(plan_id)), output)


@plan.command()
@click.argument("plan_id", metavar="ID")
@on_records
def delete(config: Path, output: str, plan_id: str) -> None:
    """Delete a plan that is bound to nothing; its counters go too."""
    done_by(config, lambda desk, asker: desk.delete_plan(asker, plan_id))
    tell({"deleted": plan_id}, output)
