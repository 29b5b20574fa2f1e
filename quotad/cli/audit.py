"""``quotad audit``: who changed what."""

from pathlib import Path

import click

from quotad.cli.people import done_by, on_records, tell_page


@click.command()
@on_records
@click.option("--limit", type=click.IntRange(1, 100), default=20, show_default=True)
@click.option("--before", default="", metavar="AT", help="Those before this one: the `at` of a row.")
def audit(config: Path, output: str, limit: int, before: str) -> None:
    """List changes of the control records, the newest first: who, what, before and after (-o json).

    \b
    Example:
      quotad audit --limit 5 -o json
    """
    found = done_by(config, lambda desk, asker: desk.audit(asker, before, limit))
    rows = [{"at": at, **record} for at, record in found]
    tell_page(len(rows), rows, output, "audit", ("at", "time", "who", "means", "action", "target"))
