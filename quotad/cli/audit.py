"""``quotad audit``: who changed what."""

import click

from quotad.cli.people import asked, on_records, tell_page
from quotad.cli.reach import Asking, Reach

_COLUMNS = ("auditId", "time", "who", "means", "event", "action", "target")


@click.command(cls=Asking)
@on_records
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, metavar="N", help="So many.")
@click.option("--before", default="", metavar="ID", help="Those before this one: an auditId.")
def audit(reach: Reach, output: str, limit: int, before: str) -> None:
    """List who changed what, the newest first; -o json has what it was before and after.

    \b
    Example:
      quotad audit --limit 5 -o json
    """
    rows = asked(reach, lambda port: port.audited(limit, before))
    tell_page(len(rows), rows, output, "audit", _COLUMNS)
