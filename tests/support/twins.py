"""The Lua on a real server and the plain-Python reference, driven with the same calls by the same clock.

Every step asserts that both answered the same and hold the same state afterwards, and what must be
true of that state by itself.
"""

import struct
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from redis import Redis

from quotad.core.account import Account, Share
from quotad.core.plans import Subject, UsagePlan
from quotad.core.quota import Answer, Call, DayNumbers, Limits, Terms, Usage, Windows
from quotad.core.reference import Reference
from quotad.core.windows import windows
from quotad.store import codec
from quotad.store.keys import SubjectKeys, subject_keys
from quotad.store.scripts import Script, load_all
from tests.support.expiry import expiries_ms

SETTABLE_CLOCK = "local function clock_us() return tonumber(redis.call('GET', 'test:clock')) end"
NAMESPACE = "test"
DAY_US = 86_400_000_000
HOLD_US = 60_000_000
START_US = 2_088_072_000_000_000
"""2036-03-02 12:00 UTC: far enough ahead that no server expires a key of the test by itself."""

WINDOW = ("charged", "open", "granted", "given_back")
AGGREGATE_FIELDS = (
    *("format", "version", "healing_until_us", "last_us", "tokens_u", "leased_tokens_u"),
    *("day_end_us", "month_end_us", "previous_day_end_us", "previous_in_month", "earliest_us"),
    *("generation", "plan_version", "base_version", "total_kept"),
    *(f"{window}.{name}" for window in ("day", "month", "total") for name in WINDOW),
    *("previous.charged", "previous.open"),
)
SHARE = ("day_end_us", "granted", "at_once", "closed", "given_back")
ENTRY_FIELDS = (
    *("generation", "number", "expires_us"),
    *(f"{which}.{name}" for which in ("current", "previous") for name in SHARE),
)

PLAN = UsagePlan("usagePlan-aaaaaaaa", "twins")
NO_DAY = DayNumbers()

State = dict[str, Any]


def subject(index: int = 0) -> Subject:
    return Subject(PLAN, f"service-0000000{index}", "release")


def limits(
    rate: int = -1, burst: int = -1, day: int = -1, month: int = -1, total: int = -1, version: int = 0
) -> Limits:
    return Limits(version, rate, burst, day, month, total)


def terms(
    given: Limits,
    *,
    at_us: int = START_US,
    conditional: bool = True,
    release: bool = False,
    zone: str = "UTC",
) -> Terms:
    return Terms(given, windows(at_us, zone, 1), conditional, release)


def decode(names: Sequence[str], packed: bytes) -> State:
    """Doubles by name; all must be whole numbers."""
    values = struct.unpack(f"<{len(names)}d", packed)
    assert all(value == int(value) and abs(value) < 2**53 for value in values)
    return dict(zip(names, map(int, values), strict=True))


