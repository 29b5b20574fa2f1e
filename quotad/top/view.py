"""The live view: a table that is sorted and filtered by keys."""

from typing import ClassVar, Protocol

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import DataTable, Footer, Input, Static

from quotad.errors import QuotadError
from quotad.top.board import SORTS, Board, Row, Sort, arranged, board
from quotad.top.snapshot import WINDOWS, Snapshot
from quotad.top.text import cells, headings, summary, whose

_WARNS, _FULL = 0.8, 1.0


class Source(Protocol):
    """``feed.Feed``."""

    async def read(self) -> tuple[Snapshot, list[str]]:
        """What is so now, and who said nothing. Raises QuotadError when nobody did."""


class Top(App[None]):
    """Asks the feed again and again; every key acts at once on what was last heard."""

    CSS = """
    Screen { layout: vertical; }
    #summary { height: 2; padding: 0 0; }
    #status, #chosen { height: auto; max-height: 2; color: $text-muted; }
    #filter { display: none; height: 1; border: none; padding: 0; }
    #filter.shown { display: block; }
    DataTable { height: 1fr; }
    """
    TITLE = "quotad top"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "quit", "Quit"),
        Binding("s", "sort", "Sort"),
        Binding("r", "reverse", "Reverse"),
        Binding("w", "window", "Window"),
        Binding("slash,f", "filter", "Filter", key_display="/"),
        Binding("escape", "clear", "All", show=False),
        Binding("p,space", "pause", "Pause", key_display="p"),
    ]

    def __init__(self, feed: Source, interval_s: float, sort: Sort = "rate", window: str = "day") -> None:
        super().__init__()
        self._feed = feed
        self._interval_s = interval_s
        self._before: Snapshot | None = None
        self._now: Snapshot | None = None
        self._silent: list[str] = []
        self._rows: list[Row] = []
        self._sort = SORTS.index(sort)
        self._window = WINDOWS.index(window)
        self._backwards = False
        self._words = ""
        self._paused = False
        self._asking = False

    def compose(self) -> ComposeResult:
        """See textual."""
        yield Static("asking ...", id="summary", markup=False)
        yield DataTable(cursor_type="row", cell_padding=0, zebra_stripes=False)
        yield Static("", id="chosen", markup=False)
        yield Static("", id="status", markup=False)
        yield Input(placeholder="words that plan, service, environment, Api or Secret have", id="filter")
        yield Footer()

    async def on_mount(self) -> None:
        """See textual."""
        table = self.query_one(DataTable)
        for name in headings():
            # One column between two.
            table.add_column(name, width=len(name) + 1)
        table.focus()
        self.set_interval(self._interval_s, self.ask)
        self.call_later(self.ask)

    async def ask(self) -> None:
        """Hear what is new. While an answer is awaited, or the view is paused, nothing is asked."""
        if self._paused or self._asking:
            return
        self._asking = True
        try:
            snapshot, self._silent = await self._feed.read()
            self._before, self._now = self._now or snapshot, snapshot
        except QuotadError as error:
            self._silent = [str(error)]
        finally:
            self._asking = False
        self.show()

    def show(self) -> None:
        """Write what was heard."""
        # An answer may come, and the cursor move, when the screen is already taken down.
        if not self.query(DataTable):
            return
        self.query_one("#status", Static).update(self._status())
        if self._before is None or self._now is None:
            return
        found = board(self._before, self._now, WINDOWS[self._window])
        self.query_one("#summary", Static).update("\n".join(summary(found)))
        self._fill(found)

    def _fill(self, found: Board) -> None:
        table = self.query_one(DataTable)
        chosen, scrolled = table.cursor_row, table.scroll_y
        table.clear()
        self._rows = arranged(found.rows, SORTS[self._sort], backwards=self._backwards, words=self._words)
        for row in self._rows:
            table.add_row(*(Text(cell, style=_style(row)) for cell in cells(row)), key="\0".join(row.key))
        if table.row_count:
            table.move_cursor(row=min(chosen, table.row_count - 1), scroll=False)
            table.scroll_to(y=scrolled, animate=False)
        self._choose()

    def _choose(self) -> None:
        """Say of the row at the cursor what does not fit in it."""
        if not self.query("#chosen"):
            return
        at = self.query_one(DataTable).cursor_row
        words = whose(self._rows[at].key) if 0 <= at < len(self._rows) else ""
        self.query_one("#chosen", Static).update(words)

    def on_data_table_row_highlighted(self, _: DataTable.RowHighlighted) -> None:
        """The cursor moved."""
        self._choose()

    def _status(self) -> str:
        parts = [f"use of the {WINDOWS[self._window]}" if WINDOWS[self._window] != "total" else "use ever"]
        parts.append(f"by {SORTS[self._sort]}{', reversed' if self._backwards else ''}")
        if self._words:
            parts.append(f"only: {self._words}")
        if self._paused:
            parts.append("PAUSED")
        if self._silent:
            more = len(self._silent) - 1
            parts.append(f"SILENT {self._silent[0]}" + (f" and {more} more" if more else ""))
        return " | ".join(parts)

    def action_sort(self) -> None:
        """The next order."""
        self._sort = (self._sort + 1) % len(SORTS)
        self.show()

    def action_reverse(self) -> None:
        """The other way round."""
        self._backwards = not self._backwards
        self.show()

    def action_window(self) -> None:
        """Use of the next window."""
        self._window = (self._window + 1) % len(WINDOWS)
        self.show()

    def action_pause(self) -> None:
        """Stand still, or go on."""
        self._paused = not self._paused
        self.show()

    def action_filter(self) -> None:
        """Ask for words."""
        box = self.query_one("#filter", Input)
        box.add_class("shown")
        box.focus()

    def action_clear(self) -> None:
        """Show all again."""
        self.query_one("#filter", Input).value = ""
        self._close_filter()

    def on_input_changed(self, event: Input.Changed) -> None:
        """While words are written the table follows."""
        self._words = event.value.strip()
        self.show()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Back to the table."""
        self._close_filter()

    def _close_filter(self) -> None:
        self.query_one("#filter", Input).remove_class("shown")
        self.query_one(DataTable).focus()


def _style(row: Row) -> str:
    if row.share >= _FULL:
        return "bold red"
    return "yellow" if row.share >= _WARNS else ""
