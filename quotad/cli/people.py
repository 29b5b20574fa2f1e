"""What commands on services, plans, Secrets and bindings share."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from quotad.cli.reach import Reach, admin_port, reaches
from quotad.cli.show import show_json, show_one, show_rows

if TYPE_CHECKING:
    from quotad.client.admin import AdminPort

_F = TypeVar("_F", bound=Callable[..., Any])
_R = TypeVar("_R")

Do = Callable[["AdminPort"], Awaitable[_R]]


def on_records(command: _F) -> Any:
    """The options of a command that takes ``reach`` and ``output``."""
    return reaches(output_option(command))


def output_option(command: _F) -> _F:
    """The option of a command that takes ``output``."""
    form = click.option(
        "-o",
        "--output",
        type=click.Choice(["table", "json"]),
        default="table",
        show_default=True,
        help="For people, or for programs.",
    )
    return form(command)


def paged(command: _F) -> _F:
    """The options of a command that lists a page: ``search``, ``limit``, ``offset``."""
    options = (
        click.option("--search", metavar="TEXT", help="Only those whose name or id has it."),
        click.option("--limit", type=click.IntRange(1), metavar="N", help="So many (default: all)."),
        click.option("--offset", type=click.IntRange(0), default=0, metavar="N", help="After so many."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def asked(reach: Reach, do: "Do[_R]") -> _R:
    """What came of it. Raises QuotadError."""
    return asyncio.run(_asked(reach, do))


async def _asked(reach: Reach, do: "Do[_R]") -> _R:
    async with admin_port(reach) as port:
        return await do(port)


def tell(record: Mapping[str, Any], output: str) -> None:
    """Print one record."""
    if output == "json":
        show_json(record)
    else:
        show_one(record)


def tell_page(
    total: int, rows: Sequence[Mapping[str, Any]], output: str, name: str, columns: Sequence[str]
) -> None:
    """Print a list, or the part of it that was asked for; ``name``: of the list in JSON."""
    if output == "json":
        show_json({"totalCount": total, name: list(rows)})
        return
    show_rows(rows, columns)
    if total > len(rows):
        click.echo(f"{len(rows)} of {total}: --limit and --offset choose others", err=True)


def given(**values: Any) -> dict[str, Any]:
    """Those that were said."""
    return {name: value for name, value in values.items() if value is not None}


def assigned(texts: Sequence[str]) -> dict[str, Any]:
    """``FIELD=VALUE`` of any field; a value is JSON, or text where it is none. Raises UsageError."""
    found = {}
    for text in texts:
        name, mark, value = text.partition("=")
        if not mark or not name:
            raise click.UsageError(f"{text}: is not FIELD=VALUE")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found
