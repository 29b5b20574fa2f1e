"""The decision in plain Python: what ``lua/`` is proven against, and the store of tests.

Written to be read beside docs/guarantees.md, not to be fast, and with other means than the Lua: exact
integers of any size, one object per day and Entry, nothing saved that was not meant to change.
"""

import copy
from dataclasses import replace

from quotad.core.account import DAY_US, Account, Crash, Moment
from quotad.core.adjusted import NAMES, Adjusted
from quotad.core.ledger import Entry, Lease, Ledger
from quotad.core.mending import adopt_previous, heal, is_lost, knows_more, running_windows
from quotad.core.plans import UNLIMITED, Subject
from quotad.core.quota import (
    LEAVE,
    Answer,
    AnswerStatus,
    Call,
    Limit,
    Limits,
    Replay,
    Reset,
    Terms,
    TopUp,
    Usage,
    Window,
)

_TOTAL_LIFE_US = 400 * DAY_US
_NOTHING: dict[str, int] = {}
_HISTORY = {
    "h": (DAY_US, 9, 8 * DAY_US),
    "d": (32 * DAY_US, 13, 400 * DAY_US),
    "r": (32 * DAY_US, 13, 400 * DAY_US),
}
"""Per kind: the stretch that is kept or dropped as one, how many beside the newest, what is old."""


class WindowsUnfitError(Exception):
    """The windows sent do not contain the present."""


