"""What else the sizing of Leases could do, tried by replacing single functions of the engine."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from quotad.core.account import LARGEST, Account
from quotad.core.ledger import Entry
from quotad.core.quota import Answer, Call, Limit, Limits, Terms
from quotad.engine.combiner import Combiner
from quotad.engine.lane import Lane
from quotad.engine.leases import Stock
from quotad.engine.limiter import Limiter


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


def _believe(us: int, *, rate: bool = False) -> Any:
    """A refusal for which only Leases (or the rate) stand in the way is believed for so long."""
    original = Limiter._hear  # noqa: SLF001 - as above

    def hear(limiter: Limiter, lane: Lane, call: Call, answer: Answer, admitted: int) -> None:
        original(limiter, lane, call, answer, admitted)
        is_taken = answer.held_only or (rate and answer.refused_by == Limit.RATE)
        if answer.refused_by and is_taken and lane.stock is not None:
            limiter._upkeep.deny(lane, answer._replace(retry_us=us))  # noqa: SLF001 - as above

    return patch.object(Limiter, "_hear", hear)


def _own_ttl() -> Any:
    """Under ``local`` the Lease on top of the standby is sized for the plan's own ``ttlMs``."""
    original = Stock.measure

    def measure(stock: Stock, asked: int, now_s: float) -> None:
        kept, stock.ttl_s = stock.ttl_s, min(stock.ttl_s, 1.0)
        original(stock, asked, now_s)
        stock.ttl_s = kept

    return patch.object(Stock, "measure", measure)


def _sell() -> Any:
    """Once a quota is used up the standby of ``local`` is a Lease like any other."""
    original = Limiter._hear  # noqa: SLF001 - as above

    def hear(limiter: Limiter, lane: Lane, call: Call, answer: Answer, admitted: int) -> None:
        original(limiter, lane, call, answer, admitted)
        if answer.refused_by > Limit.RATE and lane.stock is not None:
            lane.stock.keep = 0

    return patch.object(Limiter, "_hear", hear)


def _ahead(quota_parts: int, token_parts: int) -> Any:
    """One Sidecar gets at most 1/quota_parts of an even part of what is left of the quotas, and of tokens.

    ``token_parts`` 0: at most a quarter of the bucket, however many Sidecars there are.
    """

    def lease(account: Account, entry: Entry, limits: Limits, ahead: int, lease_us: int, now_us: int) -> int:
        sidecars = len(account.entries)
        quota = account._most(limits._replace(rate_rps=-1), LARGEST)  # noqa: SLF001 - as above
        if quota < LARGEST:
            ahead = min(ahead, quota // (quota_parts * sidecars) - entry.lease.left)
        if limits.rate_rps >= 0:
            tokens = account.whole_tokens(limits)
            part = tokens // (token_parts * sidecars) if token_parts else tokens // 4
            ahead = min(ahead, part - entry.lease.left)
        if ahead <= 0:
            return 0
        account._take(entry.current, limits, ahead, conditional=False)  # noqa: SLF001 - as above
        entry.lease.ahead += ahead
        entry.lease.ends_us = now_us + lease_us
        account.leased += ahead
        account.leases_end_us = min(account.leases_end_us or entry.lease.ends_us, entry.lease.ends_us)
        return ahead

    return patch.object(Account, "lease", lease)


VARIANTS: dict[str, tuple[str, Callable[[], Any]]] = {
    "trim": ("what is above the wanted size goes back at each renewal", _trim),
    "believe": ("a refusal by Leases alone is believed for 0.1 s", lambda: _believe(100_000)),
    "believe1s": ("a refusal by Leases alone is believed for 1 s", lambda: _believe(1_000_000)),
    "believe_rate": ("one by the rate is believed for 0.05 s", lambda: _believe(50_000, rate=True)),
    "own_ttl": ("under `local`, a Lease is sized for 1 s, not for the hold time", _own_ttl),
    "sell": ("once a quota is used up, the standby of `local` is spent", _sell),
    "whole": ("at most a whole even part of what is left, not half of one", lambda: _ahead(1, 1)),
    "quarter": ("at most a quarter of an even part of what is left", lambda: _ahead(4, 4)),
    "tokens": ("of tokens at most a quarter of the bucket, not half an even part", lambda: _ahead(2, 0)),
}
"""Name to what it does, and what puts it in place."""

TRIED: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("hot", ("trim",)),
    ("hot", ("trim", "believe1s")),
    ("hot", ("trim", "believe1s", "whole")),
    ("plans", ("trim", "believe1s")),
    ("rate", ("believe_rate",)),
    ("rate-idle", ("trim", "tokens")),
    ("local", ("own_ttl",)),
    ("local", ("own_ttl", "sell", "trim", "believe1s")),
)
"""Case and variants together, for ``--variants``."""


@contextmanager
def applied(names: Sequence[str]) -> Iterator[None]:
    """With these in place."""
    with ExitStack() as stack:
        for name in names:
            stack.enter_context(VARIANTS[name][1]())
        yield
