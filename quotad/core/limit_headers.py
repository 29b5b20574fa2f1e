"""What a caller is told about its limits on every decided answer, as ready header lines.

``RateLimit-Policy`` and ``RateLimit`` follow draft-ietf-httpapi-ratelimit-headers-10 (sections 3 and
4), one item per limit that is not unlimited; ``X-RateLimit-*`` describe the binding limit: the one
that refused, else the one with the smallest share left. ``_Layout`` is the one place that knows the
syntax: another draft is another layout.

A soft quota (``core.breach``) has an item with ``quotad-soft`` in the policy and ``quotad-over``, how far use
is beyond it, beside what is left. It refuses nobody, so it never binds.

How long a window is (``w``): a second for the rate, 86,400 s for a day and 31 days for a month, so
that a client that spreads ``q`` evenly over ``w`` never runs out early. The total has no window.
``t`` is the time until more is there: the rate has more within a second, a day or month at its end,
the total never. ``X-RateLimit-Reset`` is the time until the whole limit is there again, absent for
what never comes back. All are whole seconds, rounded up, at least 1.
"""

from collections.abc import Callable
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final, NamedTuple

from librt.strings import BytesWriter

from quotad.core.breach import is_soft, number_of
from quotad.core.plans import UNLIMITED
from quotad.core.verdict import Verdict
from quotad.core.written import NATIVE, write_decimal

DAY_S = 86_400
MONTH_S = 31 * DAY_S

_SF_INTEGER_MAX: Final = 999_999_999_999_999
"""Largest Integer of a structured field (RFC 9651, section 3.3.1); quotas may be nine times larger."""

_DAY_S, _MONTH_S = "<day>", "<month>"
"""What stands for the seconds until a window ends."""

_ABSENT: Final = 1 << 61
"""What is left of an unlimited limit, where shares are compared: more than of any other."""


class _Kind(NamedTuple):
    """One kind of limit; ``left``, ``full`` and ``over`` say where ``limit_headers`` keeps its numbers."""

    name: str
    window: str
    left: int
    reset: str
    """How the time until the whole limit is there again is written; empty: it never is."""
    full: int | None = None
    over: int = 0


_KINDS = (
    _Kind("rate", ";w=1", 0, "%d", 4),
    _Kind("day", f";w={DAY_S}", 1, _DAY_S, None, 5),
    _Kind("month", f";w={MONTH_S}", 2, _MONTH_S, None, 6),
    _Kind("total", "", 3, "", None, 7),
)


class _Form:
    """All lines where one kind of limit binds. Times are written into them once a second."""

    __slots__ = ("_lines", "_pick", "_picked", "_pieces", "_text", "day_s", "month_s")

    def __init__(self, lines: str, picked: list[int]) -> None:
        self._lines = lines
        self._picked = picked
        self._pick: Callable[[tuple[int, ...]], Any] = itemgetter(*picked)
        self.write(0, 0)

    def write(self, day_s: int, month_s: int) -> None:
        """Until the ends of day and month there are so many seconds."""
        self.day_s, self.month_s = day_s, month_s
        times = self._lines.replace(_DAY_S, str(day_s)).replace(_MONTH_S, str(month_s))
        self._text = times.encode()
        self._pieces = self._text.split(b"%d")

    def filled(self, numbers: tuple[int, ...]) -> bytes:
        """With these of all numbers."""
        told: tuple[int, ...] = self._pick(numbers)
        return self._text % told

    def written(self, rate_left: int, day_left: int, month_left: int, total_left: int, full_s: int) -> bytes:
        """The same of the first five numbers, without making objects of them."""
        writer = BytesWriter()
        place = 0
        for at in self._picked:
            writer.write(self._pieces[place])
            place += 1
            if at == 0:
                number = rate_left
            elif at == 1:
                number = day_left
            elif at == 2:
                number = month_left
            elif at == 3:
                number = total_left
            else:
                number = full_s
            write_decimal(writer, number)
        writer.write(self._pieces[place])
        return writer.getvalue()


