"""``quotad token``, ``credential``: what admins show to be let in; ``quotad whoami``: who one is."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import click

from quotad.cli.people import asked, given, on_records, tell, tell_page
from quotad.cli.reach import Asking, Group, Reach
from quotad.client.paths import CREDENTIALS, WHO, one
from quotad.errors import QuotadError

_COLUMNS = ("credentialId", "name", "role", "enabled", "expiresAt", "created")
_ID = click.argument("credential_id", metavar="ID")
_EXPIRES = click.option("--expires", metavar="TIME", help="RFC 3339; from then on it lets nobody in.")
_ROLES = click.Choice(["read", "operate", "admin"])


@click.group(cls=Group)
def token() -> None:
    """Bearer tokens of admins: what these commands and the native API are let in with.

    \b
    The first one is made on the store itself, with the configuration of an admin process:
      quotad token create me --role admin --save ~/.config/quotad/token -c admin.yaml
    """


@click.group(cls=Group)
def credential() -> None:
    """Key pairs of admins: what signs requests in the clouds' formats (docs/dialects.md)."""


@token.command("create")
@on_records
@click.argument("name")
@click.option("--role", type=_ROLES, required=True, help="What may be done with it.")
@_EXPIRES
@click.option("--save", type=click.Path(path_type=Path), metavar="FILE", help="Put it there; do not show it.")
def create_token(
    reach: Reach, output: str, name: str, role: str, expires: str | None, save: Path | None
) -> None:
    """Make a token, which is shown now and not again: the store has a digest of it only.

    \b
    Examples:
      quotad token create ci --role operate --expires 2027-01-31T00:00:00Z
      quotad token create me --role admin --save ~/.config/quotad/token -c admin.yaml
    """
    values = {"type": "token", "name": name, "role": role, **given(expiresAt=expires)}
    _create(reach, output, values, save, "token")


@credential.command("create")
@on_records
@click.argument("name")
@click.option("--role", type=_ROLES, required=True, help="What may be done with it.")
@_EXPIRES
@click.option("--save", type=click.Path(path_type=Path), metavar="FILE", help="Put the secretKey there.")
def create_pair(
    reach: Reach, output: str, name: str, role: str, expires: str | None, save: Path | None
) -> None:
    """Make a key pair for the clouds' clients. Its secretKey is shown now and not again.

    \b
    Example:
      quotad credential create terraform --role operate
    """
    values = {"type": "keyPair", "name": name, "role": role, **given(expiresAt=expires)}
    _create(reach, output, values, save, "secretKey")


def _create(reach: Reach, output: str, values: dict[str, Any], save: Path | None, proof: str) -> None:
    if save is None:
        made = asked(reach, lambda port: port.post(CREDENTIALS, values))
        tell(made, output)
        click.echo(f"Keep the {proof} now: it is never shown again.", err=True)
        return
    with new_file(save) as target:
        made = asked(reach, lambda port: port.post(CREDENTIALS, values))
        target.write(made.pop(proof) + "\n")
    tell({**made, "saved": str(save)}, output)


@contextlib.contextmanager
def new_file(path: Path) -> Iterator[TextIO]:
    """Of its owner alone; gone again when the block fails. Raises QuotadError."""
    try:
        number = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except OSError as error:
        raise QuotadError(f"{path}: {error.strerror}") from error
    try:
        with os.fdopen(number, "w", encoding="ascii") as target:
            yield target
    except BaseException:
        path.unlink()
        raise


def _add_rest(group: click.Group, kind: str, noun: str) -> None:
    """The commands that are the same for both."""

    @on_records
    def list_(reach: Reach, output: str) -> None:
        found = asked(reach, lambda port: port.get(CREDENTIALS))["credentials"]
        rows = [row for row in found if row["type"] == kind]
        tell_page(len(rows), rows, output, "credentials", _COLUMNS)

    @on_records
    @_ID
    @click.option("--name", metavar="TEXT", help="Another name.")
    @click.option("--role", type=_ROLES, help="What may be done with it from now on.")
    @click.option("--expires", metavar="TIME", help="RFC 3339, or never.")
    @click.option("--enable/--disable", "enabled", default=None, help="Have it let in again, or not.")
    def modify(reach: Reach, output: str, credential_id: str, **said: Any) -> None:
        values = given(
            name=said["name"], role=said["role"], enabled=said["enabled"], expiresAt=said["expires"]
        )
        if said["expires"] == "never":
            values["expiresAt"] = None
        tell(asked(reach, lambda port: port.patch(one(CREDENTIALS, credential_id), values)), output)

    @on_records
    @_ID
    def revoke(reach: Reach, output: str, credential_id: str) -> None:
        asked(reach, lambda port: port.delete(one(CREDENTIALS, credential_id)))
        tell({"revoked": credential_id}, output)

    example = f"\n\n\b\nExample:\n  quotad {group.name}"
    words = {
        "list": (list_, f"List the {noun}s of admins, without what proves them.{example} list"),
        "modify": (modify, f"Change a {noun}; what is not given stays.{example} modify ID --role read"),
        "revoke": (revoke, f"Delete a {noun}: from now on it lets nobody in.{example} revoke ID"),
    }
    for name, (function, text) in words.items():
        group.command(name, help=text)(function)


_add_rest(token, "token", "token")
_add_rest(credential, "keyPair", "key pair")


@click.command(cls=Asking)
@on_records
def whoami(reach: Reach, output: str) -> None:
    """Say who the admin port takes you for, and which role you have there.

    \b
    Example:
      quotad whoami --admin https://quotad.example:9901
    """
    tell(asked(reach, lambda port: port.get(WHO)), output)
