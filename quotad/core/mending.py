"""How the reference restores a Subject that the store has forgotten, wholly or in part (``lua/heal.lua``).

Each Sidecar restores its own Entry and says what it last heard was in use altogether; the larger of
that and of all that was restored binds.
"""

from quotad.core.account import Account, Healing, Moment
from quotad.core.ledger import Entry, Share
from quotad.core.quota import Call, DayNumbers, Limits, Memory

_WINDOWS = ("day", "month", "total")


def knows_more(account: Account, entry: Entry | None, call: Call) -> bool:
    """Signs that the store may have forgotten: what was heard is newer, or the caller's Entry is gone."""
    if call.version > account.version:
        return True
    return bool(call.generation) and (entry is None or call.heard > entry.number)


def is_lost(account: Account, entry: Entry | None, call: Call, at: Moment) -> bool:
    """Whether it was forgotten, rather than ended because its Sidecar was silent for too long."""
    if account.is_new or entry is not None:
        return True
    if account.birth > call.generation or call.version > account.version:
        return True
    return at.now_us < _memory(call).seen_us + at.hold_us or at.now_us < account.healing_us


def running_windows(call: Call, now_us: int) -> tuple[int, int] | None:
    """The day and month that the Sidecar remembers, while the day lasts."""
    ends_us = (call.day.day_end_us, _memory(call).month_end_us)
    return ends_us if min(ends_us) > now_us else None


def adopt_previous(account: Account, call: Call) -> None:
    """The day before, as the Sidecar remembers it (what it heard of may be over), where there is none."""
    known = (call.day.day_end_us, call.previous.day_end_us)
    end_us = max([0, *[end_us for end_us in known if end_us < account.day_end_us]])
    if account.previous_day_end_us == 0 and end_us:
        account.previous_day_end_us = end_us
        account.previous_in_month = end_us > call.terms.windows.month_start_us


def heal(account: Account, entry: Entry, bounds: Limits, call: Call, at: Moment) -> None:
    """Take what the Sidecar remembers. Binds everyone until the healing time ends."""
    memory, charged = _memory(call), account.total.charged
    healing = _begin(account, call, at)
    gaps = {window: healing.gap(window) for window in _WINDOWS}
    if call.generation == entry.generation:
        seen = ((memory.granted, memory.at_once), (memory.previous_granted, memory.previous_at_once))
        for sent, granted in zip((call.day, call.previous), seen, strict=True):
            for share in (entry.current, entry.previous):
                if share.day_end_us == sent.day_end_us > 0:
                    _restore_share(account, healing, share, sent, granted)
        _restore_lease(account, entry, call, at.now_us)
        account.tokens_u = min(account.tokens_u, account.capacity_u(bounds))
    for window, is_same, used in (
        ("day", call.day.day_end_us == account.day_end_us, memory.day_used),
        ("month", memory.month_end_us == account.month_end_us, memory.month_used),
        ("total", True, memory.total_used),
    ):
        if is_same and memory.seen_us >= account.adjusted.reset_us[window]:
            healing.remembered[window] = max(healing.remembered[window], used)
    for window in _WINDOWS:
        more = healing.gap(window) - gaps[window]
        ledger = getattr(account, window)
        ledger.granted += more
        ledger.charged += more
    # In which hour it was used nobody knows.
    account.hour_mark += account.total.charged - charged
    account.version = max(account.version, call.version)
    account.saved_total = None


def _memory(call: Call) -> Memory:
    return call.memory or Memory()


def _begin(account: Account, call: Call, at: Moment) -> Healing:
    healing = account.healing if at.now_us < account.healing_us else None
    if healing is None or call.version > account.version:
        account.healing_us = at.now_us + at.hold_us
        account.tokens_u = min(account.tokens_u, 0)
        account.thaw_us = at.now_us + call.terms.lease_us
    if healing is None:
        healing = account.healing = Healing(
            account.day_end_us,
            account.month_end_us,
            dict.fromkeys(_WINDOWS, 0),
            {window: getattr(account, window).used for window in _WINDOWS},
        )
        if account.is_new:
            # The total's key outlived the hash: what Entries restore is in it already.
            healing.remembered["total"], healing.restored["total"] = account.total.used, 0
    if healing.day_end_us != account.day_end_us:
        healing.day_end_us = account.day_end_us
        healing.remembered["day"] = healing.restored["day"] = 0
    if healing.month_end_us != account.month_end_us:
        healing.month_end_us = account.month_end_us
        healing.remembered["month"] = healing.restored["month"] = 0
    return healing


def _restore_share(
    account: Account, healing: Healing, share: Share, sent: DayNumbers, seen: tuple[int, int]
) -> None:
    was = Share(0, share.granted, share.at_once, share.closed, share.given_back)
    share.granted = max(seen[0], share.granted)
    share.at_once = min(max(seen[1], share.at_once), share.granted)
    share.closed = min(max(sent.closed, share.closed), share.granted - share.at_once)
    share.given_back = min(max(sent.given_back, share.given_back), share.at_once + share.closed)
    charged, still_open = share.charged - was.charged, share.open - was.open
    names = {id(account.day): "day", id(account.month): "month", id(account.total): "total"}
    for ledger in account.ledgers(share.day_end_us):
        ledger.add(charged, still_open, share.given_back - was.given_back)
        window = names.get(id(ledger))
        if window is not None:
            healing.restored[window] += charged + still_open


def _restore_lease(account: Account, entry: Entry, call: Call, now_us: int) -> None:
    lease = entry.lease
    if entry.current.day_end_us != call.day.day_end_us:
        return
    before = lease.left
    lease.ahead = min(max(_memory(call).ahead, lease.ahead), entry.current.at_once)
    lease.spent = min(max(call.spent, lease.spent), lease.ahead)
    lease.returned = min(max(call.returned, lease.returned), lease.ahead - lease.spent)
    account.leased += lease.left - before
    if lease.left:
        lease.ends_us = now_us + call.terms.lease_us
        account.leases_end_us = account.leases_end_us or lease.ends_us