class Reference:
    """Every Subject's counters, in memory. The time is an argument: a store has one clock."""

    def __init__(self) -> None:
        self.accounts: dict[str, Account] = {}
        self.totals: dict[str, tuple[Ledger, int | None]] = {}
        """Lifetime totals, and when they expire (None: never): they outlive the Account."""
        self.adjusted: dict[str, tuple[Adjusted, int | None]] = {}
        """Top-ups and resets, and when they are forgotten (None: never): they outlive the Account too."""
        self.history: dict[str, dict[tuple[str, int], int]] = {}
        """Per Subject: (kind, end) to units; kinds as in ``lua/past.lua``."""
        self.marks: dict[tuple[str, bytes, int], int] = {}
        """What was replayed: (tag, process, day end) to units in all."""

    def reserve(self, now_us: int, sidecar_id: bytes, hold_us: int, call: Call) -> Answer:
        """Record what the Call says, then decide its cost. See ``lua/reserve.lua``."""
        return self._serve(now_us, sidecar_id, hold_us, call, decides=True)

    def settle(self, now_us: int, sidecar_id: bytes, hold_us: int, call: Call) -> Answer:
        """Record what the Call says; decide nothing, create no Account. See ``lua/settle.lua``."""
        return self._serve(now_us, sidecar_id, hold_us, call, decides=False)

    def usage(self, now_us: int, subject: Subject) -> Usage:
        """What is in use, without changing it. See ``lua/usage.lua``."""
        self._expire(subject.tag, now_us)
        account = self.accounts.get(subject.tag)
        if account is None:
            total, _ = self.totals.get(subject.tag, (Ledger(), None))
            adjusted, _ = self.adjusted.get(subject.tag, (Adjusted(), None))
            raised = adjusted.raised(now_us)
            return Usage(now_us, 0, 0, 0, 0, 0, 0, total.charged, total.open, 0, *raised)
        return _present(account, max(now_us, account.last_us))

    def adjust(
        self, now_us: int, hold_us: int, subject: Subject, terms: Terms, change: TopUp | Reset
    ) -> Usage:
        """A top-up or a reset. See ``lua/adjust.lua``. Raises WindowsUnfitError."""
        account, now_us = self._open(now_us, hold_us, subject.tag, terms)
        account.end_hour(now_us)
        if isinstance(change, TopUp):
            changed = _top_up(account, change, now_us)
        else:
            changed = _reset(account, change, now_us)
        if changed:
            tag = subject.tag
            self._keep(tag, account, _binding_limits(account, terms.limits), now_us)
            self.adjusted[tag] = account.adjusted, account.adjusted.expires_us(now_us)
        return _present(account, now_us)

    def replay(
        self, now_us: int, owner: bytes, hold_us: int, subject: Subject, terms: Terms, record: Replay
    ) -> Usage:
        """Count what ``owner`` admitted without the store (``lua/replay.lua``). Raises WindowsUnfitError."""
        mark = (subject.tag, owner, record.day_end_us)
        units = record.total - self.marks.get(mark, 0)
        if units <= 0:
            self._expire(subject.tag, now_us)
            crash = Crash(terms.release_on_crash)
            known = self.accounts.get(subject.tag) or self._begin(subject.tag, now_us, crash)
            return _present(known, max(now_us, known.last_us))
        account, now_us = self._open(now_us, hold_us, subject.tag, terms)
        account.end_hour(now_us)
        account.total.add(units)
        if record.day_end_us > now_us:
            account.day.add(units)
            account.month.add(units)
        elif record.day_end_us == account.previous_day_end_us:
            for ledger in account.ledgers(record.day_end_us)[:-1]:
                ledger.add(units)
        else:
            account.noted.append(("r", record.day_end_us, units))
            if terms.windows.month_start_us < record.day_end_us <= account.month_end_us:
                account.month.add(units)
        self._keep(subject.tag, account, _binding_limits(account, terms.limits), now_us)
        self.marks[mark] = record.total
        return _present(account, now_us)

    def _open(self, now_us: int, hold_us: int, tag: str, terms: Terms) -> tuple[Account, int]:
        """A Subject's Account at the present, about to be changed from outside."""
        self._expire(tag, now_us)
        account = copy.deepcopy(self.accounts.get(tag)) or self._begin(
            tag, now_us, Crash(terms.release_on_crash)
        )
        now_us = max(now_us, account.last_us)
        account.refill(account.bounds(_binding_limits(account, terms.limits), now_us), now_us)
        account.drop_top_ups(now_us)
        if not account.roll(terms.windows, Moment(now_us, hold_us)):
            raise WindowsUnfitError
        return account, now_us

    def _serve(self, now_us: int, sidecar_id: bytes, hold_us: int, call: Call, *, decides: bool) -> Answer:
        self._expire(call.subject.tag, now_us)
        crash = Crash(call.terms.release_on_crash)
        account = self.accounts.get(call.subject.tag) or self._begin(call.subject.tag, now_us, crash)
        at = Moment(max(now_us, account.last_us), hold_us)
        bounds = account.bounds(_binding_limits(account, call.terms.limits), at.now_us)
        entry = account.entries.get(sidecar_id)
        if entry is not None and call.number <= entry.number:
            return _answer(account, entry, bounds, at.now_us, AnswerStatus.NUMBER_STALE)
        lost = knows_more(account, entry, call)
        if lost and (call.memory is None or not decides):
            return _answer(account, entry or Entry(), bounds, at.now_us, AnswerStatus.STATE_LOST)
        lost = lost and is_lost(account, entry, call, at)
        is_nobody = entry is None and not decides
        if is_nobody:
            # It has nothing to record: nothing of what follows is kept.
            account = copy.deepcopy(account)
        fits = _bring(account, bounds, call, at, lost=lost)
        if (account.is_new and not fits) or is_nobody:
            return _answer(account, Entry(), bounds, at.now_us, _status(fits))
        account.end_hour(at.now_us)
        if lost:
            adopt_previous(account, call)
            if entry is not None and entry.generation < call.generation:
                # Before the loss this one had been ended and another made.
                account.end_entry(sidecar_id, crash)
        entry = _enter(account, sidecar_id, call, lost=lost)
        if lost:
            heal(account, entry, bounds, call, at)
        _record(account, entry, bounds, call, at.now_us)
        entry.number, entry.expires_us = call.number, at.now_us + hold_us
        account.reclaim(sidecar_id, at, call.terms.lease_us, crash)
        decided = _decide(account, entry, bounds, call, at.now_us) if decides and fits else _NOTHING
        if not decides and _leaves(entry, call):
            del account.entries[sidecar_id]
            account.note_present()
            entry = Entry()
        self._keep(call.subject.tag, account, _binding_limits(account, call.terms.limits), at.now_us)
        return _answer(account, entry, bounds, at.now_us, _status(fits))._replace(**decided)

    def _expire(self, tag: str, now_us: int) -> None:
        account = self.accounts.get(tag)
        if account is not None and now_us >= account.expires_us:
            del self.accounts[tag]
        _, expires_us = self.totals.get(tag, (None, None))
        if expires_us is not None and now_us >= expires_us:
            del self.totals[tag]
        _, expires_us = self.adjusted.get(tag, (None, None))
        if expires_us is not None and now_us >= expires_us:
            del self.adjusted[tag]
            if account is not None:
                account.adjusted = Adjusted()

    def _begin(self, tag: str, now_us: int, crash: Crash) -> Account:
        """An empty Account; only the lifetime total goes on. Nobody can settle its Holds any more."""
        account = Account(generation=now_us, birth=now_us)
        kept, _ = self.totals.get(tag, (Ledger(), None))
        charged, given_back = kept.charged, kept.given_back
        if crash is Crash.RELEASE:
            given_back += kept.open
        else:
            charged += kept.open
        account.total = Ledger(charged, 0, kept.granted, given_back)
        account.hour_mark = charged
        if tag in self.adjusted:
            account.adjusted, account.topped = copy.deepcopy(self.adjusted[tag][0]), True
        return account

    def _keep(self, tag: str, account: Account, limits: Limits, now_us: int) -> None:
        account.version += 1
        account.last_us = now_us
        if limits.version > account.limits.version:
            account.limits = limits
        self.accounts[tag] = account
        kept = limits.total != UNLIMITED
        if account.total != account.saved_total or kept != account.total_kept:
            # Whole milliseconds, as the server keeps them.
            expires_us = None if kept else (now_us + _TOTAL_LIFE_US) // 1000 * 1000
            account.saved_total, account.total_kept = replace(account.total), kept
            self.totals[tag] = (account.saved_total, expires_us)
        past = self.history.setdefault(tag, {})
        for kind, end_us, units in account.noted:
            _tell(past, kind, end_us, units, now_us)
        account.noted = []


