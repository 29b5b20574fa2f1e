"""``quotad secret``: key pairs of callers."""

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from quotad import garbage
from quotad.cli.people import asked, given, on_records, paged, tell, tell_page
from quotad.cli.reach import Group, Reach, reaches
from quotad.cli.whole import opened
from quotad.client.paths import SECRETS, one
from quotad.errors import QuotadError

if TYPE_CHECKING:
    from quotad.controlplane.key_list import Imported, Row


_COLUMNS = ("secretId", "secretName", "type", "enabled", "expiresAt", "usagePlanIds")
_ID = click.argument("secret_id", metavar="ID")
_PATH = click.Path(path_type=Path)


@click.group(cls=Group)
def secret() -> None:
    """Key pairs of callers."""


@secret.command()
@on_records
@click.argument("name")
@click.option("--id", "secret_id", metavar="ID", help="Of a pair that you bring; needs --key-file.")
@click.option("--key-file", type=_PATH, metavar="FILE", help="A file with its SecretKey.")
@click.option("--second-key-file", type=_PATH, metavar="FILE", help="A file with a second key for it.")
@click.option("--desc", metavar="TEXT", help="For people.")
@click.option("--expires", metavar="TIME", help="RFC 3339; from then on it is refused.")
def create(reach: Reach, output: str, name: str, secret_id: str | None, **said: Any) -> None:
    """Make a key pair: quotad's own, or one that you bring. The SecretKey is shown now and not again.

    \b
    Examples:
      quotad secret create acme
      quotad secret create acme --id AKIDacme0001 --key-file acme.key --expires 2027-01-31T00:00:00Z
    """
    keys = {"secretKey": _key(said["key_file"]), "secondaryKey": _key(said["second_key_file"])}
    more = given(secretId=secret_id, secretDesc=said["desc"], expiresAt=said["expires"], **keys)
    values = {"secretName": name, **more}
    _tell_once(asked(reach, lambda port: port.post(SECRETS, values)), output)


def _key(path: Path | None) -> str | None:
    from quotad.client.commands import read_key

    return None if path is None else read_key(path)


def _tell_once(record: Any, output: str) -> None:
    tell(record, output)
    click.echo("Keep the key now: lists and `show` do not have it.", err=True)


@secret.command("list")
@on_records
@paged
def list_(reach: Reach, output: str, search: str | None, limit: int | None, offset: int) -> None:
    """List Secrets, the oldest first; never with their keys.

    \b
    Example:
      quotad secret list --search acme
    """
    query = {"search": search, "offset": offset}
    total, rows = asked(reach, lambda port: port.rows(SECRETS, "secrets", query, limit))
    if output == "table":
        rows = [{**row, "usagePlanIds": " ".join(row["usagePlanIds"])} for row in rows]
    tell_page(total, rows, output, "secrets", _COLUMNS)


@secret.command()
@on_records
@_ID
def show(reach: Reach, output: str, secret_id: str) -> None:
    """Print what is known of a Secret, and its plans; not its key.

    \b
    Example:
      quotad secret show AKIDacme0001
    """
    tell(asked(reach, lambda port: port.get(one(SECRETS, secret_id))), output)


@secret.command()
@on_records
@_ID
@click.option("--name", metavar="TEXT", help="Another name.")
@click.option("--desc", metavar="TEXT", help="For people.")
@click.option("--expires", metavar="TIME", help="RFC 3339, or never.")
def modify(
    reach: Reach, output: str, secret_id: str, name: str | None, desc: str | None, expires: str | None
) -> None:
    """Give a Secret another name, text or end; what is not given stays.

    \b
    Example:
      quotad secret modify AKIDacme0001 --expires 2027-01-31T00:00:00Z
    """
    values = given(secretName=name, secretDesc=desc, expiresAt=expires)
    if expires == "never":
        values["expiresAt"] = None
    tell(asked(reach, lambda port: port.patch(one(SECRETS, secret_id), values)), output)


