"""How commands find an admin port, and how they get in: one set of options for all of them."""

import contextlib
import functools
import os
import tomllib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from quotad.cli.files import load_config
from quotad.errors import QuotadError

if TYPE_CHECKING:
    from quotad.client.admin import AdminPort, Spot
    from quotad.config.model import Config

ADMIN_VARIABLE = "QUOTAD_ADMIN"
CONFIG_VARIABLE = "QUOTAD_CONFIG"
TOKEN_VARIABLE = "QUOTAD_TOKEN"  # noqa: S105 - a variable's name
TOKEN_FILE_VARIABLE = "QUOTAD_TOKEN_FILE"  # noqa: S105 - a variable's name

HELP = f"""
Whom commands ask: the admin port of --admin, or the store of -c; else {ADMIN_VARIABLE}, else the store
of {CONFIG_VARIABLE}, else `admin` in quotad/cli.toml of the user's configuration folder. With -c a command
acts on the store itself, with the address and master keys of a configuration in control mode: for the
first token, and when no admin port answers. In file mode, -c asks the admin port that the file names.

The bearer token: --token-file, else {TOKEN_VARIABLE}, else the file that {TOKEN_FILE_VARIABLE} names, else
`tokenFile` of cli.toml. Never an argument: everybody on a machine can read those.

Exit status: 0 done; 1 refused or failed, stderr says why; 2 wrong usage; 3 the admin port or its store was
not reached; 4 not let in, or not allowed; 130 interrupted.
"""

