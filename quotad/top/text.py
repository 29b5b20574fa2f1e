"""How a board is written, in 80 columns."""

from quotad.top.board import Board, Row
from quotad.top.snapshot import Key

COLUMNS = (("PLAN", 17), ("SERVICE / WHERE", 21), ("REQ/S", 7), ("DENY/S", 7), ("USED", 10), ("OF LIMIT", 13))
WIDTH = sum(width for _, width in COLUMNS) + len(COLUMNS) - 1

_BAR = 10
_PART = 8
"""Of an id, where two of them share a column with the environment."""
_EIGHTHS = " ▏▎▍▌▋▊▉"
_NUMBERS = frozenset(("REQ/S", "DENY/S", "OF LIMIT"))
_UNITS = ((10**15, "P"), (10**12, "T"), (10**9, "G"), (10**6, "M"), (10**4, "k"))


def cells(row: Row) -> tuple[str, ...]:
    """A row's, each as wide as its column."""
    limit = "no limit" if row.limit < 0 else f"{short(row.in_use)}/{short(row.limit)}"
    texts = (row.key.plan, where(row.key), rate(row.per_s), rate(row.denied_per_s), bar(row.share), limit)
    return tuple(
        fitted(text, width, right=name in _NUMBERS)
        for text, (name, width) in zip(texts, COLUMNS, strict=True)
    )


def where(key: Key) -> str:
    """What tells a plan's rows apart: the Secret, the Api, or else the service; and the environment."""
    if key.api and key.secret:
        return f"{fitted(key.api, _PART)}/{fitted(key.secret, _PART)}/{key.environment[:3]}"
    return f"{key.secret or key.api or key.service}/{key.environment}"


def whose(key: Key) -> str:
    """All ids of a row, whole."""
    return "/".join(filter(None, key))


def headings() -> list[str]:
    """The columns' names, each as wide as its column."""
    return [fitted(name, width, right=name in _NUMBERS) for name, width in COLUMNS]


def summary(board: Board) -> list[str]:
    """Two lines: how busy the fleet and its store are, and why requests are denied."""
    store = "-" if board.store_s is None else " / ".join(milliseconds(value) for value in board.store_s)
    fleet = f"{board.sidecars} sidecar{'' if board.sidecars == 1 else 's'}"
    first = f"{fleet}  {rate(board.per_s)} requests/s  store p50/p99 {store}"
    if board.unaccounted:
        first += f"  UNACCOUNTED {short(int(board.unaccounted))}"
    denied = "  ".join(f"{reason} {rate(value)}/s" for reason, value in board.denied.items() if value)
    return [first, f"denied: {denied or 'none'}"]


def whole(board: Board, rows: list[Row]) -> str:
    """All of it as plain text."""
    lines = [*summary(board), " ".join(headings()), *(" ".join(cells(row)) for row in rows)]
    return "\n".join(line.rstrip() for line in lines)


def bar(share: float) -> str:
    """Ten characters for 0 to 1; what is beyond is marked."""
    if share < 0:
        return ""
    if share > 1:
        return "█" * (_BAR - 1) + "▶"
    eighths = round(share * _BAR * 8)
    full, rest = divmod(eighths, 8)
    return "█" * full + (_EIGHTHS[rest] if rest else "")


def fitted(text: str, width: int, *, right: bool = False) -> str:
    """The text in so many columns; what is too long loses its middle, where ids differ least."""
    text = "".join(each if each.isprintable() else " " for each in text)
    if len(text) > width:
        tail = (width - 1) // 2
        text = f"{text[: width - 1 - tail]}…{text[-tail:]}"
    return text.rjust(width) if right else text.ljust(width)


def rate(value: float) -> str:
    """A number a second, in at most six characters."""
    if value == 0:
        return "0"
    return f"{value:.1f}" if value < 1000 else short(round(value))


def short(number: int) -> str:
    """A whole number in at most six characters."""
    for size, unit in _UNITS:
        if number >= size:
            scaled = number / (size if unit != "k" else 1000)
            return f"{scaled:.1f}{unit}" if scaled < 100 else f"{int(scaled)}{unit}"
    return str(number)


def milliseconds(seconds: float) -> str:
    """A duration of the store."""
    return ">1 s" if seconds == float("inf") else f"{seconds * 1000:g} ms"