class Twins:
    """One clock, one server, one Reference. ``client`` is any redis-py client."""

    def __init__(self, client: Redis, now_us: int = START_US) -> None:
        self.client = client
        self.scripts: dict[str, Script] = load_all(SETTABLE_CLOCK)
        for script in self.scripts.values():
            client.script_load(script.text)
        self.reset(now_us)

    def reset(self, now_us: int = START_US) -> None:
        self.client.flushall()
        self.reference = Reference()
        self.numbers = 0
        self.expires_ms: dict[bytes, int] = {}
        self.at(now_us)

    def at(self, now_us: int) -> None:
        """Set the clock; the server does not expire keys by it, so that is done here."""
        self.now_us = now_us
        self.client.set("test:clock", str(now_us))
        due = [key for key, expires_ms in self.expires_ms.items() if 0 <= expires_ms * 1000 <= now_us]
        if due:
            self.client.delete(*due)
        for tag in {*self.reference.accounts, *self.reference.totals}:
            self.reference._expire(tag, now_us)

    def pass_time(self, elapsed_us: int) -> None:
        self.at(self.now_us + elapsed_us)

    def windows(self, zone: str = "UTC") -> Windows:
        return windows(self.now_us, zone, 1)

    def next_number(self) -> int:
        self.numbers += 1
        return self.numbers

    def ask(
        self,
        asked: Terms,
        cost: int = 1,
        sidecar: int = 1,
        *,
        generation: int = 0,
        day: DayNumbers = NO_DAY,
        previous: DayNumbers = NO_DAY,
    ) -> Answer:
        """One Call for the first Subject, with the next number."""
        call = Call(subject(), asked, cost, generation, self.next_number(), day, previous)
        return self.submit([call], sidecar)[0]

    def submit(
        self, calls: Sequence[Call], sidecar: int = 1, *, settle_only: bool = False, hold_us: int = HOLD_US
    ) -> list[Answer]:
        """One script call, and the same to the Reference: equal answers, equal states."""
        sidecar_id = b"side%04d" % sidecar
        serve = self.reference.settle if settle_only else self.reference.reserve
        expected = [serve(self.now_us, sidecar_id, hold_us, call) for call in calls]
        replies = self.evaluate("settle" if settle_only else "reserve", calls, sidecar_id, hold_us)
        answers = [codec.unpack_answer(reply) for reply in replies]
        for call, answer, wanted in zip(calls, answers, expected, strict=True):
            assert answer._asdict() == wanted._asdict()
            state = self.check(call.subject)
            assert_within_limits(answer, state)
        return answers

    def evaluate(
        self, verb: str, calls: Sequence[Call], sidecar_id: bytes, hold_us: int = HOLD_US
    ) -> list[Any]:
        """The script's raw replies."""
        plans: list[Terms] = []
        packed: list[bytes] = []
        keys: list[bytes] = []
        for call in calls:
            if call.terms not in plans:
                plans.append(call.terms)
            packed.append(codec.pack_call(plans.index(call.terms) + 1, call))
            keys.extend(subject_keys(NAMESPACE, call.subject))
        head = [sidecar_id, codec.pack_batch(hold_us, len(plans)), *map(codec.pack_terms, plans)]
        replies: list[Any] = self.client.evalsha(
            self.scripts[verb].sha.decode(), len(keys), *keys, *head, *packed
        )
        return replies

    def usage(self, of: Subject) -> Usage:
        """Read by the script and by the Reference: equal."""
        keys = subject_keys(NAMESPACE, of)
        reply = self.client.evalsha(self.scripts["usage"].sha.decode(), 2, *keys)[0]
        answer = codec.unpack_usage(reply)
        assert answer == self.reference.usage(self.now_us, of)
        return answer

    def lose(self, of: Subject, *, total: bool = False) -> None:
        """The server forgets the hash, or the lifetime total."""
        keys = subject_keys(NAMESPACE, of)
        self.client.delete(keys.total if total else keys.state)
        kept: dict[str, Any] = self.reference.totals if total else self.reference.accounts
        kept.pop(of.tag, None)

    def check(self, of: Subject) -> State | None:
        """What the server holds equals what the Reference holds, and makes sense."""
        keys = subject_keys(NAMESPACE, of)
        pipeline = self.client.pipeline(transaction=False)
        pipeline.hgetall(keys.state)
        pipeline.get(keys.total)
        fields, total = pipeline.execute()
        expiries = expiries_ms(self.client, keys)
        self.expires_ms.update(zip(keys, expiries, strict=True))
        self._check_total(of, total, expiries[1])
        account = self.reference.accounts.get(of.tag)
        if account is None:
            assert not fields
            return None
        state = read_state(fields)
        assert state == expected_state(account)
        assert expiries[0] * 1000 == account.expires_us
        assert_sound(state)
        return state

    def _check_total(self, of: Subject, packed: bytes | None, expires_ms: int) -> None:
        ledger, expires_us = self.reference.totals.get(of.tag, (None, None))
        if ledger is None:
            assert packed is None
            return
        assert packed is not None
        stored = decode(WINDOW, packed)
        assert stored == asdict(ledger)
        assert expires_ms == (-1 if expires_us is None else expires_us // 1000)

    def expiry_ms(self, key: bytes) -> int:
        """Unix milliseconds; -1: never."""
        return expiries_ms(self.client, [key])[0]

    def keys(self, of: Subject) -> SubjectKeys:
        return subject_keys(NAMESPACE, of)


def read_state(fields: dict[bytes, bytes]) -> State:
    """The hash as the server holds it, by name."""
    aggregate = decode(AGGREGATE_FIELDS, fields.pop(b"a"))
    stored = fields.pop(b"p", None)
    plan = None if stored is None else Limits(*map(int, struct.unpack("<6d", stored)))
    entries = {name: decode(ENTRY_FIELDS, value) for name, value in fields.items()}
    return {**aggregate, "p": plan, "entries": entries}


def expected_state(account: Account) -> State:
    """The same of the Reference; what part 1 does not use yet is 0."""
    state: State = {
        "format": 1,
        "version": account.version,
        "healing_until_us": 0,
        "last_us": account.last_us,
        "tokens_u": account.tokens_u,
        "leased_tokens_u": 0,
        "day_end_us": account.day_end_us,
        "month_end_us": account.month_end_us,
        "previous_day_end_us": account.previous_day_end_us,
        "previous_in_month": int(account.previous_in_month),
        "earliest_us": account.earliest_us,
        "generation": account.generation,
        "plan_version": account.limits.version,
        "base_version": 0,
        "previous.charged": account.previous.charged,
        "previous.open": account.previous.open,
        "total_kept": int(account.total_kept),
        "p": account.limits if account.limits.version else None,
    }
    for window in ("day", "month", "total"):
        for name, value in asdict(getattr(account, window)).items():
            state[f"{window}.{name}"] = value
    state["entries"] = {
        name: {
            "generation": entry.generation,
            "number": entry.number,
            "expires_us": entry.expires_us,
            **_share("current", entry.current),
            **_share("previous", entry.previous),
        }
        for name, entry in account.entries.items()
    }
    return state


def _share(which: str, share: Share) -> State:
    return {f"{which}.{name}": value for name, value in asdict(share).items()}


def assert_sound(state: State) -> None:
    """Conservation in each window, nothing negative, and every Hold belongs to an Entry."""
    for window in ("day", "month", "total"):
        charged, still_open = state[f"{window}.charged"], state[f"{window}.open"]
        given_back = state[f"{window}.given_back"]
        assert state[f"{window}.granted"] == charged + still_open + given_back
        assert min(charged, still_open, given_back) >= 0
    assert min(state["previous.charged"], state["previous.open"]) >= 0
    held = {state["day_end_us"]: 0, state["previous_day_end_us"]: 0}
    for entry in state["entries"].values():
        for which in ("current", "previous"):
            day_end_us = entry[f"{which}.day_end_us"]
            still_open = entry[f"{which}.granted"] - entry[f"{which}.at_once"] - entry[f"{which}.closed"]
            assert still_open >= 0
            if day_end_us in held:
                held[day_end_us] += still_open
    assert state["day.open"] == held[state["day_end_us"]]
    if state["previous_day_end_us"]:
        assert state["previous.open"] == held[state["previous_day_end_us"]]
    assert state["total.open"] == state["day.open"] + state["previous.open"]
    kept = state["previous.open"] if state["previous_in_month"] else 0
    assert state["month.open"] == state["day.open"] + kept
    assert state["day_end_us"] <= state["month_end_us"]


def assert_within_limits(answer: Answer, state: State | None) -> None:
    """Whoever was granted something was granted it within every limit; a grant is never more than all."""
    if not answer.granted:
        return
    assert state is not None
    for window, limit in (
        ("day", answer.day_limit),
        ("month", answer.month_limit),
        ("total", answer.total_limit),
    ):
        assert limit < 0 or state[f"{window}.charged"] + state[f"{window}.open"] <= limit
    assert answer.rate_limit < 0 or 0 <= state["tokens_u"] <= answer.burst * 1_000_000