class _Layout:
    """What stays while a plan's limits stay: how each kind of binding limit is written."""

    __slots__ = (
        "_forms",
        "_of_day",
        "_of_month",
        "_of_rate",
        "_of_total",
        "_soft",
        "_special",
        "day",
        "limits",
        "month",
        "native",
        "rate",
        "tokens",
        "total",
    )

    def __init__(self, rate: int, burst: int, day: int, month: int, total: int) -> None:
        self.limits = (rate, burst, day, month, total)
        self.day = _ABSENT if day < 0 else day
        self.month = _ABSENT if month < 0 else month
        self.total = _ABSENT if total < 0 else total
        self.tokens = _ABSENT if rate < 0 else 0
        """What is in the bucket where the store keeps none: everything, or nothing at rate 0."""
        bounds = (burst if rate > 0 else rate, day, month, total)
        self.rate = _ABSENT if rate < 0 else bounds[0]
        shares = [1 / bound if bound > 0 else 1.0 for bound in bounds]
        self._of_rate, self._of_day, self._of_month, self._of_total = shares
        """What one request is of each limit."""
        self._soft = tuple(number_of(bound) if is_soft(bound) else -1 for bound in (day, month, total))
        """The soft quotas of day, month and total; -1: it is none."""
        self._special = max(bounds) > _SF_INTEGER_MAX or max(self._soft) >= 0
        """Whether its numbers need a second look."""
        self.native = NATIVE and not self._special
        present = [(kind, bound) for kind, bound in zip(_KINDS, bounds, strict=True) if bound != UNLIMITED]
        policy = ", ".join(_policy_item(kind, bound, rate) for kind, bound in present)
        limits = ", ".join(_limit_item(kind, bound) for kind, bound in present)
        lines = f"RateLimit-Policy: {policy}\r\nRateLimit: {limits}\r\n"
        picked = [at for kind, bound in present for at in _picked(kind, bound)]
        binds = max(bounds) >= 0
        self._forms = [
            _form(kind, bound, lines, picked, binds) for kind, bound in zip(_KINDS, bounds, strict=True)
        ]
        """By the kind that binds."""

    def form(self, refused_by: int, rate_left: int, day_left: int, month_left: int, total_left: int) -> _Form:
        """That of the limit that refused, else of the one with the smallest share left."""
        if refused_by:
            return self._forms[refused_by - 1]
        # Of equal shares the one that comes back last binds.
        share, binding = total_left * self._of_total, 3
        if (month_share := month_left * self._of_month) < share:
            share, binding = month_share, 2
        if (day_share := day_left * self._of_day) < share:
            share, binding = day_share, 1
        return self._forms[0 if rate_left * self._of_rate < share else binding]

    def told(self, numbers: tuple[int, ...], *used: int) -> tuple[int, ...]:
        """The numbers as a structured field can hold them, and those of soft quotas.

        Of each of these what is left, and how far use is beyond it.
        """
        if not self._special:
            return numbers
        told = [min(number, _SF_INTEGER_MAX) for number in numbers]
        for kind, quota, units in zip(_KINDS[1:], self._soft, used, strict=True):
            left = min(quota - units, _SF_INTEGER_MAX)
            if quota >= 0:
                told[kind.left] = max(0, left)
            told.append(min(max(0, -left), _SF_INTEGER_MAX))
        return tuple(told)


def _policy_item(kind: _Kind, bound: int, rate: int) -> str:
    """A quota policy item (draft, section 3.1); a parameter of our own carries a prefix."""
    if is_soft(bound):
        return f'"{kind.name}";q={min(number_of(bound), _SF_INTEGER_MAX)}{kind.window};quotad-soft'
    if kind.name != "rate" or bound == rate:
        return f'"{kind.name}";q={min(bound, _SF_INTEGER_MAX)}{kind.window}'
    return f'"rate";q={rate}{kind.window};quotad-burst={bound}'


def _limit_item(kind: _Kind, bound: int) -> str:
    """A service limit item (draft, section 4.1)."""
    if kind.name == "rate":
        return '"rate";r=%d;t=1' if bound else '"rate";r=%d'
    over = ";quotad-over=%d" if is_soft(bound) else ""
    return f'"{kind.name}";r=%d' + (f";t={kind.reset}" if kind.reset else "") + over


