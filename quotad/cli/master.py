"""Master keys: ``quotad keygen`` makes one, ``quotad rekey`` seals everything with the newest."""

import asyncio
from base64 import b64encode
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_bytes
from typing import TYPE_CHECKING

import click

from quotad.cli.files import load_config
from quotad.cli.server import CONFIG
from quotad.clock import wall_s
from quotad.errors import QuotadError

if TYPE_CHECKING:
    from quotad.config.model import Config

KEY_BYTES = 32


@click.command()
@click.option("--id", "key_id", metavar="ID", help="1 to 32 of A-Z a-z 0-9 _ - (default: today's date).")
def keygen(key_id: str | None) -> None:
    """Print a new master key: ID:KEY, 32 random bytes in base64.

    It seals SecretKeys in the store (AES-256-GCM). Keep it where every quotad can read it and nobody else:
    without it the SecretKeys are lost.

    \b
    Example:
      (umask 077; quotad keygen > master.keys)
      # quotad.yaml:  control: {masterKeys: file:master.keys}
    """
    from quotad.config.master_keys import parse_master_keys

    key_id = key_id or datetime.fromtimestamp(wall_s(), UTC).strftime("k%Y%m%d")
    made = f"{key_id}:{b64encode(token_bytes(KEY_BYTES)).decode('ascii')}"
    try:
        parse_master_keys(made)
    except ValueError as error:
        raise QuotadError(f"--id: {error}") from None
    print(made)


@click.command()
@CONFIG
def rekey(config: Path) -> None:
    """Seal every SecretKey with the newest master key: the first of masterKeys.

    \b
    To replace a master key:
      1. quotad keygen, and put the new key below the old one in masterKeys, at every quotad; restart each
      2. put the new key first, and restart each again
      3. quotad rekey -c quotad.yaml
      4. take the old key away
    """
    count = asyncio.run(_rekey(load_config(config)))
    print(f"{count} SecretKey{'' if count == 1 else 's'} sealed anew")


async def _rekey(config: "Config") -> int:
    from quotad.direct import asker, operations

    async with operations(config) as desk:
        return await desk.reseal(asker())
