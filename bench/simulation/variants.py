"""What else the sizing of Leases could do, tried by replacing single functions of the engine."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from quotad.core.account import LARGEST, Account
from quotad.core.ledger import Entry
from quotad.core.quota import Answer, Call, Limits, Terms
from quotad.engine.combiner import Combiner
from quotad.engine.lane import Lane
from quotad.engine.limiter import Limiter

DENIED_US = 100_000


def _trim() -> Any:
    """At each renewal what is above the wanted size goes back."""
    original = Combiner._call  # noqa: SLF001 - variants stand in for what is inside

    def call(
        combiner: Combiner, lane: Lane, terms: Terms, cost: int, settle_only: bool, now_s: float
    ) -> Call:
        stock = lane.stock
        if stock is not None and not settle_only and stock.most:
            surplus = stock.left - stock.keep - max(stock.want, 1)
            if surplus > 0:
                lane.entry.day.close(0, surplus)
                stock.left -= surplus
                stock.returned += surplus
        return original(combiner, lane, terms, cost, settle_only, now_s)

    return patch.object(Combiner, "_call", call)


def _believe() -> Any:
    """A refusal for which only Leases stand in the way is believed for a tenth of a second."""
    original = Limiter._hear  # noqa: SLF001 - as above

    def hear(limiter: Limiter, lane: Lane, call: Call, answer: Answer, admitted: int) -> None:
        original(limiter, lane, call, answer, admitted)
        if answer.refused_by and answer.held_only and lane.stock is not None:
            limiter._upkeep.deny(lane, answer._replace(retry_us=DENIED_US))  # noqa: SLF001 - as above

    return patch.object(Limiter, "_hear", hear)


def _divide(by: int) -> Any:
    """One Sidecar gets at most 1/by of an even part of what is left, where it is 1/2 now."""

    def lease(account: Account, entry: Entry, limits: Limits, ahead: int, lease_us: int, now_us: int) -> int:
        most = account._most(limits, LARGEST)  # noqa: SLF001 - as above
        if most < LARGEST:
            ahead = min(ahead, most // (by * len(account.entries)))
        if not ahead:
            return 0
        account._take(entry.current, limits, ahead, conditional=False)  # noqa: SLF001 - as above
        entry.lease.ahead += ahead
        entry.lease.ends_us = now_us + lease_us
        account.leased += ahead
        account.leases_end_us = min(account.leases_end_us or entry.lease.ends_us, entry.lease.ends_us)
        return ahead

    return patch.object(Account, "lease", lease)


VARIANTS = {
    "trim": ("what is above the wanted size goes back at each renewal", _trim),
    "believe": ("a refusal by Leases alone is believed for 100 ms", _believe),
    "divide1": ("a Sidecar may take a whole even part of what is left, not half", lambda: _divide(1)),
    "divide4": ("a quarter of an even part", lambda: _divide(4)),
}
"""Name to what it does, and what puts it in place."""


@contextmanager
def applied(names: Sequence[str]) -> Iterator[None]:
    """With these in place."""
    with ExitStack() as stack:
        for name in names:
            stack.enter_context(VARIANTS[name][1]())
        yield
