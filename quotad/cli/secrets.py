"""``quotad secret``: key pairs of callers."""

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from quotad.cli.files import load_config
from quotad.cli.server import CONFIG
from quotad.errors import QuotadError

if TYPE_CHECKING:
    from quotad.config.model import Config
    from quotad.controlplane.key_list import Imported, Row


@click.group()
def secret() -> None:
    """Key pairs of callers."""


@secret.command("import")
@CONFIG
@click.argument("source", type=click.Path(path_type=Path), metavar="FILE.csv")
@click.option("--strict", is_flag=True, help="One that is there already is an error, whatever it is like.")
def import_(config: Path, source: Path, strict: bool) -> None:
    """Make the key pairs of a list: CSV, UTF-8.

    The first line names the columns: secretId, secretKey, and if you like secretName and expiresAt
    (RFC 3339). All of the list is checked before anything is made. 200 are made at once, whole or not at
    all; interrupted, it is run again: a Secret that is there with the same values is passed over.

    Acts on the store that the configuration names (-c, in control mode), with its master keys.

    \b
    Example:
      printf 'secretId,secretKey,secretName\\nAKIDacme0001,kept-elsewhere-01,acme\\n' > keys.csv
      quotad secret import -c quotad.yaml keys.csv
    """
    from quotad.controlplane.key_list import ListError, read_list

    settings = load_config(config)
    try:
        with source.open(encoding="utf-8-sig", newline="") as lines:
            rows = read_list(lines)
    except OSError as error:
        raise QuotadError(f"{source}: {error.strerror}") from error
    except ListError as error:
        raise QuotadError(f"{source}:\n" + "\n".join(error.problems)) from error
    found = asyncio.run(_import(settings, rows, strict=strict))
    print(f"{found.made} made, {found.known} there already")


async def _import(config: "Config", rows: "list[Row]", *, strict: bool) -> "Imported":
    from quotad.direct import asker, operations

    async with operations(config) as desk:
        importer = desk.importer(asker(), strict=strict)
        with click.progressbar(length=len(rows), label="imported", file=sys.stderr) as bar:
            return await importer.run(rows, bar.update)
