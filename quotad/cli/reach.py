"""How commands find an admin port, and what they say to it."""

import os
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from quotad.cli.files import named
from quotad.errors import QuotadError

if TYPE_CHECKING:
    from quotad.client.admin import AdminPort

ADMIN_VARIABLE = "QUOTAD_ADMIN"
TOKEN_VARIABLE = "QUOTAD_ADMIN_TOKEN"  # noqa: S105 - a variable's name
TOKEN_FILE_VARIABLE = "QUOTAD_ADMIN_TOKEN_FILE"  # noqa: S105 - a variable's name

HELP = f"""
Which admin port: --admin, else that of the configuration after -c, else {ADMIN_VARIABLE}, else `admin` in
quotad/cli.toml of the user's configuration folder. The bearer token: --token-file, else {TOKEN_VARIABLE},
else the file that {TOKEN_FILE_VARIABLE} names, else that configuration's, else `tokenFile` of cli.toml.
Never an argument: everybody on a machine can read command lines.
"""

_F = TypeVar("_F", bound=Callable[..., Any])


def asks_admin(command: _F) -> _F:
    """The options of a command that takes ``**reach`` for ``admin_port``."""
    path = click.Path(path_type=Path)
    options = (
        click.option("--admin", metavar="URL", help="The admin port, as http://127.0.0.1:9901."),
        click.option("--token-file", type=path, metavar="FILE", help="A file with the bearer token."),
        click.option(
            "-c", "--config", type=path, metavar="FILE", help="A quotad's YAML file: its admin port."
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def admin_port(admin: str | None, token_file: Path | None, config: Path | None) -> "AdminPort":
    """The admin port that was meant. Raises QuotadError."""
    from quotad.client.admin import AdminPort, configured_port

    if config is not None:
        with named(config):
            url, token = configured_port(config)
    else:
        own = _own_settings()
        url = os.environ.get(ADMIN_VARIABLE, "") or own.get("admin", "")
        token = _read_token(Path(own["tokenFile"]).expanduser()) if own.get("tokenFile") else ""
    given = _given_token(token_file)
    url = admin or url
    if not url:
        raise QuotadError(f"which admin port? Give --admin, -c or {ADMIN_VARIABLE}")
    return AdminPort(url, token if given is None else given)


def _given_token(token_file: Path | None) -> str | None:
    if token_file is not None:
        return _read_token(token_file)
    if os.environ.get(TOKEN_VARIABLE):
        return os.environ[TOKEN_VARIABLE]
    if os.environ.get(TOKEN_FILE_VARIABLE):
        return _read_token(Path(os.environ[TOKEN_FILE_VARIABLE]))
    return None


def _read_token(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise QuotadError(f"{path}: {getattr(error, 'strerror', None) or 'not a token'}") from None


def _own_settings() -> dict[str, str]:
    """What ``cli.toml`` says. Raises QuotadError when it is nothing that can be read."""
    folder = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    path = Path(folder).expanduser() / "quotad" / "cli.toml"
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise QuotadError(f"{path}: {getattr(error, 'strerror', None) or 'not TOML'}") from None
    wrong = [
        name for name, value in found.items() if name not in ("admin", "tokenFile") or type(value) is not str
    ]
    if wrong:
        raise QuotadError(f"{path}: {wrong[0]}: only admin and tokenFile stand there, both text")
    return found