def _binding_limits(account: Account, sent: Limits) -> Limits:
    """The sender's own, unless the Subject has seen a higher plan version."""
    if sent.version < account.limits.version:
        return account.limits
    return sent._replace(burst=sent.rate_rps) if sent.burst < 0 else sent


def _enter(account: Account, sidecar_id: bytes, call: Call, *, lost: bool) -> Entry:
    """The caller's Entry, its days those of the Account; a new one when it was reclaimed or never was."""
    entry = account.entries.get(sidecar_id)
    if entry is None:
        generation = call.generation if lost else 0
        account.generation = max(account.generation, generation) + (not generation)
        entry = account.entries[sidecar_id] = Entry(generation or account.generation)
        entry.current.day_end_us = account.day_end_us
    if entry.current.day_end_us != account.day_end_us:
        entry.lease = Lease()
    entry.current, entry.previous = (
        entry.share(account.day_end_us),
        entry.share(account.previous_day_end_us),
    )
    return entry


def _bring(account: Account, bounds: Limits, call: Call, at: Moment, *, lost: bool) -> bool:
    """The Account at the present. False: the windows sent do not contain it."""
    account.drop_top_ups(at.now_us)
    account.refill(bounds, at.now_us)
    running = running_windows(call, at.now_us) if lost else None
    return account.roll(call.terms.windows, at, running)


def _status(fits: bool) -> AnswerStatus:
    return AnswerStatus.DECIDED if fits else AnswerStatus.WINDOWS_UNFIT


def _decide(account: Account, entry: Entry, bounds: Limits, call: Call, now_us: int) -> dict[str, int]:
    granted = account.grant(entry, bounds, call.cost, call.terms.conditional)
    if granted < call.cost:
        refused_by, held_only, retry_us = account.refusal(bounds, now_us)
        return {"granted": granted, "refused_by": refused_by, "held_only": held_only, "retry_us": retry_us}
    if call.ahead:
        granted += account.lease(entry, bounds, call.ahead, call.terms.lease_us, now_us)
    return {"granted": granted}


def _leaves(entry: Entry, call: Call) -> bool:
    return call.cost == LEAVE and call.generation == entry.generation and entry.is_empty


