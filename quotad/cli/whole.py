"""``quotad apply`` and ``quotad export``: the control records and a file, each made from the other."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from quotad import garbage
from quotad.cli.files import named
from quotad.cli.reach import Asking, Reach, admin_port, chosen_config, reaches
from quotad.errors import QuotadError

if TYPE_CHECKING:
    from click._termui_impl import ProgressBar

    from quotad.client.whole import Whole
    from quotad.config.nouns import Nouns

_MANY = 1_000
"""From here on it is shown how far it is."""


@contextlib.asynccontextmanager
async def opened(reach: Reach) -> AsyncIterator["Whole"]:
    """All records at once, where the line says. Raises QuotadError."""
    from quotad.client.whole import ThroughPort

    config = chosen_config(reach)
    if config is not None:
        from quotad.direct import OnStore, operations

        async with operations(config) as desk:
            yield OnStore(desk)
    else:
        async with admin_port(reach) as port:
            yield ThroughPort(port)


@click.command(cls=Asking)
@reaches
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
@click.option("--prune", is_flag=True, help="Delete whatever FILE does not name.")
@click.option("--yes", is_flag=True, help="Do not ask before something is deleted.")
def apply(reach: Reach, source: Path, dry_run: bool, prune: bool, yes: bool) -> None:
    """Make the control records equal to a file.

    What changes is printed first: + made, ~ changed, - deleted; SecretKeys never. What FILE names becomes as
    it says; what it does not name stays, unless --prune. A binding is FILE's when FILE names both of its
    ends. Up to 1,000 records change at once, whole or not at all; more change in several steps, between
    which a caller may have no plan for a moment, and never two: bindings are taken away first and given
    last. Interrupted, it is run again.

    A Secret without secretKey keeps the one that it has. What FILE refers to (${VARIABLE}, file:) is read
    here, where the command runs.

    \b
    Examples:
      quotad apply -f plans.yaml --dry-run
      quotad apply -f plans.yaml
      quotad apply -f everything.yaml --prune --yes
    """
    from quotad.config.nouns import load_nouns

    ask = not (yes or dry_run) and sys.stdin.isatty()
    with garbage.left_alone():
        with named(source):
            nouns = load_nouns(source)
        asyncio.run(_apply(reach, nouns, prune=prune, dry_run=dry_run, ask=ask))


async def _apply(reach: Reach, nouns: "Nouns", *, prune: bool, dry_run: bool, ask: bool) -> None:
    async with opened(reach) as records:
        count = len(nouns.table.secrets)
        with _bar(count, "compared") as bar:
            shown = await records.compare(nouns, bar.update, prune=prune)
        for each in shown.differences:
            print(each)
        gone = sum(each.sign == "-" for each in shown.differences)
        print(_sum(len(shown.differences), gone, shown.steps, dry_run=dry_run))
        if dry_run or not shown.steps:
            return
        if ask and gone and not click.confirm(f"Delete {gone}?", err=True):
            raise QuotadError("nothing was changed")
        with _bar(shown.writes, "applied") as bar:
            await records.apply(shown, bar.update)


def _bar(length: int, label: str) -> "ProgressBar[int]":
    hidden = length < _MANY
    return click.progressbar(length=length, label=label, file=sys.stderr, hidden=hidden)


def _sum(changed: int, gone: int, steps: int, *, dry_run: bool) -> str:
    if not changed:
        return "nothing to change"
    how = "in one step" if steps == 1 else f"in {steps} steps"
    would = "would be " if dry_run else ""
    return f"{changed - gone} {would}made or changed, {gone} {would}deleted, {how}"


@click.command(cls=Asking)
@reaches
@click.option("--with-keys", is_flag=True, help="SecretKeys too, in clear; the audit log tells of it.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Instead of standard output; a new file that only its owner may read.",
)
def export(reach: Reach, with_keys: bool, output: Path | None) -> None:
    """Write the control records as a file: as file mode reads it, and apply.

    Without SecretKeys unless asked for: such a file may be kept under version control, and applied where
    the Secrets are.

    \b
    Examples:
      quotad export > records.yaml
      quotad export --with-keys -o /safe/backup.yaml
    """
    if output is None:
        asyncio.run(_export(reach, sys.stdout.write, with_keys=with_keys))
        return
    try:
        number = os.open(output, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except OSError as error:
        raise QuotadError(f"{output}: {error.strerror}") from error
    try:
        with os.fdopen(number, "w", encoding="utf-8") as target:
            asyncio.run(_export(reach, target.write, with_keys=with_keys))
    except BaseException:
        output.unlink()
        raise


async def _export(reach: Reach, write: Callable[[str], object], *, with_keys: bool) -> None:
    from quotad.controlplane.export_file import Writer

    async with opened(reach) as records:
        count, writer = await records.secret_count(), Writer()
        with _bar(count, "exported") as bar:
            async for part in records.export(with_keys=with_keys):
                write(writer.text(part))
                if part.section == "secrets":
                    bar.update(len(part.items))
