"""``quotad secret``: key pairs of callers."""

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from quotad.cli.files import load_config
from quotad.cli.people import done_by, given, on_records, paged, tell, tell_page
from quotad.cli.server import CONFIG
from quotad.errors import QuotadError

if TYPE_CHECKING:
    from quotad.config.model import Config
    from quotad.controlplane.desk import Asker
    from quotad.controlplane.key_list import Imported, Row
    from quotad.controlplane.operations import Operations
    from quotad.controlplane.replica import SecretRow


_COLUMNS = ("secretId", "secretName", "type", "enabled", "expiresAt", "created")
_ID = click.argument("secret_id", metavar="ID")


@click.group()
def secret() -> None:
    """Key pairs of callers."""


@secret.command()
@on_records
@click.argument("name")
@click.option("--id", "secret_id", metavar="ID", help="Of a pair that you bring; needs --key-file.")
@click.option(
    "--key-file", type=click.Path(path_type=Path), metavar="FILE", help="A file with its SecretKey."
)
@click.option("--expires", metavar="TIME", help="RFC 3339; from then on it is refused.")
def create(
    config: Path, output: str, name: str, secret_id: str | None, key_file: Path | None, expires: str | None
) -> None:
    """Make a key pair: quotad's own, or one that you bring. The SecretKey is shown now and not again.

    \b
    Examples:
      quotad secret create acme
      quotad secret create acme --id AKIDacme0001 --key-file acme.key --expires 2027-01-31T00:00:00Z
    """
    from quotad.client.commands import read_key

    key = None if key_file is None else read_key(key_file)
    values = {"secretName": name, **given(secretId=secret_id, secretKey=key, expiresAt=expires)}
    _tell_once(done_by(config, lambda desk, asker: desk.create_secret(asker, values)), output)


def _tell_once(record: Any, output: str) -> None:
    tell(record, output)
    click.echo("Keep the secretKey now: lists and `show` do not have it.", err=True)


@secret.command("list")
@on_records
@paged
def list_(config: Path, output: str, search: str, limit: int, offset: int) -> None:
    """List Secrets, the oldest first; never with their keys."""
    from quotad.controlplane.replica import Page, Where

    where = Where().has(("name", "id"), search)
    total, rows = done_by(config, lambda desk, _: desk.secrets(where, Page(limit, offset)))
    tell_page(total, list(map(_row, rows)), output, "secrets", _COLUMNS)


def _row(row: "SecretRow") -> dict[str, Any]:
    return {
        "secretId": row.secret_id,
        "secretName": row.secret_name,
        "type": row.type,
        "enabled": row.enabled,
        "expiresAt": row.expires_at,
        "previousUntil": row.previous_until,
        "created": row.created,
        "modified": row.modified,
    }


@secret.command()
@on_records
@_ID
def show(config: Path, output: str, secret_id: str) -> None:
    """Print what is known of a Secret, and its plans; not its key."""

    async def do(desk: "Operations", _: "Asker") -> dict[str, Any]:
        row = await desk.secret(secret_id)
        return {**_row(row), "plans": list((await desk.records()).plans_of(secret_id))}

    tell(done_by(config, do), output)


@secret.command()
@on_records
@_ID
@click.option(
    "--key-file", type=click.Path(path_type=Path), metavar="FILE", help="The new key (default: quotad's)."
)
@click.option("--overlap", type=int, default=0, metavar="SECONDS", help="How long the old one stays good.")
def rotate(config: Path, output: str, secret_id: str, key_file: Path | None, overlap: int) -> None:
    """Make a new SecretKey, which is shown now and not again.

    \b
    Example:
      quotad secret rotate AKIDacme0001 --overlap 86400
    """
    from quotad.client.commands import read_key

    key = None if key_file is None else read_key(key_file)
    values = {"overlapSeconds": overlap, **given(secretKey=key)}
    _tell_once(done_by(config, lambda desk, asker: desk.rotate_secret(asker, secret_id, values)), output)


@secret.command()
@on_records
@_ID
def reveal(config: Path, output: str, secret_id: str) -> None:
    """Print a SecretKey; the audit log tells of it."""
    key = done_by(config, lambda desk, asker: desk.reveal_secret_key(asker, secret_id))
    tell({"secretId": secret_id, "secretKey": key}, output)


@secret.command()
@on_records
@_ID
def enable(config: Path, output: str, secret_id: str) -> None:
    """Have its requests accepted."""
    tell(done_by(config, lambda desk, asker: desk.enable_secret(asker, secret_id)), output)


@secret.command()
@on_records
@_ID
def disable(config: Path, output: str, secret_id: str) -> None:
    """Have its requests refused like those of an unknown one."""
    tell(done_by(config, lambda desk, asker: desk.disable_secret(asker, secret_id)), output)


@secret.command()
@on_records
@_ID
def delete(config: Path, output: str, secret_id: str) -> None:
    """Delete a Secret that is disabled and bound to no plan; its counters go too."""
    done_by(config, lambda desk, asker: desk.delete_secret(asker, secret_id))
    tell({"deleted": secret_id}, output)


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
