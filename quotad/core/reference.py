"""The decision in plain Python: what ``lua/`` is proven against, and the store of tests.

Written to be read beside docs/guarantees.md, not to be fast, and with other means than the Lua: exact
integers of any size, one object per day and Entry, nothing saved that was not meant to change.
"""

from dataclasses import replace

from quotad.core.account import DAY_US, TOKEN_U, Account, Crash, Entry, Ledger
from quotad.core.plans import Subject
from quotad.core.quota import Answer, AnswerStatus, Call, Limit, Limits, Usage

_TOTAL_LIFE_US = 400 * DAY_US


class Reference:
    """Every Subject's counters, in memory. The time is an argument: a store has one clock."""

    def __init__(self) -> None:
        self.accounts: dict[str, Account] = {}
        self.totals: dict[str, tuple[Ledger, int | None]] = {}
        """Lifetime totals, and when they expire (None: never): they outlive the Account."""

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
            return Usage(now_us, 0, 0, 0, 0, 0, 0, total.charged, total.open)
        now_us = max(now_us, account.last_us)
        day, month = (0, 0, 0), (0, 0, 0)
        if now_us < account.day_end_us:
            day = (account.day_end_us, account.day.charged, account.day.open)
        if now_us < account.month_end_us:
            month = (account.month_end_us, account.month.charged, account.month.open)
        return Usage(now_us, *day, *month, account.total.charged, account.total.open)

    def _serve(self, now_us: int, sidecar_id: bytes, hold_us: int, call: Call, *, decides: bool) -> Answer:
        terms, tag = call.terms, call.subject.tag
        crash = Crash(terms.release_on_crash)
        self._expire(tag, now_us)
        account = self.accounts.get(tag)
        is_new = account is None
        if account is None:
            account = self._begin(tag, now_us, crash)
        now_us = max(now_us, account.last_us)
        limits = _binding_limits(account, terms.limits)
        entry = account.entries.get(sidecar_id)
        if entry is not None and call.number <= entry.number:
            return _answer(account, entry, limits, now_us, AnswerStatus.NUMBER_STALE)

        account.refill(limits, now_us)
        fits = account.roll(terms.windows, hold_us, now_us)
        status = AnswerStatus.DECIDED if fits else AnswerStatus.WINDOWS_UNFIT
        if is_new and not (decides and fits):
            return _answer(account, Entry(), limits, now_us, status)
        entry = _enter(account, sidecar_id, call)
        entry.number, entry.expires_us = call.number, now_us + hold_us
        account.reclaim(sidecar_id, hold_us, crash, now_us)
        granted, refused_by, held_only, retry_us = 0, Limit.NONE, 0, 0
        if decides and fits:
            granted = account.grant(entry, limits, call.cost, terms.conditional)
            if granted < call.cost:
                refused_by, held_only, retry_us = account.refusal(limits, now_us)
        self._keep(tag, account, limits, now_us)
        answer = _answer(account, entry, limits, now_us, status)
        return answer._replace(granted=granted, refused_by=refused_by, held_only=held_only, retry_us=retry_us)

    def _expire(self, tag: str, now_us: int) -> None:
        account = self.accounts.get(tag)
        if account is not None and now_us >= account.expires_us:
            del self.accounts[tag]
        _, expires_us = self.totals.get(tag, (None, None))
        if expires_us is not None and now_us >= expires_us:
            del self.totals[tag]

    def _begin(self, tag: str, now_us: int, crash: Crash) -> Account:
        """An empty Account; only the lifetime total goes on. Nobody can settle its Holds any more."""
        account = Account(generation=now_us)
        kept, _ = self.totals.get(tag, (Ledger(), None))
        charged, given_back = kept.charged, kept.given_back
        if crash is Crash.RELEASE:
            given_back += kept.open
        else:
            charged += kept.open
        account.total = Ledger(charged, 0, kept.granted, given_back)
        return account

    def _keep(self, tag: str, account: Account, limits: Limits, now_us: int) -> None:
        account.version += 1
        account.last_us = now_us
        if limits.version > account.limits.version:
            account.limits = limits
        self.accounts[tag] = account
        kept = limits.total >= 0
        if account.total != account.saved_total or kept != account.total_kept:
            # Whole milliseconds, as the server keeps them.
            expires_us = None if kept else (now_us + _TOTAL_LIFE_US) // 1000 * 1000
            account.saved_total, account.total_kept = replace(account.total), kept
            self.totals[tag] = (account.saved_total, expires_us)


def _binding_limits(account: Account, sent: Limits) -> Limits:
    """The sender's own, unless the Subject has seen a higher plan version."""
    if sent.version < account.limits.version:
        return account.limits
    return sent._replace(burst=sent.rate_rps) if sent.burst < 0 else sent


def _enter(account: Account, sidecar_id: bytes, call: Call) -> Entry:
    """The caller's Entry, its days those of the Account; a new one when it was reclaimed or never was.

    Numbers that name another generation are void: they speak of an Entry that is gone.
    """
    entry = account.entries.get(sidecar_id)
    is_known = entry is not None and entry.generation == call.generation
    if entry is None:
        account.generation += 1
        entry = account.entries[sidecar_id] = Entry(account.generation)
    entry.current, entry.previous = (
        entry.share(account.day_end_us),
        entry.share(account.previous_day_end_us),
    )
    if is_known:
        for sent in (call.day, call.previous):
            account.record(entry, sent)
    return entry


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
        full_us=account.wait_us(limits, limits.burst * TOKEN_U),
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
    )
