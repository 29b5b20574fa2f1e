"""``quotad call`` and ``quotad sign``: what a caller does."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from quotad.client.caller import ALGORITHMS, KeyPair, parse_header
from quotad.errors import QuotadError

KEY_VARIABLE = "QUOTAD_SECRET_KEY"

_KEY_HELP = f"""
The SecretKey comes from --key-file, else from --key, else from the environment variable {KEY_VARIABLE}.
Everybody on this machine can read a command line (ps), so keep --key for tests.
"""

_F = TypeVar("_F", bound=Callable[..., Any])


def _credentials(command: _F) -> _F:
    """The options that say who calls."""
    options = (
        click.option("--id", "secret_id", metavar="ID", help="SecretId."),
        click.option("--key", metavar="KEY", help="SecretKey (others can see it: see below)."),
        click.option(
            "--key-file", type=click.Path(path_type=Path), metavar="FILE", help="A file with the SecretKey."
        ),
        click.option(
            "--algorithm",
            default="hmac-sha256",
            show_default=True,
            type=click.Choice(ALGORITHMS),
            help="Of the signature.",
        ),
        click.option(
            "--header", "-H", "headers", multiple=True, metavar="'NAME: VALUE'", help="Also send (and sign)."
        ),
        click.option("--strong", is_flag=True, help="Sign the whole request (RFC 9421)."),
        click.option("--method", "-X", help="Default: GET, or POST with --data."),
        click.option("--data", "-d", help="The body; @FILE reads a file (call only)."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command(epilog=_KEY_HELP)
@click.argument("url")
@_credentials
@click.option("--hmac", is_flag=True, help="Sign headers instead of sending the key pair.")
@click.option(
    "-n", "count", type=click.IntRange(1), default=1, metavar="N", help="Send it N times, a line each."
)
@click.option("-i", "all_headers", is_flag=True, help="Print every header, not only those about limits.")
def call(url: str, hmac: bool, count: int, all_headers: bool, **said: Any) -> int:
    """Send a request, with credentials, and print what was answered.

    \b
    Examples:
      quotad call --id AKIDacme0001 http://127.0.0.1:8080/orders/1
      quotad call --id AKIDacme0001 --hmac -n 20 http://127.0.0.1:8080/orders/1
      quotad call --id AKIDacme0001 --strong -d @order.json http://127.0.0.1:8080/orders
    """
    from quotad.client.commands import CallOptions
    from quotad.client.commands import call as send

    return send(
        CallOptions(
            url=url,
            pair=_key_pair(said) if said["secret_id"] else None,
            algorithm=said["algorithm"] if hmac else "",
            method=_method(said),
            data=said["data"],
            headers=said["headers"],
            count=count,
            all_headers=all_headers,
            strong=said["strong"],
        )
    )


@click.command(epilog=_KEY_HELP + "A signature is good for 900 seconds: sign when you call.")
@_credentials
@click.option("--curl", metavar="URL", help="Print a curl line for this URL instead.")
def sign(curl: str | None, **said: Any) -> int:
    """Print a fresh Date and Authorization header.

    \b
    Examples:
      quotad sign --id AKIDacme0001
      eval "$(quotad sign --id AKIDacme0001 --curl http://127.0.0.1:8080/orders/1)"
    """
    from quotad.client import commands
    from quotad.client.signing import Unsigned

    if not said["secret_id"]:
        raise QuotadError("sign: --id is needed")
    if not said["strong"]:
        return commands.sign(_key_pair(said), said["algorithm"], said["headers"], curl)
    if curl is None:
        raise QuotadError("sign: --strong needs --curl, since it covers the URL")
    body = None if said["data"] is None else said["data"].encode()
    headers = tuple(parse_header(text) for text in said["headers"])
    return commands.sign_strongly(_key_pair(said), Unsigned(_method(said), curl, body, headers))


def _method(said: dict[str, Any]) -> str:
    return said["method"] or ("GET" if said["data"] is None else "POST")


def _key_pair(said: dict[str, Any]) -> KeyPair:
    from quotad.client.commands import read_key

    if said["key_file"] is not None:
        key = read_key(said["key_file"])
    else:
        key = said["key"] or os.environ.get(KEY_VARIABLE, "")
    if not key:
        raise QuotadError(f"no SecretKey: use --key-file, --key or {KEY_VARIABLE}")
    return KeyPair(said["secret_id"], key)
