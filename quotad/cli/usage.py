"""``quotad usage``: what is in use, what was, and corrections of it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from quotad.cli import reach
from quotad.cli.people import tell_page
from quotad.cli.show import show_json

if TYPE_CHECKING:
    from quotad.client.admin import Place

_F = TypeVar("_F", bound=Callable[..., Any])

_FILTERS = {"plan": "usagePlanId", "service": "serviceId", "environment": "environment"}
_COLUMNS = ("usagePlanId", "serviceId", "environment", "secretId", "shadow", "day", "month", "total")
_WINDOWS = click.Choice(["day", "month", "total"])


@click.group()
def usage() -> None:
    """Read use and its history, reset and top up, through an admin port."""


@usage.command(epilog=reach.HELP)
@reach.asks_admin
@click.option("--plan", metavar="ID", help="Only of this usagePlanId.")
@click.option("--service", metavar="ID", help="Only of this serviceId.")
@click.option("--environment", metavar="NAME", help="Only of this one.")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True)
@click.option("--offset", type=click.IntRange(0), default=0, show_default=True)
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
def show(output: str, limit: int, offset: int, **said: Any) -> None:
    """What is in use now, of what there is: a row for each plan, service and environment.

    \b
    Example:
      quotad usage show -c quotad.yaml --plan usagePlan-starter1
    """
    asked = {name: said.pop(option) for option, name in _FILTERS.items()}
    query = {name: value for name, value in asked.items() if value is not None}
    port = reach.admin_port(**said)
    found = port.get("/v1/usage", {**query, "limit": str(limit), "offset": str(offset)})
    if output == "json":
        show_json(found)
        return
    rows = [{**row, **{name: _used(each) for name, each in row["windows"].items()}} for row in found["usage"]]
    tell_page(found["totalCount"], rows, output, "usage", _COLUMNS)


def _used(window: dict[str, Any]) -> str:
    """``7 of 100``; a limit of -1 is none."""
    return str(window["inUse"]) if window["max"] < 0 else f"{window['inUse']} of {window['max']}"


def _subject(*, required: bool) -> Callable[[_F], _F]:
    options = (
        click.option("--plan", metavar="ID", required=required, help="usagePlanId."),
        click.option("--service", metavar="ID", required=required, help="serviceId."),
        click.option("--environment", metavar="NAME", required=required, help="release, prepub or test."),
        click.option("--secret", metavar="ID", help="SecretId, where each has counters of its own."),
        click.option("--shadow", is_flag=True, help="The counters of a shadow plan."),
    )

    def add(command: _F) -> _F:
        for option in reversed(options):
            command = option(command)
        return command

    return add


_TOLD = (
    click.option("--reason", required=True, help="For the audit log."),
    click.option("--key", metavar="KEY", default="", help="Sent again with the same KEY, it is made once."),
)


@usage.command(epilog=reach.HELP)
@reach.asks_admin
@_subject(required=False)
@click.option("--unit", type=click.Choice(["day", "hour"]), default="day", show_default=True)
@click.option("--from", "start", metavar="DATE", help="Or a time, for hours.")
@click.option("--to", "end", metavar="DATE")
def history(unit: str, start: str | None, end: str | None, **said: Any) -> int:
    """Use by day (400 days back) or hour (8 days back).

    \b
    Example:
      quotad usage history --admin http://127.0.0.1:9901 --plan usagePlan-starter1 --from 2026-11-01
    """
    from quotad.client.admin import history as show

    place = _place(said)
    return show(reach.admin_port(**said), place, unit, start, end)


@usage.command(epilog=reach.HELP)
@reach.asks_admin
@_subject(required=True)
@click.option("--window", "windows", type=_WINDOWS, multiple=True, required=True, help="May be repeated.")
@_TOLD[0]
@_TOLD[1]
def reset(windows: tuple[str, ...], reason: str, key: str, **said: Any) -> int:
    """Set use to 0 in one or several windows.

    \b
    Example:
      quotad usage reset -c quotad.yaml --plan usagePlan-starter1 --service service-orders01 \\
        --environment release --window day --reason "an outage of ours"
    """
    from quotad.client.admin import change

    place = _place(said)
    return change(reach.admin_port(**said), "reset", place, {"windows": list(windows), "reason": reason}, key)


@usage.command("top-up", epilog=reach.HELP)
@reach.asks_admin
@_subject(required=True)
@click.option("--window", type=_WINDOWS, required=True)
@click.option("--amount", type=int, required=True, metavar="N", help="Requests.")
@click.option("--until", required=True, metavar="END", help="windowEnd, never or an RFC 3339 time.")
@_TOLD[0]
@_TOLD[1]
def top_up(reason: str, key: str, window: str, amount: int, until: str, **said: Any) -> int:
    """Raise a quota once.

    \b
    Example:
      quotad usage top-up -c quotad.yaml --plan usagePlan-starter1 --service service-orders01 \\
        --environment release --window month --amount 5000 --until windowEnd --reason "bought more"
    """
    from quotad.client.admin import change

    place = _place(said)
    told = {"window": window, "amount": amount, "until": until, "reason": reason}
    return change(reach.admin_port(**said), "top-up", place, told, key)


def _place(said: dict[str, Any]) -> "Place":
    """Takes its options out of ``said``; those of the admin port stay."""
    from quotad.client.admin import Place

    return Place(*(said.pop(name) for name in ("plan", "service", "environment", "secret", "shadow")))
