"""``quotad top``: a fleet, live in a terminal."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING

import click

from quotad.cli.reach import ADMIN_VARIABLE, Asking, Reach, admin_port, reaches
from quotad.errors import QuotadError

if TYPE_CHECKING:
    from quotad.top.board import Sort
    from quotad.top.feed import Feed

    Show = Callable[[Feed, float, Sort, str], Awaitable[None]]


@click.command(cls=Asking)
@click.argument("telemetry", nargs=-1, metavar="[URL]...")
@click.option("--every", type=click.FloatRange(0.2, 60), default=1.0, show_default=True, help="Seconds.")
@click.option("--once", is_flag=True, help="Print it once, as plain text, and end.")
@click.option(
    "--sort", type=click.Choice(["rate", "denied", "used", "name"]), default="rate", show_default=True
)
@click.option("--window", type=click.Choice(["day", "month", "total"]), default="day", show_default=True)
@reaches
def top(
    reach: Reach, telemetry: tuple[str, ...], every: float, once: bool, sort: "Sort", window: str
) -> None:
    """Show live the busiest plans, what is used of their limits, denials, and the store's pace.

    Each URL is the telemetry port of a sidecar; several are added up. With an admin port, use is shown for
    each Secret that has its own. Keys: s sorts by another column, r reverses, w shows another window,
    / filters, p pauses, q ends.

    \b
    Examples:
      quotad top http://127.0.0.1:9902
      quotad top http://10.0.0.7:9902 http://10.0.0.8:9902 --once --sort used
    """
    if not telemetry and not _asks_admin(reach):
        raise click.UsageError("give the URL of a telemetry port, or --admin")
    asyncio.run(_top(_once if once else _live, reach, telemetry, (every, sort, window)))


def _asks_admin(reach: Reach) -> bool:
    return bool(reach.admin or reach.config or os.environ.get(ADMIN_VARIABLE))


@contextlib.asynccontextmanager
async def _feed(reach: Reach, telemetry: tuple[str, ...]) -> AsyncIterator["Feed"]:
    from quotad.top.feed import Feed

    async with contextlib.AsyncExitStack() as stack:
        port = await stack.enter_async_context(admin_port(reach)) if _asks_admin(reach) else None
        yield await stack.enter_async_context(Feed(telemetry, port))


async def _top(
    show: "Show", reach: Reach, telemetry: tuple[str, ...], how: tuple[float, "Sort", str]
) -> None:
    async with _feed(reach, telemetry) as feed:
        await show(feed, *how)


async def _once(feed: "Feed", every: float, sort: "Sort", window: str) -> None:
    from quotad.top.board import arranged, board
    from quotad.top.text import whole

    before, _ = await feed.read()
    await asyncio.sleep(every)
    now, silent = await feed.read()
    for words in silent:
        click.echo(f"quotad: silent: {words}", err=True)
    found = board(before, now, window)
    click.echo(whole(found, arranged(found.rows, sort)))


async def _live(feed: "Feed", every: float, sort: "Sort", window: str) -> None:
    try:
        from quotad.top.view import Top
    except ModuleNotFoundError as error:
        words = f"the live view needs {error.name}: pip install 'quotad[top]', or use --once"
        raise QuotadError(words) from None
    await Top(feed, every, sort, window).run_async()
