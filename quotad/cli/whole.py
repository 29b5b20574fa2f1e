"""``quotad apply`` and ``quotad export``: the control records and a file, each made from the other."""

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from quotad.cli.files import load_config, named
from quotad.cli.server import CONFIG
from quotad.errors import QuotadError

if TYPE_CHECKING:
    from quotad.config.model import Config
    from quotad.core.table import PlanTable


@click.command()
@CONFIG
@click.option(
    "-f",
    "--file",
    "source",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FILE",
    help="Services, plans, secrets and bindings, as file mode has them.",
)
@click.option("--dry-run", is_flag=True, help="Print what would change, and change nothing.")
@click.option("--prune", is_flag=True, help="Delete services, plans and Secrets that FILE does not name.")
@click.option("--yes", is_flag=True, help="Do not ask before something is deleted.")
def apply(config: Path, source: Path, dry_run: bool, prune: bool, yes: bool) -> None:
    """Make the control records equal to a file.

    What changes is printed first: + made, ~ changed, - deleted; SecretKeys never. What FILE names becomes as
    it says; what it does not name stays, unless --prune. A binding is FILE's when FILE names both of its
    ends. Up to 1,000 records change at once, whole or not at all; more change in several steps, between
    which a caller may have no plan for a moment, and never two: bindings are taken away first and given
    last. Interrupted, it is run again.

    A Secret without secretKey keeps the one that it has. Acts on the store that the configuration names
    (-c, in control mode), with its master keys: no admin process need run.

    \b
    Examples:
      quotad apply -c quotad.yaml -f plans.yaml --dry-run
      quotad apply -c quotad.yaml -f plans.yaml
      quotad apply -c quotad.yaml -f everything.yaml --prune --yes
    """
    from quotad.config.nouns import load_nouns

    settings = load_config(config)
    with named(source):
        table = load_nouns(source)
    ask = not (yes or dry_run) and sys.stdin.isatty()
    asyncio.run(_apply(settings, table, prune=prune, dry_run=dry_run, ask=ask))


async def _apply(config: "Config", table: "PlanTable", *, prune: bool, dry_run: bool, ask: bool) -> None:
    from quotad.direct import asker, operations

    async with operations(config) as desk:
        applier = desk.applier(asker(), table, prune=prune)
        plan = await applier.plan()
        for each in plan.differences:
            print(each)
        gone = sum(each.sign == "-" for each in plan.differences)
        print(_sum(len(plan.differences), gone, len(plan.steps), dry_run=dry_run))
        if dry_run or not plan.steps:
            return
        if ask and gone and not click.confirm(f"Delete {gone}?", err=True):
            raise QuotadError("nothing was changed")
        length = sum(len(step.writes) for step in plan.steps)
        with click.progressbar(length=length, label="applied", file=sys.stderr, hidden=length < 1_000) as bar:
            await applier.apply(plan, bar.update)


def _sum(changed: int, gone: int, steps: int, *, dry_run: bool) -> str:
    if not changed:
        return "nothing to change"
    how = "in one step" if steps == 1 else f"in {steps} steps"
    would = "would be " if dry_run else ""
    return f"{changed - gone} {would}made or changed, {gone} {would}deleted, {how}"


@click.command()
@CONFIG
@click.option("--with-keys", is_flag=True, help="SecretKeys too, in clear; the audit log tells of it.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Instead of standard output; a new file that only its owner may read.",
)
def export(config: Path, with_keys: bool, output: Path | None) -> None:
    """Write the control records as a file: as file mode reads it, and apply.

    Without SecretKeys unless asked for: such a file may be kept under version control, and applied where
    the Secrets are. Acts on the store, as apply does.

    \b
    Examples:
      quotad export -c quotad.yaml > records.yaml
      quotad export -c quotad.yaml --with-keys -o /safe/backup.yaml
    """
    settings = load_config(config)
    if output is None:
        asyncio.run(_export(settings, sys.stdout.write, with_keys=with_keys))
        return
    try:
        number = os.open(output, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except OSError as error:
        raise QuotadError(f"{output}: {error.strerror}") from error
    try:
        with os.fdopen(number, "w", encoding="utf-8") as target:
            asyncio.run(_export(settings, target.write, with_keys=with_keys))
    except BaseException:
        output.unlink()
        raise


async def _export(config: "Config", write: Callable[[str], object], *, with_keys: bool) -> None:
    from quotad.direct import asker, operations

    async with operations(config) as desk:
        async for piece in desk.export(asker(), with_keys=with_keys):
            write(piece)