@secret.command()
@on_records
@_ID
@click.option("--key-file", type=_PATH, metavar="FILE", help="The new key (default: quotad's).")
@click.option("--overlap", type=int, default=0, metavar="SECONDS", help="How long the old one stays good.")
@click.option("--second", is_flag=True, help="The second key, which is made where there was none.")
def rotate(
    reach: Reach, output: str, secret_id: str, key_file: Path | None, overlap: int, second: bool
) -> None:
    """Make a new SecretKey, which is shown now and not again.

    A Secret may have two keys, each as good as the other for good: with --second the other one is made, or
    made anew, while the first stays. --overlap is of the one that is replaced.

    \b
    Examples:
      quotad secret rotate AKIDacme0001 --overlap 86400
      quotad secret rotate AKIDacme0001 --second
    """
    which = {"which": "secondary"} if second else {}
    values = {**which, "overlapSeconds": overlap, **given(secretKey=_key(key_file))}
    path = one(SECRETS, secret_id, "rotate")
    _tell_once(asked(reach, lambda port: port.post(path, values)), output)


@secret.command("drop-second")
@on_records
@_ID
def drop_second(reach: Reach, output: str, secret_id: str) -> None:
    """Take away the second key: from now on the first alone is good.

    \b
    Example:
      quotad secret drop-second AKIDacme0001
    """
    asked(reach, lambda port: port.delete(one(SECRETS, secret_id, "secondary-key")))
    tell(asked(reach, lambda port: port.get(one(SECRETS, secret_id))), output)


@secret.command()
@on_records
@_ID
def reveal(reach: Reach, output: str, secret_id: str) -> None:
    """Print the keys; the audit log tells of it.

    \b
    Example:
      quotad secret reveal AKIDacme0001
    """
    tell(asked(reach, lambda port: port.post(one(SECRETS, secret_id, "reveal"))), output)


@secret.command()
@on_records
@_ID
def enable(reach: Reach, output: str, secret_id: str) -> None:
    """Have its requests accepted.

    \b
    Example:
      quotad secret enable AKIDacme0001
    """
    tell(asked(reach, lambda port: port.post(one(SECRETS, secret_id, "enable"))), output)


@secret.command()
@on_records
@_ID
def disable(reach: Reach, output: str, secret_id: str) -> None:
    """Have its requests refused like those of an unknown one.

    \b
    Example:
      quotad secret disable AKIDacme0001
    """
    tell(asked(reach, lambda port: port.post(one(SECRETS, secret_id, "disable"))), output)


@secret.command()
@on_records
@_ID
def delete(reach: Reach, output: str, secret_id: str) -> None:
    """Delete a Secret that is disabled and bound to no plan; its counters go too.

    \b
    Example:
      quotad secret delete AKIDacme0001
    """
    asked(reach, lambda port: port.delete(one(SECRETS, secret_id)))
    tell({"deleted": secret_id}, output)


@secret.command("import")
@reaches
@click.argument("source", type=_PATH, metavar="FILE.csv")
@click.option("--strict", is_flag=True, help="One that is there already is an error, whatever it is like.")
def import_(reach: Reach, source: Path, strict: bool) -> None:
    """Make the key pairs of a list: CSV, UTF-8.

    The first line names the columns: secretId, secretKey, and if you like secretName, secretDesc,
    secondaryKey and expiresAt (RFC 3339). All of the list is checked before anything is made. 200 are made
    at once, whole or not at all; interrupted, it is run again: a Secret that is there with the same values
    is passed over.

    \b
    Example:
      printf 'secretId,secretKey,secretName\\nAKIDacme0001,kept-elsewhere-01,acme\\n' > keys.csv
      quotad secret import keys.csv
    """
    from quotad.controlplane.key_list import ListError, read_list

    try:
        with source.open(encoding="utf-8-sig", newline="") as lines:
            rows = read_list(lines)
    except OSError as error:
        raise QuotadError(f"{source}: {error.strerror}") from error
    except ListError as error:
        raise QuotadError(f"{source}:\n" + "\n".join(error.problems)) from error
    with garbage.left_alone():
        found = asyncio.run(_import(reach, rows, strict=strict))
    print(f"{found.made} made, {found.known} there already")


async def _import(reach: Reach, rows: "list[Row]", *, strict: bool) -> "Imported":
    async with opened(reach) as records:
        with click.progressbar(length=len(rows), label="imported", file=sys.stderr) as bar:
            return await records.import_secrets(rows, bar.update, strict=strict)