def _picked(kind: _Kind, bound: int) -> list[int]:
    """Which numbers a service limit item takes."""
    return [kind.left, kind.over] if is_soft(bound) else [kind.left]


def _form(kind: _Kind, bound: int, lines: str, picked: list[int], binds: bool) -> _Form:
    """All lines where ``kind`` binds, if anything does."""
    if not binds:
        return _Form(lines, picked)
    lines += f"X-RateLimit-Limit: {min(bound, _SF_INTEGER_MAX)}\r\nX-RateLimit-Remaining: %d\r\n"
    picked = [*picked, kind.left]
    if kind.reset and not (kind.name == "rate" and bound == 0):
        lines += f"X-RateLimit-Reset: {kind.reset}\r\n"
        picked += [] if kind.full is None else [kind.full]
    return _Form(lines, picked)


@lru_cache(maxsize=4096)
def _layout(rate: int, burst: int, day: int, month: int, total: int) -> _Layout | None:
    return None if rate == day == month == total == -1 else _Layout(rate, burst, day, month, total)


class _Last:
    """The layout that was used last: many callers have one plan, and to compare is less than to look up."""

    __slots__ = ("layout",)

    def __init__(self) -> None:
        self.layout = _Layout(0, 0, 0, 0, 0)


_last: Final = _Last()


def _layout_of(limits: tuple[int, int, int, int, int]) -> _Layout | None:
    layout: _Layout | None = _last.layout
    if layout is None or layout.limits != limits:
        layout = _layout(*limits)
        if layout is not None:
            _last.layout = layout
    return layout


def limit_headers(verdict: Verdict) -> bytes:
    """Header lines, each with its CRLF; empty when the store did not decide or nothing is limited.

    ``verdict.place`` is added to what is left: earlier requests of one grant see what was left then, and
    a leased unit what is left of its Lease besides. Whatever the numbers, what is left is never told as
    negative, nor as more than the limit.
    """
    answer = verdict.answer
    if answer is None:
        return b""
    # fmt: off
    # One unpacking costs half of what the attributes of a NamedTuple cost.
    (_, now_us, _, _, _, _, _, day_end_us, _, _, _, _, _, rate, burst, tokens, full_us,
     day, day_charged, day_open, month_end_us, month, month_charged, month_open,
     total, total_charged, total_open, _, _) = answer
    # fmt: on
    layout = _layout_of((rate, burst, day, month, total))
    if layout is None:
        return b""
    place = verdict.place
    day_used, month_used, total_used = (
        day_charged + day_open,
        month_charged + month_open,
        total_charged + total_open,
    )
    if place:
        # Units of a Lease may have been taken before a window, or the bucket, became what it is.
        for used in (day_used, month_used, total_used):
            place = min(place, used)
    if (rate_left := (tokens if rate > 0 else layout.tokens) + place) > layout.rate:
        rate_left = layout.rate
    elif rate_left < 0:
        rate_left = 0
    # Below zero after a lowered limit; a call of max() costs four times as much.
    if (day_left := layout.day - day_used + place) < 0:
        day_left = 0
    if (month_left := layout.month - month_used + place) < 0:
        month_left = 0
    if (total_left := layout.total - total_used + place) < 0:
        total_left = 0
    # -(-a // b) rounds up; a window that is open ends later than now.
    day_s, month_s = -((now_us - day_end_us) // 1_000_000), -((now_us - month_end_us) // 1_000_000)
    form = layout.form(verdict.limit, rate_left, day_left, month_left, total_left)
    if day_s != form.day_s or month_s != form.month_s:
        form.write(day_s, month_s)
    full_s = max(1, -(-full_us // 1_000_000))
    if layout.native:
        return form.written(rate_left, day_left, month_left, total_left, full_s)
    numbers = rate_left, day_left, month_left, total_left, full_s
    return form.filled(layout.told(numbers, day_used - place, month_used - place, total_used - place))
