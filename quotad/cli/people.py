"""What commands on services, plans, Secrets and bindings share."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from quotad.cli.files import load_config
from quotad.cli.show import show_json, show_one, show_rows

if TYPE_CHECKING:
    from quotad.controlplane.desk import Asker
    from quotad.controlplane.operations import Operations

_F = TypeVar("_F", bound=Callable[..., Any])
_R = TypeVar("_R")

Do = Callable[["Operations", "Asker"], Awaitable[_R]]
CONFIG_VARIABLE = "QUOTAD_CONFIG"


def on_records(command: _F) -> _F:
    """The options of a command that takes ``config`` and ``output``."""
    path = click.Path(path_type=Path)
    which = click.option(
        "-c",
        "--config",
        type=path,
        required=True,
        envvar=CONFIG_VARIABLE,
        metavar="FILE",
        help=f"A configuration in control mode; else {CONFIG_VARIABLE} names it.",
    )
    form = click.option(
        "-o", "--output", type=click.Choice(["table", "json"]), default="table", show_default=True
    )
    return which(form(command))


def paged(command: _F) -> _F:
    """The options of a command that lists a page: ``search``, ``limit``, ``offset``."""
    options = (
        click.option("--search", metavar="TEXT", default="", help="Only those whose name or id has it."),
        click.option("--limit", type=click.IntRange(1, 100_000), default=100, show_default=True),
        click.option("--offset", type=click.IntRange(0), default=0, show_default=True),
    )
    for option in reversed(options):
        command = option(command)
    return command


def done_by(config: Path, do: "Do[_R]") -> _R:
    """What the operation answers. Raises QuotadError."""
    return asyncio.run(_done_by(config, do))


async def _done_by(path: Path, do: "Do[_R]") -> _R:
    from quotad.direct import asker, operations

    async with operations(load_config(path)) as desk:
        return await do(desk, asker())


def tell(record: Mapping[str, Any], output: str) -> None:
    """Print one record."""
    if output == "json":
        show_json(record)
    else:
        show_one(record)


def tell_page(
    total: int, rows: Sequence[Mapping[str, Any]], output: str, name: str, columns: Sequence[str]
) -> None:
    """Print a page of a list; ``name``: of the list in JSON."""
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
