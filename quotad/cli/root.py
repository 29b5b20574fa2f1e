"""All commands by name; each one's module is loaded when the command is asked for."""

import importlib
from typing import NamedTuple

import click

from quotad import __version__
from quotad.cli.reach import HELP

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


class Row(NamedTuple):
    """Where a command is, and its line in the help."""

    module: str
    attribute: str
    words: str


SECTIONS: dict[str, dict[str, Row]] = {
    "Servers": {
        "serve": Row("server", "serve", "Stand in front of the backends that a configuration names."),
        "admin": Row("server", "admin", "Serve the control plane alone, for a whole fleet."),
        "check": Row("server", "check", "Report everything that is wrong with a configuration."),
        "schema": Row("server", "schema", "Print the JSON Schema of the configuration."),
        "demo": Row("server", "demo", "Try quotad: a store and a backend of its own, with lines to try."),
    },
    "Callers": {
        "call": Row("callers", "call", "Send a request, with credentials."),
        "sign": Row("callers", "sign", "Print fresh headers that prove who calls."),
    },
    "Control records (services, plans and keys in the store)": {
        "service": Row("services", "service", "Backends as callers know them, and where each is published."),
        "api": Row("apis", "api", "Single Apis of a service, for plans of their own."),
        "plan": Row("plans", "plan", "Usage plans: how much."),
        "secret": Row("secrets", "secret", "Key pairs of callers; import of many."),
        "bind": Row("bindings", "bind", "Give a plan to Secrets, and in environments."),
        "unbind": Row("bindings", "unbind", "Take a plan from Secrets, or out of environments."),
        "webhook": Row("webhooks", "webhook", "Who is told when use crosses a part of a quota."),
        "token": Row("credentials", "token", "Bearer tokens of admins."),
        "credential": Row("credentials", "credential", "Key pairs of admins, for the clouds' clients."),
        "whoami": Row("credentials", "whoami", "Say who you are to the admin port, and your role."),
        "audit": Row("audit", "audit", "List who changed what."),
        "apply": Row("whole", "apply", "Make the control records equal to a file."),
        "export": Row("whole", "export", "Write the control records as a file."),
        "keygen": Row("master", "keygen", "Print a new master key."),
        "rekey": Row("master", "rekey", "Seal every SecretKey with the newest master key."),
    },
    "What was used": {
        "usage": Row("usage", "usage", "Read use and its history, reset and top up."),
        "top": Row("top", "top", "Show live what goes on: the busiest plans, use of limits, denials."),
        "explain": Row("usage", "explain", "Say why a request was refused, or what one would meet."),
        "forget": Row("server", "forget", "Delete the counters of a plan or a Secret that is gone."),
    },
    "This program": {
        "completion": Row("completion", "completion", "Print what makes a shell complete quotad's words."),
        "version": Row("server", "version", "Print the version."),
    },
}
_ROWS = {name: row for rows in SECTIONS.values() for name, row in rows.items()}


class Root(click.Group):
    """Knows its commands by ``SECTIONS``."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """See click."""
        return list(_ROWS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """See click."""
        row = _ROWS.get(cmd_name)
        if row is None:
            return None
        command = getattr(importlib.import_module(f"quotad.cli.{row.module}"), row.attribute)
        assert isinstance(command, click.Command)  # noqa: S101 - for the types
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """A list for each section, without loading any command."""
        widest = max(map(len, _ROWS))
        for title, rows in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(widest), row.words) for name, row in rows.items()])


@click.group(cls=Root, context_settings=CONTEXT, epilog=HELP)
@click.version_option(__version__, message="quotad %(version)s")
def root() -> None:
    """Exact request quotas in front of any HTTP service.

    `quotad COMMAND --help` explains one, with examples.
    """
