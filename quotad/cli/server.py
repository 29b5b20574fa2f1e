"""Commands about a configuration file and the processes that it describes."""

import json
from pathlib import Path

import click

from quotad import __version__
from quotad.cli.files import load_config

CONFIG = click.option(
    "-c", "--config", type=click.Path(path_type=Path), required=True, metavar="FILE", help="The YAML file."
)


@click.command()
@CONFIG
def serve(config: Path) -> int:
    """Stand in front of the backends that the configuration names.

    SIGHUP reads the file again, whole or not at all; SIGTERM drains, then ends; SIGUSR2 swaps workers.

    \b
    Example:
      quotad check -c quotad.yaml && quotad serve -c quotad.yaml
    """
    from quotad.cli.entry import serve as run

    return run(config)


@click.command()
@CONFIG
def admin(config: Path) -> int:
    """Serve the admin port alone: keys, plans and bindings of a whole fleet.

    One or two such processes are enough for any number of sidecars; they need no order and no leader.
    In file mode it shows what the file says, and changes use alone; SIGHUP reads the file again.
    SIGTERM ends it.

    \b
    Example:
      quotad admin -c admin.yaml
    """
    from quotad.cli.entry import admin as run

    return run(config)


@click.command()
@CONFIG
def check(config: Path) -> None:
    """Report everything that is wrong with a configuration.

    Each problem stands on a line of its own, with the path of its field; exit status 1 then.
    """
    found = load_config(config)
    table = found.table
    counts = (
        (found.routes, "route"),
        (table.services, "service"),
        (table.plans, "plan"),
        (table.secrets, "secret"),
    )
    words = ", ".join(f"{len(items)} {noun}{'' if len(items) == 1 else 's'}" for items, noun in counts)
    print(f"{config}: OK: {words} (version {found.version})")


@click.command()
def schema() -> None:
    """Print the JSON Schema (2020-12) of the configuration, for editors.

    \b
    Example:
      quotad schema > quotad.schema.json
      # then, in the YAML file's first line:
      # yaml-language-server: $schema=quotad.schema.json
    """
    from quotad.config.file import json_schema

    print(json.dumps(json_schema(), indent=2))


@click.command()
def version() -> None:
    """Print the version."""
    print(f"quotad {__version__}")


@click.command()
@CONFIG
@click.option("--plan", metavar="ID", default="", help="Of this usage plan.")
@click.option("--secret", metavar="ID", default="", help="Of this SecretId.")
@click.option("--api", metavar="SERVICE/ID", default="", help="Of this single Api.")
@click.option("--force", is_flag=True, help="Also while the configuration names it.")
def forget(config: Path, plan: str, secret: str, api: str, force: bool) -> None:
    """Delete the counters of a plan, a Secret or a single Api that is gone.

    FILE names the store. Exactly one of --plan, --secret and --api is needed.

    \b
    Example:
      quotad forget -c quotad.yaml --plan usagePlan-old
    """
    from quotad.forget import forget as delete

    if sum(map(bool, (plan, secret, api))) != 1:
        raise click.UsageError("exactly one of --plan, --secret and --api is needed")
    keys = delete(load_config(config), plan, secret, api, force=force)
    print(f"{plan or secret or api}: {keys} key{'' if keys == 1 else 's'} deleted or changed")


@click.command()
@click.option("--check", is_flag=True, help="Run the lines, check the answers, exit 0 or 1.")
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path),
    help="Its folder, made anew (default: .demo; --check: a passing one).",
)
@click.option("--keep", is_flag=True, help="Go on with the counters and keys of the last run.")
@click.option("--port", type=int, help="Callers' port (default: 8080, or a free one when it is taken).")
def demo(check: bool, folder: Path | None, keep: bool, port: int | None) -> int:
    """Try quotad: a store and a backend of its own, with lines to try. Needs nothing else."""
    import asyncio

    from quotad.demo.show import DemoOptions, show

    return asyncio.run(show(DemoOptions(folder=folder, check=check, keep=keep, port=port)))