_OWN = ("admin", "tokenFile", "caCert", "cert", "key")
_EVERYWHERE = ("", "0.0.0.0", "::")  # noqa: S104
_F = TypeVar("_F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Reach:
    """What a command line said about whom to ask."""

    admin: str | None = None
    config: Path | None = None
    token_file: Path | None = None
    ca_cert: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    timeout: float = 30.0


_PATH = click.Path(path_type=Path)
_OPTIONS = (
    click.option("--admin", metavar="URL", help="The admin port, as https://quotad.example:9901."),
    click.option(
        "-c",
        "--config",
        type=_PATH,
        metavar="FILE",
        help="Instead: a configuration, whose store is acted on.",
    ),
    click.option("--token-file", type=_PATH, metavar="FILE", help="A file with the bearer token."),
    click.option(
        "--ca-cert",
        type=_PATH,
        envvar="QUOTAD_CA_CERT",
        metavar="FILE",
        help="Who vouches for the port (PEM).",
    ),
    click.option(
        "--cert", type=_PATH, envvar="QUOTAD_CERT", metavar="FILE", help="A client certificate (PEM)."
    ),
    click.option("--key", type=_PATH, envvar="QUOTAD_KEY", metavar="FILE", help="Its key, if not in --cert."),
    click.option(
        "--timeout",
        type=click.FloatRange(0, min_open=True),
        default=30.0,
        show_default=True,
        metavar="SECONDS",
        help="For one answer.",
    ),
)
_NAMES = ("admin", "config", "token_file", "ca_cert", "cert", "key", "timeout")


def reaches(command: _F) -> Any:
    """The options of a command that takes ``reach``."""

    @functools.wraps(command)
    def collected(**said: Any) -> Any:
        return command(reach=Reach(**{name: said.pop(name) for name in _NAMES}), **said)

    found: Any = collected
    for option in reversed(_OPTIONS):
        found = option(found)
    return found


class Asking(click.Command):
    """Has those options in a section of their own in its help."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """See click."""
        own: list[tuple[str, str]] = []
        reach: list[tuple[str, str]] = []
        for each in self.get_params(ctx):
            line = each.get_help_record(ctx)
            if line is not None and isinstance(each, click.Option):
                (reach if each.name in _NAMES else own).append(line)
        for title, lines in (("Options", own), ("Whom to ask", reach)):
            with formatter.section(title):
                formatter.write_dl(lines)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """See click."""
        formatter.write_paragraph()
        formatter.write_text("`quotad --help` says who is asked when none of these is given.")


class Group(click.Group):
    """Of such commands."""

    command_class = Asking


def chosen_config(reach: Reach) -> "Config | None":
    """The configuration in control mode whose store is to be acted on; None: an admin port is asked.

    Raises QuotadError and UsageError.
    """
    path = _config_path(reach)
    if path is None:
        return None
    config = load_config(path)
    return None if config.control is None else config


@contextlib.asynccontextmanager
async def admin_port(reach: Reach) -> AsyncIterator["AdminPort"]:
    """Whom the line, the environment or the user's own file named. Raises QuotadError and UsageError."""
    from quotad.client.admin import AdminPort, Spot

    config = chosen_config(reach)
    if config is not None:
        from quotad.direct import own_admin_port

        async with own_admin_port(config) as url, AdminPort(Spot(url, timeout_s=reach.timeout)) as port:
            yield port
    else:
        async with AdminPort(_spot(reach)) as port:
            yield port


def _config_path(reach: Reach) -> Path | None:
    if reach.admin is not None and reach.config is not None:
        raise click.UsageError("--admin or -c: not both")
    if reach.admin is not None or reach.config is not None or os.environ.get(ADMIN_VARIABLE):
        return reach.config
    named = os.environ.get(CONFIG_VARIABLE)
    return Path(named) if named else None


def _spot(reach: Reach) -> "Spot":
    from quotad.client.admin import Spot

    own = _own_settings()
    url, token = reach.admin or os.environ.get(ADMIN_VARIABLE, "") or own.get("admin", ""), ""
    path = _config_path(reach)
    if path is not None:
        url, token = _named_port(path)
    if not url:
        raise click.UsageError(
            f"whom to ask? Give --admin or {ADMIN_VARIABLE}, or -c for the store of a configuration"
        )
    token = _given_token(reach) or token or _token_in(own.get("tokenFile"))
    files = {name: _expanded(own.get(name)) for name in ("caCert", "cert", "key")}
    return Spot(
        url,
        token,
        reach.ca_cert or files["caCert"],
        reach.cert or files["cert"],
        reach.key or (files["key"] if reach.cert is None else None),
        reach.timeout,
    )


def _named_port(path: Path) -> tuple[str, str]:
    """URL and token of the admin port that a configuration names. Raises QuotadError."""
    admin = load_config(path).admin
    if admin is None or not admin.address.port:
        raise QuotadError(
            f"{path}: has no control section, so its records are no store's, and no admin port to ask"
        )
    host = "127.0.0.1" if admin.address.host in _EVERYWHERE else admin.address.host
    place = f"{f'[{host}]' if ':' in host else host}:{admin.address.port}"
    return f"http{'' if admin.tls is None else 's'}://{place}", admin.token


def _given_token(reach: Reach) -> str:
    if reach.token_file is not None:
        return _read_token(reach.token_file)
    if os.environ.get(TOKEN_VARIABLE):
        return os.environ[TOKEN_VARIABLE].strip()
    return _token_in(os.environ.get(TOKEN_FILE_VARIABLE))


def _token_in(path: str | None) -> str:
    found = _expanded(path)
    return "" if found is None else _read_token(found)


def _read_token(path: Path) -> str:
    try:
        token = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise QuotadError(f"{path}: {getattr(error, 'strerror', None) or 'not a token'}") from None
    if not token:
        raise QuotadError(f"{path}: is empty")
    return token


def _expanded(path: str | None) -> Path | None:
    return Path(path).expanduser() if path else None


def _own_settings() -> dict[str, str]:
    """What ``cli.toml`` says. Raises QuotadError when it is nothing that can be read."""
    folder = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    path = Path(folder).expanduser() / "quotad" / "cli.toml"
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError) as error:
        raise QuotadError(f"{path}: {getattr(error, 'strerror', None) or 'not TOML'}") from None
    wrong = [name for name, value in found.items() if name not in _OWN or type(value) is not str]
    if wrong:
        raise QuotadError(f"{path}: {wrong[0]}: only {', '.join(_OWN)} stand there, all of them text")
    return found
