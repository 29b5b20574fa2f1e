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
from typing import NamedTuple

from quotad.core.breach import is_soft, number_of
from quotad.core.plans import UNLIMITED
from quotad.core.verdict import Verdict

DAY_S = 86_400
MONTH_S = 31 * DAY_S

_SF_INTEGER_MAX = 999_999_999_999_999
"""Largest Integer of a structured field (RFC 9651, section 3.3.1); quotas may be nine times larger."""

_ABSENT = 1 << 62
"""What is left of an unlimited limit, where shares are compared: more than of any other."""


class _Kind(NamedTuple):
    """One kind of limit; ``left`` and ``reset`` say where ``limit_headers`` keeps its numbers."""

    name: str
    window: str
    left: int
    reset: int | None
    over: int = 0


_KINDS = (
    _Kind("rate", ";w=1", 0, 6),
    _Kind("day", f";w={DAY_S}", 1, 2, 7),
    _Kind("month", f";w={MONTH_S}", 3, 4, 8),
    _Kind("total", "", 5, None, 9),
)

_Form = tuple[bytes, Callable[[tuple[int, ...]], tuple[int, ...]]]


class _Layout:
    """What stays while a plan's limits stay: how each kind of binding limit is written."""

    __slots__ = ("day", "forms", "large", "month", "rate", "shares", "soft", "tokens", "total")

    def __init__(self, rate: int, burst: int, day: int, month: int, total: int) -> None:
        self.day, self.month, self.total = (_ABSENT if n < 0 else n for n in (day, month, total))
        self.tokens = _ABSENT if rate < 0 else 0
        """What is in the bucket where the store keeps none: everything, or nothing at rate 0."""
        bounds = (burst if rate > 0 else rate, day, month, total)
        self.rate = _ABSENT if rate < 0 else bounds[0]
        self.shares = tuple(1 / bound if bound > 0 else 1.0 for bound in reversed(bounds))
        """What one request is of the total, month, day and rate: of equal shares the first binds."""
        self.large = max(bounds) > _SF_INTEGER_MAX
        self.soft = tuple(number_of(bound) if is_soft(bound) else -1 for bound in (day, month, total))
        """The soft quotas of day, month and total; -1: it is none. Empty where none is."""
        if max(self.soft) < 0:
            self.soft = ()
        present = [(kind, bound) for kind, bound in zip(_KINDS, bounds, strict=True) if bound != UNLIMITED]
        policy = ", ".join(_policy_item(kind, bound, rate) for kind, bound in present)
        limits = ", ".join(_limit_item(kind, bound) for kind, bound in present)
        lines = f"RateLimit-Policy: {policy}\r\nRateLimit: {limits}\r\n"
        picked = [at for kind, bound in present for at in _picked(kind, bound)]
        binds = max(bounds) >= 0
        self.forms = [
            _form(kind, bound, lines, picked, binds) for kind, bound in zip(_KINDS, bounds, strict=True)
        ]
        self.forms.reverse()

    def with_soft(self, numbers: tuple[int, ...], *used: int) -> tuple[int, ...]:
        """The numbers with those of soft quotas: what is left of each, and how far use is beyond it."""
        told = list(numbers)
        for kind, quota, units in zip(_KINDS[1:], self.soft, used, strict=True):
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
    return f'"{kind.name}";r=%d' + (";t=%d" if kind.reset else "") + over


def _picked(kind: _Kind, bound: int) -> list[int]:
    """Which numbers a service limit item takes."""
    numbers = [kind.left] if kind.reset is None or kind.name == "rate" else [kind.left, kind.reset]
    return [*numbers, kind.over] if is_soft(bound) else numbers


def _form(kind: _Kind, bound: int, lines: str, picked: list[int], binds: bool) -> _Form:
    """All lines where ``kind`` binds, if anything does, and what picks their numbers."""
    if not binds:
        return lines.encode(), itemgetter(*picked)
    lines += f"X-RateLimit-Limit: {min(bound, _SF_INTEGER_MAX)}\r\nX-RateLimit-Remaining: %d\r\n"
    picked = [*picked, kind.left]
    if kind.reset is not None and not (kind.name == "rate" and bound == 0):
        lines += "X-RateLimit-Reset: %d\r\n"
        picked = [*picked, kind.reset]
    return lines.encode(), itemgetter(*picked)


@lru_cache(maxsize=4096)
def _layout(rate: int, burst: int, day: int, month: int, total: int) -> _Layout | None:
    return None if rate == day == month == total == -1 else _Layout(rate, burst, day, month, total)


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
     total, total_charged, total_open, *_) = answer
    # fmt: on
    layout = _layout(rate, burst, day, month, total)
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
        place = min(place, day_used, month_used, total_used)
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
    refused_by = verdict.limit
    if refused_by:
        binding = 4 - refused_by
    else:
        of_total, of_month, of_day, of_rate = layout.shares
        left = (total_left * of_total, month_left * of_month, day_left * of_day, rate_left * of_rate)
        binding = left.index(min(left))
    if layout.large:
        day_left, month_left, total_left = (
            min(n, _SF_INTEGER_MAX) for n in (day_left, month_left, total_left)
        )
    template, pick = layout.forms[binding]
    # -(-a // b) rounds up; a window that is open ends later than now.
    numbers: tuple[int, ...] = (
        rate_left,
        day_left,
        -((now_us - day_end_us) // 1_000_000),
        month_left,
        -((now_us - month_end_us) // 1_000_000),
        total_left,
        -(-full_us // 1_000_000) or 1,
    )
    if layout.soft:
        numbers = layout.with_soft(numbers, day_used - place, month_used - place, total_used - place)
    return template % pick(numbers)
