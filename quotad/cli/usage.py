"""``quotad usage``: what is in use, what was, and corrections of it; ``quotad explain``: why not."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from quotad.cli.people import asked, given, on_records, output_option, tell, tell_page
from quotad.cli.reach import Asking, Group, Reach, reaches
from quotad.cli.show import show_json
from quotad.client.paths import EXPLAIN, USAGE, one

_F = TypeVar("_F", bound=Callable[..., Any])

_NAMES = {
    "plan": "usagePlanId",
    "service": "serviceId",
    "environment": "environment",
    "api": "apiId",
    "secret": "secretId",
    "shadow": "shadow",
}
_COLUMNS = ("usagePlanId", "serviceId", "environment", "apiId", "secretId", "shadow", "day", "month", "total")
_WINDOWS = click.Choice(["day", "month", "total"])
_HISTORY_PAGE = 100


@click.group(cls=Group)
def usage() -> None:
    """Read use and its history, reset and top up."""


def _subject(*, required: bool = False, whole: bool = True) -> Callable[[_F], _F]:
    options = [
        click.option("--plan", metavar="ID", required=required, help="usagePlanId."),
        click.option("--service", metavar="ID", required=required, help="serviceId."),
        click.option("--environment", metavar="NAME", required=required, help="release, prepub or test."),
        click.option("--api", metavar="ID", help="apiId, where plans are bound to single Apis."),
    ]
    if whole:
        options += [
            click.option("--secret", metavar="ID", help="SecretId, where each has counters of its own."),
            click.option("--shadow", is_flag=True, default=None, help="The counters of a shadow plan."),
        ]

    def add(command: _F) -> _F:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def _named(said: dict[str, Any]) -> dict[str, Any]:
    return given(**{_NAMES[name]: value for name, value in said.items()})


@usage.command()
@on_records
@_subject(whole=False)
@click.option("--limit", type=click.IntRange(1), metavar="N", help="So many (default: all).")
@click.option("--offset", type=click.IntRange(0), default=0, metavar="N", help="After so many.")
def show(reach: Reach, output: str, limit: int | None, offset: int, **said: Any) -> None:
    """What is in use now, of what there is: a row for each plan, service and environment.

    \b
    Example:
      quotad usage show --plan usagePlan-starter1
    """
    query = {**_named(said), "offset": offset}
    total, rows = asked(reach, lambda port: port.rows(USAGE, "usage", query, limit))
    if output == "table":
        rows = [{**row, **{name: _used(each) for name, each in row["windows"].items()}} for row in rows]
    tell_page(total, rows, output, "usage", _COLUMNS)


def _used(window: dict[str, Any]) -> str:
    """``7 of 100``; a limit of -1 is none."""
    return str(window["inUse"]) if window["max"] < 0 else f"{window['inUse']} of {window['max']}"


@usage.command()
@on_records
@_subject()
@click.option("--unit", type=click.Choice(["day", "hour"]), default="day", show_default=True)
@click.option("--from", "start", metavar="DATE", help="Or a time, for hours.")
@click.option("--to", "end", metavar="DATE", help="The last one; a time, for hours.")
def history(reach: Reach, output: str, unit: str, start: str | None, end: str | None, **said: Any) -> None:
    """Use by day (400 days back) or hour (8 days back).

    \b
    Example:
      quotad usage history --plan usagePlan-starter1 --from 2026-11-01
    """
    query = {**_named(said), "unit": unit, "from": start, "to": end}
    path = one(USAGE, "history")
    total, rows = asked(reach, lambda port: port.rows(path, "usage", query, page=_HISTORY_PAGE))
    if output == "json":
        show_json({"totalCount": total, "usage": rows})
        return
    for row in rows:
        names = [row[name] for name in ("usagePlanId", "serviceId", "environment", "secretId") if name in row]
        print(" ".join(names), f"({row['timezone'] if unit == 'day' else 'UTC'})")
        for each in row["history"]:
            print(f"{each[unit]}  {each['used']}")


_TOLD = (
    click.option("--reason", required=True, help="For the audit log."),
    click.option(
        "--idempotency-key", "once", metavar="KEY", default="", help="Sent again with it, it is made once."
    ),
)


@usage.command()
@reaches
@_subject(required=True)
@click.option("--window", "windows", type=_WINDOWS, multiple=True, required=True, help="May be repeated.")
@_TOLD[0]
@_TOLD[1]
def reset(reach: Reach, windows: tuple[str, ...], reason: str, once: str, **said: Any) -> None:
    """Set use to 0 in one or several windows, and print what is in use after it.

    \b
    Example:
      quotad usage reset --plan usagePlan-starter1 --service service-orders01 --environment release \\
        --window day --reason "an outage of ours"
    """
    told = {**_named(said), "windows": list(windows), "reason": reason}
    show_json(asked(reach, lambda port: port.post(one(USAGE, "reset"), told, once)))


@usage.command("top-up")
@reaches
@_subject(required=True)
@click.option("--window", type=_WINDOWS, required=True, help="Whose quota.")
@click.option("--amount", type=int, required=True, metavar="N", help="Requests.")
@click.option("--until", required=True, metavar="END", help="windowEnd, never or an RFC 3339 time.")
@_TOLD[0]
@_TOLD[1]
def top_up(reach: Reach, reason: str, once: str, **said: Any) -> None:
    """Raise a quota once, and print what is in use after it.

    \b
    Example:
      quotad usage top-up --plan usagePlan-starter1 --service service-orders01 --environment release \\
        --window month --amount 5000 --until windowEnd --reason "bought more"
    """
    raised = {name: said.pop(name) for name in ("window", "amount", "until")}
    told = {**_named(said), **raised, "reason": reason}
    show_json(asked(reach, lambda port: port.post(one(USAGE, "top-up"), told, once)))


@click.command(cls=Asking)
@reaches
@output_option
@click.argument("request_id", required=False, metavar="[REQUEST-ID]")
@click.option("--secret", metavar="ID", help="Who would call: a SecretId.")
@click.option("--service", metavar="ID", help="What would be called: a serviceId.")
@click.option("--environment", metavar="NAME", help="Where: release, prepub or test.")
@click.option("--api", metavar="ID", help="Where plans are bound to single Apis: which one.")
def explain(reach: Reach, output: str, request_id: str | None, **said: Any) -> None:
    """Say why a request was refused, or what one would meet now.

    A refused request is known to the quotad that refused it, for a while: ask the admin port of that one.

    \b
    Examples:
      quotad explain 0123456789ab000000000000
      quotad explain --secret AKIDacme0001 --service service-orders01 --environment release
    """
    place = _named(said)
    if len(place.keys() - {"apiId"}) != 3 if request_id is None else place:
        raise click.UsageError("a request's id, or all of --secret, --service and --environment")
    query = place if request_id is None else {"requestId": request_id}
    tell(asked(reach, lambda port: port.get(EXPLAIN, **query)), output)