def _record(account: Account, entry: Entry, bounds: Limits, call: Call, now_us: int) -> None:
    """Numbers that name another generation are void: they speak of an Entry that is gone."""
    if entry.generation == call.generation:
        for sent in (call.day, call.previous):
            account.record(entry, sent)
        if call.day.day_end_us == account.day_end_us:
            account.record_lease(entry, bounds, call, now_us)
    if entry.lease.left:
        entry.lease.ends_us = now_us + call.terms.lease_us


def _top_up(account: Account, change: TopUp, now_us: int) -> bool:
    ends_us = {Window.DAY: account.day_end_us, Window.MONTH: account.month_end_us}
    added = account.adjusted.add(change, ends_us.get(change.window, 0), now_us)
    account.topped = account.topped or added
    return added


def _reset(account: Account, change: Reset, now_us: int) -> bool:
    if change.version <= account.adjusted.reset_version:
        return False
    account.adjusted.reset_version = change.version
    for window in sorted(change.windows):
        name = NAMES[window]
        ledger = getattr(account, name)
        units = max(0, ledger.charged - account.leased)
        ledger.move(charged=-units, given_back=units)
        if window is Window.DAY and units:
            account.noted.append(("r", account.day_end_us, units))
        elif window is Window.TOTAL:
            account.hour_mark -= units
            account.saved_total = None
        account.adjusted.reset_us[name] = now_us
        if account.healing is not None and now_us < account.healing_us:
            account.healing.remembered[name] = account.healing.restored[name] = 0
    return True


def _tell(past: dict[tuple[str, int], int], kind: str, end_us: int, units: int, now_us: int) -> None:
    """Put units of one day or hour into the history; a new stretch drops those long before it."""
    length_us, kept, old_us = _HISTORY[kind]
    if end_us <= now_us - old_us:
        return
    stretch = (end_us - 1) // length_us
    stretches = {(end - 1) // length_us for known, end in past if known == kind}
    if stretch not in stretches:
        for key in [key for key in past if key[0] == kind and (key[1] - 1) // length_us < stretch - kept]:
            del past[key]
    past[kind, end_us] = units + (past.get((kind, end_us), 0) if kind == "r" else 0)
    if not past[kind, end_us]:
        del past[kind, end_us]


def _present(account: Account, now_us: int) -> Usage:
    day, month, leased = (0, 0, 0), (0, 0, 0), 0
    if now_us < account.day_end_us:
        day, leased = (account.day_end_us, account.day.charged, account.day.open), account.leased
    if now_us < account.month_end_us:
        month = (account.month_end_us, account.month.charged, account.month.open)
    raised = account.adjusted.raised(now_us) if account.topped else (0, 0, 0)
    return Usage(now_us, *day, *month, account.total.charged, account.total.open, leased, *raised)


def _answer(account: Account, entry: Entry, limits: Limits, now_us: int, status: AnswerStatus) -> Answer:
    current = entry.share(account.day_end_us)
    previous = entry.share(account.previous_day_end_us)
    return Answer(
        status=status,
        now_us=now_us,
        granted=0,
        refused_by=Limit.NONE,
        held_only=0,
        retry_us=0,
        generation=entry.generation,
        day_end_us=account.day_end_us,
        entry_granted=current.granted,
        entry_at_once=current.at_once,
        previous_day_end_us=account.previous_day_end_us,
        entry_previous_granted=previous.granted,
        entry_previous_at_once=previous.at_once,
        rate_limit=limits.rate_rps,
        burst=limits.burst,
        tokens=account.whole_tokens(limits),
        full_us=account.wait_us(limits, account.capacity_u(limits)),
        day_limit=limits.day,
        day_charged=account.day.charged,
        day_open=account.day.open,
        month_end_us=account.month_end_us,
        month_limit=limits.month,
        month_charged=account.month.charged,
        month_open=account.month.open,
        total_limit=limits.total,
        total_charged=account.total.charged,
        total_open=account.total.open,
        version=account.version,
        entry_ahead=entry.lease.ahead if entry.current.day_end_us == account.day_end_us else 0,
    )
